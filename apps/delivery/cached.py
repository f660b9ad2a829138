"""Content that everybody in the same segments may see, for caches: no visitor, no cookie."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from apps.access.errors import Unavailable
from apps.content.errors import RenderFailed
from apps.decisions.selectors import Served, current, site_of_key
from apps.decisions.services import start_watching
from apps.decisions.types import Bounded
from apps.delivery import answers, cacheable, segment_key
from apps.delivery.answers import Listed, Ready, Told
from apps.delivery.cacheable import Choice
from apps.recommendations.selectors import Table, lists_of
from apps.work import clock
from engine.decide import Reason
from engine.snapshot import CompiledPlacement

FRESH: Final = "public, max-age=30, s-maxage=60, stale-while-revalidate=300, stale-if-error=86400"
# With an end or a beginning by schedule: an origin that is away must not keep it on for a day.
SCHEDULED: Final = FRESH.removesuffix(", stale-if-error=86400")
SHORT: Final = "public, max-age=5"
MAX_SITE_KEY: Final = 100  # characters; apps.access.models.Site.key has fewer
MAX_LOCALE: Final = 100
SITE_S: Final = 60.0
# A cache may show a thing for so long after it was fetched: max-age and stale-while-revalidate.
_SHOWN_MS: Final = 360_000
# Whom nothing is known of. What is capped never comes this way: nothing has worn off.
NOBODY: Final[dict[str, Any]] = {
    "traits": {},
    "segments": {},
    "facts": {},
    "context": {},
    "intensity": 1.0,
}


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """What one placement shows, its strong ETag, and what caches are told.

    Attributes:
        body: JSON, braces included.
        html: the content alone; empty when it has no template.
    """

    body: bytes
    html: bytes
    headers: dict[str, str]


class _Found(NamedTuple):
    """A placement, what it shows to the asked segment key, and whether that key is good."""

    served: Served
    placement: CompiledPlacement
    choice: Choice
    is_known: bool


class _Html(msgspec.Struct):
    html: str | None = None


_html_in: Final = msgspec.json.Decoder(_Html)
_sites: Bounded[tuple[UUID | None, float]] = Bounded(10_000)  # site key -> id, believed until


def content(key: str, *, site_key: str, segment_key: str, locale: str = "") -> CachedAnswer | None:
    """Return what a placement shows to the segments of a key; None when there is no such placement.

    Without a segment key, and with one that is unknown or stale, it is the default. Content that
    cannot be rendered gives way to the default, and that to an answer without content.

    Args:
        locale: the language asked for, in the address: no header may change what a cache keeps.

    Raises:
        Unavailable: which site or publication it is cannot be found out now: caches go on with
            what they have.
    """
    found = _find(key, site_key, segment_key)
    if found is None:
        return None
    placement, choice = found.placement, found.choice
    listed = _popular(found.served, placement)
    values = NOBODY if listed is None else {**NOBODY, "items": answers.worded_items(listed)}
    told = Told(choice.reason.value, choice.rule)
    is_whole = True
    asked = locale[:MAX_LOCALE]
    try:
        shown = _shown(found, choice.variant, told, values, listed, asked)
    except RenderFailed:
        is_whole = False
        shown = _last_resort(found, values, listed, asked)
    body = b'{"placement":%b,"snapshot":%d,%b}' % (
        msgspec.json.encode(placement.key),
        found.served.number,
        shown[1:-1],
    )
    html = (_html_in.decode(shown).html or "").encode()
    is_short = not is_whole or not found.is_known
    return CachedAnswer(body, html, _headers(placement, choice, is_short))


def etag_of(body: bytes) -> str:
    """Return the strong ETag of a body."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def _find(key: str, site_key: str, given: str) -> _Found | None:
    site_id = _site(site_key)
    if site_id is None:
        return None
    served = current(site_id, None)
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    start_watching()
    placement = served.compiled.placements.get(key)
    if placement is None:
        return None
    block = placement.block.doc
    if block.kind == "flag" and not block.client_visible:
        return None
    plan = cacheable.plan_of(served)
    bits = segment_key.bits_in(site_id.hex, plan.family, given) if given else None
    choice = plan.choice(placement, bits, clock.now_ms())
    return _Found(served, placement, choice, bits is not None or not given)


def _headers(placement: CompiledPlacement, choice: Choice, is_short: bool) -> dict[str, str]:
    tags = f"placement-{placement.key} block-{placement.block.key}"
    lasts = FRESH
    if choice.until_ms is not None:
        lasts = SCHEDULED
        left_ms = choice.until_ms - clock.now_ms()
        if left_ms < _SHOWN_MS:
            # Something begins or ends by schedule: no cache shows it longer than that.
            lasts = f"public, max-age={max(1, min(30, left_ms // 1000))}, must-revalidate"
    return {
        "Cache-Control": SHORT if is_short else lasts,
        "Vary": "Accept-Encoding",
        "Surrogate-Key": tags,
        "Cache-Tag": tags.replace(" ", ","),
    }


def _shown(
    found: _Found,
    variant: str,
    told: Told,
    values: dict[str, Any],
    listed: Listed | None,
    locale: str,
) -> bytes:
    ready = answers.ready_for(found.served.prepared, found.placement, variant, lambda: locale)
    if ready.queries:
        lists = answers.field_lists(ready, _tables(found.served))
        values = {**values, "lists": answers.items_of(lists)}
    return answers.shown(ready, told, values, listed).data


def _last_resort(
    found: _Found, values: dict[str, Any], listed: Listed | None, locale: str
) -> bytes:
    """The default's bytes; without its texts when not even it can be rendered."""
    default, told = found.placement.block.default, Told(Reason.ERROR.value)
    try:
        return _shown(found, default.key, told, values, listed, locale)
    except RenderFailed:
        ready = Ready(found.placement.key, found.placement.block.doc, default.doc)
        return answers.without_texts(ready, told, values, listed).data


def knows(key: str) -> bool:
    """Whether this process knows, without asking the record, which site a public id names."""
    if len(key) > MAX_SITE_KEY:
        return True
    kept = _sites.get(key)
    return kept is not None and time.monotonic() < kept[1]


def _site(key: str) -> UUID | None:
    """The site of a public id, kept for a minute: known or not. While Postgres is away, longer."""
    if len(key) > MAX_SITE_KEY:
        return None
    kept = _sites.get(key)
    now = time.monotonic()
    if kept is not None and now < kept[1]:
        return kept[0]
    try:
        site_id = site_of_key(key)
    except Unavailable:
        if kept is None or kept[0] is None:
            raise
        return kept[0]
    if site_id is not None or key:
        _sites.put(key, (site_id, now + (SITE_S if site_id is not None else 1.0)))
    return site_id


def _popular(served: Served, placement: CompiledPlacement) -> Listed | None:
    block = placement.block.doc
    if block.kind != "recommendations" or block.recommender is None:
        return None
    table = _tables(served).get(block.recommender)
    return None if table is None else answers.listed(table, block.recommender, None, block.limit)


def _tables(served: Served) -> Mapping[str, Table]:
    return lists_of(UUID(served.compiled.site_id))


def forget() -> None:
    """Forget which key is which site (tests)."""
    _sites.clear()
