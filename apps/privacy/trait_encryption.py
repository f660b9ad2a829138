"""Everything of a site brought under the kinds that its traits have now: see docs/privacy.md.

Asked for when somebody marks a trait, and by `manage.py encrypt_traits` after an upgrade.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from apps.events import clear_traits
from apps.profiles import encrypting, trait_kinds
from apps.profiles.models import ProfileState, TraitKind
from apps.segments import list_blinding
from apps.work import clock
from apps.work import services as work

ENCRYPT: Final = "privacy.encrypt_traits"
# Until every process has read the kinds again.
SETTLED: Final = timedelta(seconds=2 * trait_kinds.KEPT_S)


class Encrypted(NamedTuple):
    """What was brought into another form."""

    people: int = 0
    events: int = 0
    entries: int = 0


def encrypt_site(site_id: UUID, progress: Callable[[int, int, str], None]) -> Encrypted:
    """Bring profiles, their events' contexts and the entries of lists of a site up to date.

    Repeatable, and resumed by being called again: what is done is passed over.

    Args:
        progress: told (done, total, what) after each batch.
    """
    trait_kinds.forget_kept()
    entries = list_blinding.blind_old(site_id)
    total = ProfileState.objects.filter(site_id=site_id).count()
    people = events = done = 0
    for ids in encrypting.batches_of(site_id):
        kinds = trait_kinds.kinds_of(site_id)
        people += encrypting.bring_up_to_date(site_id, ids)
        events += clear_traits.drop_clear(ids, kinds.is_encrypted)
        done += len(ids)
        progress(done, total, "profiles")
    return Encrypted(people, events, entries)


def ask(site_id: UUID, *, now: datetime) -> None:
    """Have it done soon, after the present transaction has been committed."""
    work.ask(
        ENCRYPT, key=site_id.hex, site_id=site_id, payload={}, run_after=now + SETTLED, now=now
    )


@work.performs(ENCRYPT)
def perform(task: work.Work, now: datetime) -> None:
    """Carry out the intent."""
    assert task.site_id is not None
    encrypt_site(task.site_id, task.progress)


def follow(instance: TraitKind, **_: Any) -> None:
    """A trait was marked, or is not any more: what is stored follows."""
    trait_kinds.forget_kept()
    ask(instance.site_id, now=clock.now())
