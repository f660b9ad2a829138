"""Consent receipts: the record of one choice in the form of ISO/IEC TS 27560, for whom it is about.

Four parts: header, processing, parties, events. All of it is what the ledger says, under the keyed
pseudonym of the person; no identifier, address or string of a browser is in it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.consent.models import ConsentEvent, NoticeVersion
from apps.consent.types import names_of
from apps.profiles.parts import instant
from apps.profiles.selectors import find_profile

SCHEMA: Final = "ISO/IEC TS 27560:2023"
FORMAT: Final = "attune.receipt/1"
_MOST_EVENTS: Final = 200

# What a choice is called in the words of the W3C's Data Privacy Vocabulary.
_EVENT_TYPES: Final[Mapping[str, str]] = {
    "given": "ConsentGiven",
    "refused": "ConsentRefused",
    "withdrawn": "ConsentWithdrawn",
    "reconfirmed": "ConsentReconfirmed",
    "expired": "ConsentExpired",
}


def receipt_of(
    site_id: UUID,
    identities: Sequence[tuple[str, str]],
    *,
    site_name: str,
    preferences: str,
    now: datetime,
) -> dict[str, Any] | None:
    """Return a receipt over everything that these identities have chosen; None if that is nothing.

    Three queries. Later entries come last; the state that stands is that of the last one.

    Args:
        preferences: where consent is taken back.
    """
    events = _events_of(site_id, identities)
    if not events:
        return None
    last = events[-1]
    notice = _notice_of(last)
    return {
        "header": {
            "schema": SCHEMA,
            "format": FORMAT,
            "receipt_id": str(last.pk),
            "record_schema_version": last.schema_version,
            "created": instant(now),
            "language": last.notice_language or (notice.language if notice else None),
        },
        "processing": _processing(last, notice, preferences),
        "parties": _parties(last, notice, site_name),
        "events": [_event(event) for event in events],
    }


def _events_of(site_id: UUID, identities: Sequence[tuple[str, str]]) -> list[ConsentEvent]:
    """The entries of the profile that these identities lead to, oldest first."""
    asked = [find_profile(site_id, kind, value) for kind, value in identities]
    profiles = [profile_id for profile_id in asked if profile_id is not None]
    found = ConsentEvent.objects.filter(site_id=site_id, profile_id__in=profiles)
    newest = found.select_related("notice").order_by("-pk")
    return list(reversed(newest[:_MOST_EVENTS]))


def _notice_of(event: ConsentEvent) -> NoticeVersion | None:
    if event.notice is not None:
        return event.notice
    named = NoticeVersion.objects.filter(site_id=event.site_id, version=event.policy_version)
    return named.order_by("published_at", "pk").first()


def _processing(
    last: ConsentEvent, notice: NoticeVersion | None, preferences: str
) -> dict[str, Any]:
    asked = (*names_of(last.granted_after), *names_of(last.denied_after))
    return {
        "privacy_notice": {
            "version": last.policy_version or None,
            "text_sha256": last.text_sha256 or (notice.text_sha256 if notice else None),
            "layout_sha256": (notice.layout_sha256 or None) if notice else None,
        },
        "purposes": [
            {
                "purpose": name,
                "granted": name in names_of(last.granted_after),
                "lawful_basis": last.basis,
                "valid_until": (last.valid_until or {}).get(name),
            }
            for name in dict.fromkeys(asked)
        ],
        "regime": last.regime,
        "regime_found_by": last.regime_source or None,
        "retention": (notice.retention or None) if notice else None,
        "recipients": list(notice.recipients) if notice else [],
        "withdrawal": {
            "method": (notice.withdrawal or None) if notice else None,
            "address": preferences,
        },
    }


def _parties(last: ConsentEvent, notice: NoticeVersion | None, site_name: str) -> dict[str, Any]:
    return {
        "controller": (notice.controller if notice else "") or site_name,
        "contact": (notice.contact or None) if notice else None,
        "pii_principal": last.subject_digest,
    }


def _event(event: ConsentEvent) -> dict[str, Any]:
    return {
        "record_id": str(event.pk),
        "type": _EVENT_TYPES.get(event.kind, event.kind),
        "time": instant(event.at),
        "purposes": event.purposes,
        "granted": names_of(event.granted_after),
        "refused": names_of(event.denied_after),
        "consent_epoch": event.epoch,
        "notice_version": event.policy_version or None,
        "notice_language": event.notice_language or None,
        "collection_method": event.method,
        "control": event.controls.get("control"),
        "gpc": event.has_gpc,
        "actor": event.actor_kind,
    }
