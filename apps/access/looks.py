"""Looks at real people: who may, for which reason, and for how long. Every one is audited."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from apps.access.services import record_audit
from apps.work import clock

VIEW_PEOPLE: Final = "profiles.view_people"
LEAST_REASON: Final = 10  # characters
MOST_REASON: Final = 300
LASTS: Final = timedelta(minutes=15)
_KEY: Final = "studio_looks"
_MOST: Final = 20  # people whom one session may be looking at


def may_look(request: HttpRequest) -> bool:
    """Whether this role may see people, once it has said why."""
    return request.user.has_perm(VIEW_PEOPLE)


def begin(request: HttpRequest, *, site_id: UUID, profile_id: UUID, reason: str, page: str) -> str:
    """Open a look at one person for LASTS; return the sentence of a refusal, "" for none."""
    words = " ".join(reason.replace("\x00", "").split())[:MOST_REASON]
    if len(words) < LEAST_REASON:
        return (
            f"Say why you look at this person, in {LEAST_REASON} characters at least. "
            "It is written into the audit trail."
        )
    kept = _kept(request)
    kept[profile_id.hex] = [(clock.now() + LASTS).timestamp(), words]
    request.session[_KEY] = dict(list(kept.items())[-_MOST:])
    note(request, site_id=site_id, profile_id=profile_id, page=page)
    return ""


def is_open(request: HttpRequest, profile_id: UUID) -> bool:
    """Whether the reason for looking at this person has been given, and not long ago."""
    return may_look(request) and profile_id.hex in _kept(request)


def minutes_left(request: HttpRequest, profile_id: UUID) -> int:
    """For how long no other reason is asked; 0 where none was given."""
    kept = _kept(request).get(profile_id.hex)
    return 0 if kept is None else int((float(kept[0]) - clock.now().timestamp()) // 60) + 1


def note(request: HttpRequest, *, site_id: UUID, profile_id: UUID, page: str) -> None:
    """Leave word of a look, with its reason."""
    user: Any = request.user  # the admin lets nobody anonymous in
    kept = _kept(request).get(profile_id.hex)
    record_audit(
        action="profiles.viewed",
        actor=user,
        site_id=site_id,
        target_kind="profiles.profile",
        target_id=str(profile_id),
        detail={"page": page, "reason": "" if kept is None else kept[1]},
        now=clock.now(),
    )


def _kept(request: HttpRequest) -> dict[str, Any]:
    """profile hex -> [until, reason] of the looks that are not over."""
    found = request.session.get(_KEY)
    now = clock.now().timestamp()
    if not isinstance(found, dict):
        return {}
    return {name: entry for name, entry in found.items() if float(entry[0]) > now}
