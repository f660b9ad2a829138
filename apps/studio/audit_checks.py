"""The checks of the content audit that are questions to the database, one statement each.

Each names a thing, says what is so, and leads to it; what to do about it is said once for the kind
(`domain.problems_content`). At most MOST lines of a kind, the ones that matter most first.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse

from apps.decisions.findings import Found
from apps.segments.studies.boxed import FEWEST
from apps.studio.domain.problems_content import KINDS

MOST: Final = 200
STALE: Final = timedelta(days=180)
UNSERVED: Final = timedelta(days=30)
SOON: Final = timedelta(days=7)

_STALE: Final = """
SELECT v.id, v.block_id, b.name, v.name, v.published_at, d.calls
FROM content_variant v JOIN content_block b ON b.id = v.block_id
JOIN LATERAL (
  SELECT sum(s.calls)::bigint AS calls FROM decisions_servedday s
  JOIN content_placement p ON p.site_id = s.site_id AND p.key = s.placement AND p.block_id = b.id
  WHERE s.site_id = b.site_id AND s.variant = v.key AND s.day >= %(recent)s
) d ON d.calls > 0
WHERE b.site_id = %(site)s AND b.archived_at IS NULL AND v.archived_at IS NULL
  AND v.published_at < %(old)s
ORDER BY v.published_at, v.id LIMIT %(most)s
"""
_UNSERVED: Final = """
SELECT v.id, v.block_id, b.key, b.name, v.name
FROM content_variant v JOIN content_block b ON b.id = v.block_id
WHERE b.site_id = %(site)s AND b.archived_at IS NULL AND v.archived_at IS NULL
  AND v.version > 0 AND v.published_at < %(moment)s AND NOT v.is_default AND b.kind <> 'flag'
  AND (v.starts_at IS NULL OR v.starts_at < %(moment)s)
  AND EXISTS (SELECT 1 FROM decisions_countedday c
    WHERE c.site_id = b.site_id AND c.day <= %(day)s)
  AND EXISTS (SELECT 1 FROM content_placement p
    WHERE p.block_id = b.id AND p.is_enabled AND p.archived_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM decisions_servedday s
    JOIN content_placement p ON p.site_id = s.site_id AND p.key = s.placement AND p.block_id = b.id
    WHERE s.site_id = b.site_id AND s.variant = v.key AND s.day >= %(day)s)
ORDER BY b.name, v.name, v.id LIMIT %(most)s
"""
# In a rule's condition a segment is named by its key, in quotes.
_UNUSED: Final = """
SELECT s.id, s.name, c.people FROM segments_segment s
JOIN LATERAL (SELECT count(*) AS people FROM (
  SELECT FROM segments_membership m WHERE m.segment_id = s.id AND m.left_at IS NULL LIMIT 10000
) first) c ON c.people >= %(fewest)s
WHERE s.site_id = %(site)s AND NOT s.is_hidden AND NOT s.is_archived
  AND EXISTS (SELECT FROM segments_segmentversion o
    WHERE o.segment_id = s.id AND o.state = 'live')
  AND NOT EXISTS (SELECT 1 FROM content_variant_segments t JOIN content_variant v
    ON v.id = t.variant_id WHERE t.segment_id = s.id AND v.archived_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM content_theme_segments t JOIN content_theme h ON h.id = t.theme_id
    WHERE t.segment_id = s.id AND h.archived_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM rules_trigger t
    WHERE t.segment_id = s.id AND t.archived_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM rules_rule r WHERE r.site_id = s.site_id
    AND r.archived_at IS NULL AND strpos(r.condition::text, '"' || s.key || '"') > 0)
  AND NOT EXISTS (SELECT 1 FROM segments_segment other JOIN segments_segmentversion o
    ON o.segment_id = other.id AND o.state = 'live'
    WHERE other.site_id = s.site_id AND other.id <> s.id
      AND strpos(o.condition::text || o.policy::text, '"' || s.key || '"') > 0)
