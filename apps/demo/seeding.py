"""A source to try the API with: keys of each kind, open to any page on this machine, and flags."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.access.models import ApiKey, Regime, Site, Source
from apps.access.services import create_site, create_source, issue_key, rotate_key
from apps.content.models import Block
from apps.content.services import create_block, create_variant
from apps.decisions.publishing import publish

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

    site: Site
    source: Source
    publishable: str
    secret: str
    edge: str


def demo_site(*, now: datetime) -> Site:
    """Return the demo site, made on first use."""
    site = Site.objects.filter(key=SITE_KEY).first()
    if site is not None:
        return site
    return create_site(key=SITE_KEY, name="Demo", regime=Regime.US_OPT_OUT, now=now)


@transaction.atomic
def seed(*, now: datetime) -> Seeded:
    """Make the source, its flags and one key of each kind; keys that exist are rotated."""
    site = demo_site(now=now)
    source = Source.objects.filter(site=site, name=SOURCE_NAME).first()
    if source is None:
        source = create_source(
            site_id=site.pk,
            name=SOURCE_NAME,
            consent_mode=Source.ConsentMode.ASSUMED,
            allowed_origins=LOCAL_ORIGINS,
            rate_per_s=RATE_PER_S,
            rate_per_address_s=RATE_PER_S,
            now=now,
        )
    _ensure_flags(site)
    publish(site_id=site.pk, actor=None, note="Demo flags", now=now)
    publishable, secret, edge = (_fresh_key(source, kind, now) for kind in ("pk", "sk", "ek"))
    return Seeded(site, source, publishable, secret, edge)


def _fresh_key(source: Source, kind: str, now: datetime) -> str:
    current = ApiKey.objects.filter(source=source, kind=kind, revoked_at=None, expires_at=None)
    old = current.order_by("-created_at", "-id").first()
    if old is None:
        return issue_key(source_id=source.pk, kind=kind, now=now)[1]
    return rotate_key(key_id=old.pk, now=now)[1]


def _ensure_flags(site: Site) -> None:
    present = set(Block.objects.filter(site=site).values_list("key", flat=True))
    for key, (value_type, value) in FLAGS.items():
        if key in present:
            continue
        block = create_block(
            site_id=site.pk,
            key=key,
            kind=Block.Kind.FLAG,
            value_type=value_type,
            is_client_visible=True,
        )
        create_variant(block=block, key="default", is_default=True, value=value)  # type: ignore[arg-type]  # JSON by the table above
