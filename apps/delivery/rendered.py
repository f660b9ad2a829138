"""What a placement or a block for e-mail shows to one person, for doors that hand it to a server.

Decided by the same engine as /v1/decide, with the same consent. Unless it counts, nothing is
recorded and no budget of a cap is looked at or drawn on.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from apps.access.errors import Fault, InvalidRequest
from apps.access.types import Caller
from apps.content.rendering import plain_text
from apps.decisions import services
from apps.decisions.selectors import Arrival, Served
from apps.delivery import deciding, wording
from apps.delivery.deciding import Decided, Placed
from apps.delivery.email_places import EMAIL
from apps.delivery.previewing.answering import Asker, decided_for
from apps.delivery.previewing.content import known_segments
from apps.delivery.previewing.types import AsSegments, PreviewSpec, place_of
from apps.delivery.questions import MAX_KEY_LENGTH
from apps.recommendations.selectors import lists_of_person
from engine.snapshot import CompiledSnapshot

_IDS_OF_UNITS: Final = ("user_id", "anonymous_id")


class Wanted(NamedTuple):
    """What is to be rendered, the same for everybody.

    Attributes:
        asked: (placement key, limit) pairs.
        block: key of a block for e-mail; empty: none.
        counts: it is sent to them, so it is recorded, and caps are drawn on.
    """

    caller: Caller
    request_id: str
    asked: Sequence[tuple[str, int | None]]
    block: str
    context: Mapping[str, Any]
    facts: Mapping[str, Any]
    counts: bool

    @property
    def keys(self) -> list[tuple[str, int | None]]:
        """All placements to decide, that of the block last."""
        return [*self.asked, *([(place_of(self.block), None)] if self.block else ())]


def for_person(
    wanted: Wanted, identity: str, arrival: Arrival, served: Served | None, now_ms: int
) -> dict[str, Any]:
    """Return what one person is shown: `placements` and `block`.

    Args:
        identity: "kind:value"; somebody whom nobody knows by it is a visitor without a profile.
        served: as `email_places.with_email` gives it; None: unknown now, and each placement is
            then an ERROR.
    """
    start = perf_counter()
    kind, _, value = identity.partition(":")
    profile, site_id = arrival.profile, wanted.caller.site_id
    own = {} if profile is None else lists_of_person(site_id, UUID(bytes=profile.profile_id))
    call = deciding.Call(
        wanted.caller,
        wanted.request_id,
        identity,
        value if kind in _IDS_OF_UNITS else identity,
        wanted.keys,
        dict(wanted.context),
        dict(wanted.facts),
        {},  # a server calls: its own headers say nothing of the person
        False,
        now_ms,
        is_pretended=not wanted.counts,
        own_lists=own,
    )
    decided = deciding.decide(call, arrival, served)
    ids: list[str | None] = [None] * len(decided.placed)
    if wanted.counts:
        signer = wording.signer_of(decided)
        ids = [
            None if one.ready is None else wording.id_of(decided, one, signer).decode()
            for one in decided.placed
        ]
        services.record(wording.record_of(decided, perf_counter() - start, decided.reads))
    return _worded(wanted, decided, ids)


def for_segments(wanted: Wanted, segments: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return what somebody in these segments is shown, and nobody in particular. Counts nowhere.

    Raises:
        InvalidRequest: a segment is not published.
        Unavailable: what serves is not known for a moment.
    """
    spec = PreviewSpec(
        site_id=wanted.caller.site_id,
        who=AsSegments(tuple(segments)),
        blocks=(wanted.block,) if wanted.block else (),
    )
    asker = Asker(
        wanted.caller,
        wanted.request_id,
        wanted.keys,
        context=wanted.context,
        facts=wanted.facts,
    )
    found = decided_for(spec, now, asker)
    known = found.source.served.compiled.segments.keys()
    absent = set(segments) - known
    if absent - known_segments(wanted.caller.site_id, absent):
        raise refused("/segments", "It names a segment that this site does not have.")
    if wanted.block:
        check_block(wanted.block, found.source.served.compiled)
    return _worded(wanted, found.decided, [None] * len(found.decided.placed))


def check_block(key: str, compiled: CompiledSnapshot) -> None:
    """Refuse a block that is not published, or is for pages.

    Raises:
        InvalidRequest
    """
    block = compiled.blocks.get(key)
    if block is None:
        raise refused("/block", "This site has published no such block.")
    if block.default.doc.channel != EMAIL:
        raise refused("/block", "This block is for pages: ask for a placement that shows it.")
    if len(place_of(key)) > MAX_KEY_LENGTH:
        most = MAX_KEY_LENGTH - len(place_of(""))
        raise refused("/block", f"The key of a block that is sent has at most {most} characters.")


def refused(pointer: str, detail: str) -> InvalidRequest:
    """Return a refusal that points to what was asked."""
    fault: Fault = {"pointer": pointer, "code": "invalid", "detail": detail}
    return InvalidRequest(detail, errors=[fault])


def _worded(wanted: Wanted, decided: Decided, ids: Sequence[str | None]) -> dict[str, Any]:
    entries = [_entry(one, its) for one, its in zip(decided.placed, ids, strict=True)]
    block = entries.pop() if wanted.block else None
    keys = [key for key, _ in wanted.asked]
    return {"placements": dict(zip(keys, entries, strict=True)), "block": block}


def _entry(placed: Placed, decision_id: str | None) -> dict[str, Any]:
    if placed.ready is None:
        return {"reason": "ERROR", "code": placed.error}
    said: dict[str, Any] = msgspec.json.decode(placed.body.data)
    html, fields = said["html"], said["fields"]
    entry = {"decisionId": decision_id, **said, "text": None if html is None else plain_text(html)}
    if placed.ready.doc.channel == EMAIL:
        entry |= {name: _line(fields.get(name)) for name in ("subject", "preheader")}
    return entry


def _line(text: object) -> str | None:
    """A text as it may stand in a header: in one line."""
    return " ".join(text.split()) if isinstance(text, str) else None
