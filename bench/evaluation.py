"""Twenty segments of five conditions asked of one visitor: the engine beside a function by hand.

`python -m bench.evaluation` prints CPU microseconds per visitor, sides in turn, medians.
"""

import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, Final, NamedTuple, TypeVar

from bench.report import Bar
from engine.conditions.compile import compile_condition
from engine.conditions.parse import parse_condition
from engine.conditions.together import compile_together
from engine.facts import Facts, Happening

NOW_MS: Final = 1_750_000_000_000
HOUR_MS: Final = 3_600_000
VISITORS: Final = 300
PLANS: Final = ("free", "pro", "team")
DEVICES: Final = ("mobile", "desktop")
CATEGORIES: Final = ("blouses", "shoes", "bags", "hats")
NAMES: Final = ("Product Viewed", "Product Added", "Page Viewed", "Order Completed")

Json = dict[str, Any]


class Asked(NamedTuple):
    """One segment: the group of its five conditions, and what they compare with."""

    group: str
    plan: str
    age: int
    device: str
    event: str
    category: str
    hours: int
    at_least: int
    other_event: str
    other_at_least: int


SEGMENTS: Final = (
    Asked("all", "team", 28, "desktop", "Product Viewed", "hats", 1, 1, "Product Added", 1),
    Asked("any", "pro", 35, "mobile", "Order Completed", "blouses", 168, 2, "Product Viewed", 2),
    Asked("all", "pro", 28, "mobile", "Order Completed", "shoes", 1, 2, "Order Completed", 2),
    Asked("any", "free", 20, "mobile", "Product Added", "shoes", 1, 2, "Page Viewed", 3),
    Asked("all", "free", 37, "mobile", "Product Added", "shoes", 24, 3, "Product Viewed", 3),
    Asked("any", "pro", 25, "mobile", "Page Viewed", "blouses", 24, 3, "Product Viewed", 5),
    Asked("all", "team", 42, "desktop", "Product Viewed", "bags", 24, 3, "Order Completed", 3),
    Asked("any", "free", 35, "desktop", "Product Added", "blouses", 24, 1, "Page Viewed", 4),
    Asked("all", "free", 37, "desktop", "Page Viewed", "hats", 168, 1, "Order Completed", 1),
    Asked("any", "team", 25, "mobile", "Product Viewed", "shoes", 24, 3, "Page Viewed", 5),
    Asked("all", "pro", 44, "desktop", "Product Viewed", "bags", 24, 1, "Order Completed", 1),
    Asked("any", "free", 30, "desktop", "Product Added", "bags", 24, 1, "Page Viewed", 3),
    Asked("all", "pro", 25, "mobile", "Product Added", "bags", 24, 2, "Product Viewed", 1),
    Asked("any", "team", 37, "desktop", "Product Viewed", "shoes", 168, 3, "Page Viewed", 4),
    Asked("all", "team", 33, "mobile", "Product Viewed", "blouses", 24, 3, "Product Added", 2),
    Asked("any", "team", 38, "mobile", "Order Completed", "blouses", 1, 4, "Page Viewed", 2),
    Asked("all", "free", 47, "desktop", "Page Viewed", "shoes", 24, 2, "Order Completed", 4),
    Asked("any", "team", 43, "desktop", "Order Completed", "bags", 24, 4, "Order Completed", 2),
    Asked("all", "free", 32, "mobile", "Order Completed", "bags", 1, 1, "Order Completed", 3),
    Asked("any", "team", 45, "desktop", "Product Viewed", "bags", 168, 1, "Page Viewed", 3),
)


def document(asked: Asked) -> Json:
    """The segment as a condition."""
    counted = {"kind": "event", "aggregate": "count", "op": "gte"}
    where = [{"property": "category", "op": "eq", "value": asked.category}]
    parts: list[Json] = [
        {"kind": "trait", "name": "plan", "op": "eq", "value": asked.plan},
        {"kind": "trait", "name": "age", "op": "gte", "value": asked.age},
        {"kind": "context", "name": "device", "op": "eq", "value": asked.device},
        counted
        | {"name": asked.event, "where": where, "window": {"last": f"{asked.hours}h"}}
        | {"value": asked.at_least},
        counted | {"name": asked.other_event, "window": "ever", "value": asked.other_at_least},
    ]
    return {"v": 1, "where": {asked.group: parts}}


