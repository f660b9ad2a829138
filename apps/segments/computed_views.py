"""The JSON beside the form of a computed trait: presets, the sentence, and what it comes to."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from apps.segments import answering, computed_state, editing
from apps.segments.computed_presets import PRESETS
from apps.segments.editor_words import seen_last
from apps.segments.previews import FEWEST
from apps.work import clock
from engine.conditions.computed import computed_text, parse_computed
from engine.conditions.nodes import EventLeaf
from engine.errors import InvalidCondition

PEOPLE: Final = 100  # those seen last; their values are a sample, no statistics
_SHOWN: Final = 8
_KEY: Final = "?computed"  # no segment has this key

_json = editing.json_view("segments.view_computedtrait")


@_json
def schema(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site"}: the language, the names that this site has seen, and presets."""
    return editing.schema(_uuid(body.get("site"))) | {"presets": PRESETS}


@_json
def live(request: HttpRequest, body: Mapping[str, Any]) -> dict[str, Any]:
    """{"site", "definition"}: the sentence, or what is wrong, and values of people seen lately.

    Who may not see people is told what the values of ten or more come to, never one person's.
    """
    answer: dict[str, Any] = {"words": "", "parts": {}, "problems": [], "hints": [], "note": ""}
    try:
        leaf = parse_computed(body.get("definition"))
    except InvalidCondition as error:
        return answer | {"problems": [[error.path or "where", error.problem]]}
    answer["words"] = computed_text(leaf)
    site_id = _uuid(body.get("site"))
    if site_id is None:
        return answer
    values = _values(site_id, leaf)
    sees_people = request.user.has_perm(editing.SEES_PEOPLE)
    if len(values) < FEWEST and not sees_people:
        return answer | {"note": f"Values are shown once there are {FEWEST} people."}
    known = [value for value in values if value is not None]
    return answer | {
        "people": len(values),
        "known": len(known),
        "summary": _summary(leaf, known, least=1 if sees_people else FEWEST),
        "values": [computed_state.in_words(leaf, value) for value in values[:_SHOWN]]
        if sees_people
        else [],
    }


def _values(site_id: UUID, leaf: EventLeaf) -> list[Any]:
    """What it comes to for those who were here last; None for who has nothing to count."""
    ids = seen_last(site_id)[:PEOPLE]
    now_ms = clock.to_ms(clock.now())
    measure = computed_state.asked(leaf)
    asked = answering.prepared(site_id, _KEY, {_KEY: measure})
    return [
        computed_state.measured(measure, known.facts.as_of(now_ms), now_ms)
        for known in answering.people(asked, site_id, ids, now_ms)
    ]


def _summary(leaf: EventLeaf, known: list[Any], *, least: int) -> list[list[str]]:
    """[what, how much]: of numbers the quarters, which are nobody's extreme; else the commonest.

    Args:
        least: so many people must have a value that is told by itself.
    """
    numbers = sorted(one for one in known if type(one) in (int, float))
    if numbers and len(numbers) == len(known):
        if len(numbers) < least:
            return []
        places = {"Lower quarter": 1, "Middle": 2, "Upper quarter": 3}
        return [
            [name, computed_state.in_words(leaf, numbers[(len(numbers) - 1) * quarters // 4])]
            for name, quarters in places.items()
        ]
    counted = Counter(computed_state.in_words(leaf, value) for value in known)
    return [
        [text, f"{count} of {len(known)}"]
        for text, count in counted.most_common(3)
        if count >= least
    ]


def _uuid(given: object) -> UUID | None:
    try:
        return UUID(str(given))
    except ValueError:
        return None
