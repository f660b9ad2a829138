"""Which profile each identity of a batch belongs to, planned before anything is locked. Pure.

identify with both ids joins the anonymous identity to the user; alias joins the previous id to the
user. Two known users are never joined by identify: on a shared device the anonymous identity is
*shared* instead, and its events go to whoever had identified last at the time.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Literal
from uuid import UUID

import msgspec

from apps.profiles.identities import Known, Name


class Join(msgspec.Struct, frozen=True):
    """One request of an event to treat two identities as one person."""

    kind: Literal["identify", "alias"]
    other: Name  # the anonymous or previous identity
    user: Name
    message_id: str


class Plan(msgspec.Struct):
    """What a batch does to identities.

    Attributes:
        attach: identities to make, and the profile each starts with.
        made: (profile id, site) of profiles to make.
        merges: (one, other, message id) profiles that exist and turned out to be one person.
        shares: anonymous identities that more than one user has identified from.
    """

    attach: dict[Name, UUID] = {}
    made: dict[UUID, UUID] = {}
    merges: list[tuple[UUID, UUID, str]] = []
    shares: set[Name] = set()


Apart = Callable[[Collection[UUID], Collection[UUID]], bool]


def _never_apart(one: Collection[UUID], other: Collection[UUID]) -> bool:
    return False


class Planner:
    """Walks the joins of a batch in order of arrival, over what is known of its identities.

    `are_apart` says whether somebody has split a profile of the first from one of the second: no
    event joins them again, whatever it says.
    """

    def __init__(
        self,
        known: Mapping[Name, Known],
        new_id: Callable[[], UUID],
        are_apart: Apart = _never_apart,
    ) -> None:
        self._known = known
        self._new_id = new_id
        self._are_apart = are_apart
        self._members: dict[UUID, list[UUID]] = {}
        self._root: dict[UUID, UUID] = {}
        self._users: dict[UUID, set[str]] = {}
        self.plan = Plan()
        for place in known.values():
            self._users.setdefault(place.profile_id, set()).update(place.users)

    def resolve(self, joins: Iterable[Join], names: Iterable[Name]) -> Plan:
        """Return the plan; every name ends up known or attached."""
        for join in joins:
            if join.kind == "identify":
                self._identify(join)
            else:
                self._alias(join)
        for name in names:
            if self.profile_of(name) is None:
                self._attach(name, self._make(name[0]))
        attach = self.plan.attach
        self.plan.attach = {name: self._find(profile) for name, profile in attach.items()}
        used = set(self.plan.attach.values())
        self.plan.made = {p: site for p, site in self.plan.made.items() if p in used}
        return self.plan

    def profile_of(self, name: Name) -> UUID | None:
        """The profile an identity belongs to after the joins walked so far."""
        place = self._known.get(name)
        if place is not None:
            return self._find(place.profile_id)
        attached = self.plan.attach.get(name)
        return None if attached is None else self._find(attached)

    def _identify(self, join: Join) -> None:
        one, user = self.profile_of(join.other), self.profile_of(join.user)
        is_taken = one is not None and bool(self._users.get(one, set()) - {join.user[2]})
        if is_taken and one != user:
            if user is None:
                self._attach(join.user, self._make(join.user[0]))
            self.plan.shares.add(join.other)
        else:
            self._unite(join, one, user)
        place = self._known.get(join.other)
        if place is not None and place.is_shared:
            self.plan.shares.add(join.other)

    def _alias(self, join: Join) -> None:
        site_id, _, value = join.other
        as_user: Name = (site_id, "user_id", value)
        other = as_user if self.profile_of(as_user) is not None else join.other
        known = msgspec.structs.replace(join, other=other)
        self._unite(known, self.profile_of(other), self.profile_of(join.user))

    def _unite(self, join: Join, one: UUID | None, user: UUID | None) -> None:
        if one is None and user is None:
            profile = self._make(join.user[0])
            self._attach(join.other, profile)
            self._attach(join.user, profile)
        elif one is None:
            assert user is not None
            self._attach(join.other, user)
        elif user is None:
            self._attach(join.user, one)
        elif one != user:
            self._merge(one, user, join.message_id)

    def _merge(self, one: UUID, other: UUID, message_id: str) -> None:
        made = self.plan.made
        if one in made or other in made:
            # Nothing of a profile made in this batch is stored yet: it dissolves into the other.
            winner, loser = (other, one) if one in made else (one, other)
        else:
            winner, loser = sorted((one, other))  # the older keeps its bucketing key
            mine, theirs = self._members.get(winner, [winner]), self._members.get(loser, [loser])
            if self._are_apart(mine, theirs):
                return
            self._members[winner] = [*mine, *theirs]
            self.plan.merges.append((winner, loser, message_id))
        self._root[loser] = winner
        self._users.setdefault(winner, set()).update(self._users.get(loser, ()))

    def _attach(self, name: Name, profile: UUID) -> None:
        self.plan.attach[name] = profile
        if name[1] == "user_id":
            self._users.setdefault(profile, set()).add(name[2])

    def _make(self, site_id: UUID) -> UUID:
        profile = self._new_id()
        self.plan.made[profile] = site_id
        return profile

    def _find(self, profile: UUID) -> UUID:
        while profile in self._root:
            profile = self._root[profile]
        return profile
