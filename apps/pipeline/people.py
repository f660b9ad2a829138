"""The people of a batch: identities resolved, state rows locked, joins carried out."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from apps.content.selectors import sites_with_caps
from apps.decisions.caps import Holder
from apps.decisions.hot_state import Carried, Remembered, Told
from apps.events import fold as event_fold
from apps.events.fold import Batch
from apps.events.types import Accepted
from apps.pipeline import erased, merging, sharing
from apps.pipeline.person import Person
from apps.profiles import identities, splitting, state
from apps.profiles.identities import IdentityMoved, Known, Name
from apps.profiles.joining import Join, Plan, Planner
from apps.profiles.state import StateRow
from apps.segments import live
from apps.work import clock

Arrival = tuple[Batch, Accepted]


def entered_by(persons: Iterable[Person]) -> dict[UUID, list[int]]:
    """Who came into which segments (numbers) by the last evaluation of each."""
    return {
        person.row.profile_id: numbers
        for person in persons
        if (numbers := [change.number for change in person.changes if change.entered])
    }


class People:
    """Every profile that a batch touches, locked, and where each identity now points.

    Attributes:
        persons: by profile id, those merged away included.
        remembered: identities that are new or moved: hot state is told after the commit.
        merged: (winner, loser, message id) of this batch.
    """

    def __init__(self, arrivals: Sequence[Arrival], *, now: datetime) -> None:
        self.now = now
        self._arrivals = arrivals
        self.persons: dict[UUID, Person] = {}
        self.remembered: list[Remembered] = []
        self.merged: list[tuple[UUID, UUID, str]] = []
        names, joins = _wanted(arrivals)
        self._joins = joins
        self._known = identities.find(names)
        planner = Planner(self._known, identities.new_profile_id, splitting.are_apart)
        plan = planner.resolve(joins, _required(arrivals))
        self._spans = sharing.spans_of(self._known)
        self._make(plan)
        self._lock(names)
        for winner, loser, message_id in plan.merges:
            self._merge(winner, loser, message_id)
        self.shares = {self._known[name].id: name for name in plan.shares}
        self._enlist()

    def place(self, arrival: Arrival) -> event_fold.Placed:
        """Say which profile and device an event belongs to."""
        batch, event = arrival
        user = self._of(batch.site_id, "user_id", event.user_id)
        device = self._of(batch.site_id, "anonymous_id", event.anonymous_id)
        owner = user or device
        assert owner is not None, "intake refuses events without an id"
        profile_id = owner.profile_id
        if user is None and owner.id in self._spans:
            profile_id = self._alive(sharing.owner_at(self._spans[owner.id], event.occurred_ms))
        return event_fold.Placed(
            batch=batch,
            event=event,
            profile_id=profile_id,
            identity_id=(device or owner).id,
            user_identity_id=None if user is None else user.id,
        )

    def share(self) -> None:
        """Settle who owns the events of identities that several users identified from.

        Called once this batch's events are stored: the identify events say who, and since when.
        """
        for identity_id, name in self.shares.items():
            place = self._known[name]
            spans = [(at, self._alive(who)) for at, who in self._spans.get(identity_id, [])]
            candidates = {place.profile_id, *self._users_of(name), *(who for _, who in spans)}
            place.profile_id = sharing.settle(identity_id, place.profile_id, spans, candidates)
            for profile_id in candidates:
                person = self.persons[profile_id]
                person.reload(recount=True)
                # Decisions believe a state that names the visitor.
                if profile_id != place.profile_id:
                    person.row.drop_identity(name[1], name[2])
            self.persons[place.profile_id].row.add_identity(name[1], name[2])
            self.remembered.append(Remembered(name[0], f"{name[1]}:{name[2]}", place.profile_id))

    def _users_of(self, name: Name) -> set[UUID]:
        """The profiles of the users who identify from an anonymous identity in this batch."""
        return {
            self._known[join.user].profile_id
            for join in self._joins
            if join.kind == "identify" and join.other == name
        }

    def living(self) -> list[Person]:
        """The persons that were not merged away."""
        return [p for p in self.persons.values() if p.row.merged_into is None]

    def told(self) -> Told:
        """Whose open pages must ask again, and whose are somebody else's now."""
        sites = {p.row.profile_id: p.row.site_id for p in self.living() if p.looks_different}
        moved = [(loser, winner) for winner, loser, _ in self.merged]
        return Told(list(sites), moved, sites, entered_by(self.living()))

    def carried(self) -> list[Carried]:
        """The budgets of caps that this batch's joins and new identities hand over."""
        sites = {site_id for site_id, _, _ in self._attached}
        sites |= {self.persons[winner].row.site_id for winner, _, _ in self.merged}
        capped = sites_with_caps(sites)
        if not capped:
            return []
        now_ms = clock.to_ms(self.now)
        found = [
            Carried(Holder(site_id.hex, f"{kind}:{value}"), self._alive(target).bytes, now_ms)
            for (site_id, kind, value), target in self._attached.items()
            if site_id in capped
        ]
        for winner, loser, _ in self.merged:
            row = self.persons[winner].row
            if row.site_id in capped:
                source = Holder(row.site_id.hex, "", loser.bytes)
                found.append(Carried(source, self._alive(winner).bytes, now_ms))
        return found

    def _of(self, site_id: UUID, kind: str, value: str | None) -> Known | None:
        return None if value is None else self._known[site_id, kind, value]

    def _make(self, plan: Plan) -> None:
        fresh = [
            StateRow(profile_id, site_id, _bucketing_key(profile_id, plan), [], is_new=True)
            for profile_id, site_id in plan.made.items()
        ]
        identities.add_profiles(
            ((row.profile_id, row.site_id, row.unit_id) for row in fresh), now=self.now
        )
        self._known.update(identities.add(plan.attach, now=self.now))
        self._fresh = fresh
        self._attached = plan.attach

    def _lock(self, names: Iterable[Name]) -> None:
        ids = {place.profile_id for place in self._known.values()}
        ids |= {profile for spans in self._spans.values() for _, profile in spans}
        ids -= {row.profile_id for row in self._fresh}
        rows = state.lock(ids)
        locked = {row.profile_id: row for row in rows}
        if len(locked) < len(ids) or any(row.merged_into is not None for row in rows):
            raise IdentityMoved
        for name, place in self._known.items():
            row = locked.get(place.profile_id)
            if row is not None and name not in self._attached and row.version != place.seen_version:
                self._verify(names)
                break
        self._adopt([*rows, *self._fresh])
        for name, profile_id in self._attached.items():
            self.persons[profile_id].row.add_identity(name[1], name[2])
            self.remembered.append(Remembered(name[0], f"{name[1]}:{name[2]}", profile_id))

    def _enlist(self) -> None:
        """Whoever is new may be on a list already: what it says counts from this batch on."""
        shared = set(self.shares.values())
        attached = {
            name: self._known[name].profile_id
            for name, profile_id in self._attached.items()
            # Whose an identity of several people is comes out later; lists are applied then.
            if name not in shared and self.persons[profile_id].definitions.has_lists
        }
        if not attached:
            return
        now_ms = clock.to_ms(self.now)
        for profile_id, traits in live.enlist(attached).items():
            self.persons[profile_id].enlist(traits, now_ms)

    def _verify(self, names: Iterable[Name]) -> None:
        """A row was written since the identities were read: make sure that none of them moved."""
        if len(erased.living(self._arrivals)) < len(self._arrivals):
            raise IdentityMoved
        seen = identities.find(set(names))
        for name, place in self._known.items():
            if name in self._attached:
                continue
            again = seen.get(name)
            if again is None or again.profile_id != place.profile_id:
                raise IdentityMoved
            if (again.users, again.is_shared) != (place.users, place.is_shared):
                raise IdentityMoved
        if sharing.spans_of(self._known) != self._spans:
            raise IdentityMoved

    def _adopt(self, rows: Iterable[StateRow]) -> None:
        rows = list(rows)
        # Read under the row locks: no verdict of an older definition overwrites a refreshed one.
        numbers = live.numbers({row.site_id for row in rows})
        for row in rows:
            definitions = live.live_set(row.site_id, numbers[row.site_id])
            self.persons[row.profile_id] = Person(row, definitions)

    def _alive(self, profile_id: UUID) -> UUID:
        """The profile that this one was merged into in this batch, or itself."""
        while (into := self.persons[profile_id].row.merged_into) is not None:
            profile_id = into
        return profile_id

    def _merge(self, winner: UUID, loser: UUID, message_id: str) -> None:
        winner, loser = self._alive(winner), self._alive(loser)
        if winner == loser:
            return
        merging.merge(self.persons[winner], self.persons[loser], message_id, now=self.now)
        self.merged.append((winner, loser, message_id))
        for (site_id, kind, value), place in self._known.items():
            if place.profile_id == loser:
                place.profile_id = winner
                self.remembered.append(Remembered(site_id, f"{kind}:{value}", winner))


