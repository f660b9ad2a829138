"""What a visitor is shown, as entries that Contentful's clients read."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from apps.delivery.services import Shown, Texts, Visit, show
from apps.integrations.catalogue import Catalogue, Place, blocks_of_entries, entries_of
from apps.integrations.contentful_asking import ALL_LOCALES, MOST_ENTRIES, Asked, refused
from apps.integrations.domain import shapes
from apps.integrations.domain.shapes import HTML, ITEMS, JSON, ContentType, Space
from apps.work import clock

Found = Sequence[tuple[str, Place]]  # by the id that they are asked by


class Reading(NamedTuple):
    """One call for entries.

    Attributes:
        locales: of the site, its first language first.
        locale: as the client spells it; "*": in all of them.
    """

    space: Space
    asked: Asked
    locales: Sequence[str]
    locale: str


def published_at(visit: Visit) -> str:
    """Return when what serves was published, RFC 3339."""
    at = clock.from_ms(visit.served.compiled.doc.published_at_ms)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_of_entries(visit: Visit, reading: Reading) -> JSON:
    """Return the entries that were asked for, each as this visitor is to see it. Five queries.

    Raises:
        InvalidRequest: more are asked for than one call decides.
    """
    asked, site_id = reading.asked, visit.caller.site_id
    catalogue = Catalogue(site_id, visit.served)
    matched = _matched(site_id, catalogue, asked)
    skip, limit = asked.page
    some = matched[skip : skip + limit]
    if len(some) > MOST_ENTRIES:
        raise refused(
            "limit",
            f"This asks for {len(some)} entries at once: at most {MOST_ENTRIES} are decided in one "
            "call. Name a content_type, or read page by page with limit and skip.",
        )
    items, assets = _items(visit, reading, catalogue, some)
    made = shapes.array(items, total=len(matched), skip=skip, limit=limit)
    if assets and asked.has_includes:
        made["includes"] = {"Asset": assets}
    return made


def _matched(site_id: UUID, catalogue: Catalogue, asked: Asked) -> list[tuple[str, Place]]:
    """The entries that are meant, by the key of their place or as their ids were given."""
    places = catalogue.places(asked.content_type)
    if asked.ids is None:
        found = [(place.key, place) for place in places]
    else:
        wanted = set(asked.ids)
        by_key = {place.key: place for place in places if place.key in wanted}
        blocks = blocks_of_entries(site_id, wanted - by_key.keys())
        filled = set(blocks.values())
        by_block = {place.block: place for place in reversed(places) if place.block in filled}
        named = ((one, by_key.get(one) or by_block.get(blocks.get(one, ""))) for one in asked.ids)
        found = [(one, place) for one, place in named if place is not None]
    return found[::-1] if asked.is_reversed else found


def _items(
    visit: Visit, reading: Reading, catalogue: Catalogue, some: Found
) -> tuple[list[JSON], list[JSON]]:
    """Decide for these, each place once; return the entries and the pictures in them."""
    if not some:
        return [], []
    is_all = reading.locale == ALL_LOCALES
    keys = list(dict.fromkeys(place.key for _, place in some))
    languages = reading.locales[1:] if is_all else ()
    shown = {one.placement: one for one in show(visit, keys, languages)}
    names = {
        place.block: catalogue.type_name(place.block, reading.asked.content_type)
        for _, place in some
    }
    types = catalogue.types((name, block) for block, name in names.items())
    came_from = entries_of(
        visit.caller.site_id, {(one.block, one.variant) for one in shown.values()}
    )
    at = published_at(visit)
    pictures: dict[str, JSON] = {}
    items = []
    for identity, place in some:
        one = shown.get(place.key)
        made = types.get((names[place.block], place.block))
        if one is None or made is None:
            continue
        entry = came_from.get((one.block, one.variant))
        items.append(_entry(reading, identity, one, made, at, entry, pictures))
    locale = "" if is_all else reading.locale
    assets = [
        shapes.asset(identity, picture, reading.space, at, locale)
        for identity, picture in pictures.items()
    ]
    if is_all:
        assets = [shapes.in_languages(one, reading.locales) for one in assets]
    return items, assets


def _entry(
    reading: Reading,
    identity: str,
    shown: Shown,
    made: ContentType,
    at: str,
    entry: str | None,
    pictures: dict[str, JSON],
) -> JSON:
    sys = {
        **shapes.sys_of("Entry", identity, reading.space, at, max(shown.version, 1)),
        "contentType": shapes.link("ContentType", made.id),
        "attune": _decided(shown, entry),
    }
    if reading.locale == ALL_LOCALES:
        said = {
            locale: _fields(reading, shown, made, texts, pictures)
            for locale, texts in {reading.locales[0]: shown.texts, **shown.besides}.items()
        }
        fields: dict[str, Any] = {}
        for locale, own in said.items():
            for name, value in own.items():
                fields.setdefault(name, {})[locale] = value
    else:
        sys["locale"] = reading.locale
        fields = _fields(reading, shown, made, shown.texts, pictures)
    return {"metadata": {"tags": [], "concepts": []}, "sys": sys, "fields": fields}


def _fields(
    reading: Reading,
    shown: Shown,
    made: ContentType,
    texts: Texts,
    pictures: dict[str, JSON],
) -> dict[str, Any]:
    wanted = reading.asked.fields
    if wanted is not None:
        kept = [one for one in made.fields if one.id in wanted]
        made = ContentType(made.id, made.name, kept)
    own = {HTML: texts.html, ITEMS: shown.items}
    return shapes.fields_of(made, {**own, **texts.fields}, pictures)


def _decided(shown: Shown, entry: str | None) -> JSON:
    """What was decided, for who wants to say that it was shown, or to see why."""
    until_ms = shown.valid_until_ms
    return {
        "placement": shown.placement,
        "block": shown.block,
        "variant": shown.variant,
        "version": shown.version,
        "entry": entry,
        "reason": shown.reason,
        "rule": shown.rule,
        "experiment": shown.experiment,
        "decisionId": shown.decision_id,
        "validUntil": None if until_ms is None else clock.from_ms(until_ms).isoformat(),
    }
