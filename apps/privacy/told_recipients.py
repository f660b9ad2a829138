"""Recipients of the last twelve months are told what a person has asked for (GDPR article 19).

Of erasures see telling.py: there the list is made before anything is deleted.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.consent import disclosures
from apps.privacy import telling
from apps.privacy.models.erasures import RecipientTelling
from apps.privacy.models.requests import Request
from apps.privacy.sealed_text import seal

WHAT: Final[Mapping[str, str]] = {
    Request.Kind.RECTIFICATION: "profile.rectified",
    Request.Kind.RESTRICTION: "profile.restricted",
    Request.Kind.OBJECTION: "profile.objected",
    Request.Kind.OPT_OUT: "profile.opted_out",
    Request.Kind.LIMIT: "profile.limited",
}
_State = RecipientTelling.State


def tell(request: Request, profile_ids: Sequence[UUID], *, now: datetime) -> int:
    """Ask for every recipient to be told, once; return how many there are."""
    what = WHAT[request.kind]
    recipients = disclosures.recipients_of(profile_ids, now - telling.LOOK_BACK)
    document = {
        "type": what,
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "data": {
            "request": request.public_ref,
            "profileIds": [f"prf_{one.hex}" for one in profile_ids],
        },
    }
    for one in recipients:
        body = json.dumps(document | {"contact": one.contact}).encode()
        row, is_new = RecipientTelling.objects.get_or_create(
            request_id=request.pk,
            recipient=one.key,
            what=what,
            defaults={
                "site_id": request.site_id,
                "name": one.name,
                "endpoint": one.endpoint,
                "body": seal("telling", body),
                "state": _State.WAITING if one.endpoint or one.contact else _State.BY_HAND,
            },
        )
        if is_new and row.state == _State.WAITING:
            telling.ask(row, now=now)
    return len(recipients)


def tell_again(*, now: datetime) -> int:
    """Ask again for those who could not be told; return how many. By schedule."""
    rows = RecipientTelling.objects.filter(erasure=None, state=_State.FAILED)[:1_000]
    for row in rows:
        telling.ask(row, now=now)
    return len(rows)
