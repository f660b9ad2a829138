"""What a site's computed traits come to for one person, worked out as they are read."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from apps.profiles.parts import Asked, Page, Reader
from apps.segments import answering
from apps.segments.models import ComputedTrait
from apps.work import clock
from engine.conditions.computed import parse_computed
from engine.conditions.evaluate import trace
from engine.conditions.nodes import All, EventLeaf
from engine.conditions.parse_events import event_comparison
from engine.conditions.parse_leaves import COMPUTED_PREFIX
from engine.errors import InvalidCondition

_KEY = "?computed"  # no segment has this key


@dataclass(frozen=True, slots=True)
class Computed:
    """One computed trait of one person. `value` None: nothing to work it out from; ages in ms."""

    key: str
    name: str
    unit: str
    value: object


def values_of(site_id: UUID, profile_id: UUID, *, now: datetime) -> list[Computed]:
    """Return the computed traits of a person by key; none for who is not of the site.

    One query where the site computes nothing, else four or more: a person with a long history is
    read as far back as the definitions ask.
    """
    defined = []
    for row in ComputedTrait.objects.filter(site_id=site_id).order_by("key"):
        try:
            defined.append((row, _compared(parse_computed(row.definition))))
        except InvalidCondition:
            continue  # written by another version: its page says what is wrong
    if not defined:
        return []
    whole = All(tuple(leaf for _, leaf in defined))
    asked = answering.prepared(site_id, _KEY, {_KEY: whole})
    now_ms = clock.to_ms(now)
    for known in answering.people(asked, site_id, [profile_id], now_ms):
        return [
            Computed(row.key, row.name, row.unit, trace(leaf, known.facts, now_ms).value)
            for row, leaf in defined
        ]
    return []


def _compared(leaf: EventLeaf) -> EventLeaf:
    """The leaf with a comparison that its aggregate has; what was found does not depend on it."""
    for fields in ({"op": "is_set"}, {"op": "gte", "value": 0}, {"op": "gte", "value": "1d"}):
        try:
            op, value = event_comparison(leaf.aggregate, fields, "")
        except InvalidCondition:
            continue
        return replace(leaf, op=op, value=value)
    raise AssertionError(f"no comparison fits {leaf.aggregate}")


def with_computed(plain: Reader) -> Reader:
    """Return a reader of a profile's traits that adds `computed.<key>`, after the last of them."""

    def read(asked: Asked) -> Page:
        page = plain(asked)
        include = asked.query.get("include", "")
        names = {name.strip() for name in include.split(",") if name.strip()}
        wanted = not names or any(name.startswith(COMPUTED_PREFIX) for name in names)
        if page.next or not wanted:
            return page
        rows = [
            {"key": f"{COMPUTED_PREFIX}{one.key}", "value": one.value}
            for one in values_of(asked.site_id, asked.profile_id, now=asked.now)
            if one.value is not None and (not names or f"{COMPUTED_PREFIX}{one.key}" in names)
        ]
        return Page([*page.rows, *rows])

    return read
