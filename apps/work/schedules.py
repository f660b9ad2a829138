"""Schedules that ship with the apps. They become rows once; from then on the admin rules them."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections


@dataclass(frozen=True, slots=True)
class Schedule:
    """A task that beat sends every `every_s` seconds or by "minute hour day month weekday"."""

    name: str
    task: str
    every_s: int | None
    crontab: str | None
    kwargs: dict[str, Any] = field(default_factory=dict)
    queue: str = "slow"


_declared: Final[dict[str, Schedule]] = {}


def declare(
    name: str,
    *,
    task: str,
    every_s: int | None = None,
    crontab: str | None = None,
    kwargs: dict[str, Any] | None = None,
    queue: str = "slow",
) -> None:
    """Declare a schedule, from an app's ready(). `name` is its title in the admin, unique."""
    assert (every_s is None) != (crontab is None), f"{name}: give every_s or crontab"
    schedule = Schedule(name, task, every_s, crontab, kwargs or {}, queue)
    assert _declared.get(name, schedule) == schedule, f"{name} is declared twice"
    _declared[name] = schedule


def write_missing(using: str = "default") -> int:
    """Write declared schedules that have no row; return how many. Rows are never overwritten."""
    from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

    if PeriodicTask._meta.db_table not in connections[using].introspection.table_names():
        return 0
    present = set(PeriodicTask.objects.using(using).values_list("name", flat=True))
    missing = [schedule for name, schedule in _declared.items() if name not in present]
    for schedule in missing:
        when: dict[str, Any] = {}
        if schedule.every_s is not None:
            when["interval"], _ = IntervalSchedule.objects.using(using).get_or_create(
                every=schedule.every_s, period=IntervalSchedule.SECONDS
            )
        else:
            names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
            fields = dict(zip(names, (schedule.crontab or "").split(), strict=True))
            when["crontab"], _ = CrontabSchedule.objects.using(using).get_or_create(
                **fields, timezone="UTC"
            )
        PeriodicTask.objects.using(using).create(
            name=schedule.name,
            task=schedule.task,
            kwargs=json.dumps(schedule.kwargs),
            queue=schedule.queue,
            **when,
        )
    return len(missing)
