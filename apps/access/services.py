"""Writes of sites, sources, keys, roles and the audit trail."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.access import keys
from apps.access.models import (
    ASSUMED_TOO_MUCH,
    ApiKey,
    AuditEntry,
    Regime,
    Site,
    Source,
    assumes_too_much,
)

KEY_BYTES: Final = 24  # 192 random bits: an exhaustive search is no search
HINT_LENGTH: Final = 4
DEFAULT_ROTATION_OVERLAP_S: Final = 86_400

Actor = AbstractBaseUser | None


@transaction.atomic
def create_site(
    *,
    key: str,
    name: str,
    now: datetime,
    regime: str = Regime.STRICT_UNKNOWN,
    time_zone: str = "UTC",
    retention_days: int = 395,
    is_plan_strict: bool = False,
    actor: Actor = None,
) -> Site:
    """Create a tenant. `key` is its public id: lower-case words joined by hyphens, unique."""
    site = Site.objects.create(
        key=key,
        name=name,
        regime=regime,
        time_zone=time_zone,
        retention_days=retention_days,
        is_plan_strict=is_plan_strict,
        created_at=now,
    )
    record_audit(
        action="access.site_created", actor=actor, site_id=site.pk,
        target_kind="access.site", target_id=str(site.pk), detail={"key": key}, now=now,
    )  # fmt: skip
    announce_after_commit()
    return site


@transaction.atomic
def create_source(
    *,
    site_id: UUID,
    name: str,
    now: datetime,
    kind: str = Source.Kind.BROWSER,
    consent_mode: str | None = None,
    allowed_origins: Sequence[str] = (),
    rate_per_s: int = 1000,
    rate_per_address_s: int = 100,
    burst_s: int = 5,
    is_user_proof_required: bool = False,
    actor: Actor = None,
) -> Source:
    """Create a sender of a site; its proof secret is drawn here.

    Without `consent_mode` a browser source requires consent and a server source assumes it.

    Raises:
        ValueError: a browser source that assumes consent where silence is a no.
    """
    default = (
        Source.ConsentMode.REQUIRED if kind == Source.Kind.BROWSER else Source.ConsentMode.ASSUMED
    )
    if assumes_too_much(kind, consent_mode or default, Site.objects.get(pk=site_id)):
        raise ValueError(ASSUMED_TOO_MUCH)
    source = Source.objects.create(
        site_id=site_id,
        name=name,
        kind=kind,
        consent_mode=consent_mode or default,
        allowed_origins=list(allowed_origins),
        rate_per_s=rate_per_s,
        rate_per_address_s=rate_per_address_s,
        burst_s=burst_s,
        is_user_proof_required=is_user_proof_required,
        proof_secret=new_proof_secret(),
        created_at=now,
    )
    record_audit(
        action="access.source_created", actor=actor, site_id=site_id,
        target_kind="access.source", target_id=str(source.pk), detail={"name": name}, now=now,
    )  # fmt: skip
    announce_after_commit()
    return source


@transaction.atomic
def issue_key(
    *, source_id: UUID, kind: str, now: datetime, actor: Actor = None
) -> tuple[ApiKey, str]:
    """Issue a key of kind pk, sk or ek; return it and its value, which is shown this once.

    Only a digest is stored. A publishable key stands in page sources anyway, so its value is kept.
    """
    source = Source.objects.get(pk=source_id)
    value = f"{ApiKey.Kind(kind).value}_{secrets.token_urlsafe(KEY_BYTES)}"
    key = ApiKey.objects.create(
        site_id=source.site_id,
        source=source,
        kind=kind,
        digest=digest_of(value),
        hint=value[-HINT_LENGTH:],
        public_value=value if kind == ApiKey.Kind.PUBLISHABLE else "",
        created_at=now,
    )
    _audit_key("access.key_issued", key, actor, now)
    announce_after_commit()
    return key, value


@transaction.atomic
def rotate_key(
    *,
    key_id: UUID,
    now: datetime,
    overlap_s: int = DEFAULT_ROTATION_OVERLAP_S,
    actor: Actor = None,
) -> tuple[ApiKey, str]:
    """Issue a successor of a key; the old one works for `overlap_s` more seconds.

    An old key that ends sooner keeps its end: rotation never lengthens a life.
    """
    old = ApiKey.objects.select_for_update().get(pk=key_id)
    end = now + timedelta(seconds=overlap_s)
    if old.expires_at is None or old.expires_at > end:
        old.expires_at = end
        old.save(update_fields=["expires_at"])
    _audit_key("access.key_rotated", old, actor, now)
    return issue_key(source_id=old.source_id, kind=old.kind, now=now, actor=actor)


@transaction.atomic
def revoke_key(*, key_id: UUID, now: datetime, actor: Actor = None) -> None:
    """End a key now; other processes refuse it within a quarter of a second. Repeatable."""
    if ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=now):
        _audit_key("access.key_revoked", ApiKey.objects.get(pk=key_id), actor, now)
    announce_after_commit()


def record_audit(
    *,
    action: str,
    actor: Actor,
    site_id: UUID | None,
    target_kind: str = "",
    target_id: str = "",
    detail: dict[str, Any] | None = None,
    now: datetime,
) -> AuditEntry:
    """Append who did what. `detail` holds ids and counts, never a value or a name of a visitor."""
    return AuditEntry.objects.create(
        site_id=site_id,
        at=now,
        actor_id=actor.pk if actor is not None else None,
        actor_label=actor.get_username()[:150] if actor is not None else "system",
        action=action,
        target_kind=target_kind,
        target_id=target_id,
        detail=detail or {},
    )


def new_proof_secret() -> str:
    """Draw the secret with which a source's servers sign userHash and userToken."""
    return secrets.token_urlsafe(32)


def digest_of(value: str) -> str:
    """Return what is stored of a key: its SHA-256, hex. Keys are random, so no salt is needed."""
    return hashlib.sha256(value.encode()).hexdigest()


def announce_after_commit() -> None:
    """Let every process read sites, sources and keys again once this transaction is committed."""
    keys.KEYS.forget()
    transaction.on_commit(keys.announce)


def _audit_key(action: str, key: ApiKey, actor: Actor, now: datetime) -> None:
    record_audit(
        action=action, actor=actor, site_id=key.site_id, target_kind="access.apikey",
        target_id=str(key.pk), detail={"kind": key.kind, "hint": key.hint}, now=now,
    )  # fmt: skip
