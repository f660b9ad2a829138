"""Names that an editor may mean: events, properties, traits, segments, lists, models of a site.

They are suggestions: a name that is not among them may be typed. So a sample of what is stored is
enough, and a slow table is no reason to wait.
"""

import logging
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection, transaction

from apps.segments.models import ComputedTrait, Segment, SegmentList, SegmentVersion
from engine.conditions.parse_leaves import COMPUTED_PREFIX

logger = logging.getLogger(__name__)

LIMIT_MS: Final = 500
# Traits that have a field, or names, of their own.
OURS: Final = ("score.", "edge.", "list.", "computed")
_MOST: Final = 500  # names of a kind

# What the tracker sends by itself, for a site that has stored nothing yet.
STANDARD: Final[dict[str, list[str]]] = {
    "Page Viewed": ["page_view_id", "path", "title", "url", "page_type"],
    "Page Heartbeat": ["active_ms", "page_view_id"],
    "Page Left": ["active_ms", "page_view_id", "scroll_depth"],
    "Section Viewed": ["section", "visible_ms", "page_view_id"],
    "Element Hovered": ["element", "dwell_ms", "page_view_id"],
    "Exposure": ["placement", "block", "variant"],
    "Experiment Viewed": ["experiment_id", "variation_id"],
}
# Facts of a request that the decision works out; a call may send more.
CONTEXT: Final = (
    "device", "browser", "os", "url", "path", "referrer", "referrer_host", "locale", "language",
    "timezone", "local_hour", "weekday", "country", "visitor", "page.page_type", "page.product_id",
    "query.utm_source", "query.utm_medium", "query.utm_campaign",
)  # fmt: skip

_EVENTS: Final = "SELECT name FROM events_eventschema WHERE site_id = %s ORDER BY name LIMIT %s"
_PROPERTIES: Final = """
SELECT name, array_agg(DISTINCT key ORDER BY key) FROM (
  SELECT name, properties FROM events_personal
  WHERE site_id = %s AND occurred_at > now() - interval '60 days' LIMIT 2000
) recent, LATERAL jsonb_each(properties) AS p(key, value)
WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean')
GROUP BY name ORDER BY name LIMIT %s
"""
_TRAITS: Final = """
SELECT DISTINCT key FROM (
  SELECT traits FROM profiles_profilestate WHERE site_id = %s LIMIT 2000
) sampled, LATERAL jsonb_object_keys(traits) AS key ORDER BY key LIMIT %s
"""
_MODELS: Final = "SELECT key FROM predictions_modelspec WHERE site_id = %s ORDER BY key LIMIT %s"
_PLACEMENTS: Final = "SELECT key FROM content_placement WHERE site_id = %s ORDER BY key LIMIT %s"
_SEEN_LAST: Final = """
SELECT profile_id FROM profiles_profilestate WHERE site_id = %s AND merged_into IS NULL
ORDER BY last_seen_at DESC NULLS LAST LIMIT %s
"""


def seen_last(site_id: UUID) -> list[UUID]:
    """Return some of the people who were here last, the newest first; none where that is slow."""
    return [profile_id for (profile_id,) in _rows(_SEEN_LAST, site_id)]


def seen(site_id: UUID, *, but: UUID | None = None) -> dict[str, Any]:
    """Return the names of a site by what they name; `but` is a segment that is not offered.

    `properties` are by event. At most nine statements, each given up after half a second.
    """
    properties = {**STANDARD, **dict(_rows(_PROPERTIES, site_id))}
    names = {name for (name,) in _rows(_EVENTS, site_id)} | properties.keys()
    traits = [str(name) for (name,) in _rows(_TRAITS, site_id)]
    models = {str(name) for (name,) in _rows(_MODELS, site_id)}
    models |= {name[len("score.") :] for name in traits if name.startswith("score.")}
    relations = {name[len("edge.") :] for name in traits if name.startswith("edge.")}
    segments = Segment.objects.filter(
        site_id=site_id,
        is_hidden=False,
        is_archived=False,
        versions__state__in=[SegmentVersion.State.LIVE, SegmentVersion.State.BUILDING],
    )
    groups = Segment.objects.filter(site_id=site_id, draft_policy__has_key="group")
    computed = ComputedTrait.objects.filter(site_id=site_id).values_list("key", "name")
    plain = [name for name in traits if not name.startswith(OURS)]
    return {
        "events": sorted(names),
        "properties": {name: list(keys) for name, keys in properties.items()},
        "traits": [
            *([f"{COMPUTED_PREFIX}{key}", name] for key, name in computed.order_by("key")),
            *([name, ""] for name in plain),
        ],
        "context": [[name, ""] for name in CONTEXT],
        "segments": [
            [key, name]
            for pk, key, name in segments.distinct()
            .order_by("key")
            .values_list("pk", "key", "name")
            if pk != but
        ],
        "lists": [
            [key, name]
            for key, name in SegmentList.objects.filter(site_id=site_id)
            .order_by("key")
            .values_list("key", "name")
        ],
        "models": [[name, ""] for name in sorted(models)],
        "placements": [[name, ""] for (name,) in _rows(_PLACEMENTS, site_id)],
        "relations": [[name, ""] for name in sorted(relations | {"member_of"})],
        "groups": sorted(
            {str(one) for one in groups.values_list("draft_policy__group", flat=True)}
        ),
    }


def _rows(statement: str, site_id: UUID) -> list[tuple[Any, ...]]:
    """What one statement finds; nothing where that takes too long."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}")
            cursor.execute(statement, [str(site_id), _MOST])
            found: list[tuple[Any, ...]] = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
            return found
    except OperationalError:
        logger.warning("segments.names_too_slow", extra={"statement": statement.split()[0]})
        return []
