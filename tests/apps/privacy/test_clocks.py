"""The days by which the law wants an answer: a table of dates, worked out by hand."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.privacy.clocks import (
    add_business_days,
    add_months,
    begin_of,
    clock_of,
    day_of,
    end_of,
    reminders_between,
)

# received, due (one month), extended due (three months from receipt, not from the first end)
GDPR = [
    ("2026-01-01", "2026-02-01", "2026-04-01"),
    ("2026-01-15", "2026-02-15", "2026-04-15"),
    ("2026-01-28", "2026-02-28", "2026-04-28"),
    ("2026-01-29", "2026-02-28", "2026-04-29"),
    ("2026-01-30", "2026-02-28", "2026-04-30"),
    ("2026-01-31", "2026-02-28", "2026-04-30"),
    ("2028-01-28", "2028-02-28", "2028-04-28"),
    ("2028-01-29", "2028-02-29", "2028-04-29"),
    ("2028-01-30", "2028-02-29", "2028-04-30"),
    ("2028-01-31", "2028-02-29", "2028-04-30"),
    ("2100-01-31", "2100-02-28", "2100-04-30"),
    ("2026-02-28", "2026-03-28", "2026-05-28"),
    ("2028-02-28", "2028-03-28", "2028-05-28"),
    ("2028-02-29", "2028-03-29", "2028-05-29"),
    ("2026-03-30", "2026-04-30", "2026-06-30"),
    ("2026-03-31", "2026-04-30", "2026-06-30"),
    ("2026-04-30", "2026-05-30", "2026-07-30"),
    ("2026-05-31", "2026-06-30", "2026-08-31"),
    ("2026-06-30", "2026-07-30", "2026-09-30"),
    ("2026-07-31", "2026-08-31", "2026-10-31"),
    ("2026-08-31", "2026-09-30", "2026-11-30"),
    ("2026-09-30", "2026-10-30", "2026-12-30"),
    ("2026-10-31", "2026-11-30", "2027-01-31"),
    ("2026-11-30", "2026-12-30", "2027-02-28"),
    ("2027-11-30", "2027-12-30", "2028-02-29"),
    ("2026-12-01", "2027-01-01", "2027-03-01"),
    ("2026-12-31", "2027-01-31", "2027-03-31"),
    ("2027-12-31", "2028-01-31", "2028-03-31"),
]


@pytest.mark.parametrize(("received", "due", "longest"), GDPR, ids=[row[0] for row in GDPR])
def test_gdpr_gives_a_month_and_two_more_from_receipt(
    received: str, due: str, longest: str
) -> None:
    clock = clock_of("gdpr", date.fromisoformat(received))

    assert clock.due == date.fromisoformat(due)
    assert clock.extended_due == date.fromisoformat(longest)
    assert clock.confirm_by is None


# received, confirm by (10 business days), due (45 days), extended due (90 days)
CCPA = [
    ("2026-01-01", "2026-01-15", "2026-02-15", "2026-04-01"),
    ("2026-01-02", "2026-01-16", "2026-02-16", "2026-04-02"),
    ("2026-01-03", "2026-01-16", "2026-02-17", "2026-04-03"),
    ("2026-01-04", "2026-01-16", "2026-02-18", "2026-04-04"),
    ("2026-01-05", "2026-01-19", "2026-02-19", "2026-04-05"),
    ("2026-01-31", "2026-02-13", "2026-03-17", "2026-05-01"),
    ("2026-02-28", "2026-03-13", "2026-04-14", "2026-05-29"),
    ("2028-01-15", "2028-01-28", "2028-02-29", "2028-04-14"),
    ("2028-01-16", "2028-01-28", "2028-03-01", "2028-04-15"),
    ("2028-02-29", "2028-03-14", "2028-04-14", "2028-05-29"),
    ("2026-11-22", "2026-12-04", "2027-01-06", "2027-02-20"),
    ("2026-12-31", "2027-01-14", "2027-02-14", "2027-03-31"),
]


@pytest.mark.parametrize(
    ("received", "confirm", "due", "longest"), CCPA, ids=[row[0] for row in CCPA]
)
def test_california_gives_45_days_90_with_notice_and_10_business_days_to_confirm(
    received: str, confirm: str, due: str, longest: str
) -> None:
    clock = clock_of("ccpa", date.fromisoformat(received))

    assert clock.confirm_by == date.fromisoformat(confirm)
    assert clock.due == date.fromisoformat(due)
    assert clock.extended_due == date.fromisoformat(longest)


# from, business days, holidays, the day
BUSINESS = [
    ("2026-11-23", 1, [], "2026-11-24"),
    ("2026-11-20", 1, [], "2026-11-23"),
    ("2026-11-21", 1, [], "2026-11-23"),
    ("2026-11-22", 1, [], "2026-11-23"),
    ("2026-11-20", 1, ["2026-11-23"], "2026-11-24"),
    ("2026-12-24", 1, ["2026-12-25", "2026-12-28"], "2026-12-29"),
    ("2026-11-20", 5, ["2026-11-26"], "2026-11-30"),
    ("2026-11-20", 5, ["2026-11-28"], "2026-11-27"),  # a holiday on a Saturday takes nothing
    ("2026-12-21", 10, ["2026-12-25", "2027-01-01"], "2027-01-06"),
    ("2026-11-22", 15, [], "2026-12-11"),
]


@pytest.mark.parametrize(
    ("begin", "count", "holidays", "end"),
    BUSINESS,
    ids=[f"{r[0]}+{r[1]}:{len(r[2])}" for r in BUSINESS],
)
def test_weekends_and_holidays_are_no_business_days(
    begin: str, count: int, holidays: list[str], end: str
) -> None:
    closed = {date.fromisoformat(day) for day in holidays}
    assert add_business_days(date.fromisoformat(begin), count, closed) == date.fromisoformat(end)


@pytest.mark.parametrize("kind", ["opt_out", "limit"])
def test_an_opt_out_in_california_has_15_business_days_and_no_extension(kind: str) -> None:
    clock = clock_of("ccpa", date(2026, 11, 22), kind=kind)

    assert clock.due == clock.extended_due == date(2026, 12, 11)
    assert clock.confirm_by is None


# instant, zone, the day it belongs to, the end of that day in UTC
DAYS = [
    ("2026-01-31T22:59:59+00:00", "Europe/Berlin", "2026-01-31", "2026-01-31T23:00:00+00:00"),
    ("2026-01-31T23:00:00+00:00", "Europe/Berlin", "2026-02-01", "2026-02-01T23:00:00+00:00"),
    ("2026-03-28T23:00:00+00:00", "Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00+00:00"),
    ("2026-10-24T22:00:00+00:00", "Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00+00:00"),
    ("2026-03-08T07:59:59+00:00", "America/Los_Angeles", "2026-03-07", "2026-03-08T08:00:00+00:00"),
    ("2026-03-08T08:00:00+00:00", "America/Los_Angeles", "2026-03-08", "2026-03-09T07:00:00+00:00"),
    ("2026-11-01T07:00:00+00:00", "America/Los_Angeles", "2026-11-01", "2026-11-02T08:00:00+00:00"),
    ("2026-06-01T09:59:59+00:00", "Pacific/Kiritimati", "2026-06-01", "2026-06-01T10:00:00+00:00"),
    ("2026-06-01T10:00:00+00:00", "Pacific/Kiritimati", "2026-06-02", "2026-06-02T10:00:00+00:00"),
    ("2026-06-01T00:00:00+00:00", "Pacific/Pago_Pago", "2026-05-31", "2026-06-01T11:00:00+00:00"),
    ("2011-12-30T09:59:59+00:00", "Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00+00:00"),
    ("2011-12-30T10:00:00+00:00", "Pacific/Apia", "2011-12-31", "2011-12-31T10:00:00+00:00"),
    ("2018-11-04T02:59:59+00:00", "America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00+00:00"),
    ("2018-11-04T03:00:00+00:00", "America/Sao_Paulo", "2018-11-04", "2018-11-05T02:00:00+00:00"),
    ("2026-12-31T23:59:59+00:00", "UTC", "2026-12-31", "2027-01-01T00:00:00+00:00"),
]


@pytest.mark.parametrize(
    ("at", "zone", "day", "end"), DAYS, ids=[f"{row[0][:19]} {row[1]}" for row in DAYS]
)
def test_the_day_is_the_sites_and_ends_with_its_midnight(
    at: str, zone: str, day: str, end: str
) -> None:
    found = day_of(datetime.fromisoformat(at), zone)

    assert found == date.fromisoformat(day)
    assert end_of(found, zone) == datetime.fromisoformat(end)


def test_a_day_that_never_was_ends_when_it_was_skipped() -> None:
    # One month from 30 November 2011 is a day that Samoa left out of its calendar.
    clock = clock_of("gdpr", date(2011, 11, 30), "Pacific/Apia")

    assert clock.due == date(2011, 12, 30)
    assert end_of(clock.due, "Pacific/Apia") == datetime(2011, 12, 30, 10, tzinfo=UTC)


def test_a_midnight_that_is_skipped_begins_with_the_first_second_that_is() -> None:
    assert begin_of(date(2018, 11, 4), "America/Sao_Paulo") == datetime(2018, 11, 4, 3, tzinfo=UTC)


# received, regulation, kind, the reminders
REMINDERS = [
    ("2026-01-31", "gdpr", "", ["half 2026-02-14", "week 2026-02-21", "day 2026-02-27"]),
    ("2026-11-22", "gdpr", "", ["half 2026-12-07", "week 2026-12-15", "day 2026-12-21"]),
    (
        "2026-11-22",
        "ccpa",
        "",
        ["confirm 2026-12-03", "half 2026-12-14", "week 2026-12-30", "day 2027-01-05"],
    ),
    ("2026-11-22", "ccpa", "opt_out", ["half 2026-12-01", "week 2026-12-04", "day 2026-12-10"]),
]


@pytest.mark.parametrize(
    ("received", "regulation", "kind", "wanted"),
    REMINDERS,
    ids=[f"{row[1]}{row[2]} {row[0]}" for row in REMINDERS],
)
def test_officers_are_reminded_at_half_time_a_week_and_a_day_before(
    received: str, regulation: str, kind: str, wanted: list[str]
) -> None:
    clock = clock_of(regulation, date.fromisoformat(received), kind=kind)
    assert [f"{name} {day}" for name, day in clock.reminders] == wanted


# begins, due: what is left of the reminders when time is short
SHORT = [
    ("2026-11-22", "2026-11-22", []),
    ("2026-11-22", "2026-11-23", []),
    ("2026-11-22", "2026-11-24", ["day 2026-11-23"]),
    ("2026-11-22", "2026-11-26", ["half 2026-11-24", "day 2026-11-25"]),
    ("2026-11-22", "2026-11-29", ["half 2026-11-25", "day 2026-11-28"]),
    ("2026-11-22", "2026-12-06", ["week 2026-11-29", "day 2026-12-05"]),
]


@pytest.mark.parametrize(("begins", "due", "wanted"), SHORT, ids=[row[1] for row in SHORT])
def test_no_reminder_lies_in_the_past_or_twice_on_one_day(
    begins: str, due: str, wanted: list[str]
) -> None:
    found = reminders_between(date.fromisoformat(begins), date.fromisoformat(due))
    assert [f"{name} {day}" for name, day in found] == wanted


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)))
def test_no_month_is_longer_than_31_days_or_skips_one(day: date) -> None:
    due = add_months(day, 1)

    assert timedelta(days=28) <= due - day <= timedelta(days=31)
    assert (due.year * 12 + due.month) - (day.year * 12 + day.month) == 1
    assert due.day == day.day or (due + timedelta(days=1)).day == 1


@given(
    st.dates(date(1990, 1, 1), date(2090, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Pacific/Apia", "Asia/Kathmandu"]),
)
def test_days_follow_one_another_without_a_gap(day: date, zone: str) -> None:
    assert begin_of(day, zone) <= end_of(day, zone)
    assert day_of(end_of(day, zone) - timedelta(seconds=1), zone) <= day
    assert day_of(end_of(day, zone), zone) > day


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)), st.sampled_from(["gdpr", "ccpa"]))
def test_a_reminder_always_lies_between_receipt_and_the_last_day(day: date, law: str) -> None:
    clock = clock_of(law, day)

    assert all(day < when < clock.due for _, when in clock.reminders)
    assert day < clock.internal_due < clock.due <= clock.extended_due


def test_a_law_that_nobody_knows_has_no_clock() -> None:
    with pytest.raises(ValueError, match="lgpd"):
        clock_of("lgpd", date(2026, 1, 1))
