"""Errors say what went wrong, and not with which values."""

import json
import logging
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.access.models import Site
from apps.work import clock, performing, services
from apps.work.error_text import told, without_values
from apps.work.models import Intent
from config.logging import JsonFormatter, LineFormatter

MARK = "canary-5d1c77"

pytestmark = pytest.mark.django_db


def duplicate() -> None:
    site = Site.objects.create(key="one", name="One", created_at=clock.now())
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(
                "INSERT INTO events_eventschema (site_id, name, is_declared, first_seen_at)"
                " VALUES (%s, %s, false, now())",
                [site.pk, MARK],
            )


def no_number() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", [MARK])


def no_json() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [f'{{"a": {MARK}\n\n}}'])


def no_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM nowhere WHERE value = %s", [MARK])


BREAKS = (duplicate, no_number, no_json, no_row)


def caught(breaks: Any) -> DatabaseError:
    with pytest.raises(DatabaseError) as error, transaction.atomic():
        breaks()
    assert MARK in str(error.value), "it names no value in the first place"
    return error.value


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("formatter", [LineFormatter, JsonFormatter])
def test_a_log_line_tells_no_value(breaks: Any, formatter: type[logging.Formatter]) -> None:
    error = caught(breaks)
    record = logging.LogRecord(
        "x", logging.ERROR, "x.py", 1, "it broke: %s", (error,),
        (type(error), error, error.__traceback__),
    )  # fmt: skip
    record.reason = str(error)
    line = formatter().format(record)
    assert MARK not in line
    assert "Traceback" in line and type(error).__name__ in line


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: one.__name__)
def test_failed_work_keeps_no_value(breaks: Any) -> None:
    @services.performs(f"test.{breaks.__name__}")
    def perform(task: services.Work, now: Any) -> None:
        with transaction.atomic():
            breaks()

    intent = services.ask(f"test.{breaks.__name__}", key="x", now=clock.now())
    assert not performing.perform(intent.pk, now=clock.now())

    kept = Intent.objects.get(pk=intent.pk).error
    assert kept and MARK not in kept
    assert "Error" in kept


def test_what_quotes_nothing_stays_as_it_is() -> None:
    for text in ("The segment was deleted.", 'column "colour" does not exist', "two\nlines"):
        assert without_values(text) == text
    assert told(KeyError("x")) == "KeyError: 'x'"
    assert json.dumps(without_values("")) == '""'
