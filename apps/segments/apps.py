from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    name = "apps.segments"
    label = "segments"
    verbose_name = "Segments"

    def ready(self) -> None:
        from apps.profiles import holders, parts
        from apps.segments import nesting, personal, selectors, tasks
        from apps.segments.types import register_usage
        from apps.work import schedules

        holders.register(personal.HOLDER)
        parts.offer_part("segments", selectors.stays_part)
        register_usage(nesting.HOLDER)
        schedules.declare("Refresh segments", task=tasks.refresh_all.name, every_s=900)
