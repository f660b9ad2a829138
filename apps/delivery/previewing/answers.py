"""A call of /v1/decide with a preview token, answered as a page expects it."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import InvalidRequest, RequestRefused
from apps.access.http import json_response, request_id
from apps.access.types import Caller
from apps.delivery import wording
from apps.delivery.previewing.answering import Asker, decided_for
from apps.delivery.previewing.tokens import pretence_of
from apps.delivery.questions import Question
from apps.work import clock, record_watch
from engine.decide import Reason
from engine.errors import PersonalizationError

DECIDE: Final = "decide"
HEADERS: Final = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex"}

_encode = msgspec.json.Encoder().encode


def answered(
    request: HttpRequest,
    caller: Caller,
    question: Question,
    asked: Sequence[tuple[str, int | None]],
    identities: Sequence[str],
) -> HttpResponse:
    """Return the answer of a decide call that pretends something.

    Args:
        identities: "kind:value" of whom the page is.

    Raises:
        InvalidPreview: the token says nothing here.
        InvalidRequest: the drafts contradict themselves.
    """
    record_watch.require()
    # Charged as any call; who asks is not looked up where a copy of them would be left.
    headers = limits.enforce(caller, DECIDE)
    now = clock.now()
    spec = pretence_of(caller.site_id, question.preview or "", clock.to_ms(now))
    asker = Asker(
        caller,
        request_id(request),
        asked,
        identities,
        question.context or {},
        question.facts or {},
        request.META,
        bool(question.explain),
    )
    try:
        found = decided_for(spec, now, asker)
    except RequestRefused:
        raise
    except PersonalizationError as error:  # the drafts have changed since the token was given
        raise InvalidRequest(f"The drafts cannot be shown. {error}") from error
    answer: dict[str, Any] = msgspec.json.decode(wording.worded(found.decided).body)
    answer["segmentKey"] = None
    for entry in answer["placements"].values():
        if entry["reason"] != Reason.ERROR.value:
            entry["previewOf"] = entry["reason"]
            entry["reason"], entry["decisionId"] = Reason.PREVIEW.value, None
    return json_response(_encode(answer), headers={**headers, **HEADERS})
