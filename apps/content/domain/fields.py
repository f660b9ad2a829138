"""The typed fields of a block: how an editor declares them, and what a variant may put in."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from apps.content.domain.sandbox import MAX_SOURCE, compile_liquid
from apps.content.domain.templates import literal_pieces, parse_template, slot_paths
from apps.content.errors import FieldError, InvalidContent, InvalidTemplate
from engine.templating import Slot, safe_url

JSON: TypeAlias = str | int | float | bool | list["JSON"] | dict[str, "JSON"] | None

MAX_FIELDS = 50
MAX_NAME = 60  # characters
EXACT_INT = 2**53 - 1  # what every language's number can hold


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class FieldType(StrEnum):
    """What a field holds. All text types may contain Liquid; an image is the address of one."""

    STRING = "string"
    HTML = "html"
    URL = "url"
    IMAGE = "image"
    NUMBER = "number"
    BOOLEAN = "boolean"


TEXT_TYPES = frozenset({FieldType.STRING, FieldType.HTML, FieldType.URL, FieldType.IMAGE})
URL_TYPES = frozenset({FieldType.URL, FieldType.IMAGE})


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. `is_required` makes a variant without it refused."""

    name: str
    type: FieldType
    is_required: bool = False


def parse_schema(document: object) -> list[Field]:
    """Return the declared fields of `[{"name": ..., "type": ..., "required": false}, ...]`.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    if not isinstance(document, list) or len(document) > MAX_FIELDS:
        raise InvalidContent(
            [_error("/schema", f"A schema is a list of at most {MAX_FIELDS} fields.")]
        )
    fields: list[Field] = []
    errors: list[FieldError] = []
    for index, item in enumerate(document):
        found = _declared(item)
        if isinstance(found, str):
            errors.append(_error(f"/schema/{index}", found))
        elif any(field.name == found.name for field in fields):
            errors.append(
                _error(f"/schema/{index}", f"The field '{found.name}' is declared twice.")
            )
        else:
            fields.append(found)
    if errors:
        raise InvalidContent(errors)
    return fields


def _declared(item: object) -> Field | str:
    """Return the field, or what is wrong with its declaration."""
    if not isinstance(item, dict) or not item.keys() <= {"name", "type", "required"}:
        return 'A field is declared as {"name": ..., "type": ..., "required": true or false}.'
    name, kind, required = item.get("name"), item.get("type"), item.get("required", False)
    if not isinstance(name, str) or not is_field_name(name):
        return (
            f"A field's name starts with a letter and has at most {MAX_NAME} letters, digits "
            f"and underscores, unlike '{name}'."
        )
    if kind not in list(FieldType):
        return f"The type of '{name}' must be one of {', '.join(FieldType)}."
    if not isinstance(required, bool):
        return f"'required' of '{name}' must be true or false."
    return Field(name, FieldType(kind), required)


def is_field_name(name: str) -> bool:
    """Tell whether the name can be used in JSON and in code alike."""
    return len(name) <= MAX_NAME and name.isascii() and name.isidentifier() and name[0] != "_"


def schema_document(fields: Sequence[Field]) -> list[JSON]:
    """Return the JSON form of declared fields."""
    return [
        {"name": field.name, "type": field.type.value, "required": field.is_required}
        for field in fields
    ]


def publishable_fields(schema: Sequence[Field], values: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the fields as a publication stores them, in the schema's order.

    A plain JSON value is final. An object is text still to be made from a visitor's values:
    `{"as": "text" | "html" | "url"}` with either `"slots"`, a list of literals and (for text and
    URLs) paths as lists of names or (for HTML) slot objects, or `"liquid"`, a template. Values of
    fields that the schema no longer declares are left out.

    Raises:
        InvalidContent: with a pointer to each wrong field.
    """
    errors: list[FieldError] = []
    ready: dict[str, JSON] = {}
    for field in schema:
        value = values.get(field.name)
        if value is None or value == "":
            if field.is_required:
                errors.append(
                    _error(f"/fields/{field.name}", f"'{field.name}' is required.", "required")
                )
            continue
        try:
            ready[field.name] = _publishable(field, value)
        except InvalidTemplate as error:
            errors.append(
                _error(f"/fields/{field.name}", f"'{field.name}', {_lower(str(error))}", error.code)
            )
        except ValueError as error:
            errors.append(_error(f"/fields/{field.name}", str(error)))
    if errors:
        raise InvalidContent(errors)
    return ready


