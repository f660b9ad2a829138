"""Small cells: what is hidden cannot be worked out from what is shown, nor that it is small."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from apps.access.small_cells import FEWEST, Shown, Totals, suppress, suppress_list, told, words

Table = list[list[int]]


@pytest.mark.parametrize("count", [0, 1, 9])
def test_fewer_than_ten_people_are_not_told(count: int) -> None:
    assert told(count) is None
    assert words(count) == "<10"


@pytest.mark.parametrize("count", [10, 1234])
def test_ten_people_and_more_are_told_exactly(count: int) -> None:
    assert told(count) == count
    assert words(count) == f"{count:,}"


def test_one_small_part_of_a_shown_whole_hides_a_second_one() -> None:
    assert suppress_list([200, 3, 50], is_total_shown=True) == ([200, None, None], 253)


def test_two_small_parts_whose_sum_is_small_hide_a_third() -> None:
    # 57 - 50 = 7 would say that both together are fewer than ten.
    assert suppress_list([50, 3, 4, 80], is_total_shown=True)[0] == [None, None, None, 80]


def test_without_a_total_only_what_is_small_is_hidden() -> None:
    assert suppress_list([200, 3, 50], is_total_shown=False) == ([200, None, 50], None)


def test_a_table_without_small_cells_is_shown_as_it_is() -> None:
    shown = suppress([[10, 20], [30, 40]])
    assert shown == Shown([[10, 20], [30, 40]], [30, 70], [40, 60], 100)


def test_a_total_of_fewer_than_ten_is_hidden_too() -> None:
    shown = suppress([[1, 2], [30, 40]])
    assert shown.row_totals[0] is None


TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.one_of(st.integers(0, 12), st.integers(0, 300)), min_size=width, max_size=width
        ),
        min_size=1,
        max_size=4,
    )
)


@settings(max_examples=150, deadline=None)
@given(TABLES, st.sampled_from(list(Totals)))
@example([[0, 0], [0, 0]], Totals.BOTH)
@example([[9, 100], [100, 9]], Totals.BOTH)
@example([[5]], Totals.BOTH)
@example([[3, 10, 10], [10, 10, 10]], Totals.BOTH)
@example([[0, 0, 10], [0, 0, 10], [10, 10, 0]], Totals.BOTH)
def test_nothing_hidden_follows_from_what_is_shown(table: Table, totals: Totals) -> None:
    shown = suppress(table, totals)
    for value, seen, (low, high) in everything(table, shown):
        if seen is not None:
            assert seen == value >= FEWEST
            continue
        assert low < high, "it is certain"
        if value < FEWEST:
            assert high >= FEWEST, "it is certain to be small"


@settings(max_examples=60, deadline=None)
@given(TABLES)
def test_a_hidden_total_is_as_safe_as_a_hidden_cell(table: Table) -> None:
    shown = suppress(table, Totals.BOTH)
    for n, total in enumerate(shown.row_totals):
        if total is None:
            low, high = bounds(table, shown, [1 if r == n else 0 for r in rows_of(table)])
            assert low < high
            assert sum(table[n]) >= FEWEST or high >= FEWEST


def rows_of(table: Table) -> list[int]:
    """The row of each cell, cell by cell."""
    return [r for r, row in enumerate(table) for _ in row]


def everything(table: Table, shown: Shown) -> list[tuple[int, int | None, tuple[float, float]]]:
    """Return (value, what is shown, what it could be) of each cell."""
    width = len(table[0])
    found = []
    for r, row in enumerate(table):
        for c, value in enumerate(row):
            seen = shown.cells[r][c]
            goal = [0] * (len(table) * width)
            goal[r * width + c] = 1
            found.append((value, seen, (0, 0) if seen is not None else bounds(table, shown, goal)))
    return found


def bounds(table: Table, shown: Shown, goal: list[int]) -> tuple[float, float]:
    """The least and the greatest value of a sum of cells, for who knows all that is shown.

    By linear programming, which knows nothing of how cells were chosen. Constraints on rows and
    columns have whole corners, so its bounds are those of whole numbers.
    """
    height, width = len(table), len(table[0])
    size = height * width
    left: list[list[int]] = []
    right: list[int] = []

    def says(cells: list[int], value: int | None) -> None:
        if value is not None:
            left.append(cells)
            right.append(value)

    for r in range(height):
        says([1 if n // width == r else 0 for n in range(size)], shown.row_totals[r])
        for c in range(width):
            says([1 if n == r * width + c else 0 for n in range(size)], shown.cells[r][c])
    for c in range(width):
        says([1 if n % width == c else 0 for n in range(size)], shown.column_totals[c])
    says([1] * size, shown.total)
    ends = []
    for sign in (1, -1):
        found = linprog(
            [sign * one for one in goal],
            A_eq=left or None,
            b_eq=right or None,
            bounds=[(0, 1_000_000)] * size,
        )
        assert found.success
        ends.append(round(sign * found.fun, 6))
    return ends[0], ends[1]
