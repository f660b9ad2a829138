"""The end of a yes: by its time, or because the notice has changed in what matters.

Decisions and intake do not wait for this: from its end on they take a yes for none. Here it becomes
a state of its own, with an entry of the ledger, and what was collected under it is cleared.
"""

import logging
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.access.selectors import regime_of
from apps.consent import endings, state, writing
from apps.consent.circumstances import Circumstances
from apps.consent.models import ConsentEvent
from apps.consent.regimes import Found
from apps.consent.state import Consents
from apps.consent.types import names_of
from apps.consent.writing import Entered
from apps.profiles import state as rows_of
from apps.profiles.splitting import identities_of
from apps.profiles.state import StateRow
from apps.work import clock
from apps.work import services as work
from apps.work.types import Work

logger = logging.getLogger(__name__)

RENEW: Final = "consent.renew"
BATCH: Final = 200
MOST: Final = 20_000  # in one run of the schedule
_GRANTED: Final = """
SELECT profile_id FROM profiles_profilestate
WHERE site_id = %s AND profile_id > %s AND granted & ~1 <> 0 AND merged_into IS NULL
ORDER BY profile_id LIMIT %s
"""

Over = Callable[[Consents], int]  # the purposes whose yes has ended, as bits


def expire(*, now: datetime, most: int = MOST) -> int:
    """Write down the yeses that have ended by their time, the earliest first; return of how many.

    Rows that somebody else holds are left for the next time. Safe to run twice.
    """
    now_ms = clock.to_ms(now)
    total = 0
    while total < most:
        found = endings.over_by(now, BATCH)
        done = _end(found, partial(_over, now_ms=now_ms), now, "time") if found else 0
        total += done
        if not done or len(found) < BATCH:
            break
    return total


def _over(consents: Consents, now_ms: int) -> int:
    return state.over(consents, now_ms)


def ask_to_renew(*, site_id: UUID, version: str, now: datetime) -> None:
    """Have every yes to another text than this version end: it changes what matters."""
    work.ask(
        RENEW,
        key=f"{site_id.hex}:{version}",
        site_id=site_id,
        payload={"version": version},
        queue="slow",
        now=now,
    )


@work.performs(RENEW)
def _renew(job: Work, now: datetime) -> None:
    assert job.site_id is not None
    renew(site_id=job.site_id, version=job.payload["version"], now=now, progress=job.progress)


def renew(
    *,
    site_id: UUID,
    version: str,
    now: datetime,
    progress: Callable[[int, int, str], Any] | None = None,
) -> int:
    """End every yes of a site to another text than this version; return of how many profiles.

    Refusals stay as they are. A yes that is said meanwhile is to the new text, and stays too.
    """
    is_other = partial(state.granted_under_another, notice=version)
    seen = total = 0
    after = UUID(int=0)
    while found := _granted_after(site_id, after):
        total += _end(found, is_other, now, "material_notice", skip_locked=False)
        seen, after = seen + len(found), found[-1]
        if progress is not None:
            progress(seen, seen, "profiles")
    return total


def _granted_after(site_id: UUID, after: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_GRANTED, [str(site_id), str(after), BATCH])
        return [profile_id for (profile_id,) in cursor.fetchall()]


@transaction.atomic
def _end(
    profile_ids: Collection[UUID],
    over: Over,
    now: datetime,
    reason_code: str,
    *,
    skip_locked: bool = True,
) -> int:
    rows = rows_of.lock(profile_ids, skip_locked=skip_locked)
    regimes = {site_id: regime_of(site_id) for site_id in {row.site_id for row in rows}}
    changed = []
    for row in rows:
        ended = over(writing.consents_of(row))
        if ended and row.merged_into is None:
            _enter(row, ended, regimes[row.site_id], now, reason_code)
            changed.append(row)
        else:
            endings.note([row])  # it was said anew meanwhile
    writing.save(changed, now)
    return len(rows)


def _enter(row: StateRow, ended: int, regime: str, now: datetime, reason_code: str) -> None:
    how = Circumstances(
        method="system",
        now=now,
        found=Found(regime, "site"),
        actor_kind="system",
        reason_code=reason_code,
    )
    entered = Entered(
        circumstances=how,
        purposes=dict.fromkeys(names_of(ended), False),
        no=ended,
        kind=ConsentEvent.Kind.EXPIRED,
    )
    identity = next(iter(identities_of(row.profile_id)), None)
    if identity is None:  # nobody leads there any more: an entry would be nobody's
        said = state.Said(clock.to_ms(now), entered.kind, no=ended)
        writing.put(row, state.after(writing.consents_of(row), said), clock.to_ms(now))
        return
    writing.enter(row, identity.pk, (row.site_id, identity.kind, identity.value), entered)
