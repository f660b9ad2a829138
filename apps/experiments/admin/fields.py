"""Inputs of designs: shares as percent, keys of segments, factors a line."""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify

from apps.content.chosen import ChosenField
from apps.content.offers import choices

MOST_SEGMENTS: Final = 20
MOST_COMBINATIONS: Final = 24


class PercentField(forms.FloatField):
    """A share in [0, 1], written as percent."""

    def __init__(self, *, suffix: str = "%", **options: Any) -> None:
        attrs = {"step": "any", "min": "0", "inputmode": "decimal", "class": "percent"}
        options.setdefault("widget", forms.NumberInput(attrs=attrs))
        super().__init__(**options)
        self.suffix = suffix

    def prepare_value(self, value: Any) -> Any:
        """Show a share; what was typed stays as it was typed."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"{value * 100:.6f}".rstrip("0").rstrip(".")
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.strip().removesuffix("%").strip()
        found = super().to_python(value)
        return None if found is None else round(found / 100, 12)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            found = self.to_python(data)
        except ValidationError:
            return True
        if initial is None or found is None:
            return bool(initial != found)
        return bool(abs(float(initial) - found) > 1e-8)


class SegmentKeysField(ChosenField):
    """Segments by their keys, in the order in which they are written."""

    def __init__(self, **options: Any) -> None:
        super().__init__("segments", "segment", most=MOST_SEGMENTS, **options)

    def at_keys(self, site_id: UUID | None, keys: list[str]) -> None:
        """Offer the segments of a site; those of `keys` are chosen."""
        rows = choices("segments", site_id).filter(key__in=keys) if site_id and keys else []
        self.at(site_id, rows)

    def clean(self, value: Any) -> list[str]:
        known = {row.key: row.key for row in super().clean(value)}
        known |= {str(row.pk): row.key for row in super().clean(value)}
        asked = [part.strip() for part in (value or "").split(",")]
        return list(dict.fromkeys(known[part] for part in asked if part in known))

    def prepare_value(self, value: Any) -> Any:
        """Keys in their order: it may matter which is the first."""
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(list(initial or []) != self.clean(data))
        except ValidationError:
            return True


class FactorsField(forms.CharField):
    """Factors of a factorial, one a line: "headline: short, long"."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", forms.Textarea(attrs={"rows": 3, "cols": 60}))
        super().__init__(required=False, **options)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return "\n".join(f"{one['key']}: {', '.join(map(str, one['levels']))}" for one in value)

    def to_python(self, value: Any) -> Any:
        if isinstance(value, list):
            return value
        found: list[dict[str, Any]] = []
        for line in (value or "").splitlines():
            if not line.strip():
                continue
            name, colon, rest = line.partition(":")
            levels = list(dict.fromkeys(one.strip() for one in rest.split(",") if one.strip()))
            key = slugify(name)
            if not colon or not key or len(levels) < 2:
                raise ValidationError(
                    f"“{line.strip()}”: write a factor and two levels at least, such as "
                    "“headline: short, long”."
                )
            if key in {one["key"] for one in found}:
                raise ValidationError(f"The factor '{key}' is named twice.")
            found.append({"key": key, "levels": levels})
        count = 1
        for one in found:
            count *= len(one["levels"])
        if found and count > MOST_COMBINATIONS:
            raise ValidationError(
                f"That makes {count} combinations, and at most {MOST_COMBINATIONS} can be run: "
                "leave out a level or a factor."
            )
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(list(initial or []) != self.to_python(data))
        except ValidationError:
            return True
