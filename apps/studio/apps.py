from django.apps import AppConfig, apps


class StudioConfig(AppConfig):
    name = "apps.studio"
    label = "studio"
    verbose_name = "Studio"

    def ready(self) -> None:
        """Give the admin its home page and its own pages, before it looks for its models."""
        apps.get_app_config("admin").default_site = "apps.studio.admin_site.StudioSite"  # type: ignore[attr-defined]  # of Django's AdminConfig
