from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_delete, post_migrate, post_save


class AccessConfig(AppConfig):
    name = "apps.access"
    label = "access"
    verbose_name = "Access"

    def ready(self) -> None:
        # `tasks` performs what was asked for.
        from apps.access import receivers, sealed, second_factor_pages, tasks  # noqa: F401
        from apps.access.models import ApiKey, Site, Source
        from apps.work import ledgers

        ledgers.register(sealed.LEDGER)
        user_logged_in.connect(
            second_factor_pages.after_sign_in, dispatch_uid="access.second_factor"
        )
        post_migrate.connect(receivers.after_migration, dispatch_uid="access.roles")
        for model in (Site, Source, ApiKey):
            for signal in (post_save, post_delete):
                signal.connect(
                    receivers.after_write, sender=model, dispatch_uid=f"access.{model.__name__}"
                )
