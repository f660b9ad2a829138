"""Pictures of how well a model does, as SVG: ranking, calibration, lift, learning.

Presentation attributes only, so that they show under a strict content security policy, and
`currentColor`, so that they follow the page into the dark. Every picture says in words what it
shows, and the figures stand in tables beside it.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

SIZE: Final = 320  # of the plotting area, in SVG units
MARGIN: Final = 48
INK: Final = "#2f7f6f"

Point = Sequence[float | None]


def calibration_svg(bins: Sequence[Sequence[float]]) -> str:
    """Draw bins of (foreseen, happened, rows)."""
    top = _round_up(max((max(one[0], one[1]) for one in bins), default=1.0))
    frame = _Frame(
        "Calibration: foreseen against happened", (0, top), (0, top),
        "foreseen probability", "share that did it",
    )  # fmt: skip
    frame.line([(0, 0), (top, top)], opacity=0.5, dashes="4 4")
    frame.curve([(one[0], one[1]) for one in bins])
    for foreseen, happened, rows in bins:
        frame.dot(
            foreseen,
            happened,
            f"foreseen {foreseen:.1%}, happened {happened:.1%}, {rows:,.0f} visitors",
        )
    return frame.svg()


def reliability_svg(points: Sequence[Point]) -> str:
    """Draw (mean foreseen, share that happened, low, high, rows) with their intervals."""
    known = [[float(v or 0) for v in one] for one in points]
    top = _round_up(max((max(one[0], one[3]) for one in known), default=1.0))
    frame = _Frame(
        "Reliability: of those foreseen alike, how many did it, with 95 % intervals",
        (0, top), (0, top), "foreseen probability", "share that did it",
    )  # fmt: skip
    frame.line([(0, 0), (top, top)], opacity=0.5, dashes="4 4")
    for foreseen, happened, low, high, rows in known:
        frame.line([(foreseen, low), (foreseen, min(high, top))], opacity=0.6)
        frame.dot(
            foreseen,
            happened,
            f"foreseen {foreseen:.1%}, happened {happened:.1%} (between {low:.1%} and "
            f"{high:.1%}), {rows:,.0f} visitors",
        )
    return frame.svg()


def roc_svg(points: Sequence[Point]) -> str:
    """Draw (share wrongly flagged, share rightly flagged, low, high), ascending."""
    frame = _Frame(
        "ROC curve: rightly against wrongly flagged, with its 95 % band",
        (0, 1), (0, 1), "of those who did not, wrongly flagged", "of those who did, flagged",
    )  # fmt: skip
    frame.line([(0, 0), (1, 1)], opacity=0.5, dashes="4 4")
    frame.band(points)
    frame.curve(_drawn(points))
    return frame.svg()


def precision_recall_svg(points: Sequence[Point], base_rate: float) -> str:
    """Draw (recall, precision, low, high), ascending; guessing has a precision of `base_rate`."""
    frame = _Frame(
        "Precision at each recall, with its 95 % band",
        (0, 1), (0, 1), "recall: of those who did it, flagged", "precision: of the flagged, did it",
    )  # fmt: skip
    frame.line([(0, base_rate), (1, base_rate)], opacity=0.5, dashes="4 4")
    frame.band(points)
    frame.curve(_drawn(points))
    return frame.svg()


def lift_svg(deciles: Sequence[Sequence[float | None]]) -> str:
    """Draw (lift, low, high) of each tenth of the visitors, the highest scores first."""
    known = [[float(v or 0) for v in one] for one in deciles]
    top = max((one[2] for one in known), default=2.0) * 1.05 or 1.0
    frame = _Frame(
        "Lift by tenths of the visitors, highest scores first, with 95 % intervals",
        (0, len(known) or 1), (0, top), "tenth of the visitors", "times the plain rate",
        is_counted=True,
    )  # fmt: skip
    for place, (lift, low, high) in enumerate(known):
        words = f"tenth {place + 1}: {lift:.2f} times the plain rate ({low:.2f} to {high:.2f})"
        frame.bar(place + 0.15, place + 0.85, lift, words)
        frame.line([(place + 0.5, low), (place + 0.5, high)], opacity=0.8)
    frame.line([(0, 1), (len(known) or 1, 1)], opacity=0.5, dashes="4 4")
    return frame.svg()


def learning_svg(points: Sequence[Sequence[float]]) -> str:
    """Draw (rows, log loss, low, high, log loss on the rows it learned from), ascending."""
    highs = [max(one[3], one[4]) for one in points]
    lows = [min(one[2], one[4]) for one in points]
    edge = 0.05 * (max(highs, default=1.0) - min(lows, default=0.0)) or 0.01
    most = max((one[0] for one in points), default=1.0)
    frame = _Frame(
        "Learning curve: log loss with ever more to learn from; dashed, on what it learned from",
        (0, most), (min(lows, default=0.0) - edge, max(highs, default=1.0) + edge),
        "visitors learned from", "log loss (lower is better)",
    )  # fmt: skip
    frame.band([one[:4] for one in points])
    frame.line([(one[0], one[4]) for one in points], opacity=0.7, dashes="6 4")
    frame.curve([(one[0], one[1]) for one in points])
    for rows, loss, low, high, taught in points:
        frame.dot(
            rows,
            loss,
            f"{rows:,.0f} visitors: log loss {loss:.4f} ({low:.4f} to {high:.4f}), on what it "
            f"learned from {taught:.4f}",
        )
    return frame.svg()


def shares_svg(shares: Sequence[tuple[str, float]], title: str) -> str:
    """Draw words with the share each has, as bars below one another."""
    row, width = 34, SIZE + 2 * MARGIN
    most = max((share for _, share in shares), default=1.0) or 1.0
    height = row * len(shares) + 8
    parts = [_opening(width, height, title)]
    for place, (words, share) in enumerate(shares):
        y = place * row + 14
        parts.append(_text(4, y, "start", f"{words} ({share:.0%})"))
        parts.append(
            f'<rect x="4" y="{y + 5}" width="{max((width - 8) * share / most, 1):.1f}" height="9" '
            f'rx="2" fill="{INK}"/>'
        )
    return "".join([*parts, "</svg>"])


class _Frame:
    """A square with a scale on two sides; what is drawn lies within."""

    def __init__(
        self,
        title: str,
        x: tuple[float, float],
        y: tuple[float, float],
        x_words: str,
        y_words: str,
        *,
        is_counted: bool = False,
    ) -> None:
        whole = SIZE + 2 * MARGIN
        self.x, self.y = x, y
        self.parts = [
            _opening(whole, whole, title),
            f'<rect x="{MARGIN}" y="{MARGIN}" width="{SIZE}" height="{SIZE}" fill="none" '
            'stroke="currentColor" stroke-opacity="0.3"/>',
        ]
        for step in range(5):
            level = y[0] + (y[1] - y[0]) * step / 4
            _, down = self.place(x[0], level)
            self.line([(x[0], level), (x[1], level)], opacity=0.12)
            self.parts.append(_text(MARGIN - 6, down + 4, "end", f"{level:.3g}"))
            if not is_counted:
                along = x[0] + (x[1] - x[0]) * step / 4
                right, _ = self.place(along, y[0])
                self.line([(along, y[0]), (along, y[1])], opacity=0.12)
                self.parts.append(_text(right, MARGIN + SIZE + 18, "middle", _short(along)))
        for place in range(int(x[1]) if is_counted else 0):
            right, _ = self.place(place + 0.5, y[0])
            self.parts.append(_text(right, MARGIN + SIZE + 18, "middle", str(place + 1)))
        self.parts.append(_text(MARGIN + SIZE / 2, whole - 8, "middle", x_words))
        self.parts.append(_text(MARGIN, MARGIN - 14, "start", y_words))

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies, y downward."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return MARGIN + SIZE * across, MARGIN + SIZE * (1 - up)

    def line(self, points: Sequence[Sequence[float]], *, opacity: float, dashes: str = "") -> None:
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(
            f'<polyline points="{self._joined(points)}" fill="none" stroke="currentColor" '
            f'stroke-opacity="{opacity}"{dashed}/>'
        )

    def curve(self, points: Sequence[Sequence[float]]) -> None:
        self.parts.append(
            f'<polyline points="{self._joined(points)}" fill="none" stroke="{INK}" '
            'stroke-width="2"/>'
        )

    def band(self, points: Sequence[Point]) -> None:
        """Shade between low and high of (x, y, low, high)."""
        known = [[float(v) for v in one if v is not None] for one in points]
        whole = [one for one in known if len(one) >= 4]
        around = [(one[0], one[2]) for one in whole] + [(one[0], one[3]) for one in whole[::-1]]
        self.parts.append(
            f'<polygon points="{self._joined(around)}" fill="{INK}" fill-opacity="0.18"/>'
        )

    def dot(self, x: float, y: float, words: str) -> None:
        across, down = self.place(x, y)
        self.parts.append(
            f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4.5" fill="{INK}"><title>'
            f"{escape(words)}</title></circle>"
        )

    def bar(self, left: float, right: float, height: float, words: str) -> None:
        x, top = self.place(left, height)
        end, base = self.place(right, self.y[0])
        self.parts.append(
            f'<rect x="{x:.1f}" y="{top:.1f}" width="{end - x:.1f}" height="{base - top:.1f}" '
            f'fill="{INK}" fill-opacity="0.7"><title>{escape(words)}</title></rect>'
        )

    def svg(self) -> str:
        return "".join([*self.parts, "</svg>"])

    def _joined(self, points: Sequence[Sequence[float]]) -> str:
        places = [self.place(one[0], one[1]) for one in points]
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _drawn(points: Sequence[Point]) -> list[tuple[float, float]]:
    return [(float(one[0]), float(one[1])) for one in points
            if one[0] is not None and one[1] is not None]  # fmt: skip


def _opening(width: float, height: float, title: str) -> str:
    return (
        f'<svg class="calibration-plot" xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(title)}" fill="currentColor">'
    )


def _round_up(share: float) -> float:
    """The next of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1."""
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    return next((step for step in steps if share <= step), 1.0)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _text(x: float, y: float, anchor: str, words: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11">'
        f"{escape(words)}</text>"
    )
