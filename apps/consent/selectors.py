"""Reads of consent: what is recorded for a batch of identities, and the ledger of one profile."""

import hmac
from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.conf import settings

from apps.consent.models import ConsentEvent
from apps.consent.types import NOT_ASKED, Choice, names_of
from apps.profiles.parts import Asked, Page, instant, uuid_after
from apps.work.prepared import Prepared

_CHOICES = Prepared(
    "attune_choices",
    """
SELECT i.kind, i.value, s.granted, s.denied, s.consent_epoch
FROM jsonb_to_recordset(%s::jsonb) AS w(kind text, value text)
JOIN profiles_identity i ON i.site_id = %s AND i.kind = w.kind AND i.value = w.value
JOIN profiles_profilestate s ON s.profile_id = i.profile_id
""",
    ("jsonb", "uuid"),
)
_encode = msgspec.json.Encoder().encode


def choices_of(
    site_id: UUID, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Choice]:
    """Return the recorded choice of each (kind, value) that has a profile. One statement.

    A merge re-points every identity to the winner's profile, so no chain is followed.
    """
    if not identities:
        return {}
    wanted = _encode([{"kind": kind, "value": value} for kind, value in identities]).decode()
    rows = _CHOICES.fetch([wanted, str(site_id)])
    return {(kind, value): Choice(*rest) for kind, value, *rest in rows}


def joint_choice_of(site_id: UUID, identities: Sequence[tuple[str, str]]) -> Choice:
    """Return the strictest choice recorded for several identities of one person. One statement."""
    joint = NOT_ASKED
    for choice in choices_of(site_id, identities).values():
        joint = joint.stricter(choice)
    return joint


def ledger_of(asked: Asked) -> Page:
    """Return the consent events of a profile, newest first. One statement."""
    events = ConsentEvent.objects.filter(site_id=asked.site_id, profile_id=asked.profile_id)
    if asked.after:
        events = events.filter(pk__lt=uuid_after(asked.after))
    found = list(events.order_by("-pk")[: asked.limit + 1])
    rows = [
        {
            "id": f"con_{event.pk.hex}",
            "kind": event.kind,
            "at": instant(event.at),
            "clientAt": instant(event.client_at),
            "purposes": event.purposes,
            "granted": names_of(event.granted_after),
            "denied": names_of(event.denied_after),
            "epoch": event.epoch,
            "regime": event.regime,
            "policyVersion": event.policy_version or None,
            "method": event.method,
            "gpc": event.has_gpc,
            "signals": event.signals,
        }
        for event in found[: asked.limit]
    ]
    return Page(rows, found[asked.limit - 1].pk.hex if len(found) > asked.limit else "")


def subject_digest(site_id: UUID, kind: str, value: str) -> str:
    """Return the keyed pseudonym under which an identity's proof of consent can be found."""
    identity = f"{site_id.hex}:{kind}:{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(settings.SIGNING_KEY.encode(), b"consent:" + identity, "sha256").hex()
