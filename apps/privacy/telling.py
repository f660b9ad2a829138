"""Telling recipients: who got somebody's data in the last twelve months learns that it is erased.

They are listed before anything is deleted, because the list is the person's data too; what they
are told (internal ids, which is all they ever got) is kept encrypted until they have been told.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from apps.access import targets
from apps.consent import disclosures
from apps.decisions import signing
from apps.privacy import mailing, sealed_text
from apps.privacy.models.erasures import Erasure, RecipientTelling
from apps.work import services as work

TELL: Final = "privacy.tell"
ERASED: Final = "profile.erased"
LOOK_BACK: Final = timedelta(days=365)
TIMEOUT_S: Final = 15.0
_USE: Final = "telling"
_State = RecipientTelling.State
_WORDS: Final = {
    ERASED: "erase what you have of this person",
    "profile.rectified": "correct what you have of this person: ask us for what is right",
    "profile.restricted": "use nothing of this person until we tell you otherwise",
    "profile.objected": "stop profiling this person",
    "profile.opted_out": "neither sell nor share what you have of this person",
    "profile.limited": "use no sensitive data of this person",
}


def list_recipients(erasure: Erasure, profile_ids: list[UUID], *, now: datetime) -> int:
    """Write down who is to be told, with what; return how many. Repeatable."""
    told = disclosures.recipients_of(profile_ids, now - LOOK_BACK)
    document = {
        "type": ERASED,
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "data": {
            "erasure": str(erasure.pk),
            "profileIds": [f"prf_{one.hex}" for one in profile_ids],
        },
    }
    for one in told:
        RecipientTelling.objects.get_or_create(
            erasure=erasure,
            recipient=one.key,
            what=ERASED,
            defaults={
                "site_id": erasure.site_id,
                "name": one.name,
                "endpoint": one.endpoint,
                "body": sealed_text.seal(
                    _USE, json.dumps(document | {"contact": one.contact}).encode()
                ),
                "state": _State.WAITING if one.endpoint or one.contact else _State.BY_HAND,
            },
        )
    return len(told)


def tell_all(erasure: Erasure, *, now: datetime) -> int:
    """Ask for every telling that waits; return how many recipients there are."""
    for one in erasure.tellings.filter(state__in=[_State.WAITING, _State.FAILED]):
        ask(one, now=now)
    return erasure.tellings.count()


def ask(telling: RecipientTelling, *, now: datetime) -> None:
    """Ask a worker to tell one recipient."""
    work.ask(
        TELL,
        key=str(telling.pk),
        site_id=telling.site_id,
        payload={"telling": telling.pk},
        now=now,
    )


def ask_untold(*, now: datetime) -> int:
    """Ask again for who could not be told; return how many. Nightly."""
    late = RecipientTelling.objects.filter(state__in=[_State.WAITING, _State.FAILED])
    rows = list(late.filter(erasure__steps__name="recipients", erasure__steps__state="done"))
    for one in rows:
        ask(one, now=now)
    return len(rows)


@work.performs(TELL)
def _tell(task: work.Work, now: datetime) -> None:
    """Tell one recipient; raises what the address did, and is tried again."""
    telling = RecipientTelling.objects.filter(pk=task.payload["telling"]).first()
    if telling is None or telling.state in (_State.TOLD, _State.BY_HAND):
        return
    plain = sealed_text.unseal(_USE, bytes(telling.body))
    if plain is None:
        _end(telling, _State.BY_HAND, "The key of what it was to be told is gone.", now)
        return
    document: dict[str, Any] = json.loads(plain)
    contact = document.pop("contact", "")
    if not telling.endpoint:
        mailing.ask_to_send(
            site_id=telling.site_id,
            to=contact,
            template="recipient_told",
            values={
                "site": telling.site.name,
                "name": telling.name,
                "words": _WORDS.get(telling.what, "look at what we have told you of this person"),
                "ids": document["data"]["profileIds"],
            },
            now=now,
        )
        _end(telling, _State.TOLD, f"By e-mail on {now:%Y-%m-%d}.", now)
        return
    body = json.dumps(document).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Attune-Webhooks/1",
        "X-Attune-Signature": signing.signed_apart(body),
    }
    try:
        targets.post(telling.endpoint, body, headers, timeout_s=TIMEOUT_S)
    except (targets.ForbiddenTarget, ValueError) as error:
        _end(telling, _State.BY_HAND, str(error), now)
    except OSError as error:
        _end(telling, _State.FAILED, str(error), now)
        raise
    else:
        _end(telling, _State.TOLD, f"It took it on {now:%Y-%m-%d}.", now)


def _end(telling: RecipientTelling, state: str, answer: str, now: datetime) -> None:
    telling.state, telling.answer = state, answer[:200]
    telling.attempts += 1
    if state == _State.TOLD:
        telling.told_at, telling.body = now, b""
    telling.save(update_fields=["state", "answer", "attempts", "told_at", "body"])
