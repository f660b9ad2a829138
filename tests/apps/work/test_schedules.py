"""Schedules that ship with the apps."""

import pytest
from django_celery_beat.models import PeriodicTask

from apps.work import schedules


def test_the_sweeper_is_scheduled_by_migrating(db: None) -> None:
    task = PeriodicTask.objects.get(task="work.sweep")
    assert (task.interval.every, task.interval.period, task.queue) == (10, "seconds", "fast")


def test_what_an_administrator_has_changed_stays(db: None) -> None:
    PeriodicTask.objects.filter(task="work.sweep").update(enabled=False)
    assert schedules.write_missing() == 0
    assert not PeriodicTask.objects.get(task="work.sweep").enabled


def test_a_crontab_is_written_in_utc(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "_declared", {})
    schedules.declare("Nightly", task="x.nightly", crontab="15 3 * * 1", kwargs={"a": 1})
    assert schedules.write_missing() == 1
    task = PeriodicTask.objects.get(name="Nightly")
    assert (task.crontab.minute, task.crontab.hour, task.crontab.day_of_week) == ("15", "3", "1")
    assert str(task.crontab.timezone) == "UTC"
    assert task.kwargs == '{"a": 1}'
