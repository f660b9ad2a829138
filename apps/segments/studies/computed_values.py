"""What a site's computed traits come to for one person, worked out as they are read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.profiles.parts import Asked, Page, Reader, instant
from apps.segments import answering, computed_state
from apps.segments.models import ComputedTrait
from apps.work import clock
from engine.conditions.computed import computed_text, parse_computed
from engine.conditions.nodes import All
from engine.conditions.parse_leaves import COMPUTED_PREFIX
from engine.errors import InvalidCondition

_KEY = "?computed"  # no segment has this key


@dataclass(frozen=True, slots=True)
class Computed:
    """One computed trait of one person.

    Attributes:
        value: None where there is nothing to work it out from; ages in ms.
        text: the value as people read it.
        words: what is counted.
        told_as_of: templates read it, and have what it came to then; None where none reads it.
    """

    key: str
    name: str
    unit: str
    value: Any
    text: str
    words: str
    told_as_of: datetime | None


def values_of(site_id: UUID, profile_id: UUID, *, now: datetime) -> list[Computed]:
    """Return the computed traits of a person by key; none for who is not of the site.

    One query where the site computes nothing, else four or more: a person with a long history is
    read as far back as the definitions ask.
    """
    defined = []
    for row in ComputedTrait.objects.filter(site_id=site_id).order_by("key"):
        try:
            defined.append((row, computed_state.asked(parse_computed(row.definition))))
        except InvalidCondition:
            continue  # written by another version: its page says what is wrong
    if not defined:
        return []
    whole = All(tuple(leaf for _, leaf in defined))
    asked = answering.prepared(site_id, _KEY, {_KEY: whole})
    now_ms = clock.to_ms(now)
    for known in answering.people(asked, site_id, [profile_id], now_ms):
        facts, at = known.facts, None
        kept = facts.traits.get(computed_state.TRAIT)
        if isinstance(kept, dict):
            at = clock.from_ms(facts.trait_meta[computed_state.TRAIT].observed_ms or 0)
        values = [computed_state.measured(leaf, facts, now_ms) for _, leaf in defined]
        return [
            Computed(
                key=row.key,
                name=row.name,
                unit=row.unit,
                value=value,
                text=computed_state.in_words(leaf, value),
                words=computed_text(leaf),
                told_as_of=at if isinstance(kept, dict) and row.key in kept else None,
            )
            for (row, leaf), value in zip(defined, values, strict=True)
        ]
    return []


def computed_part(asked: Asked) -> Page:
    """Return what the site's computed traits come to for a person, by key, and how."""
    found = values_of(asked.site_id, asked.profile_id, now=asked.now)
    later = [one for one in found if one.key > asked.after]
    shown = later[: asked.limit]
    rows = [
        {
            "key": one.key,
            "name": one.name,
            "value": one.value,
            "text": one.text,
            "unit": one.unit,
            "words": one.words,
            "asOf": instant(asked.now),
            "toldAsOf": instant(one.told_as_of),
        }
        for one in shown
    ]
    return Page(rows, shown[-1].key if len(later) > len(shown) else "")


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
