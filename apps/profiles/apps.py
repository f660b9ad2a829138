from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    name = "apps.profiles"
    label = "profiles"
    verbose_name = "Profiles"

    def ready(self) -> None:
        from apps.profiles import holders, holding

        holders.register(holding.HOLDER)
