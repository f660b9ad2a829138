"""Moments on a site's wall clock: no guess where it skips an hour or shows one twice."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from apps.access.site_time import OddLocalTime, SiteDateTimeField, instant_of, wall_clock

BERLIN = "Europe/Berlin"

local = datetime.fromisoformat


def test_an_ordinary_time_is_one_instant() -> None:
    assert instant_of(local("2026-07-01T12:00"), BERLIN) == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
    assert wall_clock(datetime(2026, 7, 1, 10, 0, tzinfo=UTC), BERLIN) == "01 Jul 2026 12:00"


def test_a_time_that_is_skipped_is_refused_with_both_readings() -> None:
    with pytest.raises(OddLocalTime, match=r"does not exist .* Write 01:30 or 03:30") as odd:
        instant_of(local("2026-03-29T02:30"), BERLIN)
    assert odd.value.readings == (
        datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    )


def test_a_time_that_comes_twice_is_refused_with_both_readings() -> None:
    with pytest.raises(OddLocalTime, match=r"comes twice .* 00:30 UTC and at 01:30 UTC") as odd:
        instant_of(local("2026-10-25T02:30"), BERLIN)
    assert odd.value.readings == (
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    )


def test_the_field_shows_what_it_takes() -> None:
    field = SiteDateTimeField(zone=BERLIN)
    at = field.clean("2026-12-24T18:00")
    assert at == datetime(2026, 12, 24, 17, 0, tzinfo=UTC)
    assert field.prepare_value(at) == local("2026-12-24T18:00")
    assert not field.has_changed(at, "2026-12-24T18:00")
    assert field.has_changed(at, "2026-12-24T18:01")
    assert field.clean("") is None
    # One of two readings can be said with its offset.
    assert field.clean("2026-10-25T02:30+01:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for odd in ("2026-03-29T02:30", "soon", "0001-01-01T00:00", "9999-12-31T23:59"):
        with pytest.raises(ValidationError):
            field.clean(odd)
