"""The undoing of a merge: what is noted for it, who is whose again, and who is kept apart."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from apps.profiles.dividing_keys import divide_keys, keys_noted
from apps.profiles.errors import CannotUndo
from apps.profiles.holders import JSON, Division
from apps.profiles.models import (
    Identity,
    IdentityLink,
    KeptApart,
    MergeRecord,
    Profile,
    TraitChange,
)
from apps.profiles.state import (
    StateRow,
    TraitEntry,
    newest_identities,
    same_value,
    uuid_array,
)
from apps.work import clock, numbers

HOLDER = "profiles"  # the name under which this app's own notes are kept
MAX_REASON = 200  # characters


class Held(NamedTuple):
    """One identity, and the profile it leads to."""

    pk: int
    kind: str
    value: str
    profile_id: UUID


@dataclass(frozen=True, slots=True)
class Merge:
    """One merge as recorded. `kept` is what each holder noted, by its name; None: nothing was."""

    number: int
    site_id: UUID
    winner_id: UUID
    loser_id: UUID
    at: datetime
    kept: Mapping[str, JSON] | None
    undone_at: datetime | None


_ARE_APART = """
SELECT EXISTS (SELECT FROM profiles_keptapart
  WHERE one_id = ANY(%(mine)s::uuid[]) AND other_id = ANY(%(theirs)s::uuid[])
     OR one_id = ANY(%(theirs)s::uuid[]) AND other_id = ANY(%(mine)s::uuid[]))
"""


def are_apart(mine: Collection[UUID], theirs: Collection[UUID]) -> bool:
    """Whether somebody has split a profile of the first from one of the second. One statement."""
    with connection.cursor() as cursor:
        parameters = {"mine": uuid_array(mine), "theirs": uuid_array(theirs)}
        cursor.execute(_ARE_APART, parameters)
        return bool(cursor.fetchone()[0])


def keep_apart(site_id: UUID, pairs: Collection[tuple[UUID, UUID]], *, now: datetime) -> None:
    """Have no event join these pairs of profiles from now on. Repeatable."""
    rows = [
        KeptApart(site_id=site_id, one_id=min(pair), other_id=max(pair), at=now) for pair in pairs
    ]
    KeptApart.objects.bulk_create(rows, ignore_conflicts=True)


def move_apart(from_profile: UUID, to_profile: UUID) -> int:
    """Keep from the one profile, on a merge, whoever was kept from the other."""
    moved = 0
    for row in _apart(from_profile):
        partner = row.other_id if row.one_id == from_profile else row.one_id
        if partner != to_profile:
            keep_apart(row.site_id, [(to_profile, partner)], now=row.at)
        row.delete()
        moved += 1
    return moved


def _apart(profile_id: UUID) -> list[KeptApart]:
    return list(KeptApart.objects.filter(Q(one_id=profile_id) | Q(other_id=profile_id)))


def partners_of(profile_id: UUID) -> list[str]:
    """Return the ids of the profiles that this one was split from by hand."""
    return [
        str(row.other_id if row.one_id == profile_id else row.one_id) for row in _apart(profile_id)
    ]


# At the merge


def keep(winner: StateRow, loser: StateRow) -> JSON:
    """Note whose identities, links, merged profiles and nameless observations are the loser's."""
    gone = loser.profile_id
    identities = Identity.objects.order_by("id")
    links = IdentityLink.objects.filter(profile_id=gone).values_list("identity_id", "since")
    changes = TraitChange.objects.filter(profile_id=gone, identity_id=None)
    return {
        "loser": list(identities.filter(profile_id=gone).values_list("id", flat=True)),
        "winner": list(
            identities.filter(profile_id=winner.profile_id).values_list("id", flat=True)
        ),
        "hulls": [str(pk) for (pk,) in Profile.objects.filter(merged_into=gone).values_list("pk")],
        "links": [[identity_id, clock.to_ms(since)] for identity_id, since in links],
        "changes": list(changes.values_list("id", flat=True)),
        "apart": partners_of(gone),
        "winner_apart": partners_of(winner.profile_id),
        "keys": keys_noted(gone),
    }


# Whether it can be undone


def merge_of(number: int, *, is_locked: bool = False) -> Merge | None:
    """Return a merge by its number, to the end of the transaction nobody else's if it is locked."""
    records = MergeRecord.objects.select_for_update() if is_locked else MergeRecord.objects
    record = records.filter(pk=number).first()
    return None if record is None else _merge(record)


