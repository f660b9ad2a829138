"""Notices of Django that the access app answers."""

from typing import Any

from django.apps import AppConfig, apps
from django.db import connections

from apps.access import roles, services


def after_migration(sender: AppConfig, using: str = "default", **_: Any) -> None:
    """Set the roles' permissions once every app has its tables and permissions."""
    configs = [config for config in apps.get_app_configs() if config.models_module is not None]
    if sender is not configs[-1]:
        return
    if "auth_group" in connections[using].introspection.table_names():
        roles.ensure_roles()


def after_write(**_: Any) -> None:
    """A site, source or key was saved or deleted, in the admin for instance: tell every process."""
    services.announce_after_commit()
