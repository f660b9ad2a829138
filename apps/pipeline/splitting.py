"""One profile becomes two again: a merge is undone, and not repeated by the next event."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.access import services as access
from apps.decisions import cap_counts, hot_state
from apps.decisions.caps import Carried, Holder
from apps.decisions.hot_state import Remembered, Told
from apps.events import fold as event_fold
from apps.events.fold import GROUP_PREFIX
from apps.pipeline import bounds, sharing
from apps.pipeline.person import MAX_GROUPS, MEMBER_OF, Person
from apps.pipeline.writing import write_anew
from apps.profiles import services as profiles
from apps.profiles import splitting, state
from apps.profiles.errors import CannotUndo
from apps.profiles.holders import JSON, Division, holders
from apps.profiles.splitting import Held, Merge
from apps.profiles.state import StateRow, uuid_array
from apps.segments import live
from apps.work import clock
from apps.work import services as work

PROFILE_SPLIT = "profile.split"
_GROUP_ID = f"{GROUP_PREFIX}id"


@dataclass(frozen=True, slots=True)
class Split:
    """What an undone merge has left: both profiles and their events. `rows` were given back."""

    winner: UUID
    loser: UUID
    winner_events: int
    loser_events: int
    rows: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an undo would do: identities of each kind and events that go back, events that stay."""

    identities: dict[str, int]
    events: int
    events_left: int


def split_profile(*, merge_id: int, actor: access.Actor, reason: str, now: datetime) -> Split:
    """Undo a merge: the loser lives again with what is its own, what came since included.

    Takes the locks of a fold in their order. Decisions see the two once it returns.

    Args:
        merge_id: number of the merge record.
        actor: who asks, for the audit.
        reason: why, at most `splitting.MAX_REASON` characters.

    Raises:
        CannotUndo: not now; the text says why.
    """
    reason = reason.strip()
    if not reason or len(reason) > splitting.MAX_REASON:
        raise CannotUndo(f"Say why, in at most {splitting.MAX_REASON} characters.")
    with transaction.atomic():
        bounds.bound_transaction()
        record, notes, rows = _locked(merge_id)
        done = _Undoing(record, notes, rows, now)
        done.divide()
        split = done.write()
        splitting.note_undone(record, reason, now=now)
        _tell(record, split, actor, now)
    sites = {person.row.profile_id: person.row.site_id for person in done.persons}
    told = Told(list(sites), (), sites)
    hot_state.publish([person.hot() for person in done.persons], done.remembered(), told)
    return split


def forecast(record: Merge) -> Forecast:
    """Say what undoing a merge would do now, without a lock.

    Raises:
        CannotUndo: it would be refused; the text says why.
    """
    notes = splitting.check(record)
    known = splitting.identities_of(record.winner_id)
    together = event_fold.seen_together(uuid_array([record.winner_id]))
    own = _loser_identities(splitting.sides(notes), known, together)
    kinds = Counter(one.kind for one in known if one.pk in own)
    events = event_fold.count_of(record.winner_id, own)
    total, _, _ = event_fold.count(record.winner_id)
    return Forecast(dict(sorted(kinds.items())), events, total - events)


def _locked(merge_id: int) -> tuple[Merge, Mapping[str, JSON], dict[UUID, StateRow]]:
    """The record, its notes and the state rows: locked in id order, read under the locks.

    Among the rows are those of the others who use devices of the joined profile.
    """
    record = splitting.merge_of(merge_id)
    if record is None:
        raise CannotUndo("There is no such merge.")
    both = {record.winner_id, record.loser_id}
    others = splitting.companions_of(record.winner_id)
    rows = {row.profile_id: row for row in state.lock(both | others)}
    record = splitting.merge_of(merge_id, is_locked=True)
    if record is None or not both <= rows.keys():
        raise CannotUndo("One of the profiles has been erased.")
    notes = splitting.check(record)
    winner, loser = rows[record.winner_id], rows[record.loser_id]
    if winner.merged_into is not None or loser.merged_into != winner.profile_id:
        raise CannotUndo("The profiles are not joined any more.")
    if splitting.companions_of(record.winner_id) - rows.keys():
        raise CannotUndo("Somebody else has just used a device of theirs: try again.")
    return record, notes, rows


