"""What was bought before anything asked: told from stored events once a recommender filters it.

Until it is done a list may still hold what somebody bought earlier; from then on every fold keeps
it up to date.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.pipeline import bought
from apps.profiles import state
from apps.profiles.signals import states_changed, states_changing
from apps.recommendations.selectors import purchases_wanted
from apps.work import services as work
from apps.work.types import Progress

FILL: Final = "pipeline.fill_bought"
AT_ONCE: Final = 200

_BUYERS = """
SELECT DISTINCT e.profile_id FROM events_personal e
WHERE e.site_id = %s AND e.name = ANY(%s) ORDER BY e.profile_id
"""


def ask(site_id: UUID, now: datetime) -> None:
    """Ask a worker to tell of every earlier buyer of a site what they bought."""
    work.ask(FILL, key="bought", site_id=site_id, payload={"site_id": site_id.hex}, now=now)


def fill(site_id: UUID, progress: Progress) -> int:
    """Give everybody who has bought something the trait; return how many. Safe to run twice."""
    names = purchases_wanted(site_id).names
    if not names:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_BUYERS, [str(site_id), sorted(names)])
        buyers = [profile_id for (profile_id,) in cursor.fetchall()]
    done = 0
    for begin in range(0, len(buyers), AT_ONCE):
        progress(begin, len(buyers), "Reading what was bought")
        done += _fill(buyers[begin : begin + AT_ONCE])
    progress(len(buyers), len(buyers), "Done")
    return done


def _fill(profile_ids: Sequence[UUID]) -> int:
    with transaction.atomic():
        rows = [row for row in state.lock(profile_ids) if row.merged_into is None]
        # Who has the trait may have it for fewer days, or of another event, than is asked now.
        before = {row.profile_id: row.traits.get(bought.TRAIT) for row in rows}
        for row in rows:
            bought.reload(row)
        changed = [row for row in rows if row.traits.get(bought.TRAIT) != before[row.profile_id]]
        state.save(changed)
        states_changing.send(None, rows=changed)
    states_changed.send(None, rows=changed)
    return len(changed)
