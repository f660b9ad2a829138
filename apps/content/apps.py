from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "apps.content"
    label = "content"
    verbose_name = "Content"

    def ready(self) -> None:
        from apps.content.selectors import variants_tagged_with
        from apps.segments.types import UsageHolder, register_usage

        register_usage(UsageHolder("content.variants", variants_tagged_with))
