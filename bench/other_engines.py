"""Twenty segments of five conditions on traits: this engine beside two that others publish.

Only what all three can say is asked: equal, unequal, at least, less than, one of. The others have
no events, so they are not asked about any. Their packages are not the product's: `make
bench-segments` installs them beside `.venv`'s own (requirements/bench.txt).

The Flagsmith engine answers by its one public function, with segments and no features. GrowthBook
answers by an instance that is kept for all visitors, with a feature for each segment; its bare
function for conditions, which no user of it calls, is shown too.
"""

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from bench.evaluation import CATEGORIES, DEVICES, NOW_MS, PLANS, SEGMENTS, Asked, in_turn
from bench.report import Bar
from engine.conditions.compile import compile_condition
from engine.conditions.parse import parse_condition
from engine.conditions.together import compile_together
from engine.facts import Facts
from launcher import venv

Json: TypeAlias = dict[str, Any]
Traits: TypeAlias = Mapping[str, str | int]
Side: TypeAlias = Callable[[Traits], list[bool]]
Test: TypeAlias = tuple[str, str, Any]  # trait, operator of ours, value

VISITORS: Final = 300
OURS: Final = "together"
FLAGSMITH: Final = "flagsmith-flag-engine"
GROWTHBOOK: Final = "growthbook"
GROWTHBOOK_CONDITIONS: Final = "growthbook, conditions alone"


def tests(asked: Asked) -> list[Test]:
    """The five tests of one segment."""
    place = CATEGORIES.index(asked.category)
    return [
        ("plan", "eq", asked.plan),
        ("age", "gte", asked.age),
        ("favourite", "in", [asked.category, CATEGORIES[place - 1]]),
        ("device", "ne", DEVICES[1 - DEVICES.index(asked.device)]),
        ("orders", "lt", 3 + asked.at_least * asked.other_at_least),
    ]


def visitors() -> list[Traits]:
    """Visitors who all have a plan, an age, orders and a device; one in five has no favourite."""
    draw = random.Random(11)  # nosec B311
    found: list[Traits] = []
    for _ in range(VISITORS):
        traits: dict[str, str | int] = {
            "plan": draw.choice(PLANS),
            "age": draw.randint(18, 60),
            "device": draw.choice(DEVICES),
            "orders": draw.randint(0, 12),
        }
        if draw.random() < 0.8:
            traits["favourite"] = draw.choice(CATEGORIES)
        found.append(traits)
    return found


# Each engine's own words for the tests


def as_condition(asked: Asked) -> Json:
    """The segment in the language of this engine."""
    parts = [
        {"kind": "trait", "name": name, "op": op, "value": value}
        for name, op, value in tests(asked)
    ]
    return {"v": 1, "where": {asked.group: parts}}


_FLAGSMITH_WORDS: Final = {
    "eq": "EQUAL", "ne": "NOT_EQUAL", "gte": "GREATER_THAN_INCLUSIVE", "lt": "LESS_THAN",
    "in": "IN",
}  # fmt: skip


def as_flagsmith(key: str, asked: Asked) -> Json:
    """The segment as Flagsmith keeps it: values are texts, cast to the type of the trait."""
    conditions = [
        {
            "property": name,
            "operator": _FLAGSMITH_WORDS[op],
            "value": value if op == "in" else str(value),
        }
        for name, op, value in tests(asked)
    ]
    return {
        "key": key,
        "name": key,
        "rules": [{"type": asked.group.upper(), "conditions": conditions}],
    }


def as_growthbook(asked: Asked) -> Json:
    """The segment as GrowthBook keeps it: a query in the manner of MongoDB."""
    parts = [{name: value if op == "eq" else {f"${op}": value}} for name, op, value in tests(asked)]
    if asked.group == "any":
        return {"$or": parts}
    return {name: value for part in parts for name, value in part.items()}


# The sides


def ours(segments: Sequence[Asked] = SEGMENTS) -> dict[str, Side]:
    """This engine: all segments as one function, and each by itself."""
    nodes = [parse_condition(as_condition(asked)) for asked in segments]
    together = compile_together(nodes)
    one_by_one = [compile_condition(node) for node in nodes]

    def ask_together(traits: Traits) -> list[bool]:
        return [verdict is True for verdict, _ in together(Facts(traits=traits), NOW_MS)]

    def ask_one_by_one(traits: Traits) -> list[bool]:
        facts = Facts(traits=traits)
        return [answer(facts, NOW_MS)[0] is True for answer in one_by_one]

    return {OURS: ask_together, "one by one": ask_one_by_one}


def others(segments: Sequence[Asked] = SEGMENTS) -> dict[str, Side]:
    """The other engines.

    Raises:
        ImportError: `make bench-segments` has not installed them.
    """
    directory = str(venv.beside("bench"))
    if directory not in sys.path:
        sys.path.append(directory)  # last: what both have is taken from .venv
    return {FLAGSMITH: _flagsmith(segments), **_growthbook(segments)}


def _flagsmith(segments: Sequence[Asked]) -> Side:
    from flag_engine.engine import get_evaluation_result

    keys = [f"s{number}" for number in range(len(segments))]
    kept = {key: as_flagsmith(key, asked) for key, asked in zip(keys, segments, strict=True)}
    environment = {"key": "bench", "name": "bench"}

    def ask(traits: Traits) -> list[bool]:
        identity = {"identifier": "visitor", "key": "visitor", "traits": traits}
        result = get_evaluation_result(
            {"environment": environment, "identity": identity, "segments": kept}
        )
        inside = {segment["name"] for segment in result["segments"]}
        return [key in inside for key in keys]

    return ask


def _growthbook(segments: Sequence[Asked]) -> dict[str, Side]:
    from growthbook import GrowthBook
    from growthbook.core import evalCondition

    keys = [f"s{number}" for number in range(len(segments))]
    conditions = [as_growthbook(asked) for asked in segments]
    instance = GrowthBook(
        features={
            key: {"defaultValue": False, "rules": [{"condition": condition, "force": True}]}
            for key, condition in zip(keys, conditions, strict=True)
        }
    )

    def ask(traits: Traits) -> list[bool]:
        instance.set_attributes(traits)
        return [instance.is_on(key) for key in keys]

    def ask_conditions(traits: Traits) -> list[bool]:
        return [evalCondition(traits, condition) for condition in conditions]

    return {GROWTHBOOK: ask, GROWTHBOOK_CONDITIONS: ask_conditions}


# Measuring


def disagreements(sides: Mapping[str, Side], people: Sequence[Traits]) -> list[str]:
    """Return a sentence for each visitor of whom a side says something else than the first side."""
    first, *rest = sides
    return [
        f"{name} differs from {first} about {dict(traits)}"
        for traits in people
        for name in rest
        if sides[name](traits) != sides[first](traits)
    ]


def measure(rounds: int = 31) -> dict[str, float]:
    """CPU microseconds per visitor of each engine, medians of rounds in turn.

    Raises:
        AssertionError: an engine answers otherwise than this one.
    """
    sides, people = {**ours(), **others()}, visitors()
    wrong = disagreements(sides, people)
    assert not wrong, "; ".join(wrong[:3])
    return in_turn(sides, lambda side: [side(traits) for traits in people], rounds)


def bars(figures: Mapping[str, float]) -> list[Bar]:
    """How many times as long the others take."""
    return [
        Bar(f"{name} takes", figures[name] / figures[OURS], limit, False, "x ours")
        for name, limit in ((FLAGSMITH, 5), (GROWTHBOOK, 10))
    ]