def by_hand(facts: Facts, now_ms: int) -> list[bool]:
    """The same tests as somebody would write them for these twenty segments alone."""
    named: dict[str, list[Happening]] = {}
    for event in facts.history:
        if event.name in named:
            named[event.name].append(event)
        else:
            named[event.name] = [event]
    plan, age = facts.traits.get("plan"), facts.traits.get("age")
    device = facts.context.get("device")
    assert age is None or isinstance(age, int)

    def counted(name: str, category: str, hours: int) -> int:
        start_ms = now_ms - hours * HOUR_MS
        return len(
            [
                1
                for event in named.get(name, ())
                if event.at_ms > start_ms and event.properties.get("category") == category
            ]
        )

    return [
        plan == "team"
        and age is not None
        and age >= 28
        and device == "desktop"
        and counted("Product Viewed", "hats", 1) >= 1
        and len(named.get("Product Added", ())) >= 1,
        plan == "pro"
        or (age is not None and age >= 35)
        or device == "mobile"
        or counted("Order Completed", "blouses", 168) >= 2
        or len(named.get("Product Viewed", ())) >= 2,
        plan == "pro"
        and age is not None
        and age >= 28
        and device == "mobile"
        and counted("Order Completed", "shoes", 1) >= 2
        and len(named.get("Order Completed", ())) >= 2,
        plan == "free"
        or (age is not None and age >= 20)
        or device == "mobile"
        or counted("Product Added", "shoes", 1) >= 2
        or len(named.get("Page Viewed", ())) >= 3,
        plan == "free"
        and age is not None
        and age >= 37
        and device == "mobile"
        and counted("Product Added", "shoes", 24) >= 3
        and len(named.get("Product Viewed", ())) >= 3,
        plan == "pro"
        or (age is not None and age >= 25)
        or device == "mobile"
        or counted("Page Viewed", "blouses", 24) >= 3
        or len(named.get("Product Viewed", ())) >= 5,
        plan == "team"
        and age is not None
        and age >= 42
        and device == "desktop"
        and counted("Product Viewed", "bags", 24) >= 3
        and len(named.get("Order Completed", ())) >= 3,
        plan == "free"
        or (age is not None and age >= 35)
        or device == "desktop"
        or counted("Product Added", "blouses", 24) >= 1
        or len(named.get("Page Viewed", ())) >= 4,
        plan == "free"
        and age is not None
        and age >= 37
        and device == "desktop"
        and counted("Page Viewed", "hats", 168) >= 1
        and len(named.get("Order Completed", ())) >= 1,
        plan == "team"
        or (age is not None and age >= 25)
        or device == "mobile"
        or counted("Product Viewed", "shoes", 24) >= 3
        or len(named.get("Page Viewed", ())) >= 5,
        plan == "pro"
        and age is not None
        and age >= 44
        and device == "desktop"
        and counted("Product Viewed", "bags", 24) >= 1
        and len(named.get("Order Completed", ())) >= 1,
        plan == "free"
        or (age is not None and age >= 30)
        or device == "desktop"
        or counted("Product Added", "bags", 24) >= 1
        or len(named.get("Page Viewed", ())) >= 3,
        plan == "pro"
        and age is not None
        and age >= 25
        and device == "mobile"
        and counted("Product Added", "bags", 24) >= 2
        and len(named.get("Product Viewed", ())) >= 1,
        plan == "team"
        or (age is not None and age >= 37)
        or device == "desktop"
        or counted("Product Viewed", "shoes", 168) >= 3
        or len(named.get("Page Viewed", ())) >= 4,
        plan == "team"
        and age is not None
        and age >= 33
        and device == "mobile"
        and counted("Product Viewed", "blouses", 24) >= 3
        and len(named.get("Product Added", ())) >= 2,
        plan == "team"
        or (age is not None and age >= 38)
        or device == "mobile"
        or counted("Order Completed", "blouses", 1) >= 4
        or len(named.get("Page Viewed", ())) >= 2,
        plan == "free"
        and age is not None
        and age >= 47
        and device == "desktop"
        and counted("Page Viewed", "shoes", 24) >= 2
        and len(named.get("Order Completed", ())) >= 4,
        plan == "team"
        or (age is not None and age >= 43)
        or device == "desktop"
        or counted("Order Completed", "bags", 24) >= 4
        or len(named.get("Order Completed", ())) >= 2,
        plan == "free"
        and age is not None
        and age >= 32
        and device == "mobile"
        and counted("Order Completed", "bags", 1) >= 1
        and len(named.get("Order Completed", ())) >= 3,
        plan == "team"
        or (age is not None and age >= 45)
        or device == "desktop"
        or counted("Product Viewed", "bags", 168) >= 1
        or len(named.get("Page Viewed", ())) >= 3,
    ]


