"""Reads of consent: what is recorded for a batch of identities, in one statement."""

import json
from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from apps.consent.types import Choice

_CHOICES = """
SELECT i.kind, i.value, s.granted, s.denied, s.consent_epoch
FROM jsonb_to_recordset(%s::jsonb) AS w(kind text, value text)
JOIN profiles_identity i ON i.site_id = %s AND i.kind = w.kind AND i.value = w.value
JOIN profiles_profilestate s ON s.profile_id = i.profile_id
"""


def choices_of(
    site_id: UUID, identities: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Choice]:
    """Return the recorded choice of each (kind, value) that has a profile. One statement.

    A merge re-points every identity to the winner's profile, so no chain is followed.
    """
    if not identities:
        return {}
    wanted = json.dumps([{"kind": kind, "value": value} for kind, value in identities])
    with connection.cursor() as cursor:
        cursor.execute(_CHOICES, [wanted, str(site_id)])
        return {(kind, value): Choice(*rest) for kind, value, *rest in cursor.fetchall()}
