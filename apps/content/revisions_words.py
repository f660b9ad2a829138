"""Documents of a history for people: what a field is called, and what stands in it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.dateparse import parse_datetime

from apps.content.domain.fields import JSON
from apps.content.domain.merging import Absent, Document, Path, at, differences
from apps.content.revisions import Kind
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from engine.errors import InvalidCondition

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NOTHING: Final = "nothing"
OWN_FIELDS: Final = "fields"


@dataclass(frozen=True, slots=True)
class Line:
    """One field that changed, in words."""

    words: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids of some documents stand for, and what their rows are called.

    Attributes:
        model: of the object itself.
        rows: an id -> the name of the row, for everything that the documents refer to.
        parts: the path of a row below -> its name.
    """

    model: type[models.Model]
    rows: Mapping[str, str]
    parts: Mapping[Path, str]

    def path(self, path: Path) -> str:
        """Return what a field is called: "Variant “VIP”: headline"."""
        words: list[str] = []
        model: Any = self.model
        index = 0
        while index < len(path):
            name = path[index]
            column = _column(model, name)
            part = path[: index + 2]
            if column is not None and column.one_to_many and len(part) == index + 2:
                model = column.related_model
                label = str(model._meta.verbose_name).capitalize()
                words.append(f"{label} “{self.parts.get(part, part[-1])}”")
                index += 2
                continue
            # The values of a block's own fields are fields of the variant to whoever writes them.
            if name != OWN_FIELDS or index + 1 == len(path):
                words.append(name.replace("_", " ") if column is None else _label(column))
            model = None
            index += 1
        first = words[0] if words else "everything"
        return ": ".join([first[:1].upper() + first[1:], *words[1:]])

    def value(self, path: Path, value: JSON | Absent) -> str:
        """Return what stands in a field, for people."""
        if isinstance(value, Absent) or value is None or value == "" or value == [] or value == {}:
            return NOTHING
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return self._text(path, value)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return ", ".join(self.rows.get(one, one) for one in value if isinstance(one, str))
        if isinstance(value, dict) and "where" in value:
            try:
                return people(parse_condition(value))
            except InvalidCondition:
                pass
        if isinstance(value, dict | list):
            return json.dumps(value, indent=2, ensure_ascii=False)
        return str(value)

    def _text(self, path: Path, text: str) -> str:
        if path and path[-1].endswith("_at"):
            moment = _moment(text)
            if moment is not None:
                return f"{moment.astimezone(UTC):%d %b %Y %H:%M} UTC"
        return self.rows.get(text, text)


def names_of(kind: Kind, documents: Sequence[Document]) -> Names:
    """Return what documents of a kind speak of. One query for each table that they refer to."""
    model = kind.model_class
    wanted: dict[type[models.Model], set[str]] = {}
    parts: dict[Path, str] = {}
    for document in documents:
        for related, ids in _referred(model, document):
            wanted.setdefault(related, set()).update(ids)
        parts.update(_parts(model, document, ()))
    rows: dict[str, str] = {}
    for related, named in wanted.items():
        found = related._base_manager.filter(pk__in=named)
        rows.update({str(one.pk): _called(one) for one in found})
    return Names(model, rows, parts)


def lines_between(kind: Kind, before: Document, after: Document) -> list[Line]:
    """Return what is different, field by field, in words. One query a table they refer to."""
    found = differences(before, after, kind.is_open)
    names = names_of(kind, [before, after])
    return [
        Line(
            names.path(one.path),
            names.value(one.path, one.before),
            names.value(one.path, one.after),
        )
        for one in found
        if names.value(one.path, one.before) != names.value(one.path, one.after)
    ]


def fields_between(kind: Kind, before: Document, after: Document) -> list[str]:
    """Return the names of the fields that changed, each once, without looking anything up."""
    model = kind.model_class
    parts = dict(_parts(model, before, ())) | dict(_parts(model, after, ()))
    names = Names(model, {}, parts)
    found = differences(before, after, kind.is_open)
    return list(dict.fromkeys(names.path(one.path) for one in found))


def _column(model: Any, name: str) -> Any:
    if model is None:
        return None
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _label(column: Any) -> str:
    return str(getattr(column, "verbose_name", "") or column.name.replace("_", " "))


def _referred(model: Any, document: Document) -> Iterator[tuple[type[models.Model], list[str]]]:
    for name, value in document.items():
        column = _column(model, name)
        if column is None or not column.is_relation:
            continue
        if column.one_to_many and isinstance(value, dict):
            for inner in value.values():
                if isinstance(inner, dict):
                    yield from _referred(column.related_model, inner)
            continue
        given = value if isinstance(value, list) else [value]
        yield column.related_model, [one for one in given if isinstance(one, str) and _is_id(one)]


def _parts(model: Any, document: Document, path: Path) -> Iterator[tuple[Path, str]]:
    for name, value in document.items():
        column = _column(model, name)
        if column is None or not column.one_to_many or not isinstance(value, dict):
            continue
        for key, inner in value.items():
            if isinstance(inner, dict):
                own = (*path, name, key)
                called = at(inner, ("name",)) or at(inner, ("key",))
                yield own, called if isinstance(called, str) and called else key
                yield from _parts(column.related_model, inner, own)


def _called(row: Any) -> str:
    return str(getattr(row, "name", "") or getattr(row, "key", "") or row)


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _moment(text: str) -> datetime | None:
    try:
        return parse_datetime(text)
    except ValueError:
        return None
