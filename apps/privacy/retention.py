"""Retention: what is kept how long, removed every day when its time is over, and the proof of it.

Each kind of data goes by itself and in every state; one that fails leaves a row that says so and
does not keep the others. A run that is killed is simply run again; two at once remove no more
than one does.
"""

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.access import keeping
from apps.access.models import Site
from apps.consent import disclosures, tombstones
from apps.events import retention as events
from apps.predictions import retention as predictions
from apps.privacy import retention_people as people
from apps.privacy.models import RetentionRun
from apps.privacy.retention_kinds import GENERAL, ROWS, Kind, Removed
from apps.work import clock

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did with one kind of one site, or would have done."""

    kind: Kind
    site_id: UUID | None
    days: int
    cutoff: datetime
    state: str
    removed: Removed
    oldest_left: datetime | None
    took_ms: int
    problem: str = ""


def kinds() -> tuple[Kind, ...]:
    """Return every kind of data that is kept for a time, in the order in which they go."""
    return (_EVENTS, _TRAITS, _PROFILES, *ROWS, _REQUESTS, _ARTIFACTS, _TOMBSTONES, *GENERAL)


def run(*, now: datetime, only: Collection[str] = (), is_dry: bool = False) -> Iterator[Outcome]:
    """Remove what is over of every kind and site; yield what was done, kind by kind.

    Args:
        only: keys of kinds; all if empty.
        is_dry: remove nothing and write no proof; the outcomes say what would go.
    """
    sites = list(Site.objects.order_by("created_at"))
    for kind in kinds():
        if only and kind.key not in only:
            continue
        for site in sites if kind.is_of_sites else [None]:
            outcome = _one(kind, site, now, is_dry=is_dry)
            if not is_dry:
                _prove(outcome, now)
            yield outcome


def days_of(kind: Kind, site: Site | None) -> int:
    """Return for how many days a kind is kept, of a site."""
    if kind.days is not None or site is None:
        return kind.days if kind.days is not None else keeping.DAYS[kind.key]
    return keeping.days_of(site, kind.key)


def _one(kind: Kind, site: Site | None, now: datetime, *, is_dry: bool) -> Outcome:
    days = days_of(kind, site)
    cutoff, site_id = now - timedelta(days=days), None if site is None else site.pk
    began, removed, problem, left = time.monotonic(), Removed(), "", None
    state = str(RetentionRun.State.DONE)
    try:
        removed = kind.carry_out(site_id, cutoff, is_dry=is_dry)
        left = kind.oldest_left(site_id)
        if removed.is_partly:
            state = RetentionRun.State.PARTLY
    except Exception as error:
        # Its name alone: what a database says of a row may hold what stands in it.
        problem, state = type(error).__name__, RetentionRun.State.FAILED
        logger.exception("privacy.retention_failed", extra={"kind": kind.key, "site": site_id})
    took_ms = int((time.monotonic() - began) * 1000)
    return Outcome(kind, site_id, days, cutoff, state, removed, left, took_ms, problem)


def _prove(outcome: Outcome, now: datetime) -> None:
    removed = outcome.removed
    proof: dict[str, object] = {"tables": removed.tables, **removed.notes}
    if outcome.problem:
        proof["problem"] = outcome.problem
    if outcome.kind.elsewhere:
        proof["elsewhere"] = outcome.kind.elsewhere
    RetentionRun.objects.create(
        site_id=outcome.site_id,
        kind=outcome.kind.key,
        at=now,
        state=outcome.state,
        days=outcome.days,
        cutoff=outcome.cutoff,
        removed=0 if outcome.kind.elsewhere else removed.rows,
        partitions=removed.partitions,
        oldest_left=outcome.oldest_left,
        took_ms=outcome.took_ms,
        proof=proof,
    )


# Kinds that are more than rows of a table


def _events(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    """Whole months that are over for every site, rows, what waits aside; what was made of them."""
    assert site_id is not None, "events are of a site"
    removed = Removed()
    if is_dry:
        removed.add("events_event", events.count_before(site_id, cutoff))
        return removed
    kept = dict(Site.objects.values_list("pk", "retention_days"))
    longest = cutoff - timedelta(days=max(kept.values()) - kept[site_id])
    for month in events.over(longest):
        dropped = events.drop(month)
        if dropped is None:
            removed.is_partly = True
            continue
        removed.partitions += 1
        removed.add("events_event", dropped)
    if not removed.is_partly:
        removed.add("events_event", events.delete_before(site_id, cutoff))
    removed.add("events_inbox", events.delete_set_aside(site_id, cutoff))
    if not removed.is_partly:
        removed.notes["people"] = events.settle(site_id, cutoff)
    for path in events.refused_files(cutoff):
        path.unlink(missing_ok=True)
        removed.add("files of a journal", 1)
    return removed


def _artifacts(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    assert site_id is not None, "models are of a site"
    removed = Removed()
    if is_dry:
        removed.add("files of models", len(predictions.over(site_id, cutoff)))
    else:
        pruned = predictions.prune_artifacts(site_id, cutoff, now=clock.now())
        removed.add("files of models", pruned)
    return removed


def _oldest_artifact(site_id: UUID | None) -> datetime | None:
    return None if site_id is None else predictions.oldest(site_id)


def _tombstones(site_id: UUID | None, cutoff: datetime, is_dry: bool) -> Removed:
    removed = Removed()
    if not is_dry:
        now = cutoff + timedelta(days=tombstones.KEPT_DAYS)
        removed.add("consent_tombstone", tombstones.forget_old(now=now))
        removed.add("consent_disclosure", disclosures.forget_old(now=now))
    return removed


_EVENTS: Final = Kind(
    "events",
    "Events",
    "What visitors did. Segments, counts and histories forget it too. Also what was set aside"
    " because it could not be read.",
    act=_events,
    oldest=lambda site_id: None if site_id is None else events.oldest(site_id),
)
_TRAITS: Final = Kind(
    "traits",
    "Earlier values of traits",
    "What a trait was before. The present value stays as long as the person does.",
    act=people.superseded_traits,
)
_PROFILES: Final = Kind(
    "profiles",
    "Visitors without activity",
    "The profile and everything that is kept of the person. Who comes back is somebody new. People"
    " whose data is restricted, or who have asked for something, stay.",
    act=people.idle_profiles,
    oldest=people.oldest_profile,
)
_REQUESTS: Final = Kind(
    "requests",
    "Requests of people",
    "What people asked for and what was done, in every state, without the erased data. Seals stay.",
    act=people.old_requests,
    oldest=people.oldest_request,
)
_ARTIFACTS: Final = Kind(
    "artifacts",
    "Files of models",
    "Trained models; three of each question at most. The one that scores stays until another does.",
    act=_artifacts,
    oldest=_oldest_artifact,
)
_TOMBSTONES: Final = Kind(
    "tombstones",
    "Tombstones",
    "Keyed digests by which erased people are known again. They live as long as old events are"
    " taken, if that is longer.",
    days=tombstones.KEPT_DAYS,
    act=_tombstones,
    oldest=lambda _: tombstones.oldest(),
    slack=timedelta(days=keeping.MOST),
    is_of_sites=False,
)
