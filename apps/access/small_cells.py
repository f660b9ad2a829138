"""Counts of people as they may be said: nothing that fewer than ten people stand behind.

One number alone is `told`. Numbers that add up to others which are shown need more: where one cell
of a row is hidden and the row's total is not, the cell is what is missing from the total.
`suppress` hides further cells, or totals, until nobody can work a hidden number out, nor that it is
small.
Pure.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

FEWEST: Final = 10  # people
FEW: Final = f"<{FEWEST}"

_Cell = tuple[int, int]
_UNBOUNDED: Final = 10**12  # no count reaches it


class Totals(Enum):
    """Which sums stand beside a table: of each row, of each column, of both and all, or none."""

    NONE = "none"
    ROWS = "rows"
    COLUMNS = "columns"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Shown:
    """A table as it may be shown: rows x columns, None where a count is hidden.

    Totals that were not asked for are None as well.
    """

    cells: list[list[int | None]]
    row_totals: list[int | None]
    column_totals: list[int | None]
    total: int | None


def told(count: int) -> int | None:
    """Return a count of people, None where it is below ten. Nobody at all is below ten, too.

    Whether anybody is there tells of one person whether she is, once a condition fits only her.
    """
    return None if count < FEWEST else count


def words(count: int | None) -> str:
    """Return a count as pages say it: "1,234", or "<10" for fewer and for what is not told."""
    return FEW if count is None or count < FEWEST else f"{count:,}"


def suppress_list(
    counts: Sequence[int], *, is_total_shown: bool
) -> tuple[list[int | None], int | None]:
    """Return the parts of a whole and their sum as they may be shown side by side."""
    shown = suppress([list(counts)], Totals.ROWS if is_total_shown else Totals.NONE)
    return shown.cells[0], shown.row_totals[0]


def suppress(table: Sequence[Sequence[int]], totals: Totals = Totals.BOTH) -> Shown:
    """Return a table of counts with the small ones hidden, and others that would give them away.

    Args:
        table: rows x columns of counts >= 0, every person in one cell.
        totals: what is shown beside it.

    What holds of the answer: for whoever knows everything that is shown, and this rule, each hidden
    small count could be ten or more, and no hidden count is certain.
    """
    margin = _Margin(table, totals)
    for cell in margin.small():
        margin.hidden.add(cell)
    while exposed := margin.exposed():
        margin.cover(exposed)
    return margin.shown()


class _Margin:
    """A table with its sums as last row and last column, and what of it is hidden.

    Every row and every column of it adds up once sums count negative: one kind of line, not two.
    """

    def __init__(self, table: Sequence[Sequence[int]], totals: Totals) -> None:
        rows = [[*row, sum(row)] for row in table]
        width = len(rows[0]) if rows else 1
        self.values = [*rows, [sum(row[n] for row in rows) for n in range(width)]]
        self.height, self.width = len(rows), width - 1
        self.totals = totals
        # What is not shown is as good as hidden, and nobody has to be kept from working it out.
        self.absent = {cell for cell in self._all() if not self._is_wanted(cell)}
        self.hidden = set(self.absent)

    def small(self) -> list[_Cell]:
        """Return the cells that must not be shown whatever else is."""
        return [cell for cell in self._all() if self._value(cell) < FEWEST]

    def exposed(self) -> _Cell | None:
        """Return a hidden cell that could be worked out, small ones first."""
        for cell in sorted(self.hidden - self.absent, key=self._value):
            value = self._value(cell)
            # A small one must be able to be ten; any other to be something else.
            if self._room_up(cell, max(1, FEWEST - value)):
                continue
            if value < FEWEST or not self._room_down(cell):
                return cell
        return None

    def cover(self, cell: _Cell) -> None:
        """Hide three more cells that, with this one, can change together; else everything."""
        row, column = cell
        need = max(1, FEWEST - self._value(cell))
        best: tuple[tuple[bool, int], set[_Cell]] | None = None
        for other_row in range(self.height + 1):
            for other_column in range(self.width + 1):
                if other_row == row or other_column == column:
                    continue
                aside = {(row, other_column), (other_row, column), (other_row, other_column)}
                fresh = aside - self.hidden
                if not fresh or not self._has_room(aside, cell, need):
                    continue
                loss = sum(self._value(one) for one in fresh)
                rank = (any(self._is_sum(one) for one in fresh), loss)
                if best is None or rank < best[0]:
                    best = (rank, fresh)
        self.hidden |= set(self._all()) if best is None else best[1]

    def shown(self) -> Shown:
        """Return what is left to show."""
        grid = [
            [None if (r, c) in self.hidden else value for c, value in enumerate(row)]
            for r, row in enumerate(self.values)
        ]
        inside = grid[: self.height]
        return Shown(
            [row[: self.width] for row in inside],
            [row[self.width] for row in inside],
            grid[self.height][: self.width],
            grid[self.height][self.width],
        )

    def _has_room(self, aside: set[_Cell], cell: _Cell, need: int) -> bool:
        """Whether the three cells can give way while this one grows by `need`."""
        grows = self._sign(cell)
        for one in aside:
            is_opposite = (one[0] == cell[0]) or (one[1] == cell[1])
            # In a line with the cell the other must balance it; the far corner goes along.
            change = self._sign(one) * (-grows if is_opposite else grows)
            if change < 0 and self._value(one) < need:
                return False
        return True

    def _room_up(self, cell: _Cell, need: int) -> bool:
        return self._flow(cell, need, is_up=True)

    def _room_down(self, cell: _Cell) -> bool:
        return self._value(cell) > 0 and self._flow(cell, 1, is_up=False)

    def _flow(self, cell: _Cell, need: int, *, is_up: bool) -> bool:
        """Whether a cell can change by `need` while every sum that is shown stays (maximum flow).

        Lines are nodes, hidden cells edges. A unit moves from a column to a row where a cell of
        both gives one up, from a row to a column where one takes it; signs turn for the sums.
        """
        left = {
            one: [self._gives(one, is_plus=True), self._gives(one, is_plus=False)]
            for one in self.hidden
            if one != cell
        }
        plus = is_up == (self._sign(cell) > 0)
        row, column = ("row", cell[0]), ("column", cell[1])
        start, goal = (column, row) if plus else (row, column)
        for _ in range(need):
            path = _path(left, start, goal)
            if path is None:
                return False
            for one, way in path:
                left[one][way] -= 1
                left[one][1 - way] += 1
        return True

    def _gives(self, cell: _Cell, *, is_plus: bool) -> int:
        """By how much the signed value of a cell can grow (plus) or shrink."""
        is_growth = is_plus == (self._sign(cell) > 0)
        return _UNBOUNDED if is_growth else self._value(cell)

    def _all(self) -> list[_Cell]:
        return [(r, c) for r in range(self.height + 1) for c in range(self.width + 1)]

    def _value(self, cell: _Cell) -> int:
        return self.values[cell[0]][cell[1]]

    def _sign(self, cell: _Cell) -> int:
        return (-1 if cell[0] == self.height else 1) * (-1 if cell[1] == self.width else 1)

    def _is_sum(self, cell: _Cell) -> bool:
        return cell[0] == self.height or cell[1] == self.width

    def _is_wanted(self, cell: _Cell) -> bool:
        of_column, of_row = cell[0] == self.height, cell[1] == self.width
        if of_column and of_row:
            return self.totals is Totals.BOTH
        if of_row:
            return self.totals in {Totals.ROWS, Totals.BOTH}
        return not of_column or self.totals in {Totals.COLUMNS, Totals.BOTH}


_Node = tuple[str, int]
_Step = tuple[_Cell, int]  # a cell, and 0 where its signed value grows


def _path(left: dict[_Cell, list[int]], start: _Node, goal: _Node) -> list[_Step] | None:
    """Return a way from one line to another over cells that can still change, the shortest."""
    came: dict[_Node, tuple[_Node, _Step] | None] = {start: None}
    waiting = deque([start])
    while waiting and goal not in came:
        node = waiting.popleft()
        for step, onward in _steps(left, node):
            if onward not in came:
                came[onward] = (node, step)
                waiting.append(onward)
    if goal not in came:
        return None
    path = []
    before = came[goal]
    while before is not None:
        path.append(before[1])
        before = came[before[0]]
    return path


def _steps(left: dict[_Cell, list[int]], node: _Node) -> Iterator[tuple[_Step, _Node]]:
    kind, number = node
    for cell, (more, less) in left.items():
        # The next cell of a cycle changes against the one before it.
        if kind == "column" and cell[1] == number and less > 0:
            yield (cell, 1), ("row", cell[0])
        if kind == "row" and cell[0] == number and more > 0:
            yield (cell, 0), ("column", cell[1])
