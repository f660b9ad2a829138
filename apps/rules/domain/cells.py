"""Conditions as cells of a table, one column for each simple question; and back. Pure.

A condition is simple when it asks for all of some facts of the request, traits, segments, lists
and consents, each once. Its cells are written as editors read them:

    context.device = "is mobile"    trait.plan = "is one of gold | silver"    segment.vip = "yes"

Whatever is not simple stands whole, as JSON, in the column `condition`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

JSON = Any
WHOLE: Final = "condition"

# What stands in a cell before the value; longer words first, so that "is not" is no "is".
WORDS: Final = (
    ("is one of", "in"),
    ("is not", "ne"),
    ("is", "eq"),
    (">=", "gte"),
    (">", "gt"),
    ("<=", "lte"),
    ("<", "lt"),
    ("between", "between"),
    ("contains", "contains"),
    ("starts with", "starts_with"),
    ("ends with", "ends_with"),
)
BARE: Final = (("is known", "is_set"), ("is unknown", "is_missing"))
_WORD_OF: Final = {op: word for word, op in (*WORDS, *BARE)}
_FACTS: Final = ("context", "trait")
_YES_NO: Final = {"segment": "key", "list": "key", "consent": "purpose"}
_COLUMN: Final = re.compile(r"(context|trait|segment|list|consent)\.(.+)\Z", re.DOTALL)
# A text that needs no quotation marks: one word, which means nothing else where it stands.
_WORD: Final = re.compile(r"[^\W\d_][\w./:@-]*")
_MEANS: Final = frozenset(
    {"true", "false", "null", "nan", "infinity", "and", "one", "not", "known", "unknown"}
)


def cells_of(condition: Mapping[str, JSON]) -> dict[str, str]:
    """Return a condition's cells by column; none for everyone.

    The condition is one: it was parsed before.
    """
    parts = _parts(condition)
    found: dict[str, str] = {}
    for part in parts if parts is not None else ():
        cell = _cell(part)
        if cell is None or cell[0] in found:
            parts = None
            break
        found[cell[0]] = cell[1]
    if parts is None:
        text = json.dumps(condition, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return {WHOLE: text}
    return found


def condition_of(cells: Mapping[str, str]) -> dict[str, JSON]:
    """Return the condition of a row's cells; empty ones ask for nothing.

    Raises:
        InvalidCondition: a cell cannot be read; the path is its column.
    """
    given = {column: text.strip() for column, text in cells.items() if text.strip()}
    whole = given.pop(WHOLE, "")
    if whole and given:
        raise InvalidCondition(WHOLE, f"stands beside {sorted(given)[0]}: use one of the two")
    if whole:
        return _whole(whole)
    parts = [_leaf(column, given[column]) for column in sorted(given)]
    document = {"v": 1, "where": parts[0] if len(parts) == 1 else {"all": parts}}
    parse_condition(document)
    return document


def is_column(name: str) -> bool:
    """Tell whether a column is of conditions."""
    return name == WHOLE or _COLUMN.match(name) is not None


def _parts(condition: Mapping[str, JSON]) -> Sequence[Mapping[str, JSON]] | None:
    where = condition.get("where")
    if not isinstance(where, dict) or set(condition) != {"v", "where"}:
        return None
    if set(where) == {"all"}:
        return list(where["all"])
    return [where]


def _cell(part: Mapping[str, JSON]) -> tuple[str, str] | None:
    """The column and the text of one leaf; None where it has no such form."""
    if set(part) == {"not"} and isinstance(part["not"], dict):
        inside = _cell(part["not"])
        is_plain = inside is not None and inside[1] == "yes"
        return (inside[0], "no") if inside is not None and is_plain else None
    kind = part.get("kind")
    if kind in _YES_NO and set(part) == {"kind", _YES_NO[kind]}:
        column, text = f"{kind}.{part[_YES_NO[kind]]}", "yes"
    elif kind in _FACTS and set(part) <= {"kind", "name", "op", "value"}:
        value_text = _value_text(part)
        if value_text is None:
            return None
        column, text = f"{kind}.{part['name']}", value_text
    else:
        return None
    # What a file would change on its way has no form here: ends, and ends of lines.
    is_safe = column == column.strip() and text == text.strip() and "\r" not in column + text
    return (column, text) if is_safe and "\n" not in column else None


def _value_text(part: Mapping[str, JSON]) -> str | None:
    op = part.get("op", "")
    word = _WORD_OF.get(op)
    if word is None:
        return None
    if op in ("is_set", "is_missing"):
        return word if "value" not in part else None
    value = part.get("value")
    if op == "between":
        if not isinstance(value, list) or len(value) != 2:
            return None
        return f"{word} {_said(value[0])} and {_said(value[1])}"
    if op == "in":
        if not isinstance(value, list) or not value:
            return None
        return f"{word} {' | '.join(map(_said, value))}"
    if isinstance(value, list | dict) or value is None:
        return None
    return f"{word} {_said(value)}"


def _said(value: JSON) -> str:
    """A value as it stands in a cell: JSON, but for words that can be mistaken for nothing else."""
    is_word = isinstance(value, str) and _WORD.fullmatch(value) and value.lower() not in _MEANS
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)


def _whole(text: str) -> dict[str, JSON]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidCondition(WHOLE, "is not JSON") from error
    parse_condition(document)
    return dict(document)


def _leaf(column: str, text: str) -> dict[str, JSON]:
    match = _COLUMN.match(column)
    assert match is not None, "only columns of conditions come here"
    kind, name = match.groups()
    if kind in _YES_NO:
        leaf = {"kind": kind, _YES_NO[kind]: name}
        if text.lower() == "yes":
            return leaf
        if text.lower() == "no":
            return {"not": leaf}
        raise InvalidCondition(column, "expected yes or no")
    for word, op in BARE:
        if text.lower() == word:
            return {"kind": kind, "name": name, "op": op}
    for word, op in WORDS:
        if text.lower().startswith(f"{word} "):
            value = _values(column, op, text[len(word) + 1 :].strip())
            return {"kind": kind, "name": name, "op": op, "value": value}
    known = ", ".join(f"“{word}”" for word, _ in (*WORDS, *BARE))
    raise InvalidCondition(column, f"begins with none of {known}")


def _values(column: str, op: str, text: str) -> JSON:
    if op == "between":
        low, high = _two(column, text)
        return [low, high]
    if op == "in":
        values, rest = [], text
        while True:
            value, rest = _next(column, rest, " | ")
            values.append(value)
            if not rest:
                return values
    value, rest = _next(column, text, "")
    assert not rest
    return value


def _two(column: str, text: str) -> tuple[JSON, JSON]:
    low, rest = _next(column, text, " and ")
    if not rest:
        raise InvalidCondition(column, "expected two values: between 18 and 22")
    high, more = _next(column, rest, "")
    assert not more
    return low, high


_DECODER: Final = json.JSONDecoder()


def _next(column: str, text: str, separator: str) -> tuple[JSON, str]:
    """Read one value and what comes after the separator; "" for no more."""
    text = text.strip()
    if text.startswith('"'):
        try:
            value, end = _DECODER.raw_decode(text)
        except ValueError as error:
            raise InvalidCondition(column, "has a quotation mark that is not closed") from error
        after = text[end:].strip()
        if not after:
            return value, ""
        if not separator or not after.startswith(separator.strip()):
            raise InvalidCondition(column, f"does not go on after {json.dumps(value)}")
        return value, after[len(separator.strip()) :].strip()
    word, _, after = text.partition(separator) if separator else (text, "", "")
    return _typed(word.strip()), after.strip()


def _typed(text: str) -> JSON:
    """A number, a boolean, else the text as it stands: spreadsheets leave out quotation marks."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float) else text
