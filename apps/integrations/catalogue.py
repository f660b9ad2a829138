"""What of a site can be read as entries: places on its pages, by the names of its content system.

The type of an entry is what a mapping calls the block's entries, or else the block's key. An entry
is found by the key of its place, and by the id of each entry that became a variant of its block.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from apps.decisions.selectors import Served
from apps.integrations.domain.published_fields import published_types
from apps.integrations.domain.shapes import HTML, ITEMS, ContentType, FieldOf
from apps.integrations.importing import field_names
from apps.integrations.models import Connection, EntryLink
from apps.integrations.models import Mapping as Mapped

KINDS: Final = ("content", "recommendations")  # flags are no content
_PLACES: Final = "places read as entries"  # of Served.prepared


class Place(NamedTuple):
    """A placement that can be read, and the block that fills it."""

    key: str
    block: str


class SiteRow(NamedTuple):
    """A site as its readers see it; `locales` has its first language first."""

    name: str
    locales: Sequence[str]


def site_row(site_id: UUID) -> SiteRow:
    """Return the name and the languages of a site. One query."""
    sites = _related(Connection, "site")
    name, locales = sites.filter(pk=site_id).values_list("name", "locales").get()
    return SiteRow(name, locales or ["en"])


class Catalogue:
    """The places of a publication as entries, by type."""

    def __init__(self, site_id: UUID, served: Served) -> None:
        """Read which types the site's content systems name. One query."""
        self._site_id = site_id
        self._served = served
        # Contentful's names first: it is Contentful's clients that ask.
        rows = Mapped.objects.filter(connection__site_id=site_id).select_related("block")
        self._by_block: dict[str, list[Mapped]] = {}
        for one in rows.order_by("connection__kind", "connection__name", "content_type"):
            self._by_block.setdefault(one.block.key, []).append(one)

    def places(self, content_type: str = "") -> list[Place]:
        """Return the places by key; with a type, those whose entries are of it."""
        found = _places_of(self._served)
        if not content_type:
            return found
        blocks = {key for key in self._by_block if content_type in self._names(key)}
        blocks.add(content_type)
        return [one for one in found if one.block in blocks]

    def type_name(self, block: str, asked: str = "") -> str:
        """Return the type of a block's entries; the one asked for, where it has several."""
        names = self._names(block)
        return asked if asked in names else names[0]

    def type_names(self) -> dict[str, str]:
        """Return type -> the block whose entries are of it, for every type, by name."""
        found: dict[str, str] = {}
        for block in dict.fromkeys(one.block for one in self.places()):
            for mapping in self._by_block.get(block, ()):
                found.setdefault(mapping.content_type, block)
            if block not in self._by_block:
                found.setdefault(block, block)
        return dict(sorted(found.items()))

    def types(self, named: Iterable[tuple[str, str]]) -> dict[tuple[str, str], ContentType]:
        """Return these types with their fields, by (type, block). One query."""
        pairs = set(named)
        rows = _related(Mapped, "block").filter(
            site_id=self._site_id, key__in={block for _, block in pairs}
        )
        blocks = {row.key: row for row in rows.select_related("type")}
        shown = self._served.compiled.blocks
        return {
            (name, block): _type_of(name, blocks[block], self._mapping(name, block), shown[block])
            for name, block in pairs
            if block in blocks and block in shown
        }

    def _names(self, block: str) -> list[str]:
        """All names of the type of a block's entries, the usual one first."""
        return [*(one.content_type for one in self._by_block.get(block, ())), block]

    def _mapping(self, name: str, block: str) -> Mapped | None:
        rows = self._by_block.get(block, ())
        return next((one for one in rows if one.content_type == name), None)


def blocks_of_entries(site_id: UUID, entries: Collection[str]) -> dict[str, str]:
    """Return entry -> key of the block of which it is a variant. One query, none for no entries."""
    if not entries:
        return {}
    rows = EntryLink.objects.filter(connection__site_id=site_id, entry__in=entries)
    return dict(rows.order_by("connection__name").values_list("entry", "variant__block__key"))


def entries_of(site_id: UUID, variants: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return (key of a block, of its variant) -> the entry it came from. One query."""
    rows = EntryLink.objects.filter(
        connection__site_id=site_id,
        variant__block__key__in={block for block, _ in variants},
        variant__key__in={variant for _, variant in variants},
    ).order_by("connection__name")
    named = rows.values_list("variant__block__key", "variant__key", "entry")
    return {(block, variant): entry for block, variant, entry in named}


def _places_of(served: Served) -> list[Place]:
    found: list[Place] | None = served.prepared.get(_PLACES)
    if found is None:
        found = served.prepared[_PLACES] = [
            Place(key, one.block.key)
            for key, one in sorted(served.compiled.placements.items())
            if one.block.doc.kind in KINDS
        ]
    return found


def _type_of(name: str, block: Any, mapping: Mapped | None, shown: Any) -> ContentType:
    """The type as it is published: of the draft only what published values bear out."""
    types = published_types(list(_stored(shown)), _declared(block))
    theirs = {} if mapping is None else _their_names(mapping)
    # A field of ours is told under its own name, unless theirs has taken that for another.
    taken = {given for ours, given in theirs.items() if ours != given and ours in types}
    fields = [
        FieldOf(ours, theirs.get(ours, ours), kind)
        for ours, kind in types.items()
        if ours in theirs or ours not in taken
    ]
    ids = {one.id for one in fields}
    made = (
        (HTML, "html", any(_has_html(one.doc) for one in shown.variants.values())),
        (ITEMS, "products", shown.doc.kind == "recommendations"),
    )
    fields += [
        FieldOf(field, field, kind) for field, kind, has_it in made if has_it and field not in ids
    ]
    return ContentType(name, shown.key, fields)


def _stored(shown: Any) -> Iterator[Mapping[str, Any]]:
    """The stored fields of each published variant, in each of its languages."""
    for one in shown.variants.values():
        yield one.doc.fields
        yield from (said.fields for said in one.doc.locales.values())


def _declared(block: Any) -> dict[str, str]:
    schema = block.fields_schema
    rows = [row for row in schema if isinstance(row, dict)] if isinstance(schema, list) else []
    return {row["name"]: row["type"] for row in rows}


def _has_html(doc: Any) -> bool:
    return doc.template is not None or doc.liquid is not None


def _their_names(mapping: Mapped) -> Mapping[str, str]:
    """Our field -> theirs. Lines are read when they are saved; odd ones name nothing."""
    try:
        return {ours: theirs for theirs, ours in field_names(mapping.fields).items()}
    except ValueError:
        return {}


def _related(model: Any, field: str) -> Any:
    """Rows of an app below, which are reached through our own relation to them."""
    return model._meta.get_field(field).related_model._default_manager
