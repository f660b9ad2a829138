"""Whether the record is one that knows of every erasure: a restored backup is older than some.

The ledger beside the database (ledger_file.py) names each completed erasure. While the database
lacks one of them, nothing serves: see apps/work/holding_back.py and `manage.py replay_erasures`.
"""

from datetime import datetime, timedelta
from typing import Final

from apps.access.models import Site
from apps.privacy import ledger_file
from apps.privacy.ledger_file import Entry
from apps.privacy.models import Erasure
from apps.work import clock

# Backups are kept 35 days; records of erasures are deleted after two years.
LOOKED_AT: Final = timedelta(days=400)
# Between its line in the ledger and the commit that completes it an erasure is not missing.
COMMITTING: Final = timedelta(minutes=10)


def missing(now: datetime) -> list[Entry]:
    """Return the erasures that the database does not know of as completed, oldest first.

    No statement without a ledger, else two. Sites that are not in the database are left out.
    """
    if ledger_file.is_empty():
        return []
    entries = [one for one in ledger_file.entries() if one.completed_at > now - LOOKED_AT]
    states = dict(
        Erasure.objects.filter(pk__in=[one.erasure_id for one in entries]).values_list(
            "pk", "state"
        )
    )
    found = [one for one in entries if not _is_done(states.get(one.erasure_id), one, now)]
    if not found:
        return []
    known = {one.site_id for one in found}
    sites = set(Site.objects.filter(pk__in=known).values_list("pk", flat=True))
    return [one for one in found if one.site_id in sites]


def why_held() -> str:
    """Say why nothing may be served; empty: it may."""
    count = len(missing(clock.now()))
    if not count:
        return ""
    erasures = "1 erasure" if count == 1 else f"{count:,} erasures"
    return (
        f"the database is older than the erasure ledger: {erasures} must be replayed first"
        " (manage.py replay_erasures)"
    )


def _is_done(state: str | None, entry: Entry, now: datetime) -> bool:
    if state is None or state == Erasure.State.COMPLETED:
        return state is not None
    return entry.completed_at > now - COMMITTING
