"""One call decided: visitor, request and publication in, what each placement shows out.

`/v1/decide` words it one way, OFREP another. Nothing here waits, and nothing is told to anybody.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from time import perf_counter
from typing import Any, Final

import msgspec

from apps.access.types import Caller
from apps.content.errors import RenderFailed
from apps.decisions.selectors import (
    Arrival,
    CapHolder,
    Served,
    nothing,
    reads_together,
    release,
)
from apps.delivery import answers, reserving
from apps.delivery.answers import Body, Listed, Ready, Told
from apps.delivery.decided import Call, Decided, Placed, may_personalize
from apps.delivery.products import Products
from apps.delivery.reserving import Settled, Turn
from apps.work import holding_back
from engine import chances
from engine.capping import CapDoc
from engine.decide import Decision, Reason, Step, decide_in_turn
from engine.snapshot import CompiledPlacement

__all__ = [
    "Call",
    "Decided",
    "Placed",
    "decide",
    "is_open",
    "may_personalize",
    "place",
    "settle",
    "unreserve",
]

logger = logging.getLogger(__name__)

_NO_LISTS: Final[Mapping[str, bytes]] = {}
_ERROR: Final = Told(Reason.ERROR.value)
_CHANCES: Final = "chances"  # of Served.prepared
_DEALT: Final = frozenset({Reason.SPLIT, Reason.DEFAULT, Reason.HOLDOUT})


def decide(call: Call, arrival: Arrival, served: Served | None) -> Decided:
    """Decide every placement of a call from one snapshot and fill it.

    Args:
        served: None when no publication could be loaded: every placement is then an ERROR. So it
            is while nothing may be served, see apps/work/holding_back.py.
    """
    start = perf_counter()
    if holding_back.is_held():
        arrival, served = Arrival(announced=arrival.announced, headers=arrival.headers), None
    error = "placement_not_found" if served is not None else "unavailable"
    if served is None:
        served = nothing(call.caller.site_id)
    keys = [key for key, _ in call.asked]
    reads = reads_together(served, [*keys, *call.besides] if call.besides else keys)
    return settle(Decided(call, arrival, served, reads), error, start)


def settle(decided: Decided, error: str, start: float) -> Decided:
    """Decide and fill every placement of a call whose visitor has been taken in.

    Args:
        error: the code of a placement that is not there.
        start: perf_counter() when the call began.
    """
    call, served = decided.call, decided.served
    chosen = _chosen(decided)
    ruled = perf_counter()
    for decision, (_, limit) in zip(chosen, call.asked, strict=True):
        placement = served.compiled.placements.get(decision.placement)
        if placement is None or not is_open(placement, call.caller):
            told = answers.failed(decision.placement, error, is_traced=call.explain)
            body = answers.body_of(told)
            decided.placed.append(Placed(decision, Told("ERROR"), None, body, error))
        else:
            form = placement.form_of(decision.arm)
            decided.placed.append(place(decided, form, decision, limit))
    _give_back(decided)
    decided.rules_s = ruled - start
    decided.render_s = perf_counter() - ruled
    return decided


def is_open(placement: CompiledPlacement, caller: Caller) -> bool:
    """Whether the caller may see what is there: a page reads flags only that are marked so."""
    block = placement.block.doc
    return block.kind != "flag" or block.client_visible or caller.kind == "sk"


def _chosen(decided: Decided) -> list[Decision]:
    """The decision of each placement that is asked for, with budget reserved where it needs any."""
    call, placements = decided.call, decided.served.compiled.placements
    found: list[Decision] = []
    turns: list[Turn] = []
    snapshot = decided.served.compiled
    for key, _ in call.asked:
        steps: list[Step] | None = [] if call.explain else None
        turn = decide_in_turn(snapshot, key, decided.visitor, decided.context, call.now_ms, steps)
        first = next(turn)
        if first.broken:
            _tell(first.broken, call.caller.site_id, decided.served.number)
        if first.caps and is_open(placements[key], call.caller):
            turns.append(Turn(len(found), list(_with_own_steps(first, turn))))
            found.append(first)
        else:
            found.append(with_chance(decided, first))
    if turns:
        _reserve(decided, turns, found)
    return found


def with_chance(
    decided: Decided, decision: Decision, refused: Sequence[tuple[CapDoc, ...]] = ()
) -> Decision:
    """Return a decision with the chance of what it serves.

    Args:
        refused: see `engine.chances.propensity`.
    """
    served, key = decided.served, decision.placement
    placement = served.compiled.placements.get(key)
    if placement is None:
        return decision
    kept: dict[object, float | bool | None] = served.prepared.setdefault(_CHANCES, {})
    is_drawn = kept.get(key)
    if is_drawn is None:
        is_drawn = kept[key] = chances.is_by_chance(served.compiled, placement)
    if not is_drawn:
        return msgspec.structs.replace(decision, propensity=1.0)
    name = None
    if decision.reason in _DEALT and chances.is_same_for_all(placement):
        name = (key, decision.variant, decided.visitor.may_split)
        if name in kept:
            return msgspec.structs.replace(decision, propensity=kept[name])
    chance = chances.propensity(
        served.compiled, decision, decided.visitor, decided.context, decided.call.now_ms, refused
    )
    if name is not None:
        kept[name] = chance
    return msgspec.structs.replace(decision, propensity=chance)


def _with_own_steps(first: Decision, turn: Iterator[Decision]) -> Iterator[Decision]:
    """The decisions of a turn, each with the trace up to itself."""
    if first.steps is None:
        yield from (first, *turn)
        return
    for decision in chain((first,), turn):
        yield msgspec.structs.replace(decision, steps=list(decision.steps or ()))


def _reserve(decided: Decided, turns: Sequence[Turn], found: list[Decision]) -> None:
    """Put what is served in the place of what is first in turn."""
    call, profile = decided.call, decided.profile
    settled: list[Settled]
    if call.is_pretended:
        settled = [Settled(turn.decisions[0], None, 0) for turn in turns]
    elif decided.is_away or not call.subject or not decided.is_allowed:
        # Nobody whose showings could be counted.
        settled = [reserving.withheld(turn) for turn in turns]
    else:
        retry_key = str(call.meta.get("HTTP_IDEMPOTENCY_KEY", ""))[:200]
        settled = reserving.reserved(_holder(decided), profile, turns, retry_key, call.now_ms)
    for turn, (decision, reservation, place) in zip(turns, settled, strict=True):
        if place is not None:  # else nobody can say what others would have been refused
            refused = [one.caps for one in turn.decisions[:place]]
            decision = with_chance(decided, decision, refused)
        found[turn.at] = decision
        if reservation is not None:
            decided.reserved[decision.placement] = reservation


def _holder(decided: Decided) -> CapHolder:
    profile = decided.profile
    profile_id = None if profile is None else profile.profile_id
    return CapHolder(decided.call.caller.site_hex, decided.call.subject, profile_id)


def _give_back(decided: Decided) -> None:
    """Release what was reserved for variants that could not be shown."""
    if not decided.reserved:
        return
    unused = [
        decided.reserved.pop(one.decision.placement).token
        for one in decided.placed
        if not one.decision.caps and one.decision.placement in decided.reserved
    ]
    if unused:
        release(_holder(decided), unused, decided.call.now_ms)


def unreserve(decided: Decided) -> None:
    """Release all that a call has reserved, for an answer whose decisions nobody can expose."""
    if decided.reserved:
        tokens = [one.token for one in decided.reserved.values()]
        decided.reserved.clear()
        release(_holder(decided), tokens, decided.call.now_ms)


_told: set[tuple[Any, ...]] = set()


def _tell(broken: Sequence[tuple[str, str]], site_id: object, number: int) -> None:
    """Say which conditions raised, once for each publication and process."""
    for kind, key in broken:
        if (site_id, number, kind, key) not in _told:
            _told.add((site_id, number, kind, key))
            logger.error(
                "delivery.condition_broken", extra={"site": site_id, "kind": kind, "key": key}
            )


def place(
    decided: Decided, placement: CompiledPlacement, decision: Decision, limit: int | None
) -> Placed:
    """Fill one placement: its variant, or the default when that cannot be rendered."""
    if decided.is_away and decision.reason is not Reason.DISABLED:
        # Who this is could not be found out: nobody's content, and said so.
        decision = _default(placement, Reason.ERROR)
    listed = None
    told = Told(decision.reason.value, decision.rule, decision.experiment, decision.arm)
    if placement.block.doc.kind == "recommendations" and decision.reason is not Reason.DISABLED:
        listed = Products(decided, reason=decision.reason).of_block(placement, limit)
        if listed is not None:
            decided.values["items"] = answers.worded_items(listed)
            if listed.is_personal and decision.reason is Reason.DEFAULT:
                told = told._replace(reason=Reason.TARGETING_MATCH.value)
    assert decision.variant is not None
    ready = _ready(decided, placement, decision.variant)
    reservation = decided.reserved.get(decision.placement) if decision.caps else None
    decided.values["intensity"] = 1.0 if reservation is None else reservation.intensity
    lists = _with_lists(decided, placement, ready, decision)
    try:
        body = answers.shown(ready, told, decided.values, listed)
    except RenderFailed:
        # The log says of which arm it would have been: an arm that cannot be made is stopped.
        told = Told(Reason.ERROR.value, None, decision.experiment, decision.arm)
        decision = _default(placement, Reason.ERROR)
        ready = _ready(decided, placement, placement.block.default.key)
        lists = _with_lists(decided, placement, ready, decision)
        body = _last_resort(ready, decided.values, listed)
    decided.values.pop("items", None)
    items = b""
    if listed is not None:
        items = bytes(listed.encoded)
        lists = {**lists, **answers.learned_of({"": listed})}
    return Placed(decision, told, ready, body, "", items, lists)


def _default(placement: CompiledPlacement, reason: Reason) -> Decision:
    default = placement.block.default
    return Decision(placement.key, placement.block.key, default.key, default.version, reason)


def _last_resort(ready: Ready, values: Mapping[str, Any], listed: Listed | None) -> Body:
    """The default's bytes; without its texts when not even it can be rendered."""
    try:
        return answers.shown(ready, _ERROR, values, listed)
    except RenderFailed:
        return answers.without_texts(ready, _ERROR, values, listed)


def _ready(decided: Decided, placement: CompiledPlacement, variant: str) -> Ready:
    return answers.ready_for(
        decided.served.prepared, placement, variant, lambda: decided.context.get("accept_language")
    )


def _with_lists(
    decided: Decided, placement: CompiledPlacement, ready: Ready, decision: Decision
) -> Mapping[str, bytes]:
    """Put the products of fields that hold a query among the values; return them as JSON."""
    if not ready.queries:
        return _NO_LISTS
    found = Products(decided, reason=decision.reason).of_fields(placement, ready)
    decided.values["lists"] = answers.items_of(found)
    lists = {field: bytes(one.encoded) for field, one in found.items()}
    return lists | answers.learned_of(found)
