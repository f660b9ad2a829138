"""Errors as they may be written down: what went wrong, and none of the values it went wrong with.

Postgres quotes the row that it refuses ("DETAIL: Key (kind, value)=(email, ...)"), the line of a
COPY, the part of a statement, the text that is no number. None of that belongs into a log or a
table of failed work.
"""

import re
from typing import Final

# From the word on to the end of that exception: a value may have lines of its own.
_QUOTED: Final = re.compile(
    r"^\s*(?:DETAIL|CONTEXT|QUERY|LINE \d+):.*?"
    r"(?=\n\nThe above exception|\n\nDuring handling|\Z)",
    re.MULTILINE | re.DOTALL,
)
_REFUSED: Final = re.compile(
    r"((?:invalid|malformed|out of range|does not exist|cannot cast|too long)[^\n]*?): \"[^\n]*\""
)
_OUT_OF_RANGE: Final = re.compile(r"(?:value )?\"[^\"\n]*\" (is out of range)")


def without_values(text: str) -> str:
    """Return the text of an error or a traceback without what Postgres quotes of the data."""
    if "DETAIL" not in text and "\n" not in text and '"' not in text:
        return text
    text = _QUOTED.sub("", text)
    text = _REFUSED.sub(r"\1: (a value)", text)
    return _OUT_OF_RANGE.sub(r"a value \1", text).rstrip()


def told(error: BaseException) -> str:
    """Return an error as failed work keeps it: its class, and its first words without values."""
    return f"{type(error).__name__}: {without_values(str(error))}"
