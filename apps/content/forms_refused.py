"""Where a refusal of the services stands in a form."""

from django import forms
from django.core.exceptions import ValidationError

from apps.content.errors import InvalidContent

FIELD_PREFIX = "field_"  # keeps a block's field "name" apart from the variant's own name


def add_errors(
    form: forms.BaseForm, error: InvalidContent, names: dict[str, str], *, before: str = ""
) -> None:
    """Put each error beside the input that it speaks of.

    Args:
        names: pointers to the inputs that are called otherwise.
        before: what the names of a language's inputs begin with.
    """
    for item in error.errors:
        first, _, rest = item["pointer"].lstrip("/").partition("/")
        inner = rest.partition("/")[0]
        name = FIELD_PREFIX + inner if first == "fields" else names.get(first, first)
        place = before + name if before + name in form.fields else None
        if place is None or place not in form.errors:
            form.add_error(place, ValidationError(item["detail"], code=item["code"]))
