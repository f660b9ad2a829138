from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "apps.predictions"
    label = "predictions"
    verbose_name = "Predictions"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.predictions import (
            attention,
            champion_gate,
            clearing,
            days_kept,
            drift_notices,
            fair_gate,
            gates,
            kinds_of_ours,
            personal_data,
            shadow_gate,
            taken_events,
        )
        from apps.profiles import holders
        from apps.work import attention as home

        holders.register(personal_data.HOLDER)
        holders.register(days_kept.HOLDER)
        withdrawing.register(clearing.CLEARING)
        withdrawing.register(days_kept.CLEARING)
        withdrawing.register(taken_events.CLEARING)
        kinds_of_ours.register_all()
        gates.register_gate(gates.WHOLE, gates.whole)
        gates.register_gate(gates.FAIR, fair_gate.check)
        gates.register_gate(shadow_gate.SHADOW, shadow_gate.check)
        gates.register_gate(champion_gate.BEATS, champion_gate.check)
        home.register("models", permission=attention.PERMISSION, tell=attention.tell)
        home.register("drift", permission=drift_notices.PERMISSION, tell=drift_notices.tell)
        self._declare_schedules()

    @staticmethod
    def _declare_schedules() -> None:
        from apps.predictions import day_tasks
        from apps.work import schedules

        schedules.declare(
            "Train predictions", task="predictions.train_all", crontab="20 3 * * *", queue="train"
        )
        schedules.declare(
            "Sum up visitors' days",
            task=day_tasks.fill_features.name,
            crontab="15 0 * * *",
            queue="slow",
        )
        schedules.declare("Score visitors", task="predictions.score_all", every_s=900)
        schedules.declare(
            "Look at challengers",
            task="predictions.look_at_challengers",
            crontab="40 2 * * *",
            queue="train",
        )
        schedules.declare(
            "Watch models", task="predictions.watch_models", crontab="40 * * * *", queue="train"
        )
