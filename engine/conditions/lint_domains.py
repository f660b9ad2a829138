"""What the leaves of conditions are about: one variable per thing, and what ties them together.

Two leaves share a variable where they ask about the same trait, the same events in the same
window, the same share. Whatever is left out here makes the linter say less, never wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import combinations
from math import inf
from typing import TypeAlias

from engine.conditions.canonical import where_json
from engine.conditions.lint_cells import KNOWN, OPEN, Ask, Row, TooMany, rows_of
from engine.conditions.lint_events import Counted, cells_of, counted, without_events
from engine.conditions.lint_search import Ties, Variable
from engine.conditions.lint_ties import ties_of
from engine.conditions.lint_windows import Matches, ask_of, holds_ages
from engine.conditions.lower import lowered
from engine.conditions.nodes import (
    ConsentLeaf,
    ContextLeaf,
    Leaf,
    ListLeaf,
    ModelLeaf,
    Node,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
    Window,
)
from engine.conditions.normal import key_of
from engine.conditions.parse_leaves import COMPUTED_PREFIX
from engine.conditions.plain_leaves import MODEL_TRAIT, NECESSARY
from engine.conditions.scope import leaves_of

Subject: TypeAlias = Hashable
MAX_TARGETS = 8
OPAQUE: list[Row] = [(True,), (False,), (None,)]


class Model:
    """The variables of some conditions, and what each leaf says about its own.

    Attributes:
        variables: by number.
        ties: between them.
        says: per leaf (its normal form): (variable, cells where it is true, where it is false).
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.variables: list[Variable] = []
        self.ties = Ties()
        self.says: dict[str, tuple[int, int, int]] = {}
        self._keys: dict[int, str] = {}
        self._nodes = tuple(nodes)  # the leaves must live on: they are known by identity
        groups: dict[Subject, dict[str, Leaf]] = {}
        events: dict[Subject, dict[str, Counted]] = {}
        for node in nodes:
            for leaf in leaves_of(node):
                key = self.key(leaf)
                about = counted(lowered(leaf))
                if about is not None:
                    events.setdefault(about.subject, {})[key] = about
                else:
                    groups.setdefault(subject_of(leaf), {})[key] = leaf
        for subject, leaves in groups.items():
            self._add(subject, leaves)
        self._add_events(events)

    def key(self, leaf: Leaf) -> str:
        """The normal form of a leaf: equal for leaves that ask the same."""
        found = self._keys.get(id(leaf))
        if found is None:
            found = self._keys[id(leaf)] = key_of(where_json(lowered(leaf)))
        return found

    def _add(self, subject: Subject, leaves: dict[str, Leaf]) -> None:
        kind = subject[0] if isinstance(subject, tuple) else ""
        try:
            self._add_rows(list(leaves), _ROWS[str(kind)](list(leaves.values())))
        except TooMany:
            # Each on its own: what they have to do with each other is not looked at.
            for key, leaf in leaves.items():
                try:
                    rows = _ROWS[str(kind)]([leaf])
                except TooMany:
                    rows = OPAQUE
                self._add_rows([key], rows)

    def _add_rows(
        self,
        keys: Sequence[str],
        rows: Sequence[Row],
        low: tuple[float, ...] = (),
        high: tuple[float, ...] = (),
    ) -> int:
        number = len(self.variables)
        self.variables.append(Variable(len(rows), low, high))
        for place, key in enumerate(keys):
            true = sum(1 << i for i, row in enumerate(rows) if row[place] is True)
            false = sum(1 << i for i, row in enumerate(rows) if row[place] is False)
            self.says[key] = (number, true, false)
        return number

    def _add_events(self, events: dict[Subject, dict[str, Counted]]) -> None:
        widths = _widths(about.window for found in events.values() for about in found.values())
        matches = Matches()
        numbers: list[tuple[int, Counted]] = []
        for found in events.values():
            asked = list(found.values())
            first = asked[0]
            try:
                cells = cells_of(asked, widths)
            except TooMany:
                for key in found:
                    self._add_rows([key], OPAQUE)
                continue
            if not all(matches.is_possible(match) for match in first.matches):
                cells = without_events(first, cells)
            number = self._add_rows(list(found), cells.rows, tuple(cells.low), tuple(cells.high))
            numbers.append((number, first))
        ties_of(numbers, self.variables, self.ties, matches)