def visitors(events: int) -> list[Facts]:
    """Visitors with so many events of the last 30 days, the same in every run."""
    draw = random.Random(7)  # nosec B311
    return [
        Facts(
            traits={"plan": draw.choice(PLANS), "age": draw.randint(18, 60)},
            context={"device": draw.choice(DEVICES)},
            history=sorted(
                (
                    Happening(
                        NOW_MS - draw.randint(0, 720 * HOUR_MS),
                        draw.choice(NAMES),
                        1,
                        {"category": draw.choice(CATEGORIES)},
                    )
                    for _ in range(events)
                ),
                key=lambda event: event.at_ms,
            ),
        )
        for _ in range(VISITORS)
    ]


Side = Callable[[Facts, int], Sequence[object]]


def sides() -> dict[str, Side]:
    """The ways to answer, by name."""
    nodes = [parse_condition(document(asked)) for asked in SEGMENTS]
    one_by_one = [compile_condition(node) for node in nodes]
    return {
        "by hand": by_hand,
        "together": compile_together(nodes),
        "one by one": lambda facts, now_ms: [answer(facts, now_ms) for answer in one_by_one],
    }


def measure(events: int, rounds: int = 31) -> dict[str, float]:
    """CPU microseconds per visitor of each side, medians of rounds in turn.

    Raises:
        AssertionError: a side answers otherwise than the function by hand.
    """
    people, by_name = visitors(events), sides()
    for facts in people:
        expected = by_hand(_fresh(facts), NOW_MS)
        for name in ("together", "one by one"):
            found = by_name[name](_fresh(facts), NOW_MS)
            assert [answer[0] is True for answer in found] == expected  # type: ignore[index]  # pairs
    return in_turn(by_name, lambda side: [side(_fresh(facts), NOW_MS) for facts in people], rounds)


Asker = TypeVar("Asker")


def in_turn(
    sides: Mapping[str, Asker], ask_everybody: Callable[[Asker], Sized], rounds: int
) -> dict[str, float]:
    """Return the CPU microseconds per visitor of each side: medians of rounds in turn.

    Args:
        ask_everybody: asks a side about every visitor; as many answers as there are visitors.
    """
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            gc.collect()
            began = time.process_time()
            answers = ask_everybody(side)
            spent[name].append((time.process_time() - began) / len(answers) * 1e6)
    return {name: statistics.median(times) for name, times in spent.items()}


def _fresh(facts: Facts) -> Facts:
    return Facts(traits=facts.traits, context=facts.context, history=facts.history)


def bars(events: int = 30) -> list[Bar]:
    """The bar of the engine: at most twice the function by hand."""
    figures = measure(events)
    ratio = figures["together"] / figures["by hand"]
    return [Bar(f"20 segments x 5 conditions, {events} events", ratio, 2, True, "x by hand")]


def main() -> int:
    """Print the figures for short and long histories; 1 when the bar is missed."""
    for events in (0, 30, 200):
        figures = measure(events)
        line = ", ".join(f"{name} {us:.2f} us" for name, us in figures.items())
        print(f"{events:>4} events: {line}")
    found = bars()
    for bar in found:
        print(bar.line())
    return 0 if all(bar.is_held for bar in found) else 1


if __name__ == "__main__":
    sys.exit(main())
