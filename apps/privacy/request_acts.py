"""What the buttons of a request's page do: each returns the sentence that tells of it."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest

from apps.access.errors import InvalidRequest
from apps.privacy import rectifying, requests, restricting, verification
from apps.privacy.models.requests import Note, Request
from apps.privacy.request_log import log
from apps.privacy.request_steps import checked_reason
from apps.privacy.sealed_text import seal
from apps.privacy.subjects import names_of
from apps.work import clock

Act = Callable[[Request, Mapping[str, str], User, datetime], str]
MOST_NOTE: Final = 2_000


def act(request: HttpRequest, found: Request, step: str) -> str:
    """Take one step.

    Raises:
        PersonalizationError: it cannot be taken; the sentence says why.
    """
    user: Any = request.user
    taken = _ACTS.get(step)
    if taken is None:
        raise InvalidRequest("Choose one of the steps of the page.")
    given = {name: value for name, value in request.POST.items() if isinstance(value, str)}
    return taken(found, given, user, clock.now())


def _show(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    log(found, "names_shown", actor=user, now=now)
    return "The look is in the log."


def _link(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    log(found, "link_shown", actor=user, now=now)
    return "The look is in the log."


def _send_link(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    verification.send_link(found, actor=user, now=now)
    return "A link is on its way. Whoever opens it proves that the address is theirs."


def _confirm(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    requests.confirm_receipt(request_id=found.pk, actor=user, now=now)
    return "Written down: the person knows that the request has arrived."


def _note_evidence(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    verification.note_evidence(
        request_id=found.pk, words=given.get("evidence", ""), actor=user, now=now
    )
    requests.verify(request_id=found.pk, how="officer", actor=user, now=now)
    return "Verified. What you wrote down is forgotten with the decision."


def _approve(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    requests.approve(request_id=found.pk, actor=user, now=now)
    return "Approved: it is being done."


def _extend(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    requests.extend(request_id=found.pk, reason=given.get("reason", ""), actor=user, now=now)
    return f"Extended. {_telling(found, 'is told why')}"


def _refuse(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    requests.refuse(
        request_id=found.pk,
        article=given.get("article", ""),
        reason=given.get("reason", ""),
        actor=user,
        now=now,
    )
    return f"Refused. {_telling(found, 'is told why, and where to complain')}"


def _telling(found: Request, words: str) -> str:
    """`found` is as it was before the step: then its names were still there."""
    if names_of(found).contact:
        return f"The person {words}."
    return (
        "No address is known: tell the person yourself, with the reason, before the time is over."
    )


def _cancel(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    requests.cancel(request_id=found.pk, actor=user, now=now)
    return "Cancelled."


def _rectify(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    text = given.get("value", "").strip()
    try:
        value = json.loads(text) if text else None
    except ValueError:
        value = text  # a word needs no quotation marks
    count = rectifying.rectify(
        request_id=found.pk, key=given.get("trait", ""), value=value, actor=user, now=now
    )
    return f"Put right in {count} {'profile' if count == 1 else 'profiles'}. Segments follow."


def _finish(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    """End what is done by hand, with a note of what was found."""
    words = checked_reason(found, given.get("words", ""))
    requests.complete(request_id=found.pk, outcome={"note": words}, actor=user, now=now)
    return "Completed."


def _lift(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    count = restricting.lift(request=found, actor=user, told=given.get("words", ""), now=now)
    return f"Lifted for {count} {'profile' if count == 1 else 'profiles'}."


@transaction.atomic
def _note(found: Request, given: Mapping[str, str], user: User, now: datetime) -> str:
    words = given.get("words", "").replace("\x00", "").strip()[:MOST_NOTE]
    if not words:
        raise InvalidRequest("Write something first.")
    sealed = seal("note", words.encode(), bound=found.pk.bytes)
    Note.objects.create(request=found, author_label=user.get_username(), at=now, text_enc=sealed)
    log(found, "noted", actor=user, now=now)
    return "Noted. Notes are forgotten when the request ends."


_ACTS: Final[Mapping[str, Act]] = {
    "show": _show,
    "link": _link,
    "send_link": _send_link,
    "confirm": _confirm,
    "verify": _note_evidence,
    "approve": _approve,
    "extend": _extend,
    "refuse": _refuse,
    "cancel": _cancel,
    "rectify": _rectify,
    "finish": _finish,
    "lift": _lift,
    "note": _note,
}
