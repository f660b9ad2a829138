"""The second factor of staff: a code of six digits from an authenticator, or a recovery code.

Codes, their clock and their throttle are django-otp's. Ours is how they are kept: the secret of an
authenticator is encrypted, a recovery code is a keyed digest and works once.
"""

import hashlib
import hmac
import secrets
from base64 import b32encode
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import django_otp
import segno
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from apps.access.models import SealedTotp, bound_to
from apps.access.sealed_secrets import seal
from apps.access.services import record_audit

REQUIRED: Final = "required"
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like another
_CODE_LENGTH: Final = 12  # 59 random bits
# Who holds one of these can look at people, or give himself everything.
_POWERS: Final = (
    "profiles.view_people",
    "privacy.view_request",
    "privacy.change_request",
    "decisions.view_decisionrecord",
    "events.view_quarantine",
    "auth.change_user",
    "access.add_apikey",
)


def is_required_of(user: Any) -> bool:
    """Whether this person may not enter without a second factor: officers and administrators.

    Asked of permissions, so that a group made by hand counts as well. At most two queries.
    """
    if settings.SECOND_FACTOR != REQUIRED:
        return False
    return bool(user.is_superuser) or any(user.has_perm(power) for power in _POWERS)


def device_of(user: Any) -> SealedTotp | None:
    """Return the authenticator that somebody has set up. One query."""
    found: SealedTotp | None = SealedTotp.objects.filter(user=user, confirmed=True).first()
    return found


def begin(user: User) -> SealedTotp:
    """Return the authenticator that somebody is setting up, with a secret drawn the first time."""
    found: SealedTotp | None = SealedTotp.objects.filter(user=user, confirmed=False).first()
    if found is not None:
        return found
    key = seal(secrets.token_bytes(20), bound_to(user.pk))
    made: SealedTotp = SealedTotp.objects.create(
        user=user, name="Authenticator", confirmed=False, key=key
    )
    return made


@transaction.atomic
def confirm(user: User, code: str, *, now: datetime) -> list[str] | None:
    """Turn the authenticator on that somebody is setting up, if the code is its own.

    One of before is gone with it. Returns fresh recovery codes, to be shown this once; None where
    the code does not fit.
    """
    device = SealedTotp.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or not device.verify_token(_plain(code)):
        return None
    SealedTotp.objects.filter(user=user).exclude(pk=device.pk).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    _audit("access.second_factor_set_up", user, user, now)
    return _fresh_codes(user)


@transaction.atomic
def renew_codes(user: User, *, now: datetime) -> list[str]:
    """Replace the recovery codes; return the new ones, to be shown this once."""
    _audit("access.recovery_codes_renewed", user, user, now)
    return _fresh_codes(user)


@transaction.atomic
def check(user: Any, code: str, *, now: datetime) -> SealedTotp | None:
    """Return the authenticator of somebody whose code fits; None where it does not.

    A code of six digits fits once, a recovery code once and for all. After a wrong one the next is
    looked at a second later, then two, then four.
    """
    own = SealedTotp.objects.select_for_update().filter(user=user, confirmed=True)
    device: SealedTotp | None = own.first()
    if device is None:
        return None
    text = _plain(code)
    if text.isascii() and text.isdigit():
        return device if device.verify_token(text) else None
    spare = StaticDevice.objects.select_for_update().filter(user=user).first()
    if spare is None or not spare.verify_token(_digest(text, user.pk)):
        return None
    _audit("access.recovery_code_used", user, user, now)
    return device


@transaction.atomic
def remove(user: User, *, actor: Any, now: datetime) -> bool:
    """Take somebody's second factor away, as another administrator does for a lost phone.

    Tell whether there was one. Where one is required it is set up again at the next sign-in.
    """
    count, _ = SealedTotp.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    if count:
        _audit("access.second_factor_removed", user, actor, now)
    return bool(count)


def codes_left(user: Any) -> int:
    """Return how many recovery codes somebody has not used yet. One query."""
    return int(StaticToken.objects.filter(device__user=user).count())


def end_sessions(user: Any, *, but: str | None = None) -> int:
    """End what somebody has open, `but` one session; return how many that was.

    Sessions do not say whose they are: all of them are read. They are the staff's, and few.
    """
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        its_user = session.get_decoded().get(SESSION_KEY)
        if its_user == str(user.pk) and session.session_key != but:
            session.delete()
            ended += 1
    return ended


def remember(request: HttpRequest, device: SealedTotp) -> None:
    """Keep in the session that its owner has shown the second factor, under a new id."""
    request.session.cycle_key()
    django_otp.login(request, device)


def picture(device: SealedTotp) -> bytes:
    """Return the QR code that authenticators read, as PNG."""
    buffer = BytesIO()
    segno.make(device.config_url, error="m").save(buffer, kind="png", scale=5, border=3)
    return buffer.getvalue()


def typed_key(device: SealedTotp) -> str:
    """Return the secret for whoever types it: groups of four letters."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _fresh_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    spare = StaticDevice.objects.create(user=user, name="Recovery codes")
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    StaticToken.objects.bulk_create(
        StaticToken(device=spare, token=_digest(code, user.pk)) for code in codes
    )
    return ["-".join(code[at : at + 4] for at in range(0, _CODE_LENGTH, 4)) for code in codes]


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").casefold()[:64]


def _digest(code: str, user_id: int) -> str:
    key = hashlib.sha256(f"attune.recovery:{settings.SECRET_KEY}".encode()).digest()
    whole = hmac.new(key, f"{user_id}:{code}".encode(), hashlib.sha256).digest()
    return b32encode(whole[:10]).decode().lower()  # 16 characters


def _audit(action: str, user: User, actor: Any, now: datetime) -> None:
    record_audit(
        action=action, actor=actor, site_id=None,
        target_kind="auth.user", target_id=str(user.pk), now=now,
    )  # fmt: skip
