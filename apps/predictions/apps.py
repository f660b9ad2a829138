from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    name = "apps.predictions"
    label = "predictions"
    verbose_name = "Predictions"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.predictions import clearing, personal_data
        from apps.profiles import holders
        from apps.work import schedules

        holders.register(personal_data.HOLDER)
        withdrawing.register(clearing.CLEARING)
        schedules.declare(
            "Train predictions", task="predictions.train_all", crontab="20 3 * * *", queue="train"
        )
        schedules.declare("Score visitors", task="predictions.score_all", every_s=900)
