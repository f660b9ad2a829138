"""What a trace found and asked for, in words: 3, "pro", 2 h 5 min, nothing."""

from __future__ import annotations

from collections.abc import Sequence

ENCRYPTED = "enc:1:"  # with what a value begins that is kept encrypted: nobody reads the rest


def found_text(value: object, unit: str | None = None) -> str:
    """A value of a trace as people read it; `unit` is the trace's: "ms" for stretches of time."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float() if unit == "ms":
            return _spent(value)
        case float() if value != int(value):
            return f"{value:.6g}"
        case int() | float():
            return f"{int(value):,}"
        case str():
            return "something encrypted" if value.startswith(ENCRYPTED) else f"“{value}”"
        case Sequence():
            return ", ".join(found_text(item, unit) for item in value) or "nothing"
    return str(value)


def _spent(ms: float) -> str:
    """A stretch of time as people say it: "2 h 5 min", "63.5 s"."""
    parts = []
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min")):
        whole, ms = divmod(ms, size)
        if whole:
            parts.append(f"{int(whole)} {unit}")
    if ms or not parts:
        parts.append(f"{round(ms / 1000, 3):g} s")
    return " ".join(parts)
