from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "apps.recommendations"
    label = "recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.profiles import holders
        from apps.recommendations import clearing, personal_data
        from apps.work import schedules

        holders.register(personal_data.HOLDER)
        withdrawing.register(clearing.CLEARING)
        schedules.declare(
            "Train recommenders", task="recommendations.train_all", every_s=3600, queue="train"
        )
        schedules.declare(
            "Choose recommenders",
            task="recommendations.choose_all",
            crontab="40 3 * * *",
            queue="train",
        )
