"""What the language does not have is refused with its place, in words, with a suggestion."""

from __future__ import annotations

from typing import Any

import pytest

from engine.conditions.parse import (
    parse_condition,
)
from engine.errors import InvalidCondition
from tests.engine.leaves import (
    ABSENCE,
    CONTEXT,
    DWELL,
    EVENT,
    EXPOSURE,
    MATCH,
    MODEL,
    RATE,
    RATIO,
    SAME,
    SCORE,
    SEQUENCE,
    TRAIT,
    trait,
    where,
    without,
)


@pytest.mark.parametrize(
    ("leaf", "path", "problem"),
    [
        # Suggestions
        (trait("gretaer", 1), "op", 'unknown operator "gretaer" (did you mean "gt"?)'),
        (trait("equals", 1), "op", 'did you mean "eq"?'),
        (trait("==", 1), "op", 'did you mean "eq"?'),
        (trait("starts_wiht", "a"), "op", 'did you mean "starts_with"?'),
        ({"kind": "evnt"}, "kind", 'unknown kind "evnt" (did you mean "event"?)'),
        ({"kind": "x" * 500}, "kind", "unknown kind"),
        ({"al": [TRAIT]}, "al", 'unknown group (did you mean "all"?)'),
        ({"or": [TRAIT]}, "or", 'unknown group (did you mean "any"?)'),
        (without(TRAIT, "name") | {"nmae": "plan"}, "nmae", 'unknown field (did you mean "name"?)'),
        (EVENT | {"aggregat": "sum"}, "aggregat", 'did you mean "aggregate"?'),
        (
            EVENT | {"aggregate": "cuont"},
            "aggregate",
            'unknown aggregate "cuont" (did you mean "co',
        ),
        (EVENT | {"window": "sesion"}, "window", 'unknown window "sesion" (did you mean "session'),
        (EVENT | {"window": {"lats": "1d"}}, "window.lats", 'did you mean "last"?'),
        (EVENT | {"window": {}}, "window", "unknown window"),
        (EVENT | {"window": 5}, "window", 'expected "ever", "session"'),
        ({"kind": "consent", "purpose": "analytic"}, "purpose", 'did you mean "analytics"?'),
        ({"kind": "consent", "purpose": 3}, "purpose", "unknown purpose"),
        # Values by operator
        (trait("before", "2025-02-29"), "value", "that exists"),
        (trait("before", "2026-02-28 10:00"), "value", "expected a date"),
        (trait("after", 1_700_000_000), "value", "expected a date"),
        (trait("after", ["2026-01-01"]), "value", "expected a date"),
        (trait("version_gt", "2.x"), "value", "expected a version"),
        (trait("version_gt", 2.1), "value", "expected a text"),
        (trait("version_gt", "1.2.3.4.5"), "value", "expected a version"),
        (trait("within_last", 7), "value", "expected a duration"),
        (trait("within_last", "7"), "value", "expected a duration"),
        (trait("within_last", "-7d"), "value", "expected a duration"),
        (trait("within_last", "0d"), "value", "more than zero"),
        (trait("within_next", "1mo"), "value", "expected a duration"),
        (trait("changed_within", "6000w"), "value", "at most 5 years"),
        (trait("anniversary_within", True), "value", "expected a duration"),
        (trait("has_any", "a"), "value", "expected a list"),
        (trait("has_all", []), "value", "at least one value"),
        (trait("has_none", [None]), "value[0]", "expected a text, a number or true/false"),
        (trait("matches", "(a"), "value", "at character 1 of the pattern: this ( is never closed"),
        (trait("matches", "a*?"), "value", "lazy quantifiers are not supported"),
        (trait("matches", "(a)\\1"), "value", "back-references are not supported"),
        (trait("matches", "a" * 257), "value", "at most 256 characters"),
        (trait("matches", "((a{100}){100}){100}"), "value", "more than 1000 states"),
        (trait("matches", ""), "value", "not empty"),
        (trait("matches", 5), "value", "expected a text"),
        (trait("gt", [1, 2]), "value", "a number or a text"),
        (trait("between", [1, "2"]), "value", "two numbers or two texts"),
        (trait("between", ["b", "a"]), "value", "smaller value first"),
        (trait("eq", float("inf")), "value", "finite"),
        (trait("eq", 10**400), "value", "a double holds exactly"),
        (trait("within_km", [0, 0, 1]), "op", '"within_km" is not for this'),
        (CONTEXT | {"op": "within_last", "value": "1d"}, "op", '"within_last" is not for this'),
        (CONTEXT | {"value": [91, 0, 1]}, "value[0]", "a latitude from -90 to 90"),
        (CONTEXT | {"value": [0, -181, 1]}, "value[1]", "a longitude from -180 to 180"),
        (CONTEXT | {"value": [0, 0, 0]}, "value[2]", "more than zero"),
        (CONTEXT | {"value": [0, 0]}, "value", "[latitude, longitude, km]"),
        (CONTEXT | {"value": [True, 0, 1]}, "value[0]", "expected a number"),
        (TRAIT | {"from": {}}, "from", "`source`, `min_confidence` or both"),
        (TRAIT | {"from": {"source": ""}}, "from.source", "not empty"),
        (TRAIT | {"from": {"min_confidence": 1.1}}, "from.min_confidence", "0 to 1"),
        # Filters
        (EVENT | {"where": [SAME | {"op": "ne"}]}, "where[0].op", 'expected "eq" beside a fact'),
        (EVENT | {"where": [SAME | {"value": 1}]}, "where[0].fact", "either a value or a fact"),
        (EVENT | {"where": [SAME | {"fact": ""}]}, "where[0].fact", "not empty"),
        (
            EVENT | {"where": [{"property": "p", "op": "has_any", "value": ["a"]}]},
            "where[0].op",
            '"has_any" is not for this',
        ),
        (EVENT | {"where": [SAME] * 21}, "where", "at most 20 filters"),
        # Windows
        (EVENT | {"window": {"last": "-1d"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "0mo"}}, "window.last", "more than zero"),
        (EVENT | {"window": {"last": "61mo"}}, "window.last", "at most 5 years"),
        (EVENT | {"window": {"last": "6y"}}, "window.last", "at most 5 years"),
        (EVENT | {"window": {"last": "1.5mo"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": 5}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "9" * 5000 + "mo"}}, "window.last", "a duration"),
        (EVENT | {"window": {"last": "1d", "tz": "site"}}, "window.tz", "unknown field"),
        (EVENT | {"window": {"session": "999ms"}}, "window.session", "from 1s to 24h"),
        (EVENT | {"window": {"session": "25h"}}, "window.session", "from 1s to 24h"),
        (EVENT | {"window": {"visit": 0}}, "window.visit", "not 0"),
        (EVENT | {"window": {"visit": 1.0}}, "window.visit", "a whole number"),
        (EVENT | {"window": {"visit": True}}, "window.visit", "a whole number"),
        (EVENT | {"window": {"visit": 10**30}}, "window.visit", "from -1000 to 1000"),
        (EVENT | {"window": {"calendar": "year"}}, "window.calendar", "unknown calendar unit"),
        (EVENT | {"window": {"calendar": "day", "tz": "Mars"}}, "window.tz", '"site" or "visitor"'),
        (EVENT | {"window": {"since": "a"}}, "window.since", "expected an object"),
        (EVENT | {"window": {"since": {}}}, "window.since.name", "is missing"),
        (EVENT | {"window": {"absolute": {}}}, "window.absolute", "`from`, `to` or both"),
        (
            EVENT | {"window": {"absolute": {"from": "2025-02-29"}}},
            "window.absolute.from",
            "that exists",
        ),
        (
            EVENT | {"window": {"absolute": {"from": "2026-01-02", "to": "2026-01-02"}}},
            "window.absolute.to",
            "an instant after `from`",
        ),
        (
            EVENT | {"window": {"between_ago": {"from": "1d", "to": "1d"}}},
            "window.between_ago.to",
            "less than `from`",
        ),
        (
            EVENT | {"window": {"between_ago": {"from": "1mo", "to": "1d"}}},
            "window.between_ago.from",
            "a duration",
        ),
        # Aggregates
        (without(RATIO, "over"), "over", "is missing"),
        (EVENT | {"over": MATCH}, "over", "ratio is"),
        (without(RATE, "per"), "per", "is missing"),
        (RATE | {"per": "0s"}, "per", "more than zero"),
        (EVENT | {"per": "1h"}, "per", "rate is"),
        (RATE | {"window": "session"}, "window", "rate has no window session (one of last, bet"),
        (RATE | {"window": {"last": "1mo"}}, "window", "rate has no window last with months"),
        (
            EVENT | {"aggregate": "trend", "window": {"between_ago": {"from": "2d", "to": "1d"}}},
            "window",
            "trend has no window between_ago",
        ),
        (EVENT | {"aggregate": "streak", "of": "a"}, "of", "streak takes no property"),
        (EVENT | {"bind": {"1a": "p"}}, "bind.1a", "letters, digits and _"),
        (EVENT | {"bind": {"a": 5}}, "bind.a", "expected a text"),
        (EVENT | {"bind": ["a"]}, "bind", "an object of names"),
        # Sequences
        (SEQUENCE | {"steps": []}, "steps", "at least one step"),
        (SEQUENCE | {"steps": [{"name": "a"}] * 11}, "steps", "at most 10 entries"),
        (SEQUENCE | {"steps": [{"name": "a", "within": "1m"}]}, "steps[0].within", "follows no"),
        (SEQUENCE | {"steps": [{"nam": "a"}]}, "steps[0].nam", 'did you mean "name"?'),
        (SEQUENCE | {"without": [{"after": 2, "name": "a"}]}, "without[0].after", "from 1 to 1"),
        (SEQUENCE | {"without": [{"after": 0, "name": "a"}]}, "without[0].after", "from 1 to 1"),
        (
            without(SEQUENCE, "bind") | {"steps": [{"name": "a"}]},
            "without[0].after",
            "nothing between steps",
        ),
        (SEQUENCE | {"by": ["a", "a"]}, "by[1]", "is there twice"),
        (SEQUENCE | {"times": 0}, "times", "from 1 to 1000"),
        (SEQUENCE | {"strict": 1}, "strict", "true or false"),
        (SEQUENCE | {"within": "0s"}, "within", "more than zero"),
        (SEQUENCE | {"window": {"visit": 1}}, "window", "a sequence has no window visit"),
        (
            SEQUENCE | {"bind": {"p": {"step": 3, "property": "a"}}},
            "bind.p.step",
            "from 1 to 2",
        ),
        # Absences, times, scores
        (without(ABSENCE, "for"), "for", "is missing beside `after`"),
        (without(ABSENCE, "after"), "for", "needs `after`"),
        (without(ABSENCE, "after", "for"), "by", "needs `after`"),
        (DWELL | {"on": "moon"}, "on", 'unknown subject "moon"'),
        (DWELL | {"on": "site", "where": []}, "where", "takes no filters"),
        (DWELL | {"on": "session", "window": "ever"}, "window", "has no window ever"),
        (DWELL | {"window": {"visit": 1}}, "window", "has no window visit"),
        (DWELL | {"op": "eq"}, "op", '"eq" is not for this'),
        (DWELL | {"value": 180}, "value", "a duration"),
        (without(SCORE, "events", "traits"), "events", "at least one source"),
        (SCORE | {"ceiling": -1}, "ceiling", "at least the floor"),
        (SCORE | {"op": "in", "value": [1]}, "op", '"in" is not for this'),
        (
            SCORE
            | {
                "events": [
                    {"name": "a", "weight": 1, "half_life": "1d"},
                    {"name": "b", "weight": -2},
                    {"name": "c", "weight": -1, "half_life": "1d"},
                ]
            },
            "events[2].weight",
            "the sign of the other weights that decay",
        ),
        (SCORE | {"events": [{"name": "a", "weight": 1, "cap": 0}]}, "events[0].cap", "more than"),
        (
            SCORE | {"events": [{"name": "a", "weight": 1, "window": "session"}]},
            "events[0].window",
            "a score has no window session",
        ),
        (SCORE | {"events": [{"name": "a"}]}, "events[0].weight", "is missing"),
        (SCORE | {"traits": [TRAIT | {"weight": 1}]}, "traits[0].kind", "unknown field"),
        (SCORE | {"events": [{"name": "a", "weight": 1}] * 51}, "events", "at most 50 entries"),
        # The rest
        (MODEL | {"value": True}, "value", "expected a number"),
        (MODEL | {"value": "high"}, "value", "expected a number"),
        (MODEL | {"max_age": "0d"}, "max_age", "more than zero"),
        (MODEL | {"fallback": 1}, "fallback", "true or false"),
        (without(MODEL, "value") | {"op": "is_set", "fallback": True}, "fallback", "known without"),
        (EXPOSURE | {"op": "is_set"}, "op", '"is_set" is not for this'),
        (EXPOSURE | {"placement": 3}, "placement", "expected a text"),
        ({"kind": "relation", "type": "a", "to": ""}, "to", "not empty"),
        ({"kind": "list"}, "key", "is missing"),
    ],
)
def test_what_the_language_does_not_have_is_refused_in_words(
    leaf: dict[str, Any], path: str, problem: str
) -> None:
    with pytest.raises(InvalidCondition) as refused:
        parse_condition(where({"all": [TRAIT, leaf]}))

    assert refused.value.path == f"all[1].{path}"
    assert problem in refused.value.problem