ORDER BY c.people DESC, s.name LIMIT %(most)s
"""
_NO_BLOCK: Final = """
SELECT p.id, p.name, p.key, b.name FROM content_placement p
LEFT JOIN content_block b ON b.id = p.block_id
WHERE p.site_id = %(site)s AND p.archived_at IS NULL AND (b.id IS NULL OR b.archived_at IS NOT NULL)
ORDER BY p.key LIMIT %(most)s
"""
_UNTRANSLATED: Final = """
SELECT b.id, b.name, l.locale, count(*), count(t.id)
FROM access_site s, jsonb_array_elements_text(s.locales) WITH ORDINALITY AS l(locale, place),
  content_block b, content_variant v
LEFT JOIN LATERAL (SELECT t.id FROM content_translation t
  WHERE t.variant_id = v.id AND t.locale = l.locale) t ON true
WHERE s.id = %(site)s AND l.place > 1 AND b.site_id = s.id AND b.archived_at IS NULL
  AND b.kind = 'content' AND v.block_id = b.id AND v.archived_at IS NULL
  AND (v.fields <> '{}' OR v.template <> '')
  AND EXISTS (SELECT 1 FROM content_placement p
    WHERE p.block_id = b.id AND p.archived_at IS NULL)
GROUP BY b.id, b.name, l.locale, l.place HAVING count(t.id) < count(*)
ORDER BY b.name, l.place LIMIT %(most)s
"""
_CONFLICTS: Final = """
WITH tag AS (
  SELECT t.variant_id, t.segment_id FROM content_variant_segments t
  JOIN content_variant v ON v.id = t.variant_id JOIN content_block b ON b.id = v.block_id
  WHERE b.site_id = %(site)s
  UNION
  SELECT v.id, t.segment_id FROM content_variant v
  JOIN content_theme h ON h.id = v.theme_id AND h.archived_at IS NULL
  JOIN content_theme_segments t ON t.theme_id = h.id
  WHERE h.site_id = %(site)s AND NOT v.is_default
)
SELECT b.id, b.name, one.name, other.name, min(s.name), count(*),
  min(one.id::text || other.id::text)
FROM content_variant one JOIN content_variant other
  ON other.block_id = one.block_id AND other.id > one.id AND other.priority = one.priority
JOIN tag x ON x.variant_id = one.id
JOIN tag y ON y.variant_id = other.id AND y.segment_id = x.segment_id
JOIN segments_segment s ON s.id = x.segment_id AND NOT s.is_archived
JOIN content_block b ON b.id = one.block_id
WHERE b.site_id = %(site)s AND b.archived_at IS NULL
  AND one.archived_at IS NULL AND other.archived_at IS NULL
  AND NOT (one.ends_at IS NOT NULL AND other.starts_at IS NOT NULL
    AND one.ends_at <= other.starts_at)
  AND NOT (other.ends_at IS NOT NULL AND one.starts_at IS NOT NULL
    AND other.ends_at <= one.starts_at)
GROUP BY b.id, b.name, one.id, one.name, other.id, other.name
ORDER BY b.name, one.name, other.name LIMIT %(most)s
"""
_ENDING: Final = """
SELECT 'variant', v.id, v.block_id, b.name || ' / ' || v.name, v.ends_at
FROM content_variant v JOIN content_block b ON b.id = v.block_id
WHERE b.site_id = %(site)s AND b.archived_at IS NULL AND v.archived_at IS NULL
  AND NOT v.is_default AND v.ends_at < %(soon)s
UNION ALL
SELECT 'rule', r.id, r.id, r.name, r.ends_at FROM rules_rule r
WHERE r.site_id = %(site)s AND r.archived_at IS NULL AND r.is_enabled AND r.ends_at < %(soon)s
UNION ALL
SELECT 'trigger', t.id, t.id, t.name, t.ends_at FROM rules_trigger t
WHERE t.site_id = %(site)s AND t.archived_at IS NULL AND t.is_enabled AND t.ends_at < %(soon)s
ORDER BY 5, 2 LIMIT %(most)s
"""
_CHANGE: Final = {
    "variant": "admin:content_block_change",
    "rule": "admin:rules_rule_change",
    "trigger": "admin:rules_trigger_change",
}


def stale(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Variants that have said the same for half a year and are still shown."""
    old, recent = now - STALE, (now - UNSERVED).date()
    for pk, block, name, variant, since, calls in _rows(_STALE, site_id, old=old, recent=recent):
        text = (
            f"It has said the same since {since:%-d %B %Y}, and was given {calls:,} times in the "
            "last 30 days."
        )
        said = f"{since:%Y-%m-%d}"
        yield found("stale", f"variant:{pk}", f"{name} / {variant}", text, block_link(block), said)