def _widths(windows: Iterable[Window | None]) -> set[int]:
    """How old an event may be to be in each window for certain."""
    found = {_holds(window) for window in windows if window is not None}
    return {width for width in found if width}


def _holds(window: Window) -> int:
    held = holds_ages(window)
    return 0 if held == inf else int(held)


def subject_of(leaf: Leaf) -> Subject:
    """What a leaf that reads no events is about."""
    match leaf:
        case TraitLeaf(name) if name.startswith(COMPUTED_PREFIX):
            # Its values are those of an aggregate that has not been put in its place.
            return ("other", key_of(where_json(leaf)))
        case TraitLeaf(name):
            return ("trait", name)
        case ModelLeaf(name):
            return ("trait", MODEL_TRAIT + name)
        case ContextLeaf(name):
            return ("context", name)
        case PercentLeaf(seed):
            return ("percent", seed)
        case ConsentLeaf(purpose):
            return ("consent", purpose)
        case RelationLeaf(kind):
            return ("relation", kind)
        case SegmentLeaf(key):
            return ("segment", key)
        case ListLeaf(key):
            return ("list", key)
    return ("other", key_of(where_json(leaf)))


def _values(leaves: Sequence[Leaf]) -> list[Row]:
    return rows_of([_ask(leaf) for leaf in leaves])


def _ask(leaf: Leaf) -> Ask:
    match leaf:
        case TraitLeaf():
            view = (leaf.source, leaf.min_confidence, 0)
            plain = ask_of(leaf.op, leaf.value)
            return Ask(leaf.op, leaf.value, plain.absent, view)
        case ModelLeaf():
            plain = ask_of(leaf.op, leaf.value)
            absent = leaf.fallback if plain.absent is None else plain.absent
            view = (None, None, leaf.max_age_ms) if leaf.max_age_ms else OPEN
            return Ask(leaf.op, leaf.value, absent, view)
    assert isinstance(leaf, ContextLeaf)
    return ask_of(leaf.op, leaf.value)


def _percent(leaves: Sequence[Leaf]) -> list[Row]:
    shares = [leaf for leaf in leaves if isinstance(leaf, PercentLeaf)]
    limits = {0}
    for share in shares:
        for limit in (share.start, share.end):
            near = int(limit * 100)
            limits.update(bucket for bucket in range(near - 1, near + 3) if 0 <= bucket < 10_000)
    return list(
        {
            tuple(share.start <= bucket / 100 < share.end for share in shares): None
            for bucket in sorted(limits)
        }
    )


def _relations(leaves: Sequence[Leaf]) -> list[Row]:
    targets = sorted({leaf.to for leaf in leaves if isinstance(leaf, RelationLeaf) and leaf.to})
    if len(targets) > MAX_TARGETS:
        raise TooMany
    asked = [leaf.to for leaf in leaves if isinstance(leaf, RelationLeaf)]
    held: list[tuple[str, ...]] = [
        some for size in range(len(targets) + 1) for some in combinations(targets, size)
    ]
    rows: list[Row] = [tuple(False for _ in asked)]
    # An edge to something that nobody asks for may always be there.
    rows += [tuple(to is None or to in some for to in asked) for some in held]
    return list(dict.fromkeys(rows))


def _consent(leaves: Sequence[Leaf]) -> list[Row]:
    (leaf,) = leaves
    if isinstance(leaf, ConsentLeaf) and leaf.purpose == NECESSARY:
        return [(True,)]
    return OPAQUE


def _known(leaves: Sequence[Leaf]) -> list[Row]:
    (_,) = leaves
    return [(verdict,) for verdict in KNOWN]


_ROWS: dict[str, Callable[[Sequence[Leaf]], list[Row]]] = {
    "trait": _values,
    "context": _values,
    "percent": _percent,
    "relation": _relations,
    "consent": _consent,
    "segment": _known,
    "list": _known,
    "other": lambda leaves: OPAQUE,
}
