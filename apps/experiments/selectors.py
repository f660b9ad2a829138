"""What others read of experiments."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection

from apps.experiments.changes import changes_of
from apps.experiments.models import Experiment, Phase
from engine.change_words import change_words

__all__ = ["Exposed", "changes_in_words", "rules_in_arms", "segments_then"]

_THEN: Final = """
SELECT a.n, jsonb_agg(jsonb_build_array(g.key, v.number) ORDER BY g.key)
FROM unnest(%(sites)s::uuid[], %(profiles)s::uuid[], %(experiments)s::text[],
  %(ats)s::timestamptz[]) WITH ORDINALITY AS a(site_id, profile_id, experiment, at, n)
JOIN experiments_experiment x ON x.site_id = a.site_id AND x.key = a.experiment
JOIN LATERAL (
  SELECT h.segments, h.arms FROM experiments_phase h
  WHERE h.experiment_id = x.id ORDER BY h.number DESC LIMIT 1
) h ON true
JOIN segments_membership s ON s.profile_id = a.profile_id
  AND s.since <= a.at AND (s.left_at IS NULL OR s.left_at > a.at)
JOIN segments_segment g ON g.id = s.segment_id
JOIN segments_segmentversion v ON v.id = s.version_id
WHERE h.segments ? g.key OR EXISTS (
  SELECT FROM jsonb_array_elements(h.arms) arm,
    jsonb_each_text(coalesce(arm->'changes'->'segments', '{}')) swap
  WHERE g.key IN (swap.key, swap.value))
GROUP BY a.n
"""


class Exposed(NamedTuple):
    """Who was shown something of an experiment, and when."""

    site_id: UUID
    profile_id: UUID
    experiment: str
    at: datetime


def changes_in_words(document: Mapping[str, Any]) -> list[str]:
    """Return what an arm changes, one thing each; what cannot be read is said to be so."""
    try:
        return change_words(changes_of(document))
    except msgspec.ValidationError as error:
        return [f"changes that cannot be read: {error}"]


def segments_then(exposed: Sequence[Exposed]) -> list[list[list[Any]]]:
    """Return [[key, version], ...] of the segments that each of these was in then. One query.

    Of the segments that the experiment tells apart, and of those that its arms change.
    """
    found: list[list[list[Any]]] = [[] for _ in exposed]
    if not exposed:
        return found
    sites, profiles, experiments, ats = (list(column) for column in zip(*exposed, strict=True))
    values = {"sites": sites, "profiles": profiles, "experiments": experiments, "ats": ats}
    with connection.cursor() as cursor:
        cursor.execute(_THEN, values)
        for place, segments in cursor.fetchall():
            found[place - 1] = json.loads(segments) if isinstance(segments, str) else segments
    return found


def rules_in_arms(
    site_id: UUID, experiments: Collection[UUID] | None = None, *, that_run: bool = True
) -> frozenset[str]:
    """Return the keys of rules that arms put in a place: they are published though they are off.

    One query.

    Args:
        experiments: of these only.
        that_run: of those that run now; else of all phases that ever were.
    """
    rows = Phase.objects.filter(experiment__site_id=site_id)
    if experiments is not None:
        rows = rows.filter(experiment_id__in=list(experiments))
    if that_run:
        rows = rows.filter(ended_at=None, experiment__state=Experiment.State.RUNNING)
    return frozenset(
        other
        for arms in rows.values_list("arms", flat=True)
        for arm in arms
        for other in arm.get("changes", {}).get("rules", {}).values()
        if other is not None
    )