def never_served(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Published variants that nobody was given for a month."""
    moment = now - UNSERVED
    rows = _rows(_UNSERVED, site_id, moment=moment, day=moment.date())
    for pk, _, key, name, variant in rows:
        text = "It is published, and nobody was given it in the last 30 days."
        link = reverse("admin:coverage_block", args=[key])
        yield found("never_served", f"variant:{pk}", f"{name} / {variant}", text, link)


def unused_segments(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Segments with members that no variant, theme, rule, trigger or other segment names."""
    for pk, name, people in _rows(_UNUSED, site_id, fewest=FEWEST):
        crowd = "10,000 people or more are" if people >= 10_000 else f"{people:,} people are"
        text = f"{crowd} in it, and no variant, theme, rule or trigger is for them."
        link = reverse("admin:segments_segment_change", args=[pk])
        yield found("unused_segment", f"segment:{pk}", name, text, link, "unused")


def without_block(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Placements that no block fills, or one that is out of use."""
    for pk, name, key, block in _rows(_NO_BLOCK, site_id):
        text = f"Pages that ask for {key} get nothing: no block fills it."
        if block is not None:
            text = f"Pages that ask for {key} get nothing: its block “{block}” is archived."
        link = reverse("admin:content_placement_change", args=[pk])
        yield found("no_block", f"placement:{pk}", name, text, link)


def untranslated(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Blocks on a page of which some variant is not there in a language of the site."""
    for pk, name, locale, all_variants, done in _rows(_UNTRANSLATED, site_id):
        lacking = all_variants - done
        what = "variant is" if all_variants == 1 else "variants are"
        text = f"{lacking:,} of {all_variants:,} {what} not translated into {locale}."
        yield found("locale_missing", f"block:{pk}:{locale}", name, text, block_link(pk))


def conflicts(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Two variants of a block for the same segment, of the same priority, at the same time."""
    for pk, name, one, other, segment, count, both in _rows(_CONFLICTS, site_id):
        more = f" and {count - 1} more" if count > 1 else ""
        text = (
            f"“{one}” and “{other}” are both for {segment}{more}, with the same priority: "
            "which one is shown depends on their keys."
        )
        yield found("conflict", f"variants:{both}", name, text, block_link(pk))


def ending(site_id: UUID, now: datetime) -> Iterator[Found]:
    """What is over and still switched on, and what is over within a week."""
    for what, pk, page, name, ends_at in _rows(_ENDING, site_id, soon=now + SOON):
        link = reverse(_CHANGE[what], args=[page])
        if ends_at <= now:
            text = f"This {what} ended on {ends_at:%-d %B %Y at %H:%M} UTC: it serves nobody."
            yield found("expired", f"{what}:{pk}", name, text, link)
        else:
            text = f"This {what} ends on {ends_at:%-d %B %Y at %H:%M} UTC."
            yield found("ends_soon", f"{what}:{pk}", name, text, link)


def block_link(block_id: UUID) -> str:
    """The page of a block."""
    return reverse("admin:content_block_change", args=[block_id])


def found(kind: str, place: str, name: str, text: str, link: str, said: str = "") -> Found:
    return Found(kind, place, name, text, KINDS[kind].advice, link, KINDS[kind].weight, said)


def _rows(sql: str, site_id: UUID, **parameters: Any) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"site": str(site_id), "most": MOST, **parameters})
        rows: Sequence[Any] = cursor.fetchall()
        return rows