def _merge(record: MergeRecord) -> Merge:
    return Merge(
        number=record.pk,
        site_id=record.site_id,
        winner_id=record.winner_id,
        loser_id=record.loser_id,
        at=record.at,
        kept=record.kept,
        undone_at=record.undone_at,
    )


def note_undone(merge: Merge, reason: str, *, now: datetime) -> None:
    """Record that a merge was undone, and why."""
    MergeRecord.objects.filter(pk=merge.number).update(undone_at=now, undone_reason=reason)


def check(merge: Merge) -> Mapping[str, JSON]:
    """See that a merge can be undone now, and return what its holders noted, by their names.

    Raises:
        CannotUndo: it was undone before, or nothing was noted, or later merges come first.
    """
    if merge.undone_at is not None:
        raise CannotUndo("This merge was undone already.")
    if merge.kept is None:
        raise CannotUndo("It was merged before Attune kept what an undo needs.")
    later = merges_after(merge)
    if later:
        order = ", then ".join(f"merge {number}" for number in later)
        raise CannotUndo(f"The profiles were merged again since. Undo first: {order}.")
    return merge.kept


def merges_after(merge: Merge) -> list[int]:
    """Return the later merges that stand on this one, the latest first: the order of undoing."""
    concerned = {merge.winner_id, merge.loser_id}
    found: list[MergeRecord] = []
    while True:
        any_of = Q(winner_id__in=concerned) | Q(loser_id__in=concerned)
        later = MergeRecord.objects.filter(any_of, pk__gt=merge.number, undone_at=None)
        again = list(later.order_by("-pk"))
        if len(again) == len(found):
            return [record.pk for record in again]
        found = again
        concerned |= {one for row in found for one in (row.winner_id, row.loser_id)}


def sides(notes: Mapping[str, JSON]) -> tuple[frozenset[int], frozenset[int]]:
    """Return the identities (winner's, loser's) at the merge."""
    note = notes[HOLDER]
    return frozenset(note["winner"]), frozenset(note["loser"])


def identities_of(profile_id: UUID) -> list[Held]:
    """Return the identities that lead to a profile, oldest first."""
    return _held(Identity.objects.filter(profile_id=profile_id))


def shared_with(profile_id: UUID) -> list[Held]:
    """Return the identities of several people that this profile has a time at."""
    return _held(Identity.objects.filter(links__profile=profile_id).distinct())


def _held(found: QuerySet[Identity]) -> list[Held]:
    rows = found.order_by("id").values_list("id", "kind", "value", "profile_id")
    return [Held(*row) for row in rows]


def companions_of(profile_id: UUID) -> set[UUID]:
    """Return the profiles of the others who have a time at an identity of this one."""
    identities = Identity.objects.filter(Q(profile=profile_id) | Q(links__profile=profile_id))
    links = IdentityLink.objects.filter(identity__in=identities)
    return set(links.values_list("profile_id", flat=True)) - {profile_id}


# The undoing


def divide(division: Division) -> int:
    """Give the loser its identities, links, hulls and observations back; tell traits anew."""
    winner, loser, note = division.winner, division.loser, division.kept
    one, other = winner.profile_id, loser.profile_id
    ids = sorted(division.identity_ids)
    moved = Identity.objects.filter(profile_id=one, pk__in=ids).update(profile_id=other)
    for identity_id, since_ms in note["links"]:
        links = IdentityLink.objects.filter(profile_id=one, identity_id=identity_id)
        moved += links.filter(since=clock.from_ms(since_ms)).update(profile_id=other)
    own = Q(identity_id__in=ids) | Q(pk__in=note["changes"])
    moved += TraitChange.objects.filter(own, profile_id=one).update(profile_id=other)
    moved += divide_keys(winner.site_id, one, other, note.get("keys", ()))
    Profile.objects.filter(pk=other).update(merged_into=None)
    Profile.objects.filter(pk__in=note["hulls"], merged_into=one).update(merged_into=other)
    loser.merged_into = None
    for row in (winner, loser):
        names = [f"{found.kind}:{found.value}" for found in identities_of(row.profile_id)]
        row.identities = newest_identities(names)
    _tell_traits(winner, loser)
    _part(division)
    return moved


