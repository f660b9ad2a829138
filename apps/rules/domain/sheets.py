"""A table as spreadsheets write it: encodings, separators, cells that are no formulas. Pure."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from apps.work.cells import bare, guarded

MAX_BYTES: Final = 1_000_000
MAX_ROWS: Final = 5_000
MAX_COLUMNS: Final = 200
SEPARATORS: Final = ",;\t"


class Unreadable(ValueError):
    """A file that is no table; the text says what to do."""


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV that spreadsheets open as it stands: UTF-8 with a mark, commas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def read(content: bytes) -> list[list[str]]:
    """Return the rows of a file, the header first; empty lines are left out.

    Raises:
        Unreadable: too large, of an unknown encoding, or no table.
    """
    if len(content) > MAX_BYTES:
        raise Unreadable("The file is larger than 1 MB: divide it into several.")
    text = _text(content)
    if "\x00" in text:
        raise Unreadable("This is no text file. Save the table as “CSV UTF-8”.")
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(SEPARATORS, key=first.count)
    try:
        found = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [[bare(cell) for cell in row] for row in found if any(map(str.strip, row))]
    except csv.Error as error:
        raise Unreadable(
            f"The table cannot be read: {error}. Perhaps a quotation mark is not closed."
        ) from error
    if not rows:
        raise Unreadable("The file is empty.")
    if len(rows) - 1 > MAX_ROWS:
        raise Unreadable(
            f"The table has {len(rows) - 1:,} rows; {MAX_ROWS:,} are read at once. Divide it."
        )
    if len(rows[0]) > MAX_COLUMNS:
        raise Unreadable(f"The table has more than {MAX_COLUMNS} columns.")
    return rows


def _text(content: bytes) -> str:
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return _decoded(content, encoding)
    return _decoded(content, "utf-8-sig")


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            "The letters of this file cannot be read. In the spreadsheet choose “Save as” and "
            "there “CSV UTF-8”."
        ) from error
