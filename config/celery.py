"""The Celery application: finds every app's tasks, takes its settings from Django."""

import os
from typing import Any

from celery import Celery
from celery.signals import heartbeat_sent, worker_process_init

from apps.work import alive
from apps.work.collector import spare_the_collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("attune")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # celery has no types
def _spare_the_collector(**_: Any) -> None:
    spare_the_collector()


_voice: alive.Voice | None = None


@heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _say_so(**_: Any) -> None:
    """A worker's heart beats every two seconds, from the loop that gives out its work."""
    global _voice
    if _voice is None:
        _voice = alive.Voice("worker")
    _voice.say()
