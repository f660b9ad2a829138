"""What this app itself keeps about a profile: moved on a merge, shown on request, erased."""

from collections.abc import Iterator
from uuid import UUID

from apps.profiles.holders import JSON, PersonalDataHolder
from apps.profiles.models import (
    Due,
    Identity,
    IdentityLink,
    MergeRecord,
    Profile,
    ProfileState,
    Trait,
    TraitChange,
)


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    """The state rows are folded into one another by whoever merges, under their locks."""
    owned = (Identity, IdentityLink, Trait, TraitChange)
    moved = sum(
        model._default_manager.filter(profile_id=from_profile).update(profile_id=to_profile)
        for model in owned
    )
    return moved + Due.objects.filter(pk=from_profile).delete()[0]


def _export(profile_id: UUID) -> Iterator[JSON]:
    identities = Identity.objects.filter(profile_id=profile_id)
    for row in identities.values("kind", "value", "created_at"):
        yield {"kind": "identity", "identity": row}
    changes = TraitChange.objects.filter(profile_id=profile_id).order_by("id")
    for change in changes.values("key", "value", "source", "observed_at", "received_at"):
        yield {"kind": "trait", "trait": change}


def _erase(profile_id: UUID) -> int:
    """The profile row goes last: everything of this app hangs on it."""
    return Profile.objects.filter(pk=profile_id).delete()[0]


HOLDER = PersonalDataHolder(
    name="profiles",
    tables=tuple(
        model._meta.db_table
        for model in (Identity, IdentityLink, Trait, TraitChange, MergeRecord, ProfileState, Due)
    ),
    reassign=_reassign,
    export=_export,
    erase=_erase,
)
