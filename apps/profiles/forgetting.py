"""Observations of traits that may not be kept any more: they go, and what stood on them."""

from datetime import datetime
from typing import Final
from uuid import UUID

from apps.profiles import trait_kinds
from apps.profiles.models import Contact, Trait, TraitChange

# Of uploaded lists: who uploaded them had a reason of their own.
LISTED: Final = "list."


def forget_observations(
    site_id: UUID,
    profile_id: UUID,
    *,
    before_epoch: int,
    until: datetime,
    only_sensitive: bool = False,
) -> tuple[int, set[str]]:
    """Delete what was observed under a lower consent epoch and came in until then.

    A trait that was observed again since is kept as it is. Where no observation is left, the person
    cannot be looked up by an address or a number any more.

    Returns how many rows are gone, and the traits of which nothing is left: the caller holds the
    state row, and takes these out of it.
    """
    changes = TraitChange.objects.filter(
        profile_id=profile_id, consent_epoch__lt=before_epoch, received_at__lte=until
    ).exclude(key__startswith=LISTED)
    keys = set(changes.values_list("key", flat=True).distinct())
    if only_sensitive:
        kinds = trait_kinds.kinds_of(site_id)
        keys = {key for key in keys if kinds.of(key) == trait_kinds.SENSITIVE}
        changes = changes.filter(key__in=keys)
    gone = changes.delete()[0]
    left = TraitChange.objects.filter(profile_id=profile_id).exclude(key__startswith=LISTED)
    kept = set(left.values_list("key", flat=True))
    if not kept:
        Contact.objects.filter(profile_id=profile_id).delete()
    rows = Trait.objects.filter(profile_id=profile_id, key__in=keys - kept)
    return int(gone + rows.delete()[0]), keys - kept
