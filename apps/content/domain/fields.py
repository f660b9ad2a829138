"""The typed fields of a block: how an editor declares them, and what a variant may put in."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from apps.content.domain import stored
from apps.content.domain.stored import EXACT_INT, JSON, Storing, is_storable
from apps.content.domain.themes import NO_THEME, Spoken
from apps.content.errors import FieldError, InvalidContent, InvalidTemplate

__all__ = [
    "JSON",
    "TEXT_TYPES",
    "URL_TYPES",
    "Field",
    "FieldType",
    "is_empty",
    "is_field_name",
    "is_storable",
    "parse_schema",
    "publishable_fields",
    "schema_document",
    "texts_in",
    "undeclared_fields",
    "value_problem",
]

MAX_FIELDS = 50
MAX_NAME = 60  # characters
MAX_HELP = 200


class FieldType(StrEnum):
    """What a field holds; for what an editor writes into each see `domain.stored`."""

    STRING = "string"
    RICH = "rich"
    HTML = "html"
    URL = "url"
    LINK = "link"
    IMAGE = "image"
    NUMBER = "number"
    BOOLEAN = "boolean"
    LIST = "list"
    JSON = "json"
    PRODUCTS = "products"


TEXT_TYPES = frozenset(
    {FieldType.STRING, FieldType.RICH, FieldType.HTML, FieldType.URL, FieldType.IMAGE}
)
URL_TYPES = frozenset({FieldType.URL, FieldType.IMAGE})

_STORING: dict[FieldType, Storing] = {
    FieldType.STRING: stored.string,
    FieldType.RICH: stored.rich,
    FieldType.HTML: stored.html,
    FieldType.URL: stored.url,
    FieldType.LINK: stored.link,
    FieldType.IMAGE: stored.image,
    FieldType.NUMBER: stored.number,
    FieldType.BOOLEAN: stored.boolean,
    FieldType.LIST: stored.texts,
    FieldType.JSON: stored.document,
    FieldType.PRODUCTS: stored.products,
}


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field. A variant without a required one is refused; `help` is for editors."""

    name: str
    type: FieldType
    is_required: bool = False
    help: str = ""


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
    if not isinstance(item, dict) or not item.keys() <= {"name", "type", "required", "help"}:
        return (
            'A field is declared as {"name": ..., "type": ..., "required": true or false}, and '
            'perhaps "help".'
        )
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
    hint = item.get("help", "")
    if not isinstance(hint, str) or len(hint) > MAX_HELP or not is_storable(hint):
        return f"'help' of '{name}' must be a text of at most {MAX_HELP} characters."
    return Field(name, FieldType(kind), required, hint)


def is_field_name(name: str) -> bool:
    """Tell whether the name can be used in JSON and in code alike."""
    return len(name) <= MAX_NAME and name.isascii() and name.isidentifier() and name[0] != "_"


def schema_document(fields: Sequence[Field]) -> list[JSON]:
    """Return the JSON form of declared fields."""
    return [_declaration(field) for field in fields]


def _declaration(field: Field) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "name": field.name,
        "type": field.type.value,
        "required": field.is_required,
    }
    return found | {"help": field.help} if field.help else found


def is_empty(field: Field, value: JSON) -> bool:
    """Tell whether an editor left the field empty: a form sends something for each."""
    if value is None or value == "":
        return True
    if field.type is FieldType.LIST:
        return value == []
    if not isinstance(value, dict):
        return False
    match field.type:
        case FieldType.LINK:
            return not value.get("url") and not value.get("text")
        case FieldType.IMAGE:
            return not value.get("url")
        case FieldType.PRODUCTS:
            return not value.get("recommender")
        case _:
            return False


def publishable_fields(
    schema: Sequence[Field],
    values: Mapping[str, JSON],
    said: Spoken = NO_THEME,
    *,
    emptied: frozenset[str] = frozenset(),
) -> dict[str, JSON]:
    """Return the fields as a publication stores them (see `domain.stored`), in the schema's order.

    Values of fields that the schema no longer declares are left out.

    Args:
        said: the messages of the variant's theme.
        emptied: fields that a translation empties on purpose: they are stored as empty.

    Raises:
        InvalidContent: with a pointer to each wrong field.
    """
    errors: list[FieldError] = []
    ready: dict[str, JSON] = {}
    for field in schema:
        value = values.get(field.name)
        if is_empty(field, value):
            if field.is_required:
                errors.append(
                    _error(f"/fields/{field.name}", f"'{field.name}' is required.", "required")
                )
            elif field.name in emptied:
                ready[field.name] = _NOTHING.get(field.type)
            continue
        try:
            ready[field.name] = _STORING[field.type](field.name, value, said)
        except InvalidTemplate as error:
            errors.append(
                _error(f"/fields/{field.name}", f"'{field.name}', {_lower(str(error))}", error.code)
            )
        except ValueError as error:
            errors.append(_error(f"/fields/{field.name}", str(error)))
    if errors:
        raise InvalidContent(errors)
    return ready


_NOTHING: dict[FieldType, JSON] = {
    FieldType.STRING: "",
    FieldType.RICH: "",
    FieldType.HTML: "",
    FieldType.URL: "",
    FieldType.LIST: [],
}


def texts_in(value: JSON) -> list[str]:
    """Return every text inside a value, keys aside."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in texts_in(part)]


def undeclared_fields(schema: Sequence[Field], values: Mapping[str, JSON]) -> list[FieldError]:
    """Return an error for each value whose field the schema does not declare."""
    return [
        _error(f"/fields/{name}", f"The block has no field '{name}'.")
        for name in sorted(values.keys() - {field.name for field in schema})
    ]


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
