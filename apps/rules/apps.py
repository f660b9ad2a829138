from django.apps import AppConfig


class RulesConfig(AppConfig):
    name = "apps.rules"
    label = "rules"
    verbose_name = "Rules"

    def ready(self) -> None:
        from apps.consent import withdrawing
        from apps.content.revisions import register_kind
        from apps.content.revisions_rows import rows_kind
        from apps.profiles import holders
        from apps.rules import clearing, personal_data, tasks, trigger_eyes, usage
        from apps.segments.types import register_usage
        from apps.work import schedules

        holders.register(personal_data.HOLDER)
        withdrawing.register(clearing.CLEARING)
        register_usage(usage.HOLDER)
        register_kind(rows_kind("rule", "Rule", "rules.rule"))
        register_kind(trigger_eyes.kind())
        schedules.declare("Forget old firings", task=tasks.prune_firings.name, every_s=3600)
