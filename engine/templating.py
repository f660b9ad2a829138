"""The slot form of a template: literal text and escaped slots, nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Literal, TypeAlias

import msgspec

Escape: TypeAlias = Literal["text", "attr", "url"]
Render: TypeAlias = Callable[[Mapping[str, object]], str]

URL_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.ASCII | re.IGNORECASE)
# Browsers drop these before they read a scheme: "java\nscript:" runs.
_DROPPED = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")
_SPECIAL = re.compile("[&<>\"']")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


class Slot(msgspec.Struct, frozen=True):
    """A hole for one value.

    Attributes:
        path: keys into the values, ("traits", "name").
        escape: where it stands: in text, in an attribute, or as the whole of a URL attribute.
        default: shown when the value is missing. Escaped like a value.
    """

    path: tuple[str, ...]
    escape: Escape = "text"
    default: str = ""


TemplatePart: TypeAlias = str | Slot


def prepare(parts: Sequence[TemplatePart]) -> Render:
    """Return the template as a function of its values. Rendering never raises."""
    if all(isinstance(part, str) for part in parts):
        whole = "".join(str(part) for part in parts)
        return lambda values: whole
    pieces = [part if isinstance(part, str) else _filler(part) for part in parts]

    def render(values: Mapping[str, object]) -> str:
        return "".join([piece if type(piece) is str else piece(values) for piece in pieces])  # type: ignore[operator]  # the other kind of piece

    return render


def _filler(slot: Slot) -> Render:
    path, default = slot.path, slot.default
    escape = safe_url if slot.escape == "url" else escaped

    def fill(values: Mapping[str, object]) -> str:
        found: object = values
        for key in path:
            # A plain dictionary, nearly always: asking an abstract class takes ten times as long.
            if type(found) is not dict and not isinstance(found, Mapping):
                found = None
                break
            found = found.get(key)
        if type(found) is str:
            return escape(found)
        return escape(default if found is None else shown(found))

    return fill


def escaped(text: str) -> str:
    """Return the text safe between tags and inside quoted attributes."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda found: _ENTITIES[found[0]], text)


def safe_url(text: str) -> str:
    """Return the escaped URL when it is relative or of a harmless scheme, else "#"."""
    bare = _DROPPED.sub("", text)
    scheme = _SCHEME.match(bare)
    if scheme is None:
        # A colon before any slash, yet no plain scheme ("java%73cript:"): no URL of ours.
        return "#" if ":" in re.split(r"[/?#]", bare, maxsplit=1)[0] else escaped(text)
    return escaped(text) if scheme[0][:-1].lower() in URL_SCHEMES else "#"


def shown(value: object) -> str:
    """Return a value as a template shows it, the same text as in JavaScript; "" for other types."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 2**53:
        return str(value)
    if isinstance(value, int | float):
        try:
            return _number_text(float(value))
        except OverflowError:
            return ""
    return ""


def _number_text(number: float) -> str:
    """ECMAScript Number::toString: plain digits from 1e-6 up to 1e21, else an exponent."""
    if not isfinite(number):
        return ""
    if number == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(number)).normalize().as_tuple()
    assert isinstance(exponent, int)
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + exponent  # where the decimal point stands, from the first digit
    minus = "-" if sign else ""
    if 0 < point <= 21:
        if exponent >= 0:
            return minus + digits + "0" * exponent
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{minus}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"
