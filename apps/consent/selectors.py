"""Reads of consent: what is recorded for a batch of identities, and the ledger of one profile."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.consent import state, tombstones
from apps.consent.digests import subject_digests
from apps.consent.models import ConsentEvent
from apps.consent.state import NOTHING_SAID, Code, Consents
from apps.consent.tombstones import ALWAYS_MS, HAS_ANY, Choices
from apps.consent.types import NOT_ASKED, Choice, Purpose, names_of
from apps.profiles.parts import Asked, Page, instant, uuid_after
from apps.work.prepared import Prepared

_CHOICES = Prepared(
    "attune_choices",
    f"""
SELECT x.since_ms, x.until_ms, x.kind, x.value,
    s.granted, s.denied, s.consent_epoch,
    coalesce(extract(epoch FROM s.consent_until) * 1000, 0)::bigint, s.holds, s.residence
FROM (
    SELECT NULL::bigint AS since_ms, NULL::bigint AS until_ms, i.kind, i.value, i.profile_id
    FROM jsonb_to_recordset(%s::jsonb) AS w(kind text, value text)
    JOIN profiles_identity i ON i.site_id = %s AND i.kind = w.kind AND i.value = w.value
    UNION ALL  -- the times of which nothing of an erased identity is taken, by its digest
    SELECT coalesce(t.since_ms, -{ALWAYS_MS}), coalesce(t.until_ms, {ALWAYS_MS}), '',
        w.digest::text, NULL
    FROM unnest(%s::uuid[]) AS w(digest), LATERAL (
        SELECT * FROM consent_tombstone t WHERE t.digest = w.digest AND t.site_id = %s OFFSET 0
    ) t
    UNION ALL  -- whether the site has any, without which no digests need to be made
    SELECT 0, 0, NULL, NULL, NULL
    WHERE {HAS_ANY.format("%s")}
) x LEFT JOIN profiles_profilestate s ON s.profile_id = x.profile_id
""",  # nosec B608
    ("jsonb", "uuid", "uuid[]", "uuid", "uuid", "uuid"),
)
_STATES = """
SELECT DISTINCT ON (s.profile_id) s.consents, s.granted, s.denied
FROM profiles_identity i JOIN profiles_profilestate s ON s.profile_id = i.profile_id
WHERE i.site_id = %s::uuid AND (i.kind, i.value) IN %s
"""
_encode = msgspec.json.Encoder().encode


def choices_of(site_id: UUID, identities: Sequence[tuple[str, str]]) -> Choices:
    """Return the recorded choice of each (kind, value) that has a profile. One statement.

    A merge re-points every identity to the winner's profile, so no chain is followed. Beside them
    stand the times of which nothing of these identities may be taken: `Choices.barred`.
    """
    found = Choices()
    if identities:
        _ask(site_id, identities, found)
    return found


def _ask(site_id: UUID, identities: Sequence[tuple[str, str]], found: Choices) -> None:
    names = [{"kind": kind, "value": value} for kind, value in identities]
    named: dict[str, tuple[str, str]] = {}
    if tombstones.any_of(site_id):
        for kind, value in identities:
            for digest in tombstones.hexes_of(site_id.hex, kind, value):
                named[digest] = kind, value
    site, listed = str(site_id), "{" + ",".join(named) + "}"
    rows = _CHOICES.fetch([_encode(names).decode(), site, listed, site, site, site])
    has_any = False
    for since_ms, until_ms, kind, value, granted, *rest in rows:
        if kind is None:
            has_any = True
        elif since_ms is not None:
            identity = named[value.replace("-", "")]
            found.barred.setdefault(identity, []).append((since_ms, until_ms))
        elif granted is not None:
            found[kind, value] = Choice(granted, *rest)
    if tombstones.remember([site_id] if has_any else [], [site_id]):
        _ask(site_id, identities, found)  # the first of this site, as far as this process knew


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
            "states": event.states,
            "validUntil": event.valid_until,
            "epoch": event.epoch,
            "regime": event.regime,
            "regimeSource": event.regime_source or None,
            "actor": event.actor_kind,
            "policyVersion": event.policy_version or None,
            "method": event.method,
            "gpc": event.has_gpc,
            "signals": event.signals,
        }
        for event in found[: asked.limit]
    ]
    return Page(rows, found[asked.limit - 1].pk.hex if len(found) > asked.limit else "")


def consents_of(site_id: UUID, identities: Sequence[tuple[str, str]]) -> Consents:
    """Return the state of each purpose of the person behind several identities. One statement."""
    joint = NOTHING_SAID
    for packed, granted, denied in _states_of(site_id, identities):
        joint = state.join(joint, state.with_bits(state.decode(bytes(packed)), granted, denied))
    return joint


def was_refused_since(
    site_id: UUID,
    identities: Sequence[tuple[str, str]],
    purposes: Sequence[Purpose],
    *,
    since_ms: int,
) -> bool:
    """Whether one of these purposes is refused or taken back, then or later. One statement."""
    states = consents_of(site_id, identities)
    entries = [states.get(int(purpose)) for purpose in purposes]
    return any(
        entry is not None and entry.code >= Code.LIMITED and entry.since_ms >= since_ms
        for entry in entries
    )


def _states_of(site_id: UUID, identities: Sequence[tuple[str, str]]) -> list[tuple[Any, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_STATES, [str(site_id), tuple(identities)])
        return list(cursor.fetchall())


def proof_of(site_id: UUID, kind: str, value: str) -> list[ConsentEvent]:
    """Return the entries made under an identity, oldest first, also those of somebody erased.

    They are found under the present key of pseudonyms and those of before. One query.
    """
    entries = ConsentEvent.objects.filter(
        site_id=site_id, subject_digest__in=subject_digests(site_id, kind, value)
    )
    return list(entries.order_by("pk"))
