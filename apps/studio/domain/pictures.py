"""Geometry of the larger pictures of segments: overlaps as columns over dots, moves as bands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

COLUMN: Final = 46.0  # width of one combination
ROW: Final = 28.0  # height of one set
BARS: Final = 150.0  # height of the tallest column
NAMES: Final = 210.0  # room for the names, on the left
TOP: Final = 26.0  # room for a number above the tallest column

FLOW_WIDTH: Final = 760.0
FLOW_HEIGHT: Final = 360.0
FLOW_NAMES: Final = 190.0
FLOW_NODE: Final = 14.0
FLOW_GAP: Final = 12.0


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    is_in: bool


@dataclass(frozen=True, slots=True)
class UpsetColumn:
    """One combination: its bar, its dots, and the line that joins those that are in."""

    x: float
    middle: float
    top: float
    height: float
    people: int
    words: str
    dots: tuple[Dot, ...]
    line: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Upset:
    """An UpSet picture in a box of `width` x `height`, y downward."""

    width: float
    height: float
    base: float
    rows: tuple[tuple[float, str], ...]
    columns: tuple[UpsetColumn, ...]
    column: float = COLUMN
    names: float = NAMES


def upset(names: Sequence[str], combinations: Sequence[tuple[Sequence[int], int]]) -> Upset:
    """Return the picture of combinations ((places of sets), people) in the order given."""
    most = max((people for _, people in combinations), default=1) or 1
    base = TOP + BARS
    at = [base + 14 + ROW * (place + 0.5) for place in range(len(names))]
    columns = []
    for index, (places, people) in enumerate(combinations):
        middle = NAMES + COLUMN * (index + 0.5)
        height = BARS * people / most
        lit = [at[place] for place in places]
        words = " and ".join(names[place] for place in places)
        columns.append(
            UpsetColumn(
                x=round(middle - COLUMN * 0.32, 2),
                middle=round(middle, 2),
                top=round(base - height, 2),
                height=round(height, 2),
                people=people,
                words=f"{words} only: {people:,}",
                dots=tuple(Dot(middle, y, i in places) for i, y in enumerate(at)),
                line=(min(lit, default=0.0), max(lit, default=0.0)),
            )
        )
    return Upset(
        width=NAMES + COLUMN * max(1, len(columns)) + 8,
        height=base + 14 + ROW * len(names) + 4,
        base=base,
        rows=tuple(zip(at, names, strict=True)),
        columns=tuple(columns),
    )


@dataclass(frozen=True, slots=True)
class FlowNode:
    x: float
    y: float
    height: float
    name: str
    people: int
    text_x: float
    is_left: bool


@dataclass(frozen=True, slots=True)
class Band:
    """A band from a left node to a right one: a closed path."""

    path: str
    words: str
    is_change: bool


@dataclass(frozen=True, slots=True)
class Sankey:
    width: float
    height: float
    nodes: tuple[FlowNode, ...]
    bands: tuple[Band, ...]
    node: float = FLOW_NODE


def sankey(names: Sequence[str], flows: Sequence[tuple[int, int, int]]) -> Sankey:
    """Return the picture of flows (place before, place after, people), people above 0.

    Heights are to scale: one person is as tall on the left as on the right.
    """
    flows = sorted(flow for flow in flows if flow[2] > 0)
    left, right = _totals(flows, 0), _totals(flows, 1)
    gaps = max(len(left), len(right), 1) - 1
    whole = sum(people for _, _, people in flows) or 1
    unit = (FLOW_HEIGHT - FLOW_GAP * gaps) / whole
    from_x, to_x = FLOW_NAMES, FLOW_WIDTH - FLOW_NAMES - FLOW_NODE
    left_nodes = _nodes(left, names, unit, from_x, is_left=True)
    right_nodes = _nodes(right, names, unit, to_x, is_left=False)
    starts = {place: node.y for place, node in left_nodes.items()}
    ends = {place: node.y for place, node in right_nodes.items()}
    bands = []
    for before, after, people in flows:
        thick = unit * people
        y, z = starts[before], ends[after]
        starts[before], ends[after] = y + thick, z + thick
        words = f"{names[before]} to {names[after]}: {people:,}"
        path = _band(from_x + FLOW_NODE, y, to_x, z, thick)
        bands.append(Band(path, words, before != after))
    nodes = (*left_nodes.values(), *right_nodes.values())
    return Sankey(FLOW_WIDTH, FLOW_HEIGHT, nodes, tuple(bands))


def _totals(flows: Sequence[tuple[int, int, int]], side: int) -> dict[int, int]:
    totals: dict[int, int] = {}
    for flow in flows:
        totals[flow[side]] = totals.get(flow[side], 0) + flow[2]
    return dict(sorted(totals.items()))


def _nodes(
    totals: Mapping[int, int], names: Sequence[str], unit: float, x: float, *, is_left: bool
) -> dict[int, FlowNode]:
    nodes, y = {}, 0.0
    for place, people in totals.items():
        text_x = x - 8 if is_left else x + FLOW_NODE + 8
        height = unit * people
        nodes[place] = FlowNode(
            x, round(y, 2), round(height, 2), names[place], people, text_x, is_left
        )
        y += height + FLOW_GAP
    return nodes


def _band(x0: float, y0: float, x1: float, y1: float, thick: float) -> str:
    """A ribbon with horizontal ends."""
    middle = (x0 + x1) / 2
    return (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
        f"V{y1 + thick:.1f}C{middle:.1f} {y1 + thick:.1f} {middle:.1f} {y0 + thick:.1f}"
        f" {x0:.1f} {y0 + thick:.1f}Z"
    )


def shade(part: float) -> int:
    """The step of a scale of ten for a share in [0, 1]: 0 for nothing, 10 for all."""
    return 0 if part <= 0 else min(10, max(1, round(part * 10)))


PLOT_WIDTH: Final = 600.0
PLOT_HEIGHT: Final = 180.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A line in a box of PLOT_WIDTH x PLOT_HEIGHT, and levels across it."""

    path: str
    now_x: float
    enter_y: float
    leave_y: float
    top: float
    first: float
    last: float


def plot(points: Sequence[tuple[float, float]], enter: float, leave: float) -> Plot:
    """Return the picture of (days from now, value) points, ascending, with two levels."""
    first, last = points[0][0], points[-1][0]
    top = max([enter, leave, *(value for _, value in points)]) * 1.1 or 1.0

    def x_of(day: float) -> float:
        return round(PLOT_WIDTH * (day - first) / ((last - first) or 1.0), 1)

    def y_of(value: float) -> float:
        return round(PLOT_HEIGHT * (1 - max(0.0, value) / top), 1)

    path = "M" + "L".join(f"{x_of(day)} {y_of(value)}" for day, value in points)
    return Plot(path, x_of(0.0), y_of(enter), y_of(leave), top, first, last)
