"""Rules that fire: a visitor has just come into a segment, and now a rule of a placement holds.

What the request would have to say is unknown here, so a rule that needs it does not fire; the page
is told to ask again all the same. Nothing fires for who is kept from personalization.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from apps.consent.gates import stands
from apps.consent.recorded import has_agreed
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.types import Purpose
from apps.decisions import snapshots
from apps.decisions.announcing import publication_key
from apps.decisions.notices import Trigger
from apps.decisions.snapshots import Served
from apps.decisions.types import HotProfile
from apps.decisions.visitor_facts import visitor_of
from apps.rules.types import TRIGGER_RULE
from apps.work.redis import RedisAway, exchange
from engine.allocation import position_of
from engine.conditions.scope import segment_keys
from engine.members import Members, Visitor
from engine.snapshot import CompiledPlacement, CompiledRule

CHECK_S: Final = 1.0  # how old the publication may be that rules are taken from
_BY_SEGMENT: Final = "triggers"
_INSIDE_NO_MORE: Final = (False, None, None, None)

_Place = tuple[CompiledPlacement, CompiledRule]
_checked: dict[UUID, float] = {}  # site -> until when (monotonic) its publication is believed


def fired(
    states: Sequence[HotProfile],
    sites: Mapping[UUID, UUID],
    entered: Mapping[UUID, Collection[int]],
    now_ms: int,
) -> list[Trigger]:
    """Return which rules hold now for these profiles, and did not before.

    Args:
        sites: profile -> site.
        entered: profile -> numbers of the segments that it has just come into.
    """
    found: list[Trigger] = []
    for state in states:
        profile_id = UUID(bytes=state.profile_id)
        numbers = entered.get(profile_id)
        site_id = sites.get(profile_id)
        if not numbers or site_id is None or not _may_fire(state, now_ms):
            continue
        served = _served(site_id)
        if served is None:
            continue
        places = _places(served, numbers)
        if places:
            found += _of(state, served, places, numbers, now_ms)
    return found


def _may_fire(state: HotProfile, now_ms: int) -> bool:
    """Unless they refuse it. Who was never asked is in no segment where nobody vouches for them."""
    return stands(state, Purpose.TRIGGERS, is_vouched=True, regime=STRICT_UNKNOWN, now_ms=now_ms)


def is_held_out(site_id: UUID, unit_id: str) -> bool:
    """Whether a visitor is kept from all personalization, as the site serves now."""
    served = _served(site_id)
    return served is not None and _is_held_out(served, unit_id)


def forget() -> None:
    """Look for newer publications at once (tests)."""
    _checked.clear()


def _of(
    state: HotProfile,
    served: Served,
    places: Sequence[_Place],
    numbers: Collection[int],
    now_ms: int,
) -> list[Trigger]:
    visitor = visitor_of(state, is_allowed=True, now_ms=now_ms)
    if _is_held_out(served, visitor.unit_id):
        return []
    is_granted = has_agreed(state.granted, Purpose.PERSONALIZATION)
    stays = {**visitor.memberships, **dict.fromkeys(numbers, _INSIDE_NO_MORE)}
    before = Visitor(
        visitor.unit_id, stays, visitor.traits, trait_meta=visitor.trait_meta,
        consents=visitor.consents,
    )  # fmt: skip
    return [
        Trigger(state.profile_id, placement.key, rule.key, is_granted)
        for placement, rule in places
        if not _is_held_out_of(served, visitor.unit_id, placement.key)
        and _holds(rule, Members(served.compiled, visitor, {}, now_ms))
        and not _holds(rule, Members(served.compiled, before, {}, now_ms))
    ]


def _is_held_out(served: Served, unit_id: str) -> bool:
    """Of everything; who is held out of some placements only is held out where these are asked."""
    return any(
        not holdout.placements and position_of(unit_id, seed=holdout.seed) < holdout.share
        for holdout in served.compiled.holdouts
    )


def _is_held_out_of(served: Served, unit_id: str, placement: str) -> bool:
    return any(
        placement in holdout.placements and position_of(unit_id, seed=holdout.seed) < holdout.share
        for holdout in served.compiled.holdouts
    )


def _holds(rule: CompiledRule, members: Members) -> bool:
    now_ms = members.now_ms
    if rule.starts_at_ms is not None and now_ms < rule.starts_at_ms:
        return False
    if rule.ends_at_ms is not None and now_ms >= rule.ends_at_ms:
        return False
    try:
        return rule.condition(members.facts(), now_ms)[0] is True
    except Exception:
        return False  # as in a decision, which reports it


def _places(served: Served, numbers: Collection[int]) -> list[_Place]:
    """The rules that ask for one of these segments, each once."""
    by_segment: dict[int, list[_Place]] | None = served.prepared.get(_BY_SEGMENT)
    if by_segment is None:
        by_segment = served.prepared[_BY_SEGMENT] = _by_segment(served)
    found = [place for number in numbers for place in by_segment.get(number, ())]
    return list({(one.key, rule.key): (one, rule) for one, rule in found}.values())


def _by_segment(served: Served) -> dict[int, list[_Place]]:
    compiled = served.compiled
    found: dict[int, list[_Place]] = {}
    for placement in compiled.placements.values():
        if not placement.doc.enabled:
            continue
        for rule in (rule for form in placement.forms for rule in form.rules):
            if rule.key.startswith(TRIGGER_RULE):
                continue  # told by the trigger itself, with its limits
            for key in segment_keys(rule.node):
                segment = compiled.segments.get(key)
                if segment is not None:
                    found.setdefault(segment.number, []).append((placement, rule))
    return found


def _served(site_id: UUID) -> Served | None:
    """What the site serves, as of the last second: this process has no requests to tell it."""
    now = time.monotonic()
    if now < _checked.get(site_id, 0.0):
        return snapshots.current(site_id, None)
    _checked[site_id] = now + CHECK_S
    try:
        announced = exchange(("GET", publication_key(site_id.hex)))[0]
    except RedisAway:
        announced = None
    return snapshots.current(site_id, announced if isinstance(announced, bytes) else None)
