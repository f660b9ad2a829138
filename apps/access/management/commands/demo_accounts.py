"""Makes one staff account per role, for trying Attune on one machine."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand

from apps.access import roles

FILE_NAME = "demo-logins.json"


class Command(BaseCommand):
    """`demo_accounts`: repeatable; passwords are drawn once and kept beside the stack's data."""

    help = "Make one staff account per role and print their logins."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the accounts that are missing; every password becomes what the file says."""
        path = Path(settings.ARTIFACT_DIR).parent / FILE_NAME
        passwords = _kept(path)
        for role in roles.ROLES:
            passwords.setdefault(role, secrets.token_urlsafe(12))
        _keep(path, passwords)
        roles.ensure_roles()
        for role in roles.ROLES:
            _ensure_account(role, passwords[role])
            self.stdout.write(f"{role:<16} {passwords[role]}")
        self.stdout.write(f"Kept in {path}, readable by you only.")


def _ensure_account(role: str, password: str) -> None:
    user, _ = User.objects.get_or_create(username=role, defaults={"is_staff": True})
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    user.groups.set([Group.objects.get(name=role)])


def _kept(path: Path) -> dict[str, str]:
    try:
        found: Any = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(role): str(password) for role, password in found.items()}


def _keep(path: Path, passwords: dict[str, str]) -> None:
    """Write aside and rename, so that no moment shows half a file or lets others read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(passwords, file, indent=2)
    aside.replace(path)
