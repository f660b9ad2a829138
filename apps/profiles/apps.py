from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    name = "apps.profiles"
    label = "profiles"
    verbose_name = "Profiles"

    def ready(self) -> None:
        from apps.profiles import holders, holding, parts, selectors, tasks
        from apps.work import schedules

        holders.register(holding.HOLDER)
        holders.register(holding.FEED_HOLDER)
        parts.offer_part("traits", selectors.traits_of)
        parts.offer_part("external_ids", selectors.external_ids_of)
        schedules.declare(
            "Look for duplicate profiles",
            task=tasks.look_for_duplicates.name,
            crontab="10 3 * * *",
        )
