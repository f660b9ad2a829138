from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "apps.events"
    label = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.events import (
            clearing,
            feature_marks,
            fold,
            forgetting_intake,
            personal_data,
            rollups,
            selectors,
        )
        from apps.profiles import holders, parts
        from apps.work import schedules

        holders.register(personal_data.HOLDER)
        holders.register(rollups.HOLDER)
        holders.register(feature_marks.HOLDER)
        holders.register(forgetting_intake.INBOX)
        holders.register(forgetting_intake.JOURNALS)
        holders.register(forgetting_intake.QUARANTINE)
        withdrawing.register(clearing.CLEARING)
        parts.offer_part("events", selectors.events_of)
        post_migrate.connect(fold.make_parts, sender=self, dispatch_uid="events.parts")
        schedules.declare("Make event partitions", task="events.make_partitions", every_s=21_600)
        schedules.declare("Forget old message ids", task="events.prune", crontab="17 3 * * *")
