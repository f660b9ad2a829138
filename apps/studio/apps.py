from django.apps import AppConfig, apps


class StudioConfig(AppConfig):
    name = "apps.studio"
    label = "studio"
    verbose_name = "Studio"

    def ready(self) -> None:
        """Give the admin its home page and its own pages, before it looks for its models."""
        from apps.studio import segment_safety, tasks
        from apps.work import schedules

        segment_safety.register()
        schedules.declare("Audit the content", task=tasks.audit_all.name, crontab="17 3 * * *")
        apps.get_app_config("admin").default_site = "apps.studio.admin_site.StudioSite"  # type: ignore[attr-defined]  # of Django's AdminConfig
