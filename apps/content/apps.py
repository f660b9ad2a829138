from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "apps.content"
    label = "content"
    verbose_name = "Content"

    def ready(self) -> None:
        from apps.content import revisions_kinds, usage
        from apps.segments.types import register_usage
        from apps.work.schedules import declare

        register_usage(usage.HOLDER)
        revisions_kinds.register()
        declare(
            "Throw away unsaved forms after 30 days",
            task="content.prune_unsaved",
            crontab="41 3 * * *",
        )
