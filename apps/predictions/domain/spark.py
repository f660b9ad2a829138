"""Small pictures inside tables, as SVG: a figure over time, and an interval on a common scale.

Presentation attributes only, for a strict content security policy. Each says in words what it
shows; the figures stand beside it.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 132
HEIGHT: Final = 30
EDGE: Final = 4
INK: Final = "#2f7f6f"


def line_svg(values: Sequence[float | None], expected: float | None, words: str) -> str:
    """Draw a figure over time, oldest first; dashed, what it would be if nothing had changed."""
    known = [value for value in values if value is not None]
    parts = [_opening(words)]
    top = max([*known, expected or 0.0]) or 1.0
    low = min([0.0, *known])
    if expected is not None:
        y = _up(expected, low, top)
        parts.append(
            f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y}" y2="{y}" stroke="currentColor" '
            'stroke-opacity="0.5" stroke-dasharray="3 3"/>'
        )
    points = [
        (_across(place, len(values)), _up(value, low, top))
        for place, value in enumerate(values)
        if value is not None
    ]
    if len(points) > 1:
        joined = " ".join(f"{x},{y}" for x, y in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{INK}" stroke-width="2"/>')
    if points:
        x, y = points[-1]
        parts.append(f'<circle cx="{x}" cy="{y}" r="3" fill="{INK}"/>')
    return "".join([*parts, "</svg>"])


def interval_svg(share: float, low: float, high: float, most: float, words: str) -> str:
    """Draw a share with its interval, on a scale from 0 to `most`."""
    scale = (WIDTH - 2 * EDGE) / (most or 1.0)
    x, left, right = (round(EDGE + scale * min(one, most), 1) for one in (share, low, high))
    middle = HEIGHT / 2
    return (
        f"{_opening(words)}"
        f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{middle}" y2="{middle}" '
        'stroke="currentColor" stroke-opacity="0.2"/>'
        f'<line x1="{left}" x2="{right}" y1="{middle}" y2="{middle}" stroke="{INK}" '
        'stroke-width="4" stroke-opacity="0.45"/>'
        f'<circle cx="{x}" cy="{middle}" r="4" fill="{INK}"/></svg>'
    )


def _opening(words: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">'
    )


def _across(place: int, count: int) -> float:
    return round(EDGE + (WIDTH - 2 * EDGE) * place / max(count - 1, 1), 1)


def _up(value: float, low: float, top: float) -> float:
    return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / ((top - low) or 1.0), 1)
