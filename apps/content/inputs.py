"""The inputs of a block's typed fields: what an editor types, and the JSON that it stands for."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from apps.content.domain.fields import JSON, Field

# Types whose text may show values of a visitor: the page puts a picker beside them.
_LIQUID: Final = "data-values"


class TextField(forms.CharField):
    """A text as it was typed, with the line ends that it had before a browser saw it."""

    def __init__(self, *, rows: int = 0, **options: Any) -> None:
        attributes = options.pop("attrs", {})
        widget = (
            AdminTextareaWidget({"rows": rows, **attributes})
            if rows
            else AdminTextInputWidget(attributes)
        )
        super().__init__(required=False, strip=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else json.dumps(value)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")

    def has_changed(self, initial: Any, data: Any) -> bool:
        before = self.prepare_value(initial) or ""
        return bool(self.to_python(before) != self.to_python(data))


class ListField(TextField):
    """Texts, one a line."""

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(str(one) for one in value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = (line.strip() for line in super().clean(value).split("\n"))
        return [line for line in lines if line]


class JsonField(TextField):
    """Any JSON."""

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, _Typed):
            return value
        return json.dumps(value, indent=1, ensure_ascii=False)

    def bound_data(self, data: Any, initial: Any) -> Any:
        return data if data is None else _Typed(data)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            return json.loads(text, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise ValidationError(f"Line {line}: this is no JSON. {_json_hint(text)}") from error


class _Typed(str):
    """A text that somebody typed, shown again as it was."""


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _json_hint(text: str) -> str:
    if "'" in text and '"' not in text:
        return "Texts stand between double quotes."
    return 'For example: {"columns": 3} or ["a", "b"].'


class _Parts(forms.MultiWidget):
    """Several inputs of one field, each under a label of its own."""

    def __init__(
        self, kind: str, parts: Mapping[str, tuple[str, forms.Widget]], attrs: Any = None
    ) -> None:
        super().__init__({name: widget for name, (_, widget) in parts.items()}, attrs)
        self.kind = kind
        self.labels = [label for label, _ in parts.values()]

    def decompress(self, value: Any) -> list[Any]:
        raise NotImplementedError  # each kind has its own

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        given = value if isinstance(value, list) else self.decompress(value)
        start = (attrs or {}).get("id", f"id_{name}")
        drawn = []
        suffixes: list[str] = self.widgets_names  # type: ignore[attr-defined]  # not in the stubs
        for suffix, label, widget, part in zip(
            suffixes, self.labels, self.widgets, given, strict=True
        ):
            place = f"{start}{suffix}"
            made = widget.render(f"{name}{suffix}", part, {"id": place}, renderer)
            drawn.append(
                made
                if isinstance(widget, forms.HiddenInput)
                else format_html(
                    '<div class="part"><label for="{}">{}</label>{}</div>', place, label, made
                )
            )
        return format_html(
            '<div class="parts" data-parts="{}" id="{}">{}</div>',
            self.kind,
            start,
            format_html_join("", "{}", ((one,) for one in drawn)),
        )


class _PartsField(forms.MultiValueField):
    """A field of several inputs; none of them is asked for by itself."""

    def __init__(self, fields: Sequence[forms.Field], widget: forms.Widget, **options: Any) -> None:
        super().__init__(fields, widget=widget, required=False, require_all_fields=False, **options)


class _LinkWidget(_Parts):
    def __init__(self) -> None:
        super().__init__(
            "link",
            {
                "url": ("Address", AdminTextInputWidget({_LIQUID: "text", "inputmode": "url"})),
                "text": ("Words", AdminTextInputWidget({_LIQUID: "text"})),
            },
        )

    def decompress(self, value: Any) -> list[Any]:
        if isinstance(value, str):
            return [value, ""]
        found = value if isinstance(value, dict) else {}
        return [found.get("url", ""), found.get("text", "")]


class LinkField(_PartsField):
    """Where a link leads and what it says: `{"url", "text"}`."""

    def __init__(self, **options: Any) -> None:
        parts = (forms.CharField(required=False), forms.CharField(required=False, strip=False))
        super().__init__(parts, _LinkWidget(), **options)

    def compress(self, data_list: Any) -> JSON:
        url, text = data_list or ("", "")
        return {"url": url, "text": text} if url or text else None


class _ImageWidget(_Parts):
    def __init__(self) -> None:
        super().__init__(
            "image",
            {
                "url": ("Address", AdminTextInputWidget({_LIQUID: "text", "inputmode": "url"})),
                "alt": (
                    "What it shows, for those who cannot see it",
                    AdminTextInputWidget({_LIQUID: "text"}),
                ),
                "focal": ("Focal point", forms.HiddenInput()),
                "asset": ("Picture of the library", forms.HiddenInput()),
            },
        )

    def decompress(self, value: Any) -> list[Any]:
        if isinstance(value, str):
            return [value, "", "", ""]
        found = value if isinstance(value, dict) else {}
        focal = found.get("focal")
        point = ",".join(map(str, focal)) if isinstance(focal, list) else ""
        return [found.get("url", ""), found.get("alt", ""), point, found.get("asset", "")]


class ImageField(_PartsField):
    """A picture: its address alone, or `{"url", "alt"?, "focal"?: [x, y], "asset"?}`."""

    def __init__(self, **options: Any) -> None:
        parts = [forms.CharField(required=False) for _ in range(4)]
        super().__init__(parts, _ImageWidget(), **options)

    def compress(self, data_list: Any) -> JSON:
        url, alt, focal, asset = data_list or ("", "", "", "")
        if not url:
            return None
        made: dict[str, JSON] = {"url": url}
        if alt:
            made["alt"] = alt
        point = _point(focal)
        if point is not None:
            made["focal"] = point
        if asset:
            made["asset"] = asset
        # The address alone stays what it always was: a text.
        return made if len(made) > 1 else url


def _point(text: str) -> list[JSON] | None:
    try:
        x, y = (min(1.0, max(0.0, float(part))) for part in text.split(","))
    except ValueError:
        return None
    return [x, y]


class _ProductsWidget(_Parts):
    def __init__(self, recommenders: Sequence[tuple[str, str]]) -> None:
        choices = [("", "None"), *recommenders]
        super().__init__(
            "products",
            {
                "recommender": ("Recommender", forms.Select(choices=choices)),
                "limit": ("At most", forms.NumberInput({"min": 1, "max": 50, "placeholder": 4})),
            },
        )

    def decompress(self, value: Any) -> list[Any]:
        found = value if isinstance(value, dict) else {}
        return [found.get("recommender", ""), found.get("limit", "")]


class ProductsField(_PartsField):
    """A list of products, chosen for each visitor: `{"recommender", "limit"}`."""

    def __init__(self, recommenders: Sequence[tuple[str, str]], **options: Any) -> None:
        parts = (
            forms.CharField(required=False),
            forms.IntegerField(required=False, min_value=1, max_value=50),
        )
        super().__init__(parts, _ProductsWidget(recommenders), **options)

    def compress(self, data_list: Any) -> JSON:
        recommender, limit = data_list or ("", None)
        return {"recommender": recommender, "limit": limit or 4} if recommender else None


def input_of(
    field: Field, *, recommenders: Sequence[tuple[str, str]] = (), is_translation: bool = False
) -> forms.Field:
    """Return the input of one declared field. That it is required, the check says in words.

    Args:
        is_translation: of another language, where nothing is required: it falls back.
    """
    must = field.is_required and not is_translation
    options: dict[str, Any] = {
        "label": field.name.replace("_", " ").capitalize() + (" *" if must else ""),
        "help_text": escape(field.help),  # the admin shows helps as HTML
    }
    make = _MAKERS.get(str(field.type))
    if make is not None:
        return make(options)
    if str(field.type) == "products":
        return ProductsField(recommenders, **options)
    return TextField(**options, attrs={_LIQUID: "text"})


def is_translatable(field: Field) -> bool:
    """Whether another language may say something else in this field."""
    return str(field.type) not in ("products", "number", "boolean")


_MAKERS: Final[Mapping[str, Callable[[dict[str, Any]], forms.Field]]] = {
    "string": lambda options: TextField(**options, rows=2, attrs={_LIQUID: "text"}),
    "html": lambda options: TextField(**options, rows=5, attrs={_LIQUID: "html"}),
    "rich": lambda options: TextField(**options, rows=6, attrs={"data-rich": ""}),
    "list": lambda options: ListField(**_noted(options, "One a line."), rows=4),
    "json": lambda options: JsonField(
        **_noted(options, "JSON, for the page's own code."), rows=5, attrs={"spellcheck": "false"}
    ),
    "number": lambda options: forms.FloatField(required=False, **options),
    "boolean": lambda options: forms.BooleanField(required=False, **options),
    "link": lambda options: LinkField(**options),
    "image": lambda options: ImageField(**options),
}


def _noted(options: dict[str, Any], note: str) -> dict[str, Any]:
    """Return the options with a note, unless the editors wrote one of their own."""
    return {**options, "help_text": options["help_text"] or note}


def value_input(value_type: str) -> forms.Field:
    """Return the input of a flag's value."""
    match value_type:
        case "boolean":
            return forms.TypedChoiceField(
                choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
            )
        case "integer":
            return forms.IntegerField()
        case "float":
            return forms.FloatField()
        case "string":
            return forms.CharField(strip=False, required=False, empty_value="")
        case _:
            return forms.JSONField(widget=AdminTextareaWidget({"rows": 5}))


def exact(value: JSON) -> JSON:
    """Return a whole float as an integer: an editor who types 3 means 3."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
