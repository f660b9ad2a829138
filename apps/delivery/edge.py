"""The publication for edge workers: exact bytes, signed, valid for a quarter of an hour."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from apps.access.errors import Unavailable
from apps.access.types import Caller
from apps.decisions.selectors import Served, current
from apps.decisions.services import signed_apart
from apps.delivery import answers
from apps.delivery.cached import etag_of
from apps.delivery.edge_view import BUCKETING, EdgeView, format_of, view_of
from apps.work import clock

# The bytes change only so often, or no ETag would ever fit; from then on they hold for VALID_MS.
STEP_MS: Final = 300_000
VALID_MS: Final = 900_000
_KEPT: Final = "edge"  # of Served.prepared


@dataclass(frozen=True, slots=True)
class EdgeSnapshot:
    """`signature` is a detached JWS of `body` (see apps/decisions/signing.py)."""

    body: bytes
    signature: str
    etag: str


def snapshot_for(caller: Caller) -> EdgeSnapshot:
    """Return the publication that the caller's site serves now, for its edge.

    Raises:
        Unavailable: it is not known now; a worker goes on with what it has.
    """
    served = current(caller.site_id, None)
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    began_ms = clock.now_ms() // STEP_MS * STEP_MS
    name = (began_ms, caller.site_key, caller.time_zone)
    kept: tuple[Any, EdgeSnapshot] | None = served.prepared.get(_KEPT)
    if kept is None or kept[0] != name:
        kept = served.prepared[_KEPT] = (name, _made(served, caller, began_ms))
    return kept[1]


def _made(served: Served, caller: Caller, began_ms: int) -> EdgeSnapshot:
    view: EdgeView = view_of(served.compiled)
    head = {
        "format": format_of(view),
        "site": caller.site_key,
        "number": served.number,
        "publishedAt": answers.instant(served.compiled.doc.published_at_ms).decode(),
        "validUntil": answers.instant(began_ms + VALID_MS).decode(),
        "timeZone": caller.time_zone,
        "bucketing": BUCKETING,
    }
    body = msgspec.json.encode(head | msgspec.structs.asdict(view))
    return EdgeSnapshot(body, signed_apart(body), etag_of(body))
