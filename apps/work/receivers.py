"""Notices of Django that the work app answers."""

from typing import Any

from django.apps import AppConfig, apps

from apps.work import schedules


def is_last_of_migration(sender: AppConfig) -> bool:
    """Tell whether `sender` is the last app that post_migrate speaks of: every table is there."""
    configs = [config for config in apps.get_app_configs() if config.models_module is not None]
    return sender is configs[-1] if configs else False


def after_migration(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Write the schedules that apps have declared."""
    if is_last_of_migration(sender):
        schedules.write_missing(using)
