"""Cells of the tables that we write as CSV: none of them is a formula for a spreadsheet."""

import re
from typing import Final

# What a spreadsheet would work out instead of showing. Numbers are what they look like.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\x00]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?\Z")


def guarded(cell: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would take it for a formula.

    One that begins with apostrophes before such a sign gets one more, so that it can be undone.
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.match(cell) else cell


def bare(cell: str) -> str:
    """Return a text without the apostrophe that `guarded` has put before it."""
    is_guarded = cell.startswith("'") and _FORMULA.match(cell) is not None
    return cell[1:] if is_guarded else cell
