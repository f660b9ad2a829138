from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "apps.decisions"
    label = "decisions"
    verbose_name = "Decisions"

    def ready(self) -> None:
        from apps.decisions import personal_data, receivers, tasks
        from apps.profiles import holders
        from apps.work import schedules

        receivers.connect()
        holders.register(personal_data.HOLDER)
        schedules.declare("Forget old decisions", task=tasks.prune_records.name, every_s=3600)
