"""The Celery application: finds every app's tasks, takes its settings from Django."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from apps.work.collector import spare_the_collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("attune")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect  # type: ignore[untyped-decorator]  # celery has no types
def _spare_the_collector(**_: Any) -> None:
    spare_the_collector()
