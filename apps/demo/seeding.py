"""A source to try the API with: keys of each kind, open to any page on this machine, and flags."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.access.selectors import find_site, find_source, newest_key
from apps.access.services import create_site, create_source, issue_key, rotate_key
from apps.content.selectors import find_block
from apps.content.services import create_block, create_variant
from apps.decisions.services import publish

SITE_KEY: Final = "demo"
SOURCE_NAME: Final = "Try the API"
LOCAL_ORIGINS: Final = [
    f"{scheme}://{host}:*" for scheme in ("http", "https") for host in ("localhost", "127.0.0.1")
]
# One machine is one address: its limit is the key's.
RATE_PER_S: Final = 1_000

# key -> (type of value, value)
FLAGS: Final[dict[str, tuple[str, object]]] = {
    "demo.enabled": ("boolean", True),
    "demo.greeting": ("string", "Good to see you"),
    "demo.page-size": ("integer", 24),
    "demo.discount": ("float", 7.5),
    "demo.theme": ("object", {"accent": "teal", "dense": False}),
}


@dataclass(frozen=True, slots=True)
class Seeded:
    """What `seed` has made; the keys' values are known only now."""

    site_id: UUID
    source_id: UUID
    proof_secret: str
    publishable: str
    secret: str
    edge: str


def demo_site_id(*, now: datetime) -> UUID:
    """Return the demo site's id; the site is made on first use."""
    site = find_site(SITE_KEY)
    if site is None:
        site = create_site(key=SITE_KEY, name="Demo", regime="us_opt_out", now=now)
    return site.pk


@transaction.atomic
def seed(*, now: datetime) -> Seeded:
    """Make the source, its flags and one key of each kind; keys that exist are rotated."""
    site_id = demo_site_id(now=now)
    source = find_source(site_id, SOURCE_NAME)
    if source is None:
        source = create_source(
            site_id=site_id,
            name=SOURCE_NAME,
            consent_mode="assumed",
            allowed_origins=LOCAL_ORIGINS,
            rate_per_s=RATE_PER_S,
            rate_per_address_s=RATE_PER_S,
            now=now,
        )
    _ensure_flags(site_id)
    publish(site_id=site_id, actor=None, note="Demo flags", now=now)
    publishable, secret, edge = (_fresh_key(source.pk, kind, now) for kind in ("pk", "sk", "ek"))
    return Seeded(site_id, source.pk, source.proof_secret, publishable, secret, edge)


def _fresh_key(source_id: UUID, kind: str, now: datetime) -> str:
    old = newest_key(source_id, kind)
    if old is None:
        return issue_key(source_id=source_id, kind=kind, now=now)[1]
    return rotate_key(key_id=old.pk, now=now)[1]


def _ensure_flags(site_id: UUID) -> None:
    for key, (value_type, value) in FLAGS.items():
        if find_block(site_id, key) is not None:
            continue
        block = create_block(
            site_id=site_id, key=key, kind="flag", value_type=value_type, is_client_visible=True
        )
        create_variant(block=block, key="default", is_default=True, value=value)  # type: ignore[arg-type]  # JSON by the table above
