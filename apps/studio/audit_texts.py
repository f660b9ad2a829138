"""The checks of the content audit that read texts: variables, links, pictures, refusals."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.urls import reverse

from apps.content.links import problems_of
from apps.content.selectors import value_paths
from apps.decisions import manifests, parts
from apps.decisions.findings import Found
from apps.rules.selectors import contradictions
from apps.segments.selectors import computed_keys_of, segment_numbers
from apps.studio.audit_checks import MOST, block_link, found

LOOKED_AT: Final = 20_000  # people whose traits tell which there are
NAMED: Final = 4

_TRAITS: Final = """
WITH few AS MATERIALIZED (
  SELECT traits FROM profiles_profilestate
  WHERE site_id = %(site)s AND merged_into IS NULL LIMIT %(most)s
)
SELECT (SELECT count(*) FROM few),
  ARRAY(SELECT DISTINCT key FROM few, jsonb_object_keys(traits) AS key LIMIT 5000)
"""
_REFUSED: Final = """
SELECT kind, key, object_id, problems::text FROM decisions_part
WHERE site_id = %(site)s AND is_refused AND problems <> '[]' ORDER BY kind, key LIMIT %(limit)s
"""
_BLOCKS: Final = """
SELECT object_id, body FROM decisions_part
WHERE site_id = %(site)s AND kind = 'block' AND digest <> '' AND NOT is_refused ORDER BY key
"""
_PAGES: Final = {
    "block": "admin:content_block_change",
    "placement": "admin:content_placement_change",
    "rule": "admin:rules_rule_change",
}
_MODELS: Final = "SELECT key FROM predictions_modelspec WHERE site_id = %(site)s"
_PICTURES: Final = """
SELECT v.id, v.block_id, b.name, v.name, v.fields::text, v.template
FROM content_variant v JOIN content_block b ON b.id = v.block_id
WHERE b.site_id = %(site)s AND b.archived_at IS NULL AND v.archived_at IS NULL
  AND (v.template ILIKE '%%<img%%' OR v.fields::text ILIKE '%%<img%%'
    OR v.fields::text LIKE '%%"url"%%')
ORDER BY b.name, v.name, v.id
"""
_ASSETS: Final = """
SELECT a.id, a.name FROM content_asset a JOIN access_site s ON s.id = a.site_id
WHERE a.site_id = %(site)s AND a.archived_at IS NULL
  AND coalesce(a.alt->>coalesce(s.locales->>0, 'en'), '') = ''
  AND NOT EXISTS (SELECT 1 FROM jsonb_each_text(a.alt) AS one WHERE one.value <> '')
ORDER BY a.name, a.id LIMIT %(limit)s
"""
_IMG: Final = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT: Final = re.compile(r"\balt\s*=", re.IGNORECASE)
_RULE: Final = re.compile(r"\AThe rule '([^']+)':")


def refused(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Blocks, placements and rules that would make the next publication fail."""
    parts.refresh_parts(site_id)
    for kind, key, object_id, problems in _rows(_REFUSED, site_id, limit=MOST):
        details = [one["detail"] for one in json.loads(problems)]
        more = f" And {len(details) - 1} more." if len(details) > 1 else ""
        link = reverse(_PAGES[kind], args=[object_id]) if kind in _PAGES and object_id else ""
        yield found("refused", f"{kind}:{object_id or key}", key, details[0] + more, link)