class _Undoing:
    """One merge that is being undone, under the locks of the rows.

    Attributes:
        persons: both, and who else has a time at a device of theirs, once written.
    """

    def __init__(
        self,
        record: Merge,
        notes: Mapping[str, JSON],
        rows: dict[UUID, StateRow],
        now: datetime,
    ) -> None:
        self.persons: list[Person] = []
        self._notes = notes
        self._rows, self._now = rows, now
        self._winner, self._loser = rows[record.winner_id], rows[record.loser_id]
        self._given_back = 0

    def divide(self) -> None:
        """Have every holder give the loser its own back; settle devices that both used."""
        winner, loser = self._winner, self._loser
        known = splitting.identities_of(winner.profile_id)
        shared = splitting.shared_with(winner.profile_id)
        together = event_fold.seen_together(uuid_array([winner.profile_id]))
        own = _loser_identities(splitting.sides(self._notes), known, together)
        division = Division(winner, loser, own, None, self._now)
        for holder in holders():
            one = replace(division, kept=self._notes.get(holder.name))
            self._given_back += holder.divide(one)
        disputed = {one.pk: one for one in (*shared, *_disputed(known, own, together))}
        for identity in disputed.values():
            self._settle(identity, own)
        for row in (winner, loser):
            splitting.retell(row, MEMBER_OF, _GROUP_ID, _groups)

    def _settle(self, identity: Held, own: Collection[int]) -> None:
        """Place a device that users of both sides identified from, by who was there when."""
        winner, loser = self._winner, self._loser
        before = identity.profile_id
        if before == winner.profile_id and identity.pk in own:
            before = loser.profile_id
        spans = profiles.links_of([identity.pk]).get(identity.pk, [])
        candidates = {before, winner.profile_id, loser.profile_id, *(who for _, who in spans)}
        owner = sharing.settle(identity.pk, before, spans, candidates)
        for profile_id in candidates:
            row = self._rows[profile_id]
            if profile_id == owner:
                row.add_identity(identity.kind, identity.value)
            else:
                row.drop_identity(identity.kind, identity.value)

    def write(self) -> Split:
        """Work both out from what is theirs now: counters, history, memberships, deadlines."""
        number = live.numbers({self._winner.site_id})[self._winner.site_id]
        definitions = live.live_set(self._winner.site_id, number)
        living = [row for row in self._rows.values() if row.merged_into is None]
        self.persons = [Person(row, definitions) for row in living]
        for person in self.persons:
            person.reload(recount=True)
        now_ms = clock.to_ms(self._now)
        # What is reserved now was for both: nobody knows whose page shows it.
        source = Holder(self._winner.site_id.hex, "", self._winner.profile_id.bytes)
        given = cap_counts.tokens(self._loser.caps) - cap_counts.tokens(self._winner.caps)
        loser_id = self._loser.profile_id.bytes
        carried = Carried(source, loser_id, now_ms, is_closed=False, given=sorted(given))
        write_anew(self.persons, now_ms, carried=[carried])
        return Split(
            winner=self._winner.profile_id,
            loser=self._loser.profile_id,
            winner_events=self._winner.event_count,
            loser_events=self._loser.event_count,
            rows=self._given_back,
        )

    def remembered(self) -> list[Remembered]:
        """Where every identity leads now."""
        return [
            Remembered(person.row.site_id, f"{one.kind}:{one.value}", person.row.profile_id)
            for person in self.persons
            for one in splitting.identities_of(person.row.profile_id)
        ]


def _loser_identities(
    sides: tuple[frozenset[int], frozenset[int]],
    known: Sequence[Held],
    together: Sequence[tuple[int, int, bool]],
) -> frozenset[int]:
    """The loser's identities: those of before the merge, and those that came since with them.

    One that came with identities of both belongs to the first of them; one that came with neither
    stays with the winner.
    """
    winners, losers = set(sides[0]), set(sides[1])
    fresh = {one.pk for one in known} - winners - losers
    is_growing = True
    while is_growing:
        is_growing = False
        for identity, user, _ in together:
            for one, other in ((identity, user), (user, identity)):
                side = losers if other in losers else winners if other in winners else None
                if one in fresh and side is not None:
                    side.add(one)
                    fresh.discard(one)
                    is_growing = True
    return frozenset(losers & {one.pk for one in known})


def _disputed(
    known: Iterable[Held], own: Collection[int], together: Sequence[tuple[int, int, bool]]
) -> list[Held]:
    """Devices that users of the other side have identified from since.

    A device without a login of its own side is only mistaken for somebody's: it stays whose it is.
    """
    users: dict[int, set[bool]] = {}
    for identity, user, is_said in together:
        if is_said:
            users.setdefault(identity, set()).add(user in own)
    logins = {one.pk in own for one in known if one.kind == "user_id"}
    found = []
    for one in known:
        sides = users.get(one.pk, set())
        is_foreign = (one.pk not in own) in sides and (one.pk in own) in logins
        if one.kind != "user_id" and is_foreign:
            found.append(one)
    return found


def _groups(values: Sequence[Any]) -> list[str]:
    return sorted({value for value in values if isinstance(value, str)})[:MAX_GROUPS]


def _tell(record: Merge, split: Split, actor: access.Actor, now: datetime) -> None:
    """Write the feed's line and the audit's entry."""
    work.record_change(
        PROFILE_SPLIT,
        site_id=record.site_id,
        profile_id=split.winner,
        payload={"loser": str(split.loser), "merge": record.number},
        now=now,
    )
    access.record_audit(
        action="profiles.merge_undone",
        actor=actor,
        site_id=record.site_id,
        target_kind="profiles.mergerecord",
        target_id=str(record.number),
        detail={
            "winner": str(split.winner),
            "loser": str(split.loser),
            "winnerEvents": split.winner_events,
            "loserEvents": split.loser_events,
        },
        now=now,
    )
