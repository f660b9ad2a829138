"""What an arm changes, one thing a line, as editors write it."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError

HELP: Final = (
    "Instead of a variant, one change a line: rule sale -> better-sale; rule sale -> none; "
    "rule better-sale on; segment vip -> vip-strict; model buy -> buy-2; recommender home -> "
    "home-2; number cart in big-cart: 50 -> 80; depth none (or segments, rules)."
)
_SWAP: Final = re.compile(r"(rule|segment|model|recommender)\s+(\S+)\s*(?:->|→)\s*(\S+)")
_ON: Final = re.compile(r"rule\s+(\S+)\s+on")
_NUMBER: Final = re.compile(r"number\s+(\S+)\s+in\s+(\S+?)\s*:\s*(\S+)\s*(?:->|→)\s*(\S+)")
_DEPTH: Final = re.compile(r"depth\s+(none|segments|rules|all)")


class ChangesField(forms.CharField):
    """Lines of changes in, the document of `Arm.changes` out."""

    def __init__(self, **options: Any) -> None:
        attrs = {"rows": 2, "cols": 34, "placeholder": "rule sale -> better-sale"}
        options.setdefault("widget", forms.Textarea(attrs=attrs))
        options.setdefault("help_text", HELP)
        super().__init__(required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a document as lines; what was typed stays as it was typed."""
        return "\n".join(lines_of(value)) if isinstance(value, Mapping) else value

    def to_python(self, value: Any) -> Any:
        """Read the lines.

        Raises:
            ValidationError: a line says nothing that can be changed, or one thing twice.
        """
        if isinstance(value, Mapping):
            return dict(value)
        found: dict[str, Any] = {}
        for line in re.split(r"[\n;]", value or ""):
            if line.strip():
                _add(found, line.strip())
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool((initial or {}) != self.to_python(data))
        except ValidationError:
            return True


def lines_of(document: Mapping[str, Any]) -> list[str]:
    """Return a document of changes as `ChangesField` reads it."""
    found = []
    for key, other in document.get("rules", {}).items():
        found.append(f"rule {key} on" if key == other else f"rule {key} -> {other or 'none'}")
    for what in ("segment", "model", "recommender"):
        swaps = document.get(f"{what}s", {})
        found += [f"{what} {key} -> {other}" for key, other in swaps.items()]
    for one in document.get("thresholds", ()):
        found.append(f"number {one['fact']} in {one['rule']}: {one['before']} -> {one['after']}")
    if document.get("depth", "all") != "all":
        found.append(f"depth {document['depth']}")
    return found


def _add(found: dict[str, Any], line: str) -> None:
    for pattern, put in _READ:
        met = pattern.fullmatch(line)
        if met is not None:
            put(found, line, *met.groups())
            return
    raise ValidationError(f"“{line}” is no change. {HELP}")


def _swap(found: dict[str, Any], line: str, what: str, key: str, other: str) -> None:
    swaps = found.setdefault(f"{what}s", {})
    if key in swaps:
        raise ValidationError(f"“{line}”: the {what} '{key}' is changed twice.")
    swaps[key] = None if what == "rule" and other == "none" else other


def _switch_on(found: dict[str, Any], line: str, key: str) -> None:
    _swap(found, line, "rule", key, key)


def _number(
    found: dict[str, Any], line: str, fact: str, rule: str, before: str, after: str
) -> None:
    numbers = [_read(line, one) for one in (before, after)]
    given = {"rule": rule, "fact": fact, "before": numbers[0], "after": numbers[1]}
    found.setdefault("thresholds", []).append(given)


def _read(line: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e15:
        raise ValidationError(f"“{line}”: '{text}' is no number.")
    return int(number) if number == int(number) else number


def _depth(found: dict[str, Any], line: str, depth: str) -> None:
    if depth != "all":
        found["depth"] = depth


_READ: Final[tuple[tuple[re.Pattern[str], Callable[..., None]], ...]] = (
    (_SWAP, _swap),
    (_ON, _switch_on),
    (_NUMBER, _number),
    (_DEPTH, _depth),
)