def _wanted(arrivals: Sequence[Arrival]) -> tuple[set[Name], list[Join]]:
    """The identities that a batch names, and the joins it asks for, in order of arrival."""
    names = set(_required(arrivals))
    joins: list[Join] = []
    for batch, event in arrivals:
        site_id = batch.site_id
        if event.type == "identify" and event.anonymous_id and event.user_id:
            other = (site_id, "anonymous_id", event.anonymous_id)
            user = (site_id, "user_id", event.user_id)
            joins.append(Join("identify", other, user, event.message_id))
        elif event.type == "alias" and event.previous_id and event.user_id:
            other = (site_id, "anonymous_id", event.previous_id)
            user = (site_id, "user_id", event.user_id)
            names |= {other, (site_id, "user_id", event.previous_id)}
            joins.append(Join("alias", other, user, event.message_id))
    return names, joins


def _required(arrivals: Sequence[Arrival]) -> Iterable[Name]:
    """The identities that events carry, once each, in order of arrival."""
    seen: dict[Name, None] = {}
    for batch, event in arrivals:
        if event.anonymous_id is not None:
            seen[batch.site_id, "anonymous_id", event.anonymous_id] = None
        if event.user_id is not None:
            seen[batch.site_id, "user_id", event.user_id] = None
    return seen


def _bucketing_key(profile_id: UUID, plan: Plan) -> str:
    """The id of a new profile's first identity, if it fits: what the page itself can hash by."""
    for (_, _, value), attached in plan.attach.items():
        if attached == profile_id and len(value) <= 64:
            return value
    return profile_id.hex
