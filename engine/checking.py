"""What a publication must not say: each refusal names the place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from engine.capping import MAX_SHOWINGS, CapDoc
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.errors import InvalidCondition, InvalidSnapshot

WEIGHTS_TOLERANCE = 1e-6


def check_cap(cap: CapDoc) -> None:
    path = f"caps.{cap.key}"
    if cap.most is not None and not 1 <= cap.most <= MAX_SHOWINGS:
        raise InvalidSnapshot(path, f"allows 1 to {MAX_SHOWINGS} showings")
    if (cap.window_ms is not None and cap.window_ms <= 0) or cap.cooldown_ms < 0:
        raise InvalidSnapshot(path, "has a window or a cooldown that is no length of time")
    fatigue = cap.fatigue
    if fatigue is not None and (
        fatigue.half_life_ms <= 0 or fatigue.step < 0 or not 0 <= fatigue.floor <= 1
    ):
        raise InvalidSnapshot(path, "has a half-life, a step or a floor out of bounds")


def check_weights(path: str, weights: Sequence[float]) -> None:
    if min(weights, default=-1.0) < 0 or abs(sum(weights) - 1) > WEIGHTS_TOLERANCE:
        raise InvalidSnapshot(path, "needs weights of at least 0 whose sum is 1")


def check_share(path: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise InvalidSnapshot(path, "is a share from 0 to 1")


def read_condition(document: object, path: str, known: Collection[str]) -> Node:
    try:
        node = parse_condition(document)
    except InvalidCondition as error:
        raise InvalidSnapshot(f"{path}.condition.{error.path}", error.problem) from error
    refuse_absent(node, path, known)
    return node


def refuse_absent(node: Node, path: str, known: Collection[str]) -> None:
    absent = sorted(key for key in segment_keys(node) if key not in known)
    if absent:
        raise InvalidSnapshot(f"{path}.condition", f"names the segment '{absent[0]}', not here")


Key = TypeVar("Key", str, int)
Item = TypeVar("Item")


def keyed(path: str, pairs: Iterable[tuple[Key, Item]]) -> dict[Key, Item]:
    found: dict[Key, Item] = {}
    for key, item in pairs:
        if key in found:
            raise InvalidSnapshot(f"{path}.{key}", "is there twice")
        found[key] = item
    return found


def named(kind: str, items: dict[Key, Item], key: Key, path: str) -> Item:
    if key not in items:
        raise InvalidSnapshot(path, f"names '{key}', which is not among the {kind}")
    return items[key]
