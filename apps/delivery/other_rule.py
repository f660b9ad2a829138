"""What another publication would show to the visitors of past decisions, and how likely.

A rule may leave something to chance itself: then every variant has a probability. Decisions are
made again as in a dry run; what nobody can know any more is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from apps.decisions.past import Record
from apps.decisions.selectors import Served
from apps.delivery.dry_facts import Known, People
from apps.delivery.dry_running import decided_by, known_of
from apps.delivery.replaying import Publications
from apps.segments.studies.standing_then import MOST_PAIRS
from apps.work import clock
from engine import chances
from engine.conditions.nodes import Node
from engine.decide import Decision, Reason

NOTHING_SHOWN: Final = ""
_UNDRAWN: Final = (Reason.DISABLED, Reason.NO_CONSENT)


class Otherwise(NamedTuple):
    """What would have been shown.

    Attributes:
        shares: variant -> its probability, which sum to 1; empty: nobody can tell.
        is_estimated: by what is known of the person today.
    """

    shares: Mapping[str, float]
    is_estimated: bool = False


def otherwise(
    site_id: UUID,
    served: Served,
    placement: str,
    records: Sequence[Record],
    hidden: Mapping[int, Node],
) -> Iterator[Otherwise]:
    """Tell of each record what a publication would have shown, in their order.

    Args:
        hidden: conditions of its segments of which nobody is recorded as a member, by number.
    """
    publications = Publications()
    for begin in range(0, len(records), MOST_PAIRS):
        some = records[begin : begin + MOST_PAIRS]
        pairs = [(one.profile_id, clock.to_ms(one.at)) for one in some if one.profile_id]
        people = People(site_id, pairs, hidden)
        for record in some:
            known = known_of(publications, record, people)
            yield Otherwise({}) if known is None else _of(known, served, placement)


def _of(known: Known, served: Served, placement: str) -> Otherwise:
    known.begin()
    decision = decided_by(known, served, placement)
    if known.is_unknown:
        return Otherwise({})
    if decision is None or decision.variant is None:
        return Otherwise({NOTHING_SHOWN: 1.0}, known.is_estimated)
    shares = _shares(known, served, placement, decision)
    # Whoever is dealt otherwise may be asked what nobody can know any more.
    is_told = not known.is_unknown and not known.unread
    return Otherwise(shares if is_told else {}, known.is_estimated)


def _shares(known: Known, served: Served, key: str, decision: Decision) -> dict[str, float]:
    assert decision.variant is not None
    compiled = served.compiled
    place = compiled.placements[key]
    is_drawn = chances.is_by_chance(compiled, place) and decision.reason not in _UNDRAWN
    if not is_drawn or known.inputs.is_away:
        return {decision.variant: 1.0}
    found: dict[str, float] = {}
    for variant in place.block.variants:
        # As of somebody held out: then every way to a variant is looked at.
        asked = msgspec.structs.replace(decision, variant=variant, reason=Reason.HOLDOUT)
        chance = chances.propensity(compiled, asked, known.visitor, known.context, known.at_ms)
        if chance is None:
            return {}
        if chance > 0:
            found[variant] = chance
    total = sum(found.values())
    return {variant: chance / total for variant, chance in found.items()} if total else {}
