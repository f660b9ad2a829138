from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "apps.recommendations"
    label = "recommendations"
    verbose_name = "Recommendations"

    def ready(self) -> None:
        from apps.work import schedules

        schedules.declare(
            "Train recommenders", task="recommendations.train_all", every_s=3600, queue="train"
        )
