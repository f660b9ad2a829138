"""Click files as small as a test needs."""

from collections.abc import Sequence
from pathlib import Path

from apps.demo.clicks import COLUMNS

CODES = {"trousers": "1", "skirts": "2", "blouses": "3", "sale": "4"}

# (day "2008-05-31", session, [(category, product), ...])
Visit = tuple[str, str, Sequence[tuple[str, str]]]


def row(day: str, session: str, order: int, category: str, product: str) -> str:
    year, month, number = (str(int(part)) for part in day.split("-"))
    return ",".join(
        [year, month, number, str(order), "29", session, CODES[category], product]
        + ["3", "1", "1", "28", "2", "1"]
    )


def write_clicks(path: Path, visits: Sequence[Visit]) -> Path:
    lines = [",".join(COLUMNS)]
    for day, session, clicks in visits:
        lines += [row(day, session, n, *click) for n, click in enumerate(clicks, start=1)]
    path.write_text("\n".join(lines) + "\n")
    return path
