"""Reads of keys and origins for the request path. Each function is one statement."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.db import connection

from apps.access.models import ApiKey, Site, Source
from apps.access.types import Origins, Rates

_KEY = """
SELECT site.id, site.key, source.id, k.id, k.kind, source.kind, source.consent_mode, site.regime,
       source.rate_per_s, source.rate_per_address_s, source.burst_s, site.is_plan_strict,
       site.retention_days, site.time_zone, source.is_user_proof_required, source.proof_secret,
       source.allowed_origins::text, k.expires_at, site.place_policy, site.treats_gpc_as_refusal,
       site.tcf_vendor_id
FROM access_apikey k
JOIN access_source source ON source.id = k.source_id
JOIN access_site site ON site.id = k.site_id
WHERE k.digest = %s AND k.revoked_at IS NULL
"""

_ORIGINS = """
SELECT DISTINCT jsonb_array_elements_text(allowed_origins)
FROM access_source WHERE jsonb_typeof(allowed_origins) = 'array'
"""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as stored: the fixed fields of `Caller` in order, its origins, its last moment.

    `terms` are the fixed fields that stand after those of the request.
    """

    fields: tuple[Any, ...]
    origins: Origins
    expires_at: datetime | None
    terms: tuple[Any, ...]


def key_by_digest(digest: str) -> KeyRow | None:
    """Return the key whose SHA-256 (hex) this is, or None when there is none or it is revoked."""
    with connection.cursor() as cursor:
        cursor.execute(_KEY, [digest])
        row = cursor.fetchone()
    if row is None:
        return None
    *head, per_key_s, per_address_s, burst_s = row[:11]
    site_id, key_id = head[0], head[3]
    rates = Rates(per_key_s, per_address_s, burst_s)
    fields = (*head, rates, *row[11:16], site_id.hex, key_id.hex)
    return KeyRow(fields, Origins(_strings(row[16])), row[17], row[18:21])


def zone_of(site_id: UUID) -> str:
    """Return the IANA name of a site's time zone; "UTC" where the one it says does not exist."""
    return known_zone(Site.objects.values_list("time_zone", flat=True).get(pk=site_id))


def regime_of(site_id: UUID) -> str:
    """Return the regime that a site has chosen. One query."""
    return Site.objects.values_list("regime", flat=True).get(pk=site_id)


def consent_months_of(site_id: UUID) -> tuple[int, int, int] | None:
    """Return for how many months a yes, a no and an opt-out hold at a site. One query."""
    asked = "grant_months", "ask_again_months", "opt_out_months"
    return Site.objects.filter(pk=site_id).values_list(*asked).first()


def preferences_url_of(site_id: UUID) -> str:
    """Return where a site's visitors change what they allow, as the site says. One query."""
    return Site.objects.values_list("preferences_url", flat=True).get(pk=site_id)


def known_zone(name: str) -> str:
    """Return the name of a time zone, or "UTC" where there is none of this name."""
    return name if name in _zones() else "UTC"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # reads the directory of zones


def origins_of_all_sources() -> Origins:
    """Return every origin that any source allows: a preflight names no key."""
    with connection.cursor() as cursor:
        cursor.execute(_ORIGINS)
        return Origins([text for (text,) in cursor.fetchall()])


def find_site(key: str) -> Site | None:
    """Return the site with this key."""
    return Site.objects.filter(key=key).first()


def only_site() -> UUID | None:
    """Return the site where there is one only: then nobody is asked which. One query."""
    found = list(Site.objects.values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None


def find_source(site_id: UUID, name: str) -> Source | None:
    """Return the site's source of this name."""
    return Source.objects.filter(site_id=site_id, name=name).first()


def newest_key(source_id: UUID, kind: str) -> ApiKey | None:
    """Return the newest key of a kind that neither ends nor is revoked."""
    lasting = ApiKey.objects.filter(
        source_id=source_id, kind=kind, revoked_at=None, expires_at=None
    )
    return lasting.order_by("-created_at", "-id").first()


def _strings(text: str | None) -> list[str]:
    value = json.loads(text or "[]")
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def needs_approval(site_id: UUID) -> bool:
    """Tell whether a second pair of eyes looks at what a site publishes. One query."""
    return Site.objects.values_list("needs_approval", flat=True).get(pk=site_id)