def _part(division: Division) -> None:
    """Keep the two apart, and from each only those that it was kept from itself."""
    one, other, note = division.winner.profile_id, division.loser.profile_id, division.kept
    partners = {UUID(text) for text in note["apart"]}
    for partner in partners - {UUID(text) for text in note["winner_apart"]}:
        KeptApart.objects.filter(one_id=min(one, partner), other_id=max(one, partner)).delete()
    living = set(Profile.objects.filter(pk__in=partners).values_list("pk", flat=True))
    pairs = [(one, other), *((other, partner) for partner in living)]
    keep_apart(division.winner.site_id, pairs, now=division.now)


_TOLD = """
SELECT key, value::text, source, observed_at, message_id FROM profiles_traitchange
WHERE profile_id = %s ORDER BY observed_at, message_id COLLATE "C", id
"""
_FORGET_TRAITS = "DELETE FROM profiles_trait WHERE profile_id = ANY(%s::uuid[])"
_WRITE_TRAITS = """
INSERT INTO profiles_trait (profile_id, key, value, source, observed_at, message_id)
SELECT * FROM (
  SELECT DISTINCT ON (profile_id, key) profile_id, key, value, source, observed_at, message_id
  FROM profiles_traitchange WHERE profile_id = ANY(%s::uuid[])
  ORDER BY profile_id, key, observed_at DESC, message_id COLLATE "C" DESC, id DESC
) newest WHERE value IS NOT NULL AND value <> 'null'::jsonb
"""


def _tell_traits(winner: StateRow, loser: StateRow) -> None:
    """Work the traits of both out again, from their own observations."""
    told = {row.profile_id: _replayed(row.profile_id) for row in (winner, loser)}
    names = {key for traits in told.values() for key in traits}
    # What nobody observed (a score) belongs to the app that wrote it.
    unobserved = {key: entry for key, entry in winner.traits.items() if key not in names}
    winner.traits = unobserved | told[winner.profile_id]
    loser.traits = told[loser.profile_id]
    both = uuid_array(told)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_TRAITS, [both])
        cursor.execute(_WRITE_TRAITS, [both])


def _replayed(profile_id: UUID) -> dict[str, TraitEntry]:
    traits: dict[str, TraitEntry] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, [str(profile_id)])
        for key, text, source, at, message_id in cursor.fetchall():
            value = None if text is None else numbers.loads(text)
            traits[key] = _observed(traits.get(key), value, clock.to_ms(at), message_id, source)
    return traits


def _observed(
    known: TraitEntry | None, value: object, at_ms: int, message_id: str, source: str
) -> TraitEntry:
    """One more observation, the newest so far: it may leave since when the value stands."""
    since_ms = known[3] if known is not None and same_value(known[0], value) else at_ms
    return (value, at_ms, message_id, since_ms, source, None)


_RETELL = """
UPDATE profiles_traitchange c SET value = r.value
FROM jsonb_to_recordset(%s::jsonb) AS r(id bigint, value jsonb)
WHERE c.id = r.id AND c.value IS DISTINCT FROM r.value
"""


def retell(row: StateRow, key: str, of: str, merged: Callable[[Sequence[Any]], object]) -> None:
    """Tell a trait that gathers the values of another one anew, in all its observations.

    While the profiles were one it gathered the other's too, and said so.

    Args:
        row: the locked state row, divided already.
        key: the gathering trait.
        of: the trait whose values it gathers, observed by the same messages.
        merged: the gathering value of the values so far.
    """
    changes = TraitChange.objects.filter(profile_id=row.profile_id, key__in=[key, of])
    by_message: dict[tuple[datetime, str], dict[str, TraitChange]] = {}
    for change in changes.order_by("observed_at", "message_id", "id"):
        by_message.setdefault((change.observed_at, change.message_id), {})[change.key] = change
    values: list[Any] = []
    retold: list[dict[str, Any]] = []
    entry: TraitEntry | None = None
    for (at, message_id), told in sorted(by_message.items()):
        if of not in told or key not in told:
            continue
        values.append(told[of].value)
        value = merged(values)
        entry = _observed(entry, value, clock.to_ms(at), message_id, told[key].source)
        retold.append({"id": told[key].pk, "value": value})
    if entry is None:
        return
    row.traits[key] = entry
    with connection.cursor() as cursor:
        cursor.execute(_RETELL, [json.dumps(retold)])
        cursor.execute(
            "UPDATE profiles_trait SET value = %s::jsonb WHERE profile_id = %s AND key = %s",
            [json.dumps(entry[0]), str(row.profile_id), key],
        )
