"""What every step of a release begins and ends with: its lock, its audit line, its next run."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser

from apps.access.services import record_audit
from apps.decisions.errors import ReleaseRefused
from apps.decisions.models import Release
from apps.work.services import ask

RUN: Final = "decisions.release"

Actor = AbstractBaseUser | None


def held(release_id: UUID, states: set[Any]) -> Release:
    """Lock a release that is in one of these states.

    Raises:
        ReleaseRefused: it is in none, or gone.
    """
    release = Release.objects.select_for_update().filter(pk=release_id).first()
    if release is None:
        raise ReleaseRefused("This release is gone.")
    if release.state not in states:
        said = release.get_state_display()
        raise ReleaseRefused(f"This release cannot do that now. It says: {said}.")
    return release


def audit(action: str, release: Release, actor: Actor, now: datetime, **detail: object) -> None:
    """Write down who took a step of a release. `actor` None: its time had come."""
    record_audit(
        action=action,
        actor=actor,
        site_id=release.site_id,
        target_kind="decisions.release",
        target_id=str(release.number),
        detail=detail,
        now=now,
    )


def ask_to_run(release: Release, at: datetime, now: datetime) -> None:
    """Ask for what is due of a release at that time to be carried out."""
    ask(
        RUN,
        key=release.pk.hex,
        site_id=release.site_id,
        payload={"release": str(release.pk)},
        queue="fast",
        run_after=max(at, now + timedelta(milliseconds=1)),
        now=now,
    )
