"""Two profiles joined because somebody has looked at them: as by an event, and undone like it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.access import services as access
from apps.consent.types import Hold
from apps.content.selectors import sites_with_caps
from apps.decisions import hot_state
from apps.decisions.caps import Holder
from apps.decisions.hot_state import Carried, Remembered, Told
from apps.pipeline import bounds, merging
from apps.pipeline.person import Person
from apps.pipeline.writing import write_anew
from apps.profiles import duplicates, splitting, state
from apps.profiles import services as profiles
from apps.profiles.duplicates import Pair
from apps.profiles.errors import CannotMerge
from apps.segments import live
from apps.work import clock

BY_HAND = "hand"


@dataclass(frozen=True, slots=True)
class Merged:
    """Who is left, and who was folded into them."""

    winner: UUID
    loser: UUID


def merge_pair(*, number: int, actor: access.Actor, reason: str, now: datetime) -> Merged:
    """Join the two of a suggestion; decisions see one person once it returns.

    Takes the locks of a fold in their order. Consent becomes the stricter of the two.

    Args:
        reason: why they are one person, at most `splitting.MAX_REASON` characters. Audited.

    Raises:
        CannotMerge: not now, or never; the text says why.
    """
    reason = reason.strip()
    if not reason or len(reason) > splitting.MAX_REASON:
        raise CannotMerge(f"Say why, in at most {splitting.MAX_REASON} characters.")
    with transaction.atomic():
        bounds.bound_transaction()
        winner, loser = _locked(number)
        remembered = [
            Remembered(winner.row.site_id, f"{one.kind}:{one.value}", winner.row.profile_id)
            for one in splitting.identities_of(loser.row.profile_id)
        ]
        done = Merged(winner.row.profile_id, loser.row.profile_id)
        merging.merge(winner, loser, "", now=now, cause=BY_HAND)
        retold = {(done.winner, key) for key in winner.retold}
        for (_, key), since_ms in profiles.changed_at(retold).items():
            winner.settle_trait(key, since_ms)
        write_anew([winner, loser], clock.to_ms(now), carried=_carried(done, winner, now))
        duplicates.decide(number, duplicates.MERGED, actor=actor, now=now)
        access.record_audit(
            action="profiles.merged_by_hand",
            actor=actor,
            site_id=winner.row.site_id,
            target_kind="profiles.profile",
            target_id=str(done.winner),
            detail={"loser": str(done.loser), "duplicate": number, "reason": reason},
            now=now,
        )
    told = Told([done.winner], [(done.loser, done.winner)], {done.winner: winner.row.site_id})
    hot_state.publish([winner.hot()], remembered, told)
    return done


def why_not(pair: Pair) -> str:
    """Say why a pair may not be joined, in words; empty: it may."""
    if pair.state != duplicates.OPEN:
        return "Somebody has decided on these two already."
    if splitting.are_apart([pair.one], [pair.other]):
        return "Somebody has parted these two: they are never joined again."
    if not duplicates.keys_in_common(pair.one, pair.other):
        return "They have no address or number in common any more."
    if duplicates.share_a_device(pair.one, pair.other):
        return "Both have signed in at one device, each as themselves: they are two people."
    return ""


def _locked(number: int) -> tuple[Person, Person]:
    """Both persons, the older first; their rows are locked in id order."""
    pair = duplicates.pair_of(number)
    if pair is None:
        raise CannotMerge("There is no such suggestion.")
    rows = {row.profile_id: row for row in state.lock({pair.one, pair.other})}
    pair = duplicates.pair_of(number, is_locked=True)
    if pair is None or len(rows) < 2:
        raise CannotMerge("One of the profiles has been erased.")
    problem = why_not(pair)
    if problem:
        raise CannotMerge(problem)
    winner, loser = rows[pair.one], rows[pair.other]  # the lesser id is the older
    if winner.merged_into is not None or loser.merged_into is not None:
        raise CannotMerge("One of them has just been joined with somebody else.")
    if (winner.holds | loser.holds) & Hold.ERASING:
        raise CannotMerge("One of them is being erased.")
    definitions = live.live_set(pair.site_id, live.numbers({pair.site_id})[pair.site_id])
    return Person(winner, definitions), Person(loser, definitions)


def _carried(done: Merged, winner: Person, now: datetime) -> list[Carried]:
    """The budgets of caps that go to whoever is left."""
    site_id = winner.row.site_id
    if site_id not in sites_with_caps({site_id}):
        return []
    source = Holder(site_id.hex, "", done.loser.bytes)
    return [Carried(source, done.winner.bytes, clock.to_ms(now))]
