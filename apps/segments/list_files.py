"""Uploaded files of people, read row by row: what is good is passed on, what is not says why.

A file is UTF-8 text with commas, semicolons or tabs and a head. Either its columns are `kind`,
`value` and perhaps `expires_at`, or the first one is named after a kind (`user_id`) and holds the
values. No file, whatever is in it, takes more memory than a line and a batch.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from apps.segments.errors import InvalidFile

KINDS: Final = ("user_id", "anonymous_id", "email_sha256")
MAX_ROWS: Final = 500_000
MAX_LINE: Final = 8_192  # characters
MAX_VALUE: Final = 512  # characters, as of any identity
MAX_FAULTS: Final = 100  # shown; all are counted

_DELIMITERS: Final = ",;\t"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
# A spreadsheet that opens such a cell runs it. A minus or a plus may begin an honest id.
_FORMULA: Final = re.compile(r"[=@\t\r]|[+-](?![\w .()-]*$)", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BAD_TEXT: Final = "\ufffd"  # what the decoder puts where bytes are no UTF-8
_TOO_LONG: Final = "\0too long"  # in the place of a line that nobody has to keep

DETAILS: Final = {
    "columns": "The row has not the columns of the head.",
    "unknown_kind": f"Known kinds are {', '.join(KINDS)}.",
    "empty_value": "The value is empty.",
    "too_long": f"A value has at most {MAX_VALUE} characters, a line {MAX_LINE}.",
    "nul": "The row holds a NUL.",
    "control_character": "The value holds a control character.",
    "not_utf8": "The row is not UTF-8.",
    "formula": "The value is a formula for spreadsheets.",
    "not_sha256": "Give 64 hex digits: the SHA-256 of the lower-case address.",
    "raw_address": "Give the SHA-256 of the address, not the address.",
    "not_a_time": "Give a date such as 2026-12-31, or a time such as 2026-12-31T12:00:00Z.",
    "expired": "The entry has expired before it was uploaded.",
    "quotes": "A quote is not closed.",
}


class Entry(NamedTuple):
    """One good row."""

    kind: str
    value: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refused:
    """One bad row: its line in the file from 1, and a code of DETAILS. Never what it says."""

    line: int
    code: str


def read(chunks: Iterable[bytes], *, now: datetime) -> Iterator[Entry | Refused]:
    """Yield each row of a file as an entry or a refusal, in its order.

    Args:
        chunks: the bytes of the file in pieces of any size.

    Raises:
        InvalidFile: no text, no head that can be understood, or more than MAX_ROWS rows.
    """
    lines = _Lines(_texts(chunks))
    head = next(lines, None)
    if head is None or not head.strip():
        raise InvalidFile("it is empty.")
    delimiter = max(_DELIMITERS, key=head.count)
    columns = _columns(_cells(head, delimiter) or [])
    rows = 0
    for line in lines:
        cells = _cells(line, delimiter)
        if cells in ([], [""]):
            continue
        rows += 1
        if rows > MAX_ROWS:
            raise InvalidFile(f"it has more than {MAX_ROWS:,} rows.")
        if cells is None:
            yield Refused(lines.number, "quotes")
        else:
            yield _row(cells, columns, lines.number, now)


def _cells(line: str, delimiter: str) -> list[str] | None:
    """Split one line, None when a quote is not closed. No value has a line end in it.

    So a quote that somebody forgot spoils its own line and not the rest of the file.
    """
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader((line,), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None


class _Lines:
    """The lines of a text in pieces, ends kept. A longer line than MAX_LINE becomes a mark."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._rest = ""
        self._is_skipping = False
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        while True:
            line, end, rest = self._rest.partition("\n")
            if end:
                self._rest = rest
                return self._line(f"{line}\n")
            if len(self._rest) > MAX_LINE:
                self._is_skipping, self._rest = True, ""
            text = next(self._texts, None)
            if text is None:
                line, self._rest = self._rest, ""
                if not line and not self._is_skipping:
                    raise StopIteration
                return self._line(line)
            self._rest += text

    def _line(self, line: str) -> str:
        self.number += 1
        is_long = self._is_skipping or len(line) > MAX_LINE
        self._is_skipping = False
        return f"{_TOO_LONG}\n" if is_long else line


def _texts(chunks: Iterable[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    is_first = True
    for chunk in chunks:
        if is_first and chunk[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise InvalidFile("it is UTF-16; save it as UTF-8.")
        is_first = is_first and not chunk
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _columns(head: Sequence[str]) -> tuple[str | None, int, int | None, int]:
    """Return (the kind of all rows or None, column of the value, of the expiry, how many)."""
    names = [name.strip().lower() for name in head]
    while names and not names[-1]:
        names.pop()  # a trailing delimiter
    expiry = names.index("expires_at") if "expires_at" in names else None
    known = {"kind", "value", "expires_at", *KINDS}
    if len(set(names)) == len(names) and set(names) <= known:
        kinds = [name for name in names if name in KINDS]
        if set(names) - {"expires_at"} == {"kind", "value"}:
            return None, names.index("value"), expiry, names.index("kind")
        if len(kinds) == 1 and set(names) - {"expires_at"} == set(kinds):
            return kinds[0], names.index(kinds[0]), expiry, -1
    raise InvalidFile(
        "its first line must name the columns: kind,value or one of "
        f"{', '.join(KINDS)}; and expires_at if entries end."
    )


def _row(
    cells: Sequence[str],
    columns: tuple[str | None, int, int | None, int],
    line: int,
    now: datetime,
) -> Entry | Refused:
    kind, at, expiry, kind_at = columns
    text = "".join(cells)
    if _TOO_LONG in text:
        return Refused(line, "too_long")
    if "\0" in text:
        return Refused(line, "nul")
    if _BAD_TEXT in text:
        return Refused(line, "not_utf8")
    wanted = 1 + max(at, kind_at, -1 if expiry is None else expiry)
    if len(cells) < wanted and not (expiry is not None and len(cells) == expiry == wanted - 1):
        return Refused(line, "columns")
    if any(cell.strip() for cell in cells[wanted:]):
        return Refused(line, "columns")
    kind = kind or cells[kind_at].strip().lower()
    value = cells[at].strip()
    code = _fault(kind, value, cells[at])
    if code is not None:
        return Refused(line, code)
    ends = cells[expiry].strip() if expiry is not None and len(cells) > expiry else ""
    expires_at = None
    if ends:
        expires_at = _time(ends)
        if expires_at is None:
            return Refused(line, "not_a_time")
        if expires_at <= now:
            return Refused(line, "expired")
    return Entry(kind, value.lower() if kind == "email_sha256" else value, expires_at)


def _fault(kind: str, value: str, cell: str) -> str | None:
    if kind not in KINDS:
        return "unknown_kind"
    if not value:
        return "empty_value"
    if len(value) > MAX_VALUE:
        return "too_long"
    if kind == "email_sha256":
        if "@" in value:
            return "raw_address"
        return None if _SHA256.fullmatch(value.lower()) else "not_sha256"
    if _FORMULA.match(cell.strip(" ")):
        return "formula"
    return "control_character" if _CONTROL.search(value) else None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
