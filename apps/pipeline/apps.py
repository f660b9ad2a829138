from django.apps import AppConfig


class PipelineConfig(AppConfig):
    name = "apps.pipeline"
    label = "pipeline"
    verbose_name = "Pipeline"

    def ready(self) -> None:
        from apps.pipeline import receivers, tasks  # noqa: F401  # tasks carry out intents

        receivers.connect()
