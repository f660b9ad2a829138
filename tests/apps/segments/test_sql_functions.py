"""Dates, versions and anniversaries mean in Postgres what they mean in the engine."""

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from django.db import connection

from apps.segments.sql import dialect as sql
from engine.conditions.dates import DAY_MS, anniversaries, instant_ms
from engine.conditions.operators import version_of

pytestmark = pytest.mark.django_db

_DATES: tuple[str, ...] = (
    "2024-02-29",
    "2025-02-29",
    "2025-02-28",
    "1970-01-01",
    "0001-01-01",
    "9999-12-31",
)
_DATES += (
    "0000-01-01",
    "2025-13-01",
    "2025-04-31",
    "10000-01-01",
    "2025-1-1",
    "",
    "soon",
    "1969-12-31",
)
_TIMES: tuple[str, ...] = (
    "",
    "T00:00:00Z",
    "T23:59:59.999Z",
    "T24:00:00Z",
    "T12:30:60Z",
    "T12:30:45.5+01:00",
)
_TIMES += ("T00:00:00+15:59", "T23:59:59-15:59", "T00:00:00+16:00", "T10:00:00", " 10:00:00Z")
_TIMES += (
    "T10:00:00z",
    "T10:00:00.1234Z",
    "T10:00:00.05-00:00",
    "T10:00Z",
    "Z",
    "\n",
    "T10:00:00Z\n",
)
_VERSIONS: tuple[str, ...] = (
    "1",
    "1.2",
    "1.2.3.4",
    "1.2.3.4.5",
    "01.02",
    "1.",
    ".1",
    "1..2",
    "v1",
    "",
    "1.2\n",
    "²",
)
_VERSIONS += ("999999999.1", "1000000000.1", "1.2-beta", " 1", "٣", "0", "0.0.0.0")


def _rows(expression: str, inputs: Sequence[object], columns: str) -> list[object]:
    """The value of an expression over columns of i, one an input."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {expression} FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS ({columns}))"
            " WITH ORDINALITY AS i ORDER BY i.ordinality",
            [json.dumps(inputs)],
        )
        return [value for (value,) in cursor.fetchall()]


def test_dates_and_instants_are_read_alike() -> None:
    texts = [day + time for day in _DATES for time in _TIMES]
    found = _rows(sql.instant_of("i.x"), [{"x": text} for text in texts], "x text")
    assert dict(zip(texts, found, strict=True)) == {text: instant_ms(text) for text in texts}


def test_versions_are_read_alike() -> None:
    found = _rows(sql.version_of("i.x"), [{"x": text} for text in _VERSIONS], "x text")
    expected = [version_of(text) for text in _VERSIONS]
    assert found == [None if version is None else list(version) for version in expected]


def _born_and_asked() -> Iterator[tuple[int, int]]:
    years = (2023, 2024, 2025, 2100)
    days = [(1, 1), (2, 28), (3, 1), (12, 31), (6, 15)]
    born = [date(year, *day) for year in (1960, 1999, 2025) for day in days] + [date(2000, 2, 29)]
    asked = [date(year, *day) for year in years for day in days] + [date(2024, 2, 29)]
    epoch = date(1970, 1, 1)
    for one, other in itertools.product(born, asked):
        at_ms = (other - epoch).days * DAY_MS
        for off_ms in (-1, 0, DAY_MS - 1):
            yield (one - epoch).days * DAY_MS + 5, at_ms + off_ms


def test_the_next_anniversary_is_the_same_midnight() -> None:
    pairs = list(_born_and_asked())
    rows = [{"a": born_ms, "b": at_ms} for born_ms, at_ms in pairs]
    found = _rows(sql.anniversary_after("i.a", "i.b"), rows, "a bigint, b bigint")
    expected = [
        min(day for day in anniversaries(born_ms, at_ms) if at_ms < day + DAY_MS)
        for born_ms, at_ms in pairs
    ]
    assert found == expected
