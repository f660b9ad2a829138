"""Paths and people made for each other: two names, two values of each property, small gaps.

In worlds of every kind (`tests.engine.documents`) a sequence seldom happens twice; here it does.
"""

from collections.abc import Sequence
from typing import Any

from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening
from tests.engine.alphabets import DAY_MS, START_MS, duration
from tests.engine.choices import Choices, once_in

NAMES = ("Product Viewed", "Product Added")
BETWEEN = "Order Completed"
GAPS_MS = (0, 0, 0, 1, 1000, 60_000, SESSION_IDLE_MS - 1, SESSION_IDLE_MS)
WITHIN_MS = (1, 1000, 1001, 60_000, SESSION_IDLE_MS, DAY_MS)


def match(choices: Choices, names: Sequence[str] = NAMES) -> dict[str, Any]:
    made: dict[str, Any] = {"name": "*" if once_in(choices, 8) else choices.pick(names)}
    if once_in(choices, 4):
        made["where"] = [{"property": "category", "op": "eq", "value": choices.pick(("a", "b"))}]
    return made


def window(choices: Choices) -> Any:
    made = ("ever", "session", "page_view", {"last": duration(choices.pick(WITHIN_MS))})
    later: Any = {"since": match(choices, (BETWEEN,))}
    day: Any = {"calendar": "day"}
    idle: Any = {"session": "1s"}
    return choices.pick((*made, "ever", "ever", later, day, idle))


def sequence(choices: Choices) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    for number in range(choices.pick((2, 2, 3, 4, 1))):
        step = match(choices)
        if number and once_in(choices, 3):
            step["within"] = duration(choices.pick(WITHIN_MS))
        steps.append(step)
    leaf: dict[str, Any] = {"kind": "sequence", "steps": steps, "window": window(choices)}
    if once_in(choices, 4):
        leaf["within"] = duration(choices.pick(WITHIN_MS))
    if once_in(choices, 3):
        leaf["by"] = choices.pick((["category"], ["price"], ["category", "price"]))
    if len(steps) > 1 and once_in(choices, 2):
        leaf["without"] = [
            {"after": choices.whole(1, len(steps) - 1), **match(choices, (BETWEEN, *NAMES))}
            for _ in range(choices.whole(1, 2))
        ]
    if once_in(choices, 6):
        leaf["strict"] = True
    if once_in(choices, 5):
        leaf["in_session"] = True
    return leaf | {"times": choices.pick((1, 1, 2, 3, 4))}


def absence(choices: Choices) -> dict[str, Any]:
    leaf = {"kind": "absence", "after": match(choices), "without": match(choices)}
    leaf |= {"for": duration(choices.pick(WITHIN_MS)), "window": window(choices)}
    if once_in(choices, 2):
        leaf["by"] = choices.pick((["category"], ["price"], ["category", "price"]))
    return leaf


def path(choices: Choices) -> dict[str, Any]:
    return absence(choices) if once_in(choices, 4) else sequence(choices)


def person(choices: Choices, most: int = 16) -> Facts:
    at_ms, found = START_MS, []
    gaps = [choices.pick(GAPS_MS) for _ in range(3)]
    for _ in range(choices.whole(0, most)):
        at_ms += choices.pick(gaps)
        properties: dict[str, Any] = {}
        if not once_in(choices, 8):
            properties["category"] = choices.pick(("a", "b"))
        if not once_in(choices, 8):
            properties["price"] = choices.pick((1, True, "1"))
        if once_in(choices, 3):
            properties["page_view_id"] = choices.pick(("p1", "p2"))
        name = BETWEEN if once_in(choices, 6) else choices.pick(NAMES)
        device = choices.pick((1, 1, 1, 2, NO_DEVICE))
        found.append(Happening(at_ms, name, device, properties))
    return Facts(history=found, unit_id="unit")
