"""Values that a true condition hands to the content: "the category you looked at last".

An event leaf binds properties of the latest matching event of its window, a sequence those of the
events of its latest completion. Of leaves that bind one name, the first in the document that is
true and has a value wins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from engine.conditions.aggregates import matching
from engine.conditions.compile import part_of
from engine.conditions.evaluate import FINDERS
from engine.conditions.nodes import (
    EventBinds,
    EventLeaf,
    Node,
    SequenceLeaf,
    WindowKind,
    parts_of,
)
from engine.conditions.sequences import sequence_bindings
from engine.conditions.series import matches_loader
from engine.conditions.windows import bounds
from engine.facts import Facts, Happening, Scalar

Bindings: TypeAlias = dict[str, Scalar]
Binder: TypeAlias = Callable[[Facts, int], Bindings]
Binding: TypeAlias = EventLeaf | SequenceLeaf


def bindings_of(node: Node, facts: Facts, now_ms: int) -> Bindings:
    """What the true leaves of a condition bind at now."""
    facts = facts.as_of(now_ms)
    found: Bindings = {}
    for leaf in binding_leaves(node):
        if FINDERS[type(leaf)](leaf, facts, now_ms).verdict is True:
            found = _values(leaf, facts, now_ms) | found
    return found


def binder(node: Node) -> Binder | None:
    """Return `bindings_of` with the condition compiled into it; None when it binds nothing."""
    leaves = [(part_of(leaf), _reader(leaf)) for leaf in binding_leaves(node)]
    if not leaves:
        return None

    def bind(facts: Facts, now_ms: int) -> Bindings:
        facts = facts.as_of(now_ms)
        found: Bindings = {}
        for part, read in leaves:
            if part(facts, now_ms)[0] is True:
                found = read(facts, now_ms) | found
        return found

    return bind


def _reader(leaf: Binding) -> Binder:
    """Return the function that reads the values of a true leaf."""
    if isinstance(leaf, SequenceLeaf) or leaf.window.kind not in _UP_TO_NOW:
        return lambda facts, now_ms: _values(leaf, facts, now_ms)
    matches, window, bind = matches_loader(leaf), leaf.window, leaf.bind

    def read(facts: Facts, now_ms: int) -> Bindings:
        matched = matches(facts)
        if not matched:
            return {}
        # The latest of all is the latest of the window: it is in it, or none is.
        after_ms, _ = bounds(window, facts, now_ms)
        if after_ms is not None and matched[-1].at_ms <= after_ms:
            return {}
        return _bound(bind, matched[-1])

    return read


_UP_TO_NOW = frozenset(
    {WindowKind.EVER, WindowKind.LAST, WindowKind.LAST_MONTHS, WindowKind.CALENDAR}
)


def binding_leaves(node: Node) -> Iterator[Binding]:
    """The leaves that bind something, in the order of the document."""
    if isinstance(node, EventLeaf | SequenceLeaf):
        if node.bind:
            yield node
        return
    for part in parts_of(node):
        yield from binding_leaves(part)


def _values(leaf: Binding, facts: Facts, now_ms: int) -> Bindings:
    if isinstance(leaf, SequenceLeaf):
        return sequence_bindings(leaf, facts, now_ms)
    used = matching(leaf.match, leaf.window, facts, now_ms)
    return _bound(leaf.bind, facts.history[used[-1]]) if used else {}


def _bound(bind: EventBinds, event: Happening) -> Bindings:
    return {name: event.properties[of] for name, of in bind if of in event.properties}
