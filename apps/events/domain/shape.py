"""What an event may look like before anyone asks what it means: size, depth, width, characters.

The checks that walk every value run only when a cheap look at the bytes says that they might find
something; of ordinary events nothing is walked.
"""

import json
from typing import Any

import msgspec

from apps.events.errors import EventRefused

MAX_EVENT_BYTES = 32_768
MAX_DEPTH = 20
MAX_KEYS = 500
# Fewer bytes than this cannot hold 501 different keys: `"a":1,` takes six.
_WIDE_FROM_BYTES = 2_500
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19

_decode = msgspec.json.Decoder().decode


def has_rare_content(body: bytes) -> bool:
    """True if some event of this body may hold a NUL escape or an integer beyond 64 bits.

    Looked at once per request: both need a walk of every value, and almost no request has either.
    """
    return b"\\u0000" in body or _LONG_NUMBER in body.translate(_DIGITS_TO_ZERO)


def decode_event(raw: bytes, *, rare: bool) -> dict[str, Any]:
    """Return the JSON object in `raw`, within all limits of size, depth, width and characters.

    Integers beyond 64 bits come back as doubles, which is what every JavaScript sender and reader
    makes of them. `rare` is what `has_rare_content` said of the request.

    Raises:
        EventRefused: with the code of the first limit that is broken.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise EventRefused(
            "event_too_large",
            f"An event may have {MAX_EVENT_BYTES:,} bytes; this has {len(raw):,}.",
        )
    try:
        event = _decode(raw)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _reason_of(raw, error) from None
    if type(event) is not dict:
        raise EventRefused("invalid_event", "An event is a JSON object.")
    if rare or len(raw) > _WIDE_FROM_BYTES or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:
        return _checked(event, 1)  # type: ignore[no-any-return]  # a dict in, a dict out
    return event


def checked_part(part: dict[str, Any]) -> dict[str, Any]:
    """Return an object that will lie inside every event of a batch, within the same limits.

    Raises:
        EventRefused: as `decode_event`.
    """
    return _checked(part, 2)  # type: ignore[no-any-return]  # a dict in, a dict out


def _too_deep() -> EventRefused:
    return EventRefused("event_too_deep", f"JSON may be nested {MAX_DEPTH} levels deep.")


def _checked(value: Any, depth: int) -> Any:
    """Return `value` with long integers made doubles, or raise for what may not be stored."""
    kind = type(value)
    if kind is str:
        if "\x00" in value:
            raise EventRefused("invalid_text", "A string holds a NUL character.")
    elif kind is int:
        if not _INT64_MIN <= value <= _INT64_MAX:
            return _as_double(value)
    elif kind is dict:
        if depth > MAX_DEPTH:
            raise _too_deep()
        if len(value) > MAX_KEYS:
            raise EventRefused(
                "event_too_wide", f"An object may have {MAX_KEYS} keys; one has {len(value)}."
            )
        if any("\x00" in key for key in value):
            raise EventRefused("invalid_text", "A key holds a NUL character.")
        if depth == 1:
            # Ids keep every digit: they become strings, not amounts.
            return {k: v if type(v) is int else _checked(v, 2) for k, v in value.items()}
        return {k: _checked(v, depth + 1) for k, v in value.items()}
    elif kind is list:
        if depth > MAX_DEPTH:
            raise _too_deep()
        return [_checked(v, depth + 1) for v in value]
    return value


def _as_double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise EventRefused("invalid_number", "A number is outside the range of a double.") from None


def _reason_of(raw: bytes, error: ValueError) -> EventRefused:
    """Word why strict JSON refused `raw`: the lenient decoder shows what the sender meant."""
    if "out of range" in str(error):
        return EventRefused("invalid_number", "A number is outside the range of a double.")
    if isinstance(error, UnicodeDecodeError):
        return EventRefused("invalid_text", "A string is not UTF-8.")
    constants: list[str] = []

    def note(name: str) -> None:
        constants.append(name)

    try:
        json.loads(raw, strict=False, parse_constant=note)
    except RecursionError:
        return _too_deep()
    except ValueError:
        return EventRefused("invalid_json", "The event is not JSON.")
    if constants:
        return EventRefused("invalid_number", f"{constants[0]} is not a JSON number.")
    return EventRefused("invalid_text", "A string holds a control character or a lone surrogate.")