def undeclared_fields(schema: Sequence[Field], values: Mapping[str, JSON]) -> list[FieldError]:
    """Return an error for each value whose field the schema does not declare."""
    return [
        _error(f"/fields/{name}", f"The block has no field '{name}'.")
        for name in sorted(values.keys() - {field.name for field in schema})
    ]


def is_storable(value: JSON) -> bool:
    """Tell whether Postgres can hold the value: no NUL, half surrogate pair, NaN or infinity."""
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is None
    if isinstance(value, list):
        return all(is_storable(item) for item in value)
    if isinstance(value, dict):
        return all(is_storable(key) and is_storable(item) for key, item in value.items())
    return not isinstance(value, float) or math.isfinite(value)


def _publishable(field: Field, value: JSON) -> JSON:
    """Return one field's stored form; ValueError says what its type forbids."""
    if field.type is FieldType.BOOLEAN:
        if not isinstance(value, bool):
            raise ValueError(f"'{field.name}' must be true or false.")
        return value
    if field.type is FieldType.NUMBER:
        return _number(field.name, value)
    if not isinstance(value, str):
        raise ValueError(f"'{field.name}' must be a text.")
    if len(value) > MAX_SOURCE or not is_storable(value):
        raise ValueError(
            f"'{field.name}' must have at most {MAX_SOURCE} characters, none of them NUL or half a "
            "surrogate pair."
        )
    if field.type is FieldType.HTML:
        return _html(value)
    return _text(field, value)


def _number(name: str, value: JSON) -> JSON:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"'{name}' must be a number.")
    if not math.isfinite(value) or abs(value) > EXACT_INT:
        raise ValueError(f"'{name}' must be a number between -(2^53 - 1) and 2^53 - 1.")
    return value


def _html(source: str) -> JSON:
    template = parse_template(source)
    if template.liquid is not None:
        return {"as": "html", "liquid": template.liquid}
    parts = template.parts or ()
    if all(isinstance(part, str) for part in parts):
        return "".join(str(part) for part in parts)
    slots: list[JSON] = [
        {"path": list(part.path), "escape": part.escape} if isinstance(part, Slot) else part
        for part in parts
    ]
    return {"as": "html", "slots": slots}


def _text(field: Field, source: str) -> JSON:
    kind = "url" if field.type in URL_TYPES else "text"
    paths = slot_paths(source)
    if paths is None:
        compile_liquid(source, "text")
        return {"as": kind, "liquid": source}
    if not paths:
        if kind == "url" and safe_url(source) == "#" and source != "#":
            raise ValueError(
                f"'{field.name}' must be a relative address or one that begins with https:, http:, "
                "mailto: or tel:."
            )
        return source
    pieces = literal_pieces(source)
    slots: list[JSON] = [pieces[0]] if pieces[0] else []
    for path, piece in zip(paths, pieces[1:], strict=True):
        slots.append(list(path))
        if piece:
            slots.append(piece)
    return {"as": kind, "slots": slots}


def value_problem(value_type: str, value: JSON) -> str | None:
    """Return what is wrong with a flag's value, None when it is of its type."""
    match value_type:
        case "boolean":
            fits = isinstance(value, bool)
        case "string":
            fits = isinstance(value, str)
        case "integer":
            fits = (
                isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT_INT
            )
        case "float":
            fits = (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and math.isfinite(value)
                and abs(value) <= EXACT_INT
            )
        case _:
            fits = isinstance(value, dict | list)
    if fits and not is_storable(value):
        return "A value cannot hold NUL, half a surrogate pair, NaN or infinity."
    return (
        None if fits else f"The value of a flag of type {value_type} must be {_NOUNS[value_type]}."
    )


_NOUNS = {
    "boolean": "true or false",
    "string": "a text",
    "integer": "a whole number",
    "float": "a number",
    "object": "an object such as {} or a list such as []",
}


def _error(pointer: str, detail: str, code: str = "invalid_content") -> FieldError:
    return {"pointer": pointer, "code": code, "detail": detail}


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
