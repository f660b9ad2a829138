"""Signed calls to addresses that a site has given, as Standard Webhooks describes them.

What is the same for every such call: its headers, how it is signed, how long to wait after one that
was not taken. Who calls keeps its own row of each call.
"""

import hmac
import json
import math
import random
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from apps.access import targets

TIMEOUT_S: Final = 15.0
GONE: Final = 410
BUSY: Final = 429
# Pauses between the attempts at one call.
PAUSES_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
PARKED_AFTER: Final = 20  # failures in a row, over all calls to an address
# Whoever asks to be called later is waited for, but not for longer than this.
LONGEST_WAIT_S: Final = 86_400


def new_secret() -> str:
    """Return a secret that signs webhooks, as Standard Webhooks write it."""
    return f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"


def message(
    *,
    call_id: UUID,
    kind: str,
    source: str,
    at: datetime,
    data: Mapping[str, Any],
    secret: str,
    now: datetime,
) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a call.

    Args:
        call_id: the same at every attempt, so that a call that comes twice counts once.
        source: whose it is, as CloudEvents writes it: "/sites/shop/triggers/gold".
        at: when it happened; now: when it is signed.
    """
    moment = at.isoformat().replace("+00:00", "Z")
    document = {"type": kind, "timestamp": moment, "data": dict(data)}
    body = json.dumps(document, ensure_ascii=False).encode()
    message_id, seconds = f"msg_{call_id.hex}", str(int(now.timestamp()))
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "Attune-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(secret, message_id, seconds, body),
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-type": kind,
        "ce-source": source,
        "ce-time": moment,
    }


def signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    """Return "v1,<base64>": HMAC-SHA256 over id, time and body, as Standard Webhooks has it."""
    key = b64decode(secret.removeprefix("whsec_"))
    content = b".".join((message_id.encode(), seconds.encode(), body))
    return f"v1,{b64encode(hmac.new(key, content, sha256).digest()).decode()}"


def status_of(error: OSError) -> int | None:
    """Return the status that a call was answered with; None where it was not answered."""
    return error.status if isinstance(error, targets.NotTaken) else None


def wait_s(attempts: int, error: OSError, now: datetime) -> int:
    """Seconds until a call is tried again after so many attempts, longer if it was asked to."""
    return max(PAUSES_S[attempts - 1], _asked_wait_s(error, now))


def spread(seconds: int) -> float:
    """Return somewhat more than so many seconds: not all of a crowd at once."""
    return seconds * random.uniform(1.0, 1.1)  # nosec B311


def _asked_wait_s(error: OSError, now: datetime) -> int:
    """Seconds that the answer asks to wait, by its Retry-After; 0 where it asks for nothing.

    RFC 9110, 10.2.3: whole seconds, or a date.
    """
    text = error.retry_after.strip() if isinstance(error, targets.NotTaken) else ""
    if text.isascii() and text.isdigit():
        # A text of many digits is no number that could be waited for.
        return min(int(text), LONGEST_WAIT_S) if len(text) < 10 else LONGEST_WAIT_S
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):  # the receiver writes what it likes
        return 0
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return min(max(math.ceil((at - now).total_seconds()), 0), LONGEST_WAIT_S)
