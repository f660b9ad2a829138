"""A schema as lines of text, `headline: string required # What is read first`, and back.

The lines are the form where no script runs; the page turns them into a list to click.
"""

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apps.content.domain.fields import JSON, FieldType, parse_schema, schema_document
from apps.content.errors import InvalidContent

NOTHING = SafeString("-")
# What an editor reads in the list of types.
TYPE_WORDS: dict[str, str] = {
    "string": "Text",
    "rich": "Formatted text",
    "html": "HTML",
    "link": "Link: address and words",
    "url": "Address",
    "image": "Picture",
    "number": "Number",
    "boolean": "Yes or no",
    "list": "List of texts",
    "products": "Products, chosen for each visitor",
    "json": "JSON, for code",
}


class SchemaField(forms.CharField):
    """Declared fields, one a line; the value is the schema."""

    def __init__(self) -> None:
        super().__init__(
            label="Fields",
            required=False,
            widget=AdminTextareaWidget(
                {"rows": 6, "spellcheck": "false", "data-field-list": "", "data-types": _types()}
            ),
            help_text=(
                'One a line, such as "headline: string required # What is read first". '
                f"Types: {', '.join(FieldType)}."
            ),
        )

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else schema_lines(value)

    def clean(self, value: Any) -> Any:
        declared, problems = parse_lines(super().clean(value))
        if problems:
            raise forms.ValidationError(problems)
        return declared

    def has_changed(self, initial: Any, data: Any) -> bool:
        return parse_lines(str(data or ""))[0] != (initial or [])


def schema_lines(document: object) -> str:
    """Return the lines that an editor edits for a stored schema."""
    try:
        fields = parse_schema(document)
    except InvalidContent:
        return ""
    return "\n".join(
        f"{field.name}: {field.type}{' required' if field.is_required else ''}"
        f"{f' # {field.help}' if field.help else ''}"
        for field in fields
    )


def schema_table(document: object) -> SafeString:
    """Return a stored schema as a list to read."""
    try:
        fields = parse_schema(document)
    except InvalidContent:
        return NOTHING
    rows = (
        (
            field.name,
            TYPE_WORDS.get(str(field.type), field.type),
            ", required" if field.is_required else "",
            f": {field.help}" if field.help else "",
        )
        for field in fields
    )
    listed = format_html_join("", "<li><code>{}</code> {}{}{}</li>", rows)
    return format_html("<ul>{}</ul>", listed) if listed else NOTHING


def parse_lines(text: str) -> tuple[list[JSON], list[str]]:
    """Return the schema that the lines declare, and what is wrong with them."""
    document: list[JSON] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, colon, rest = line.partition(":")
        rest, _, said = rest.partition("#")
        words = rest.split()
        if not colon or len(words) not in (1, 2) or words[1:] not in ([], ["required"]):
            return [], [f'Line {number}: write "name: type" or "name: type required".']
        item: dict[str, JSON] = {
            "name": name.strip(),
            "type": words[0],
            "required": len(words) == 2,
        }
        if said.strip():
            item["help"] = said.strip()
        try:
            parse_schema([item])
        except InvalidContent as error:
            return [], [f"Line {number}: {error}"]
        document.append(item)
    try:
        return schema_document(parse_schema(document)), []
    except InvalidContent as error:
        return [], [str(error)]


def _types() -> str:
    """The types with their words, as the page's script reads them."""
    return "\n".join(f"{one}={TYPE_WORDS.get(one, one)}" for one in _in_order())


def _in_order() -> list[str]:
    known = [str(one) for one in FieldType]
    return [one for one in TYPE_WORDS if one in known] + [
        one for one in known if one not in TYPE_WORDS
    ]
