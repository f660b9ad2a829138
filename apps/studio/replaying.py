"""/admin/decisions/<record>/replay/: one recorded decision made again. It is a look at a person."""

from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.access.services import record_audit
from apps.decisions import past
from apps.delivery.replaying import Outcome, Publications, Replayed, replay
from apps.studio.domain.reasons import reason_level, reason_words
from apps.studio.explaining import line_of
from apps.studio.navigation import SEES_PEOPLE
from apps.work import clock

_WORDS: Final = {
    Outcome.SAME: ("ok", "The same again: reason, variant and content, byte for byte."),
    Outcome.DIFFERENT: ("bad", "Another decision than the one that was recorded."),
    Outcome.BROKEN: ("bad", "This record is not what was written."),
    Outcome.UNKNOWABLE: ("warn", "It cannot be decided again."),
}


def replayed(request: HttpRequest, record_id: UUID) -> HttpResponse:
    """GET: decide it again and show what came of it, step by step."""
    user: Any = request.user
    if not user.has_perms(SEES_PEOPLE):
        raise PermissionDenied
    record = past.records().filter(pk=record_id).first()
    if record is None:
        raise Http404
    if record.profile_id is not None:
        record_audit(
            action="profiles.viewed",
            actor=user,
            site_id=record.site_id,
            target_kind="profiles.profile",
            target_id=str(record.profile_id),
            detail={"page": "replay", "request": record.request_id},
            now=clock.now(),
        )
    found = replay(record, Publications(), explain=True)
    level, words = _WORDS[found.outcome]
    context = {
        **admin.site.each_context(request),
        "title": "Decided again",
        "record": record,
        "found": found,
        "level": level,
        "words": words,
        "placements": _placements(found),
    }
    return TemplateResponse(request, "admin/studio/replay.html", context)


def _placements(found: Replayed) -> list[dict[str, Any]]:
    if found.served is None:
        return []
    compiled = found.served.compiled
    return [
        {
            "key": key,
            "variant": placed.decision.variant,
            "reason": placed.told.reason,
            "level": reason_level(placed.told.reason),
            "because": reason_words(placed.told.reason),
            "lines": [line_of(step, compiled) for step in placed.decision.steps or ()],
        }
        for key, placed in found.placed.items()
    ]
