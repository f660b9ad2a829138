"""The keyed pseudonym under which a person's proof of consent can be found, also years later."""

import hmac
from uuid import UUID

from django.conf import settings


def subject_digest(site_id: UUID, kind: str, value: str) -> str:
    """Return the pseudonym of an identity under the present key: what new entries get."""
    return _under(settings.SIGNING_KEY, site_id, kind, value)


def subject_digests(site_id: UUID, kind: str, value: str) -> list[str]:
    """Return the pseudonyms of an identity under the present key and those of before."""
    keys = [settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED]
    return [_under(key, site_id, kind, value) for key in keys]


def _under(key: str, site_id: UUID, kind: str, value: str) -> str:
    identity = f"{site_id.hex}:{kind}:{value}".encode("utf-8", "surrogatepass")
    return hmac.digest(key.encode(), b"consent:" + identity, "sha256").hex()
