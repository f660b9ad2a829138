"""What was stored before a trait was to be encrypted, brought into the form that it has now.

In batches under the locks of the state rows, as whoever writes them beside the fold. What has its
form already is passed over, so it may be broken off and begun again at any time.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.profiles import contacts, state, trait_kinds, vault
from apps.profiles.models import ProfileState, Trait, TraitChange
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.profiles.trait_kinds import Kinds
from apps.profiles.vault import Keys

BATCH: Final = 300  # profiles under lock at once


def batches_of(site_id: UUID) -> Iterator[list[UUID]]:
    """Yield the ids of a site's profiles in their order, a batch at a time. One statement each."""
    rows = ProfileState.objects.filter(site_id=site_id).order_by("profile_id")
    after: UUID | None = None
    while True:
        found = rows if after is None else rows.filter(profile_id__gt=after)
        ids = list(found.values_list("profile_id", flat=True)[:BATCH])
        if not ids:
            return
        yield ids
        after = ids[-1]


@transaction.atomic
def bring_up_to_date(site_id: UUID, profile_ids: Sequence[UUID]) -> int:
    """Seal and open the traits of profiles as their kinds are now; return how many people changed.

    The blind index of all of them is brought up to date, too.
    """
    kinds = trait_kinds.kinds_of(site_id)
    rows = [row for row in state.lock(profile_ids) if row.merged_into is None]
    changes = _others(TraitChange, [row.profile_id for row in rows], kinds)
    traits = _others(Trait, [row.profile_id for row in rows], kinds)
    lacking = [row for row in rows if _wrong_names(row, kinds)]
    concerned = {one.profile_id for one in (*changes, *traits)}
    concerned |= {row.profile_id for row in lacking}
    ids = [row.profile_id for row in rows]
    keys = vault.keys_of(site_id, ids, made_for=sorted(concerned))
    for row in lacking:
        for name in _wrong_names(row, kinds):
            value, *rest = row.traits[name]
            row.traits[name] = (_as_kept(keys[row.profile_id], kinds, name, value), *rest)
    for one in (*changes, *traits):
        one.value = _as_kept(keys[one.profile_id], kinds, one.key, one.value)
    TraitChange.objects.bulk_update(changes, ["value"], batch_size=500)
    Trait.objects.bulk_update(traits, ["value"], batch_size=500)
    contacts.replace(
        site_id,
        {row.profile_id: contacts.contacts_in(row, keys.get(row.profile_id)) for row in rows},
    )
    if lacking:
        state.save(lacking)
        states_changing.send(sender=None, rows=lacking)
        transaction.on_commit(lambda: states_changed.send(sender=None, rows=lacking))
    return len(concerned)


def _wrong_names(row: StateRow, kinds: Kinds) -> list[str]:
    return [name for name, entry in row.traits.items() if _is_wrong(kinds, name, entry[0])]


def _is_wrong(kinds: Kinds, name: str, value: object) -> bool:
    """Whether a value is clear and must not be, or the other way round."""
    return value is not None and kinds.is_encrypted(name) != vault.is_sealed(value)


def _as_kept(keys: Keys, kinds: Kinds, name: str, value: Any) -> Any:
    """Return a value in its form; a token that no key opens stays one."""
    if kinds.is_encrypted(name):
        return value if vault.is_sealed(value) else keys.seal(name, value)
    plain = keys.open(name, value)
    return value if plain is None else plain


def _others(
    model: type[Trait] | type[TraitChange], profile_ids: Sequence[UUID], kinds: Kinds
) -> list[Any]:
    rows = model._default_manager.filter(profile_id__in=profile_ids)
    return [row for row in rows.iterator(1_000) if _is_wrong(kinds, row.key, row.value)]
