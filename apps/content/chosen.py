"""A form's field for some of many: keys in a text, which the page turns into chips with a search.

The text is the form without a script, too: keys with commas. So a page never holds a list of a
thousand things for each of its variants.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.urls import reverse

from apps.content.offers import choices


class _Input(AdminTextInputWidget):
    """A text of keys. Several values of one name are read as one text."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if name not in data:
            return None
        found = data.getlist(name) if hasattr(data, "getlist") else [data[name]]
        return ", ".join(str(one) for one in found)


class ChosenField(forms.Field):
    """Some things of a kind at one site; the value is a list of rows, or one row with `most` 1.

    Args:
        kind: of `apps.content.offers`.
        noun: what an editor calls one of them.
    """

    def __init__(self, kind: str, noun: str, *, most: int | None = None, **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault("widget", _Input())
        super().__init__(**options)
        self.kind, self.noun, self.most = kind, noun, most
        self.site_id: UUID | None = None
        self.named: dict[UUID, str] = {}
        self.widget.attrs |= {"data-choose": kind, "data-noun": noun, "autocomplete": "off"}
        if most is not None:
            self.widget.attrs["data-most"] = most

    def at(self, site_id: UUID | None, chosen: Iterable[Any] = ()) -> None:
        """Offer what a site has; `chosen` are rows to name at once, without asking."""
        self.site_id = site_id
        self.widget.attrs["data-site"] = str(site_id or "")
        self.widget.attrs["data-offers"] = reverse("admin:content_offers")
        rows = list(chosen)
        self.named = {row.pk: row.key for row in rows if not _is_archived(row)}
        self.widget.attrs["data-chosen"] = json.dumps([[row.key, row.name] for row in rows])

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return ", ".join(sorted(str(getattr(row, "key", row)) for row in value))
        if isinstance(value, UUID):  # of a foreign key
            if value in self.named:
                return self.named[value]
            return ", ".join(self._rows().filter(pk=value).values_list("key", flat=True))
        return getattr(value, "key", value)

    def to_python(self, value: Any) -> list[Any]:
        asked = list(dict.fromkeys(part.strip() for part in (value or "").split(",")))
        asked = [part for part in asked if part]
        if not asked:
            return []
        ids = [part for part in asked if _is_id(part)]
        rows = list(self._rows().filter(Q(key__in=asked) | Q(pk__in=ids)))
        known = {row.key for row in rows} | {str(row.pk) for row in rows}
        for part in asked:
            if part not in known:
                raise ValidationError(f"This site has no {self.noun} '{part}'.", code="unknown")
        if self.most is not None and len(rows) > self.most:
            raise ValidationError(f"Choose one {self.noun}, not {len(rows)}.")
        return rows

    def clean(self, value: Any) -> Any:
        rows = super().clean(value)
        return rows if self.most != 1 else (rows[0] if rows else None)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            after = {row.pk for row in self.to_python(data)}
        except ValidationError:
            return True
        if isinstance(initial, list | tuple):
            return {getattr(row, "pk", row) for row in initial} != after
        return {getattr(initial, "pk", initial)} - {None} != after

    def _rows(self) -> Any:
        return choices(self.kind, self.site_id)


def _is_archived(row: Any) -> bool:
    return bool(getattr(row, "archived_at", None) or getattr(row, "is_archived", False))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
