"""How segments stand: size, how fresh that is, how far it has moved, and how members convert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from apps.access.small_cells import suppress_list, told
from apps.segments.models import Segment, SegmentBaseline, SegmentVersion
from apps.segments.publication_checks import offered_tags
from apps.segments.selectors import request_segments

DRIFT: Final = 0.25  # of the size at publication: beyond it somebody should look
LEAST_DRIFTED: Final = 50  # people: in small segments a few make a large share


@dataclass(frozen=True, slots=True)
class Standing:
    """One visible segment, as the overview and the API tell it.

    Attributes:
        state: "draft", "building", "live" or "archived".
        size: members now; None where nobody is kept as a member, or fewer than ten are.
        is_small: there are fewer than ten, which are not counted aloud.
        as_of: everything up to then is in `size`; None where nothing is live.
        lag_s: how long before now that is.
        drift: (size - size at publication) / size at publication; None where that is not known, or
            one of them is small.
        needs_a_look: the size moved so far that thresholds may no longer fit.
    """

    id: UUID
    key: str
    name: str
    kind: str
    state: str
    version: int | None
    tags: list[str]
    size: int | None
    is_small: bool
    as_of: datetime | None
    lag_s: float | None
    refreshed_at: datetime | None
    refresh_every_s: int | None
    depends_on_request: bool
    drift: float | None
    needs_a_look: bool
    baseline: "Baseline | None"


@dataclass(frozen=True, slots=True)
class Baseline:
    """Shares in [0, 1] of people with any event in `days` who reached the goal in them.

    Attributes:
        members: None below ten, as are the rates then.
        members_rate, everyone_rate: None where there is nobody to divide by.
        lift: relative change of members over everyone, 0.5 is half as many again.
    """

    goal: str
    days: int
    members: int | None
    members_rate: float | None
    everyone_rate: float | None
    lift: float | None
    measured_at: datetime


_SIZES = """
SELECT segment_id, count(*) FROM segments_membership
WHERE segment_id = ANY(%s::uuid[]) AND left_at IS NULL GROUP BY segment_id
"""
# What waits in the inbox is not in any size yet. Parts below zero are set aside.
_WAITING = "SELECT min(received_at) FROM events_inbox WHERE site_id = %s AND part >= 0"


def standings(site_id: UUID, *, now: datetime, keys: Sequence[str] | None = None) -> list[Standing]:
    """Return the visible segments by key, archived ones left out. Five queries.

    Args:
        keys: only these.
    """
    rows = Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)
    if keys is not None:
        rows = rows.filter(key__in=keys)
    segments = list(rows.order_by("key"))
    asking = request_segments(site_id)
    current = SegmentVersion.objects.filter(segment__in=segments).exclude(
        state=SegmentVersion.State.SUPERSEDED
    )
    by_segment: dict[UUID, list[SegmentVersion]] = {}
    for version in current.select_related("baseline").order_by("number"):
        by_segment.setdefault(version.segment_id, []).append(version)
    with connection.cursor() as cursor:
        ids = "{" + ",".join(str(segment.pk) for segment in segments) + "}"
        cursor.execute(_SIZES, [ids])
        sizes = dict(cursor.fetchall())
    as_of = _as_of(site_id, now)
    return [
        _standing(
            segment,
            by_segment.get(segment.pk, []),
            sizes.get(segment.pk, 0),
            as_of,
            now,
            depends_on_request=segment.key in asking,
        )
        for segment in segments
    ]


def _as_of(site_id: UUID, now: datetime) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [str(site_id)])
        (oldest,) = cursor.fetchone()
    return now if oldest is None else min(oldest, now)


def _standing(
    segment: Segment,
    versions: Sequence[SegmentVersion],
    size: int,
    as_of: datetime,
    now: datetime,
    *,
    depends_on_request: bool,
) -> Standing:
    live = next((v for v in versions if v.state == SegmentVersion.State.LIVE), None)
    is_kept = live is not None and not depends_on_request
    counted = live if is_kept else None
    return Standing(
        id=segment.pk,
        key=segment.key,
        name=segment.name,
        kind=segment.kind,
        state=versions[-1].state if versions else "draft",
        version=None if live is None else live.number,
        tags=offered_tags(segment.key, segment.tags),
        size=told(size) if is_kept else None,
        is_small=is_kept and told(size) is None,
        as_of=as_of if is_kept else None,
        lag_s=(now - as_of).total_seconds() if is_kept else None,
        refreshed_at=None if live is None else live.refreshed_at,
        refresh_every_s=segment.refresh_every_s,
        depends_on_request=depends_on_request,
        drift=None if counted is None else drift_of(counted, size),
        needs_a_look=counted is not None and has_moved_far(counted, size),
        baseline=None if live is None else baseline_of(live),
    )


def drift_of(live: SegmentVersion, size: int) -> float | None:
    """How far a size is from that at publication, as a share of that; None where not known."""
    if not live.first_size or told(live.first_size) is None or told(size) is None:
        return None
    return (size - live.first_size) / live.first_size


def has_moved_far(live: SegmentVersion, size: int) -> bool:
    """Whether somebody should look whether the thresholds still fit."""
    drift = drift_of(live, size)
    if drift is None or abs(drift) <= DRIFT:
        return False
    return abs(size - (live.first_size or 0)) >= LEAST_DRIFTED


def recalibrations(site_id: UUID, *, now: datetime) -> list[Standing]:
    """Return the segments whose size has moved far since publication, the farthest first."""
    moved = [one for one in standings(site_id, now=now) if one.needs_a_look]
    return sorted(moved, key=lambda one: -abs(one.drift or 0.0))


def due_for_refresh(now: datetime) -> list[UUID]:
    """Return the sites with a segment whose own cadence says that it is time. One query."""
    rows = SegmentVersion.objects.filter(
        state=SegmentVersion.State.LIVE,
        segment__is_archived=False,
        segment__refresh_every_s__isnull=False,
    ).values_list("segment__site_id", "segment__refresh_every_s", "refreshed_at")
    return sorted(
        {
            site_id
            for site_id, every_s, refreshed_at in rows
            if refreshed_at is None or now - refreshed_at >= timedelta(seconds=every_s or 0)
        }
    )


def baseline_of(version: SegmentVersion) -> Baseline | None:
    """How members of a version convert; None before the first measurement."""
    row: SegmentBaseline | None = getattr(version, "baseline", None)
    if row is None:
        return None
    members = _rate(row.members_converted, row.members)
    everyone = _rate(row.everyone_converted, row.everyone)
    lift = members / everyone - 1 if members is not None and everyone else None
    return Baseline(row.goal, row.days, told(row.members), members, everyone, lift, row.measured_at)


def _rate(converted: int, people: int) -> float | None:
    """The share of people who did; not where who did or who did not are fewer than ten."""
    shown, whole = suppress_list([converted, people - converted], is_total_shown=True)
    return None if shown[0] is None or not whole else converted / people
