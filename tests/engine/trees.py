"""Random conditions and people for property tests: small worlds, so that things collide.

Conditions are drawn as documents, so every tree also passes through the parser. Instants are
drawn around what matters: each event, and each event plus each window, a millisecond either side.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from engine.conditions.canonical import to_json
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.facts import Facts, Happening
from tests.engine import documents as made
from tests.engine import instants, people
from tests.engine.alphabets import (
    CONTEXT,
    EVENTS,
    PROPERTIES,
    SEGMENTS,
    START_MS,
    TRAITS,
    WINDOWS_MS,
)
from tests.engine.choices import Drawn

__all__ = ["CONTEXT", "EVENTS", "PROPERTIES", "SEGMENTS", "START_MS", "TRAITS", "WINDOWS_MS"]
__all__ += ["conditions", "documents", "event_documents", "facts", "histories", "moments"]

WITHOUT_REQUEST = tuple(kind for kind in made.EVERY_KIND if kind not in made.OF_REQUESTS)


@st.composite
def event_documents(draw: st.DrawFn) -> dict[str, Any]:
    return made.event(Drawn(draw))


@st.composite
def leaf_documents(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Leaves of one kind."""
    return made.leaf(Drawn(draw), (kind,))


@st.composite
def documents(draw: st.DrawFn, with_request: bool = True) -> dict[str, Any]:
    """The `where` of a condition, up to eight leaves of all kinds."""
    return made.tree(Drawn(draw), made.EVERY_KIND if with_request else WITHOUT_REQUEST)


def conditions(with_request: bool = True) -> st.SearchStrategy[Node]:
    return documents(with_request).map(lambda where: parse_condition({"v": 1, "where": where}))


@st.composite
def histories(draw: st.DrawFn, max_size: int = 12) -> list[Happening]:
    """Events in order, with ties, of two devices and of none."""
    return people.history(Drawn(draw), max_size)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    return people.person(Drawn(draw))


def moments(node: Node, given: Facts) -> list[int]:
    """Every instant at which anything could change, and the milliseconds around it, in order."""
    return instants.moments(to_json(node)["where"], given)