def broken_variables(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Variables of texts that name a trait, a computed trait, a score or a segment of nobody."""
    parts.refresh_parts(site_id)
    known = _Known(site_id)
    count = 0
    for block_id, body in _rows(_BLOCKS, site_id):
        document = manifests.document_in("block", body)
        for place, paths in value_paths([document]).items():
            wrong = [why for path in sorted(paths) if (why := known.trouble(path))]
            if not wrong:
                continue
            more = f" And {len(wrong) - NAMED} more." if len(wrong) > NAMED else ""
            text = " ".join(wrong[:NAMED]) + more
            yield found("broken_variable", f"text:{place}"[:160], place, text, block_link(block_id))
            count += 1
            if count >= MOST:
                return


class _Known:
    """What texts may name at a site. Four queries."""

    def __init__(self, site_id: UUID) -> None:
        rows = _rows(_TRAITS, site_id, most=LOOKED_AT)
        self.people: int = rows[0][0]
        self.traits = frozenset(rows[0][1])
        self.computed = computed_keys_of(site_id)
        self.models = frozenset(str(key) for (key,) in _rows(_MODELS, site_id))
        self.segments = segment_numbers(site_id).keys()

    def trouble(self, path: Sequence[str]) -> str:
        """Why a path shows nothing, in a sentence; empty: it shows something to somebody."""
        match path:
            case ["traits", "computed", key, *_] if key not in self.computed:
                return f"It shows the computed trait “{key}”, which is not defined."
            case ["traits", "score", model, *_] if model not in self.models:
                return f"It shows the score “{model}”, but no model has this key."
            case ["traits", "computed" | "score", *_]:
                return ""
            case ["traits", first, *rest] if self.people and not self._has(first, rest):
                name = ".".join([first, *rest])
                return f"It shows traits.{name}, which none of {self.people:,} people has."
            case ["segments", key, *_] if key not in self.segments:
                return f"It shows a value of the segment “{key}”, which does not exist."
        return ""

    def _has(self, first: str, rest: Sequence[str]) -> bool:
        names = [first]
        for part in rest:
            names.append(f"{names[-1]}.{part}")
        return not self.traits.isdisjoint(names)


def dead_links(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Addresses that cannot be what was meant."""
    for one in problems_of(site_id)[:MOST]:
        name = f"{one.block_key} / {one.variant_key}"
        place = f"link:{one.block_id}:{one.variant_key}:{one.place}"[:150]
        text = f"In {one.place}: {one.detail}"
        yield found("dead_link", place, name, text, block_link(one.block_id))


def shadowed(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Rules that can never hold, or never serve because of one before them."""
    for said in contradictions(site_id)[:MOST]:
        named = _RULE.match(said)
        key = named.group(1) if named else said[:60]
        link = f"{reverse('admin:rules_rule_changelist')}?q={key}"
        yield found("shadowed", f"rule:{key}"[:150], key, said, link)


def without_alt(site_id: UUID, now: datetime) -> Iterator[Found]:
    """Pictures without words for those who do not see them, in texts and in the library."""
    count = 0
    for pk, block, name, variant, written, template in _rows(_PICTURES, site_id):
        fields = json.loads(written)
        lacking = sum(not _ALT.search(tag) for tag in _tags(fields, template))
        lacking += sum(map(_is_without_alt, _values(fields)))
        if not lacking or count >= MOST:
            continue
        count += 1
        pictures = "picture has" if lacking == 1 else "pictures have"
        text = f"{lacking:,} {pictures} no alt text: who listens to the page hears nothing of it."
        yield found("no_alt", f"variant:{pk}", f"{name} / {variant}", text, block_link(block))
    for pk, name in _rows(_ASSETS, site_id, limit=MOST):
        text = "This picture of the library has no alt text."
        link = reverse("admin:content_asset_change", args=[pk])
        yield found("no_alt", f"asset:{pk}", name, text, link)


def _tags(fields: Mapping[str, Any], template: str) -> Iterator[str]:
    yield from _IMG.findall(template)
    for value in _values(fields):
        if isinstance(value, str):
            yield from _IMG.findall(value)


def _values(fields: Mapping[str, Any]) -> list[Any]:
    return list(fields.values()) if isinstance(fields, dict) else []


def _is_without_alt(value: Any) -> bool:
    """A picture of the library has a focal point or an asset; a link has neither."""
    is_picture = isinstance(value, dict) and bool(value.get("url")) and "text" not in value
    return is_picture and "alt" not in value


def _rows(sql: str, site_id: UUID, **parameters: Any) -> Sequence[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"site": str(site_id), **parameters})
        rows: Sequence[Any] = cursor.fetchall()
        return rows
