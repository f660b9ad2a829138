"""Content that everybody may see, for caches and CDNs: no visitor, no key, no cookie."""

import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.content.errors import RenderFailed
from apps.decisions.selectors import current, site_of_key
from apps.decisions.services import start_watching
from apps.decisions.types import Bounded
from apps.delivery import answers
from apps.delivery.answers import Listed, Ready, Told
from apps.recommendations.selectors import lists_of
from engine.decide import Reason
from engine.snapshot import CompiledPlacement

FRESH: Final = "public, max-age=30, s-maxage=60, stale-while-revalidate=300, stale-if-error=86400"
SHORT: Final = "public, max-age=5"
SITE_S: Final = 60.0
_NOBODY: Final[dict[str, Any]] = {"traits": {}, "facts": {}, "context": {}}


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """The JSON body, its strong ETag, and what caches are told."""

    body: bytes
    etag: str
    headers: dict[str, str]


_sites: Bounded[tuple[UUID | None, float]] = Bounded(10_000)  # site key -> id, believed until


def content(key: str, *, site_key: str, segment_key: str) -> CachedAnswer | None:
    """Return a placement's default content; None when the site has no such placement.

    Args:
        segment_key: says what cacheable rules can see. None is issued yet, so any is unknown.
    """
    site_id = _site(site_key)
    served = None if site_id is None else current(site_id, None)
    if site_id is None or served is None:
        return None
    start_watching()
    placement = served.compiled.placements.get(key)
    if placement is None:
        return None
    reason = (Reason.DEFAULT if placement.doc.enabled else Reason.DISABLED).value
    ready = Ready(placement, placement.block.default.doc)
    listed = _popular(site_id, placement)
    values = _NOBODY if listed is None else {**_NOBODY, "items": listed.items}
    try:
        shown = answers.shown(ready, Told(reason), values, listed)
    except RenderFailed:
        return None
    name = msgspec.json.encode(placement.key)
    body = b'{"placement":%b,"snapshot":%d,%b}' % (name, served.number, shown[1:-1])
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    tags = f"placement-{placement.key} block-{placement.block.key}"
    headers = {
        "ETag": etag,
        "Cache-Control": SHORT if segment_key else FRESH,
        "Vary": "Accept-Encoding",
        "Surrogate-Key": tags,
        "Cache-Tag": tags.replace(" ", ","),
    }
    return CachedAnswer(body, etag, headers)


def _site(key: str) -> UUID | None:
    """The site of a public id, kept for a minute: known or not."""
    kept = _sites.get(key)
    now = time.monotonic()
    if kept is not None and now < kept[1]:
        return kept[0]
    site_id = site_of_key(key)
    if site_id is not None or key:
        _sites.put(key, (site_id, now + (SITE_S if site_id is not None else 1.0)))
    return site_id


def _popular(site_id: UUID, placement: CompiledPlacement) -> Listed | None:
    block = placement.block.doc
    if block.kind != "recommendations" or block.recommender is None:
        return None
    table = lists_of(site_id).get(block.recommender)
    return None if table is None else answers.listed(table, block.recommender, None, block.limit)


def forget() -> None:
    """Forget which key is which site (tests)."""
    _sites.clear()
