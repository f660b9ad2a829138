"""Reading a catalogue from a file: CSV with a line of names, or one JSON object a line."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from apps.recommendations.catalogue import FIELDS
from apps.recommendations.errors import InvalidItems

MOST_LINE: Final = 20_000  # characters
_YES: Final = frozenset({"true", "yes", "1", "in stock"})
_NO: Final = frozenset({"false", "no", "0", "out of stock"})


def items_in(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the items of a file, `.csv` or `.jsonl`, in UTF-8; an empty cell changes nothing.

    Raises:
        InvalidItems: the file, or a line of it, cannot be read: it says which and why.
    """
    reading = {".csv": _of_csv, ".jsonl": _of_lines}.get(path.suffix.lower())
    if reading is None:
        raise InvalidItems(f"{path.name} is neither a .csv nor a .jsonl file.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from reading(file)
    except UnicodeDecodeError:
        raise InvalidItems(f"{path.name} is not UTF-8.") from None
    except OSError as error:
        raise InvalidItems(f"{path.name} cannot be read: {error.strerror}.") from None
    except csv.Error as error:
        raise InvalidItems(f"{path.name} is not CSV: {error}.") from None


def _of_csv(file: TextIO) -> Iterator[dict[str, Any]]:
    rows = csv.DictReader(file, strict=True)
    names = rows.fieldnames or []
    unknown = [name for name in names if name not in FIELDS]
    if "code" not in names or unknown:
        what = f"there is no field “{unknown[0]}”" if unknown else "it names no column “code”"
        raise InvalidItems(f"The first line: {what}. Columns: {', '.join(FIELDS)}.")
    for row in rows:
        if None in row or None in row.values():
            raise InvalidItems(f"Line {rows.line_num} has not as many cells as the first line.")
        cells = {name: cell.strip() for name, cell in row.items() if cell and cell.strip()}
        yield {name: _typed(name, cell, rows.line_num) for name, cell in cells.items()}


def _typed(name: str, cell: str, line: int) -> Any:
    if name == "is_available":
        if cell.casefold() in _YES | _NO:
            return cell.casefold() in _YES
        raise InvalidItems(f"Line {line}: is_available is “{cell}”; say true or false.")
    if name not in ("price", "stock"):
        return cell
    try:
        return float(cell) if name == "price" else int(cell)
    except ValueError:
        kind = "a number, with a dot" if name == "price" else "a whole number"
        raise InvalidItems(f"Line {line}: {name} is “{cell}”; it has to be {kind}.") from None


def _of_lines(file: TextIO) -> Iterator[dict[str, Any]]:
    number = 0
    while line := file.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise InvalidItems(f"Line {number} is longer than {MOST_LINE:,} characters.")
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidItems(f"Line {number} is not JSON.") from None
        if not isinstance(row, Mapping):
            raise InvalidItems(f"Line {number} is not a JSON object.")
        yield dict(row)
