from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "apps.rules"
    label = "rules"
    verbose_name = "Rules"

    def ready(self) -> None:
        from apps.rules.selectors import rules_naming
        from apps.segments.types import UsageHolder, register_usage

        register_usage(UsageHolder("rules.conditions", rules_naming))
