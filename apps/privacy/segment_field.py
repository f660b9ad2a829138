"""A form's field for one segment of a site, typed by its key or its name.

A site has hundreds of them: the page offers a few, and a text that is none of them is answered
with those that it may mean.
"""

from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from apps.segments.models import Segment

OFFERED: Final = 20
NAMED: Final = 5  # in a sentence
LIST_ID: Final = "segments-offered"


class SegmentField(forms.CharField):
    """One segment of a site, archived ones too, or None where nothing is typed."""

    def __init__(self, **options: Any) -> None:
        # No browser offers what somebody typed here before: it may be of another site.
        attributes = {"list": LIST_ID, "autocomplete": "off", "spellcheck": "false"}
        widget = forms.TextInput(attrs=attributes)
        super().__init__(required=False, max_length=120, widget=widget, **options)
        self.site_id: UUID | None = None

    def offered(self, typed: str = "") -> list[Segment]:
        """Return what a text finds by key or name, at most `OFFERED`. One query."""
        return list(self._found(typed)[:OFFERED])

    def clean(self, value: Any) -> Segment | None:
        """Return the segment with this key, else the only one with this name, in any case.

        Raises:
            ValidationError: there is none, or several have the name; it says which may be meant.
        """
        typed = super().clean(value)
        if not typed:
            return None
        rows = list(self._rows().filter(Q(key__iexact=typed) | Q(name__iexact=typed))[:OFFERED])
        by_key = [row for row in rows if row.key.lower() == typed.lower()]
        by_exact_key = [row for row in rows if row.key == typed]
        for fitting in (by_exact_key, by_key, rows):
            if len(fitting) == 1:
                return fitting[0]
        if rows:
            raise ValidationError(
                f"Several segments are called “{typed}”: {_keys(rows)}. Type the key of one."
            )
        raise ValidationError(self._unknown(typed))

    def _unknown(self, typed: str) -> str:
        said = f"This site has no segment with the key or name “{typed}”."
        near = list(self._found(typed)[: NAMED + 1])
        if not near:
            return f"{said} Leave it empty for everybody."
        return f"{said} Did you mean one of these: {_keys(near)}?"

    def _found(self, typed: str) -> QuerySet[Segment]:
        rows = self._rows()
        for word in typed.split()[:5]:
            rows = rows.filter(Q(name__icontains=word) | Q(key__icontains=word))
        return rows

    def _rows(self) -> QuerySet[Segment]:
        if self.site_id is None:
            return Segment.objects.none()
        return Segment.objects.filter(site_id=self.site_id, is_hidden=False).order_by("key")


def _keys(rows: list[Segment]) -> str:
    named = ", ".join(f"{row.key} ({row.name})" for row in rows[:NAMED])
    return named if len(rows) <= NAMED else f"{named} and more"
