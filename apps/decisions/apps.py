from django.apps import AppConfig


class DecisionsConfig(AppConfig):
    name = "apps.decisions"
    label = "decisions"
    verbose_name = "Decisions"

    def ready(self) -> None:
        from apps.access import approvals
        from apps.consent import withdrawing
        from apps.decisions import (
            arm_days,
            clearing,
            holdout_asks,
            hot_forgetting,
            personal_data,
            receivers,
            release_doors,
            release_eyes,
            selectors,
            tasks,
        )
        from apps.experiments import asked, served
        from apps.profiles import holders, parts
        from apps.segments.types import register_usage
        from apps.work import schedules

        receivers.connect()
        holders.register(personal_data.HOLDER)
        holders.register(hot_forgetting.HOLDER)
        withdrawing.register(clearing.CLEARING)
        served.register(arm_days.of_experiments)
        asked.register(holdout_asks.asked)
        register_usage(release_doors.HOLDER)
        approvals.register_objection("decisions.releases", release_eyes.own_work_waits)
        parts.offer_part("decisions", selectors.decisions_part)
        schedules.declare("Forget old decisions", task=tasks.prune_records.name, every_s=3600)
        schedules.declare("Count what was served", task=tasks.count_days.name, every_s=600)
