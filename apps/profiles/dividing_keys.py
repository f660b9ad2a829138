"""Keys and tokens when a merge is undone: each of the two keeps their own, and no other."""

from collections.abc import Sequence
from uuid import UUID

from apps.profiles import vault
from apps.profiles.models import SubjectKey, TraitChange
from apps.profiles.vault import Keys


def keys_noted(profile_id: UUID) -> list[str]:
    """Return the ids of a profile's keys, for whoever undoes its merge."""
    ids = SubjectKey.objects.filter(profile_id=profile_id).values_list("pk", flat=True)
    return [str(pk) for pk in ids.order_by("pk")]


def divide_keys(site_id: UUID, winner: UUID, loser: UUID, noted: Sequence[str]) -> int:
    """Give the loser its keys back and seal anew what is under the other's key; return keys moved.

    Call it when the observations are divided, and before traits are told from them: while the two
    were one, what either said was sealed under one key of both.
    """
    held = SubjectKey.objects.filter(profile_id=winner, pk__in=list(noted))
    moved = held.update(profile_id=loser)
    observed = TraitChange.objects.filter(profile_id__in=[winner, loser]).iterator(500)
    changes = [change for change in observed if vault.is_sealed(change.value)]
    if not changes:
        return moved
    owners = sorted({change.profile_id for change in changes})
    own = vault.keys_of(site_id, [winner, loser], made_for=owners)
    both = Keys(site_id, [packed for keys in own.values() for packed in keys.packed])
    again = []
    for change in changes:
        keys = own[change.profile_id]
        if keys.open(change.key, change.value) is None:
            change.value = keys.moved(change.key, change.value, both)
            again.append(change)
    TraitChange.objects.bulk_update(again, ["value"], batch_size=500)
    return moved
