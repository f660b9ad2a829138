"""Make a failing world small: drop what is not needed for the failure, until nothing can go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.errors import InvalidCondition
from engine.facts import Facts, Happening
from tests.engine.agreement import World, check_world


def failure(world: World) -> Exception | None:
    """What goes wrong in this world, if anything; conditions that are refused do not count."""
    try:
        check_world(world)
    except InvalidCondition:
        return None
    except Exception as trouble:  # a crash of an evaluator is a finding too
        return trouble
    return None


def shrunk(world: World, budget_s: float, fails: Callable[[World], bool]) -> World:
    """The smallest world found within the budget that still fails."""
    deadline = time.monotonic() + budget_s
    progress = True
    while progress and time.monotonic() < deadline:
        progress = False
        for smaller in _smaller(world):
            if time.monotonic() > deadline:
                break
            if fails(smaller):
                world, progress = smaller, True
                break
    return world


def _smaller(world: World) -> Iterator[World]:
    """Simpler worlds, the boldest first."""
    facts = world.facts
    for at_ms in _fewer(list(world.at_ms)):
        if at_ms:
            yield replace(world, at_ms=at_ms)
    if world.cuts:
        yield replace(world, cuts=())
        cut = facts.history[: max(0, len(facts.history) - world.cuts[0])]
        yield replace(world, cuts=(), facts=replace(facts, history=cut, cache={}))
    for where in smaller_documents(world.where):
        yield replace(world, where=where)
    for history in _fewer(list(facts.history)):
        yield replace(world, facts=replace(facts, history=history, cache={}))
    for name in ("traits", "context", "memberships", "trait_meta", "consents"):
        for kept in smaller_mappings(getattr(facts, name)):
            changed: dict[str, Any] = {name: kept, "cache": {}}
            yield replace(world, facts=replace(facts, **changed))
    if facts.site_zone != "UTC":
        yield replace(world, facts=replace(facts, site_zone="UTC", cache={}))
    for history in _plainer(facts):
        yield replace(world, facts=replace(facts, history=history, cache={}))


def _fewer(items: list[Any]) -> Iterator[list[Any]]:
    """Without halves, quarters ... and single items."""
    size = len(items)
    while size >= 1:
        size = (size + 1) // 2
        for start in range(0, len(items), size):
            yield items[:start] + items[start + size :]
        if size == 1:
            return


def smaller_mappings(mapping: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in mapping:
        yield {key: value for key, value in mapping.items() if key != name}


def smaller_documents(where: Any) -> Iterator[Any]:
    """Parts instead of groups, groups with fewer parts, leaves without their options."""
    if isinstance(where, dict):
        for value in where.values():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict) and ("kind" in part or len(part) == 1):
                    yield part
        yield from smaller_mappings(where)
        for key, value in where.items():
            for smaller in smaller_documents(value):
                yield {**where, key: smaller}
    elif isinstance(where, list):
        for n, item in enumerate(where):
            yield where[:n] + where[n + 1 :]
            for smaller in smaller_documents(item):
                yield [*where[:n], smaller, *where[n + 1 :]]


def _plainer(facts: Facts) -> Iterator[list[Happening]]:
    """Events with fewer properties, and all of one device."""
    history = list(facts.history)
    for n, event in enumerate(history):
        smaller = [
            Happening(event.at_ms, event.name, event.device, properties)
            for properties in smaller_mappings(event.properties)
        ]
        if event.device != 1:
            smaller.append(Happening(event.at_ms, event.name, 1, event.properties))
        for plain in smaller:
            yield [*history[:n], plain, *history[n + 1 :]]
