from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate


class WorkConfig(AppConfig):
    name = "apps.work"
    label = "work"
    verbose_name = "Work"

    def ready(self) -> None:
        from apps.work import clock, receivers, schedules

        post_migrate.connect(receivers.after_migration, dispatch_uid="work.schedules")
        schedules.declare("Find lost work", task="work.sweep", every_s=10, queue="fast")
        schedules.declare("Seal ledgers", task="work.seal_ledgers", every_s=5, queue="fast")
        schedules.declare("Check ledgers", task="work.check_ledgers", crontab="23 3 * * *")
        if settings.CLOCK_FILE:
            clock.replace(clock.shifted_by(Path(settings.CLOCK_FILE)), is_everywhere=False)
