"""Access packages: everything that any store keeps of one person, for that person, for a week.

The JSON is compressed and encrypted (AES-256-GCM) under a key made of its link. The link is made of
the server's signing key and of the row; the row holds only the link's digest. So neither the
database nor its backups alone can show a package, and one whose row is emptied is gone.
"""

import hashlib
import json
import os
import zlib
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import transaction

from apps.consent.disclosures import recipients_of
from apps.privacy.models.packages import Package
from apps.privacy.models.requests import Request
from apps.privacy.request_log import log
from apps.privacy.subjects import names_of, subjects_of
from apps.profiles import selectors as profiles
from apps.profiles.holders import holders
from apps.segments import selectors as segments
from engine.conditions import sentences

SCHEMA: Final = "attune.access/1"
LASTS: Final = timedelta(days=7)
PATH: Final = "/privacy/packages/"
_NONCE_BYTES: Final = 12
_TWELVE_MONTHS: Final = timedelta(days=366)

JSON = Any  # a JSON value


def contents_of(request: Request, *, now: datetime) -> dict[str, JSON]:
    """Return everything about the persons of a request, by store; empty ones are named too."""
    site = request.site
    people = people_of(subjects_of(request))
    stores = [
        {"store": holder.name, "items": [item for one in people for item in holder.export(one)]}
        for holder in holders()
    ]
    return {
        "schema": SCHEMA,
        "reference": request.public_ref,
        "madeAt": now.isoformat(),
        "site": {"key": site.key, "name": site.name, "regime": site.regime},
        "askedAbout": [{"kind": kind, "value": value} for kind, value in names_of(request).given],
        "stores": stores,
        "segmentRules": _rules_of(request.site_id, stores),
        "recipients": [
            {
                "name": told.name,
                "contact": told.contact,
                "through": list(told.what),
                "firstAt": told.first_at.isoformat(),
                "lastAt": told.last_at.isoformat(),
            }
            for told in recipients_of(people, now - _TWELVE_MONTHS)
        ],
        "sources": sorted(source.name for source in site.sources.all()),
        "retention": {"eventsDays": site.retention_days},
    }


def count_of(content: dict[str, JSON]) -> int:
    """Return how many entries of all stores there are."""
    return sum(len(part["items"]) for part in content["stores"])


def people_of(profile_ids: Sequence[UUID]) -> list[UUID]:
    """Return profiles and those that were merged into them, each once."""
    found: dict[UUID, None] = {}
    for profile_id in profile_ids:
        for one in profiles.ids_of_person(profile_id):
            found[one] = None
    return list(found)


def _rules_of(site_id: UUID, stores: Sequence[dict[str, JSON]]) -> dict[str, str]:
    """What each segment that the person is or was in asks for, in words."""
    keys = {
        str(item["segment"])
        for store in stores
        for item in store["items"]
        if isinstance(item, dict) and "segment" in item
    }
    nodes = segments.conditions_in_force(site_id) if keys else {}
    return {key: sentences.people(nodes[key]) for key in sorted(keys & nodes.keys())}


@transaction.atomic
def make(request: Request, content: dict[str, JSON], *, kind: str, now: datetime) -> Package:
    """Encrypt a package and keep it for LASTS; an older one of the request is closed."""
    for old in Package.objects.filter(request=request, closed_at=None):
        close(old, now=now)
    plain = json.dumps(content, ensure_ascii=False, default=str).encode()
    package = Package(
        request=request,
        kind=kind,
        made_at=now,
        expires_at=now + LASTS,
        sha256=hashlib.sha256(plain).hexdigest(),
        size=len(plain),
        token_salt=uuid4(),
    )
    token = _token(package, settings.SIGNING_KEY)
    package.token_digest = _digest(token)
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(_key(token)).encrypt(nonce, zlib.compress(plain), package.pk.bytes)
    package.content_enc = nonce + sealed
    package.save(force_insert=True)
    return package


def link_of(package: Package) -> str:
    """Return the path of the page that shows a package; "" when the key that made it is gone."""
    for secret in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED):
        token = _token(package, secret)
        if _digest(token) == package.token_digest:
            return f"{PATH}{token}"
    return ""


def open_of(request: Request, *, now: datetime) -> Package | None:
    """Return the package of a request that can still be opened."""
    rows = Package.objects.filter(request=request, closed_at=None, expires_at__gt=now)
    return rows.order_by("-made_at").first()


def found(token: str, *, now: datetime) -> Package | None:
    """Return the package of a link; None for an unknown, a closed and an expired one alike."""
    rows = Package.objects.filter(token_digest=_digest(token), closed_at=None, expires_at__gt=now)
    return rows.select_related("request__site").first()


def opened(package: Package, token: str, *, now: datetime) -> bytes | None:
    """Return the JSON of a package, and note when it was first opened."""
    data = bytes(package.content_enc)
    try:
        packed = AESGCM(_key(token)).decrypt(
            data[:_NONCE_BYTES], data[_NONCE_BYTES:], package.pk.bytes
        )
    except (InvalidTag, ValueError):
        return None
    if Package.objects.filter(pk=package.pk, opened_at=None).update(opened_at=now):
        log(package.request, "package_opened", actor=None, by="who has the link", now=now)
    return zlib.decompress(packed)


def close(package: Package, *, now: datetime) -> None:
    """Empty a package; that there was one stays."""
    package.content_enc, package.closed_at = b"", now
    package.save(update_fields=["content_enc", "closed_at"])


def close_expired(*, now: datetime) -> int:
    """Empty every package whose week is over; return how many."""
    expired = Package.objects.filter(closed_at=None, expires_at__lte=now)
    return expired.update(content_enc=b"", closed_at=now)


def _token(package: Package, secret: str) -> str:
    digest = hashlib.blake2b(
        package.pk.bytes + UUID(str(package.token_salt)).bytes,
        key=hashlib.blake2b(secret.encode(), digest_size=64).digest(),
        person=b"attune.package.1",
        digest_size=24,
    )
    return urlsafe_b64encode(digest.digest()).decode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _key(token: str) -> bytes:
    return hashlib.blake2b(token.encode(), person=b"attune.package.2", digest_size=32).digest()
