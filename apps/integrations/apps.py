from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"
    label = "integrations"
    verbose_name = "Integrations"

    def ready(self) -> None:
        from apps.integrations import tasks
        from apps.work import schedules

        schedules.declare("Forget old calls of a CMS", task=tasks.prune.name, crontab="17 4 * * *")
