from typing import cast

from django.apps import AppConfig, apps
from django.contrib.admin.apps import SimpleAdminConfig


class StudioConfig(AppConfig):
    name = "apps.studio"
    label = "studio"
    verbose_name = "Studio"

    def ready(self) -> None:
        """Give the admin its home page and its own pages, before it looks for its models."""
        config = cast(SimpleAdminConfig, apps.get_app_config("admin"))
        config.default_site = "apps.studio.admin_site.StudioSite"
