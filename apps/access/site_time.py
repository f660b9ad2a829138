"""Moments that staff write on the wall clock of a site, stored as instants.

Where clocks are put forward an hour of the wall clock does not exist, where they are put back one
exists twice. Neither is guessed: the moment is refused with both readings, to choose from.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.core.exceptions import ValidationError

YEARS = range(2000, 2200)  # a calendar ends, and an offset must not lead beyond it
_WRITTEN = "%Y-%m-%dT%H:%M"


class OddLocalTime(ValueError):
    """A time of the wall clock that is no instant, or two. `readings` are the instants, in UTC."""

    def __init__(self, sentence: str, readings: tuple[datetime, datetime]) -> None:
        super().__init__(sentence)
        self.readings = readings


def zone_of(name: str) -> ZoneInfo:
    """Return the zone of a site; UTC for a name that nobody knows."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def instant_of(local: datetime, zone: str) -> datetime:
    """Return the instant, in UTC, of a naive time on the wall clock of a zone.

    Raises:
        OddLocalTime: the clock skips this time, or shows it twice.
    """
    there = zone_of(zone)
    early, late = (local.replace(tzinfo=there, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early == late:
        return early
    said = f"{local:%d %b %Y %H:%M}"
    if early.astimezone(there).replace(tzinfo=None) != local:
        # The offset of before the change reads it as later, that of after it as earlier.
        before, after = (_wall(one, there) for one in sorted((early, late)))
        raise OddLocalTime(
            f"{said} does not exist in {zone}: the clocks are put forward over it. "
            f"Write {before} or {after}.",
            (min(early, late), max(early, late)),
        )
    raise OddLocalTime(
        f"{said} comes twice in {zone}, as the clocks are put back: at {early:%H:%M} UTC and at "
        f"{late:%H:%M} UTC. Write a time before {_wall(early - _into_hour(local), there)} or from "
        f"{_wall(late - _into_hour(local) + timedelta(hours=1), there)} on.",
        (early, late),
    )


def wall_clock(at: datetime, zone: str) -> str:
    """Return an instant as the site's wall clock shows it: "25 Oct 2026 14:30"."""
    return f"{at.astimezone(zone_of(zone)):%d %b %Y %H:%M}"


class SiteDateTimeField(forms.DateTimeField):
    """A form's field for a moment on a site's wall clock; its value is an instant in UTC."""

    def __init__(self, *, zone: str = "UTC", **options: Any) -> None:
        options.setdefault("required", False)
        options.setdefault(
            "widget", forms.DateTimeInput({"type": "datetime-local"}, format=_WRITTEN)
        )
        super().__init__(**options)
        self.zone = zone

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(zone_of(self.zone)).replace(tzinfo=None)
        return value

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        try:
            local = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except (TypeError, ValueError):
            local = None
        if local is None:
            raise ValidationError("Write a date and a time, such as 2026-12-24T18:00.")
        if local.year not in YEARS:
            raise ValidationError(
                f"Choose a year from {YEARS[0]} to {YEARS[-1]}, or leave it empty."
            )
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        try:
            return instant_of(local, self.zone)
        except OddLocalTime as odd:
            raise ValidationError(str(odd), code="odd_local_time") from odd

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            given = self.to_python(data)
        except ValidationError:
            return True
        if isinstance(initial, datetime) and given is not None:
            # The input has no seconds: what was stored with some is not changed by looking at it.
            return initial.replace(second=0, microsecond=0) != given.replace(
                second=0, microsecond=0
            )
        return bool(initial) != bool(given)


def _wall(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%H:%M}"


def _into_hour(local: datetime) -> timedelta:
    return timedelta(minutes=local.minute, seconds=local.second)
