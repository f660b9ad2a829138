"""The Celery application: finds every app's tasks, takes its settings from Django."""

import os
from contextlib import suppress
from typing import Any

from celery import Celery, Task
from celery.signals import celeryd_init, heartbeat_sent, worker_process_init

from apps.work import alive, holding_back
from apps.work.collector import spare_the_collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")


class Standing(Task):  # type: ignore[misc]  # celery has no types
    """Every task: while nothing may be served it does nothing. What it is for is asked again."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, unless this process is held."""
        return None if holding_back.is_held() else super().__call__(*args, **kwargs)


app = Celery("attune", task_cls=Standing)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # celery has no types
def _spare_the_collector(**_: Any) -> None:
    spare_the_collector()


@celeryd_init.connect  # type: ignore[untyped-decorator]
def _yield_to_visitors(sender: Any = None, **_: Any) -> None:
    """The trainer never takes a processor from whoever has just been woken, a web process say.

    Beside being nice, which is about shares over time: a decision is over within a millisecond.
    """
    if str(sender).startswith("trainer@"):
        with suppress(AttributeError, OSError):  # not everywhere there is, or may be asked for
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


_voice: alive.Voice | None = None


@heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _say_so(sender: Any = None, **_: Any) -> None:
    """A worker's heart beats every two seconds, from the loop that gives out its work.

    The trainer is silent: it would hide that nobody does the rest. What waits for it is told.
    """
    global _voice
    if str(getattr(getattr(sender, "eventer", None), "hostname", "")).startswith("trainer@"):
        return
    if _voice is None:
        _voice = alive.Voice("worker")
    _voice.say()
