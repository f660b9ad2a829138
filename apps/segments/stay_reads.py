"""Who is in what, as the state row says it at this instant: a forecast flip counts from its time.

One statement for a person. What segments are called is kept per process until the site's live set
moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from apps.profiles import state
from apps.profiles.parts import Asked, Page, asked_instant, instant
from apps.segments import live
from apps.segments.kept_facts import kept_facts
from apps.segments.models import Membership, Segment, SegmentVersion
from apps.segments.stays import Stay, decode_stays
from apps.work import clock, numbers
from engine.conditions.nodes import ModelLeaf, Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.errors import InvalidCondition

RULE, MODEL, MANUAL = "rule", "model", "manual"


@dataclass(frozen=True, slots=True)
class Label:
    """What the API says of a segment besides who is in it. `score`: the trait of its model."""

    id: UUID
    key: str
    source: str
    score: str | None


@dataclass(frozen=True, slots=True)
class Stayed:
    """A stay at an instant. Times in ms since 1970."""

    since_ms: int
    until_ms: int | None


_ROW = """
SELECT s.memberships, s.traits::text, coalesce(l.number, 0)
FROM profiles_profilestate s LEFT JOIN segments_liveset l ON l.site_id = s.site_id
WHERE s.profile_id = %s AND s.site_id = %s
"""

_labels: dict[UUID, tuple[int, dict[int, Label]]] = {}  # one entry a site


def labels(site_id: UUID, live_set: int) -> Mapping[int, Label]:
    """Return the visible live segments of a site by number. No statement while `live_set` stays."""
    kept = _labels.get(site_id)
    if kept is None or kept[0] != live_set:
        kept = _labels[site_id] = (live_set, _load(site_id))
    return kept[1]


def _load(site_id: UUID) -> dict[int, Label]:
    rows = SegmentVersion.objects.filter(
        segment__site_id=site_id,
        segment__is_archived=False,
        segment__is_hidden=False,
        state=SegmentVersion.State.LIVE,
    ).select_related("segment")
    return {row.segment.number: _label(row) for row in rows}


def _label(version: SegmentVersion) -> Label:
    segment = version.segment
    score = _model_of(version)
    source = RULE if score is None else MODEL
    if segment.kind == Segment.Kind.LIST:
        source = MANUAL
    return Label(segment.pk, segment.key, source, score)


def _model_of(version: SegmentVersion) -> str | None:
    """The trait of the one model that a condition asks, None where it asks none or several."""
    try:
        node: Node = parse_condition(version.condition)
    except InvalidCondition:
        return None
    names = {leaf.name for leaf in leaves_of(node) if isinstance(leaf, ModelLeaf)}
    return f"score.{names.pop()}" if len(names) == 1 else None


def stay_at(stay: Stay, at_ms: int) -> Stayed | bool | None:
    """Return the stay that is open at an instant not before the row was written.

    False: outside. None: the forecast does not reach that far, so it must be evaluated.
    """
    inside, until_ms, then, then_until_ms, since_ms = stay[:5]
    if until_ms is None or at_ms < until_ms:
        return Stayed(since_ms if since_ms is not None else at_ms, until_ms) if inside else False
    if then is None or (then_until_ms is not None and at_ms >= then_until_ms):
        return None
    return Stayed(until_ms, then_until_ms) if then else False


def segments_part(asked: Asked) -> Page:
    """Return the segments of a profile by key, now or `?at=` an instant in the past, for the API.

    Raises:
        InvalidRequest: a time that cannot be read.
    """
    at = asked_instant(asked, "at")
    rows = _now(asked) if at is None or at >= asked.now else _then(asked, at)
    keys = [key for key in sorted(rows) if key > asked.after]
    shown = keys[: asked.limit]
    return Page([rows[key] for key in shown], shown[-1] if len(keys) > asked.limit else "")


def _now(asked: Asked) -> dict[str, dict[str, object]]:
    """What the state row says. One statement; more where a forecast has run out."""
    with connection.cursor() as cursor:
        cursor.execute(_ROW, [str(asked.profile_id), str(asked.site_id)])
        found = cursor.fetchone()
    if found is None:
        return {}
    blob, traits_text, live_set = found
    known = labels(asked.site_id, live_set)
    now_ms = clock.to_ms(asked.now)
    traits: Mapping[str, list[object]] | None = None
    rows: dict[str, dict[str, object]] = {}
    for number, stay in decode_stays(bytes(blob)).items():
        label = known.get(number)
        if label is None:
            continue
        open_stay = stay_at(stay, now_ms)
        if open_stay is None:
            open_stay = evaluated(asked.site_id, asked.profile_id, label.key, stay, now_ms)
        if not isinstance(open_stay, Stayed):
            continue
        row: dict[str, object] = {
            "key": label.key,
            "enteredAt": instant(clock.from_ms(open_stay.since_ms)),
            "validUntil": _worded(open_stay.until_ms),
            "source": label.source,
        }
        if label.score is not None:
            traits = traits if traits is not None else numbers.loads(traits_text)
            entry = traits.get(label.score)
            if entry is not None and isinstance(entry[0], int | float):
                row["score"] = entry[0]
        rows[label.key] = row
    return rows


def evaluated(site_id: UUID, profile_id: UUID, key: str, stay: Stay, now_ms: int) -> Stayed | bool:
    """Answer one segment of one person by evaluation: its forecast has run out and the timer, which
    writes the next one, is late.

    As the timer will: a segment that remembers goes on from its stay. Nothing is written.
    """
    definitions = live.live_set(site_id)
    definition = definitions.by_key.get(key)
    if definition is None:
        return False
    for row in state.read([profile_id]):
        before = {**decode_stays(row.memberships), definition.number: stay}
        due = definitions.due(before, now_ms)  # what it stands on may be late as well
        asked = due if definition in due else [*due, definition]
        kept = kept_facts(row, definitions, asked, now_ms)
        then = kept.evaluate(definitions, before, now_ms, asked).stays.get(definition.number)
        if then is None or not then[0]:
            return False
        if definition.latched is None:
            since_ms = stay[3] if stay[2] is False else stay[4] or stay[1]
        else:
            since_ms = then[4]
        return Stayed(now_ms if since_ms is None else since_ms, then[1])
    return False


def _then(asked: Asked, at: datetime) -> dict[str, dict[str, object]]:
    """What was recorded of an instant in the past. One statement."""
    during = Membership.objects.filter(
        profile_id=asked.profile_id, since__lte=at, segment__is_hidden=False
    ).exclude(left_at__lte=at)
    return {
        row.segment.key: {
            "key": row.segment.key,
            "enteredAt": instant(row.since),
            "validUntil": instant(row.left_at if row.left_at is not None else row.valid_until),
            "source": MANUAL if row.segment.kind == Segment.Kind.LIST else row.source,
        }
        for row in during.select_related("segment").order_by("since")
    }


def _worded(at_ms: int | None) -> str | None:
    return None if at_ms is None else instant(clock.from_ms(at_ms))
