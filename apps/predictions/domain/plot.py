"""A calibration plot as SVG: what was foreseen against what happened.

Presentation attributes only, so that it shows under a strict content security policy, and
`currentColor`, so that it follows the page into the dark.
"""

from collections.abc import Sequence

SIZE = 320  # of the plotting area, in SVG units
MARGIN = 48


def calibration_svg(bins: Sequence[Sequence[float]]) -> str:
    """Draw bins of (foreseen, happened, rows). Only numbers reach the markup."""
    top = _round_up(max((max(one[0], one[1]) for one in bins), default=1.0))
    whole = SIZE + 2 * MARGIN
    parts = [
        f'<svg class="calibration-plot" xmlns="http://www.w3.org/2000/svg" width="{whole}" '
        f'height="{whole}" viewBox="0 0 {whole} {whole}" role="img" '
        'aria-label="Calibration: foreseen against happened" fill="currentColor">',
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{SIZE}" height="{SIZE}" fill="none" '
        'stroke="currentColor" stroke-opacity="0.3"/>',
    ]
    for step in range(5):
        share = top * step / 4
        x, y = _place(share, share, top)
        parts.append(_line(x, MARGIN, x, MARGIN + SIZE, 0.12))
        parts.append(_line(MARGIN, y, MARGIN + SIZE, y, 0.12))
        parts.append(_text(x, MARGIN + SIZE + 18, "middle", f"{share:.3g}"))
        parts.append(_text(MARGIN - 6, y + 4, "end", f"{share:.3g}"))
    parts.append(_line(*_place(0, 0, top), *_place(top, top, top), 0.5, dashes="4 4"))
    places = [_place(foreseen, happened, top) for foreseen, happened, *_ in bins]
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline points="{joined}" fill="none" stroke="#2f7f6f" stroke-width="2"/>')
    for (x, y), (foreseen, happened, rows) in zip(places, bins, strict=True):
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="#2f7f6f"><title>foreseen '
            f"{foreseen:.1%}, happened {happened:.1%}, {rows:.0f} visitors</title></circle>"
        )
    parts.append(_text(MARGIN + SIZE / 2, whole - 8, "middle", "foreseen probability"))
    parts.append(_text(MARGIN, MARGIN - 14, "start", "share that did it"))
    parts.append("</svg>")
    return "".join(parts)


def _round_up(share: float) -> float:
    """The next of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1."""
    steps = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    return next((step for step in steps if share <= step), 1.0)


def _place(foreseen: float, happened: float, top: float) -> tuple[float, float]:
    return MARGIN + SIZE * foreseen / top, MARGIN + SIZE * (1 - happened / top)


def _line(x1: float, y1: float, x2: float, y2: float, opacity: float, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="currentColor" stroke-opacity="{opacity}"{dashed}/>'
    )


def _text(x: float, y: float, anchor: str, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11">{words}</text>'
