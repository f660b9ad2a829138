from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "apps.insights"
    label = "insights"
    verbose_name = "Insights"

    def ready(self) -> None:
        """Let recommenders' pages tell clicks by place."""
        from apps.insights import list_clicks
        from apps.recommendations import clicked

        clicked.count_with(list_clicks.count)
