"""What this app itself keeps about a profile: moved on a merge, shown on request, erased."""

from collections.abc import Collection, Iterator
from uuid import UUID

from django.db.models import Q

from apps.profiles import contacts, splitting, state, vault
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.models import (
    Contact,
    Due,
    Duplicate,
    Identity,
    IdentityLink,
    KeptApart,
    MergeRecord,
    Profile,
    ProfileState,
    SubjectKey,
    Trait,
    TraitChange,
)
from apps.work import services as work


def _reassign(from_profile: UUID, to_profile: UUID) -> int:
    """The state rows are folded into one another by whoever merges, under their locks."""
    owned = (Identity, IdentityLink, Trait, TraitChange, SubjectKey)
    moved = sum(
        model._default_manager.filter(profile_id=from_profile).update(profile_id=to_profile)
        for model in owned
    )
    moved += splitting.move_apart(from_profile, to_profile)
    moved += contacts.move(from_profile, to_profile)
    pairs = Duplicate.objects.filter(Q(one=from_profile) | Q(other=from_profile))
    pairs.filter(state=Duplicate.State.OPEN).delete()  # found again, of the winner
    return moved + Due.objects.filter(pk=from_profile).delete()[0]


def _export(profile_id: UUID) -> Iterator[JSON]:
    for identity in Identity.objects.filter(profile_id=profile_id).order_by("id"):
        yield {
            "identity": identity.kind,
            "value": identity.value,
            "createdAt": identity.created_at.isoformat(),
        }
    keys = vault.keys_of_profile(profile_id)
    for change in TraitChange.objects.filter(profile_id=profile_id).order_by("id"):
        yield {
            "trait": change.key,
            "value": change.value if keys is None else keys.open(change.key, change.value),
            "source": change.source,
            "observedAt": change.observed_at.isoformat(),
            "receivedAt": change.received_at.isoformat(),
            "messageId": change.message_id,
        }


def _erase(profile_id: UUID) -> int:
    """The profile row goes last: everything of this app hangs on it.

    Those merged into it go too: their bucketing keys are identifiers.
    """
    person = Q(pk=profile_id) | Q(merged_into_id=profile_id)
    ids = list(Profile.objects.filter(person).values_list("pk", flat=True))
    vault.destroy(ids)
    _leave_devices(ids)
    return Profile.objects.filter(person).delete()[0]


def _leave_devices(person: Collection[UUID]) -> None:
    """Let devices that others use too lead to the one who used them last: they stay known."""
    shared = Identity.objects.filter(profile_id__in=person, is_shared=True).order_by("pk")
    for identity in shared.select_for_update():
        others = IdentityLink.objects.filter(identity=identity).exclude(profile_id__in=person)
        last = others.order_by("-since").values_list("profile_id", flat=True).first()
        for row in state.lock([last]) if last is not None else []:
            Identity.objects.filter(pk=identity.pk).update(profile_id=row.profile_id)
            row.add_identity(identity.kind, identity.value)
            state.save([row])


def _feed_reassign(from_profile: UUID, to_profile: UUID) -> int:
    """The feed says what was true when it was written: its readers meet the merge in it, too."""
    return 0


def _feed_divide(division: Division) -> int:
    """As with a merge: the split gets a line of its own."""
    return 0


def _feed_export(profile_id: UUID) -> Iterator[JSON]:
    """It holds notices about rows that others export, nothing of its own."""
    return iter(())


# The feed belongs to an app below this one, which knows no profiles.
FEED_HOLDER = PersonalDataHolder(
    name="change feed",
    tables=("work_changefeed",),
    reassign=_feed_reassign,
    export=_feed_export,
    erase=work.forget_in_feed,
    divide=_feed_divide,
)


HOLDER = PersonalDataHolder(
    name=splitting.HOLDER,
    tables=tuple(
        model._meta.db_table
        for model in (
            Profile,
            Identity,
            IdentityLink,
            Trait,
            TraitChange,
            MergeRecord,
            KeptApart,
            ProfileState,
            Due,
            SubjectKey,
            Contact,
            Duplicate,
        )
    ),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=splitting.divide,
    keep=splitting.keep,
)
