from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    name = "apps.experiments"
    label = "experiments"
    verbose_name = "Experiments"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.experiments import (
            personal_data,
            revision_kinds,
            stop_notices,
            usage,
            worth_personal_data,
        )
        from apps.profiles import holders, kept_out
        from apps.segments.types import register_usage
        from apps.work import attention, schedules

        holders.register(personal_data.HOLDER)
        withdrawing.register(personal_data.CLEARING)
        holders.register(worth_personal_data.HOLDER)
        withdrawing.register(worth_personal_data.CLEARING)
        kept_out.register("holdouts", worth_personal_data.HELD_OUT_NOW)
        register_usage(usage.HOLDER)
        revision_kinds.register()
        attention.register(
            "experiments.stopped", permission=stop_notices.PERMISSION, tell=stop_notices.tell
        )
        schedules.declare("Count experiments", task="experiments.refresh_all", every_s=300)
        schedules.declare("Rotate holdouts", task="experiments.rotate_holdouts", every_s=3600)
        schedules.declare("Count holdouts", task="experiments.count_worth", every_s=3600)
