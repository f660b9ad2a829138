"""Four eyes at a site: who may switch them off, and who did, when and why.

An app that keeps what waits for somebody else's look says who had a part in it: they do not switch
the look off.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth.models import AbstractBaseUser

from apps.access.models import AuditEntry, Site
from apps.access.services import record_audit

ON: Final = "access.approval_switched_on"
OFF: Final = "access.approval_switched_off"
LEAST_REASON: Final = 5  # characters
SAY_WHY: Final = "Say why: everybody reads it beside the publications."

# (site, user) -> in a sentence what of theirs waits; empty: nothing
Objection = Callable[[UUID, int], str]

_objections: dict[str, Objection] = {}


@dataclass(frozen=True, slots=True)
class ApprovalChange:
    """One time that four eyes were switched on or off."""

    at: datetime
    by: str
    is_on: bool
    reason: str


def register_objection(name: str, objection: Objection) -> None:
    """Add who is asked before four eyes are switched off; called once from an app's ready()."""
    _objections[name] = objection


def objection_to(site_id: UUID, user_id: int) -> str:
    """Return why somebody may not switch four eyes off now; empty: they may."""
    found = (objection(site_id, user_id) for objection in _objections.values())
    return next((why for why in found if why), "")


def note_change(
    *, site_id: UUID, is_on: bool, reason: str, actor: AbstractBaseUser | None, now: datetime
) -> None:
    """Write into the audit trail that four eyes were switched on or off."""
    record_audit(
        action=ON if is_on else OFF,
        actor=actor,
        site_id=site_id,
        target_kind="access.site",
        target_id=str(site_id),
        detail={"reason": reason} if reason else {},
        now=now,
    )


def approval_changes(site_id: UUID, most: int = 10) -> list[ApprovalChange]:
    """Return when four eyes were switched on and off, the newest first. One query."""
    rows = AuditEntry.objects.filter(site_id=site_id, action__in=(ON, OFF)).order_by("-at", "-pk")
    return [
        ApprovalChange(row.at, row.actor_label, row.action == ON, str(row.detail.get("reason", "")))
        for row in rows[:most]
    ]


def filled_by(form: Any, user_id: int | None) -> Any:
    """Return a class of forms that knows who fills it in."""
    form.user_id = user_id or 0
    return form


class SiteForm(forms.ModelForm[Site]):
    """A site, with the reason where four eyes are switched off. `user_id` is who fills it in."""

    user_id: int = 0

    approval_reason = forms.CharField(
        required=False,
        max_length=200,
        widget=AdminTextInputWidget(),
        label="Why are four eyes switched off?",
        help_text="Only where “needs approval” is taken away. Whoever wrote something that waits, "
        "or put it together, cannot take it away: another administrator does.",
    )

    def clean(self) -> dict[str, Any]:
        """Ask for a reason where four eyes are switched off, and of somebody who may."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        is_ended = self.instance.needs_approval and not cleaned.get("needs_approval")
        if self.instance._state.adding or not is_ended:
            return cleaned
        why = objection_to(self.instance.pk, self.user_id)
        if why:
            self.add_error("needs_approval", why)
        elif len(cleaned.get("approval_reason", "")) < LEAST_REASON:
            self.add_error("approval_reason", SAY_WHY)
        return cleaned
