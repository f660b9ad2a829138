"""A weighted score as rows of a form, and the condition and policy that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One source of points.

    Attributes:
        name: of an event, or of a trait where `equals` is given.
        half_life, cap, of: of an event; empty and None: none.
        equals: the trait's value that gives the weight; None: an event.
    """

    name: str
    weight: float
    half_life: str = ""
    cap: float | None = None
    of: str = ""
    equals: str | float | bool | None = None


def score_leaf(rows: Sequence[Row], op: str, value: float) -> dict[str, Any]:
    """Return the document of a score compared with a number."""
    leaf: dict[str, Any] = {"kind": "score", "op": op, "value": value}
    events = [_event(row) for row in rows if row.equals is None]
    traits = [
        {"name": row.name, "op": "eq", "value": row.equals, "weight": row.weight}
        for row in rows
        if row.equals is not None
    ]
    if events:
        leaf["events"] = events
    if traits:
        leaf["traits"] = traits
    return leaf


def _event(row: Row) -> dict[str, Any]:
    event: dict[str, Any] = {"name": row.name, "weight": row.weight}
    if row.half_life:
        event["half_life"] = row.half_life
    if row.cap is not None:
        event["cap"] = row.cap
    if row.of:
        event["of"] = row.of
    return event


def condition(rows: Sequence[Row], enter: float) -> dict[str, Any]:
    """Return the condition "at least `enter` points"."""
    return {"v": 1, "where": score_leaf(rows, "gte", enter)}


def policy(rows: Sequence[Row], enter: float, leave: float | None) -> dict[str, Any]:
    """Return the policy "who is in stays until below `leave` points"; empty without hysteresis."""
    if leave is None or leave == enter:
        return {}
    return {"leave": {"v": 1, "where": score_leaf(rows, "lt", leave)}}
