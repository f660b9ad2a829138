"""Previews that are shared: a link that anybody may open for a while, until it is revoked.

Only the digest of a link's token is kept. What a link shows is decided anew each time it is opened:
a preview of drafts follows the drafts. A real person is never shared.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Final
from uuid import UUID

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from apps.access.errors import InvalidRequest
from apps.access.services import record_audit
from apps.delivery.models import PreviewLink
from apps.delivery.previewing.types import AsPerson, AsVisitor, PreviewSpec

PREFIX: Final = "prl_"
MAX_PANES: Final = 4
LONGEST_DAYS: Final = 30
LISTED: Final = 200
_TOKEN_BYTES: Final = 24
_MAX_LENGTH: Final = 64


class Shared(msgspec.Struct, frozen=True):
    """One picture of a link, with what it is of in the words of the desk."""

    label: str
    spec: PreviewSpec


_SHARED: Final = list[Shared]


def share(
    *,
    site_id: UUID,
    pictures: Sequence[Shared],
    name: str,
    days: int,
    actor: AbstractBaseUser,
    now: datetime,
) -> tuple[PreviewLink, str]:
    """Make a link to these previews; return it with its token, which nobody can ask for again.

    Raises:
        InvalidRequest: one of them shows a real person, or there are none or too many, or the link
            would live too long.
    """
    if any(isinstance(one.spec.who, AsPerson | AsVisitor) for one in pictures):
        raise InvalidRequest("A preview of a real person cannot be shared.")
    if not 1 <= len(pictures) <= MAX_PANES or any(one.spec.site_id != site_id for one in pictures):
        raise InvalidRequest(f"A link shows 1 to {MAX_PANES} previews of one site.")
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidRequest(f"A link lives 1 to {LONGEST_DAYS} days.")
    token = PREFIX + token_urlsafe(_TOKEN_BYTES)
    with transaction.atomic():
        link = PreviewLink.objects.create(
            site_id=site_id,
            digest=_digest(token),
            name=name.strip()[:120],
            specs=msgspec.to_builtins(list(pictures)),
            created_by_id=actor.pk,
            author=actor.get_username()[:150],
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        _audit("delivery.preview_shared", link, actor, now)
    return link, token


def opened(token: str, now: datetime) -> tuple[PreviewLink, list[Shared]] | None:
    """Return what a link shows; None for one that is not ours, over or revoked. One query."""
    if not token.startswith(PREFIX) or len(token) > _MAX_LENGTH or not token.isascii():
        return None
    link = PreviewLink.objects.select_related("site").filter(digest=_digest(token)).first()
    if link is None or link.revoked_at is not None or link.expires_at <= now:
        return None
    try:
        pictures = msgspec.convert(link.specs, _SHARED)
    except msgspec.ValidationError:
        return None  # stored by another version of this code
    if any(isinstance(one.spec.who, AsPerson) for one in pictures):
        return None
    return link, pictures


def revoke(*, site_id: UUID, link_id: UUID, actor: AbstractBaseUser, now: datetime) -> bool:
    """Let a link open nothing any more; False where it does so already, or never existed."""
    with transaction.atomic():
        rows = PreviewLink.objects.filter(pk=link_id, site_id=site_id, revoked_at=None)
        if not rows.update(revoked_at=now):
            return False
        _audit("delivery.preview_revoked", PreviewLink.objects.get(pk=link_id), actor, now)
    return True


def links_of(site_id: UUID) -> list[PreviewLink]:
    """Return the newest links of a site. One query."""
    return list(PreviewLink.objects.filter(site_id=site_id).order_by("-created_at")[:LISTED])


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _audit(action: str, link: PreviewLink, actor: AbstractBaseUser, now: datetime) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=link.site_id,
        target_kind="delivery.previewlink",
        target_id=str(link.pk),
        detail={"until": link.expires_at.isoformat(timespec="minutes"), "panes": len(link.specs)},
        now=now,
    )
