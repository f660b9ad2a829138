"""`Idempotency-Key`: a call that makes something, sent again, makes nothing more.

For calls that make something other than events; events have message ids. The first call of a key
runs and its answer is kept for a day; the same call again gets that answer. A row says who runs:
whoever inserts it. An answer of 5xx, or a refusal, is not kept, so that a second try may succeed.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse

from apps.access.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidRequest,
)
from apps.access.types import Caller
from apps.work import clock

logger = logging.getLogger(__name__)

KEPT: Final = timedelta(hours=24)
# Longer than any request may take: after it, whoever ran died.
LONGEST_RUN: Final = timedelta(minutes=2)
MAX_LENGTH: Final = 64
REPLAYED: Final = "Idempotency-Replayed"
# Others belong to the moment of a call: rates, ids.
KEPT_HEADERS: Final = ("Content-Type", "Location", "ETag", "Cache-Control")

_RUNNING: Final = 0  # status of a call that has no answer yet

_TAKE: Final = """
INSERT INTO access_idempotentcall
  (site_id, digest, request_digest, route, started_at, status, headers, body)
VALUES (%(site)s, %(digest)s, %(request)s, %(route)s, %(now)s, 0, '{}', '')
ON CONFLICT (site_id, digest) DO UPDATE
  SET request_digest = EXCLUDED.request_digest, route = EXCLUDED.route,
      started_at = EXCLUDED.started_at, status = 0, headers = '{}', body = ''
  WHERE access_idempotentcall.started_at <= %(forgotten)s
     OR (access_idempotentcall.status = 0 AND access_idempotentcall.started_at <= %(dead)s)
RETURNING 1
"""
_READ: Final = """
SELECT request_digest, status, headers::text, body FROM access_idempotentcall
WHERE site_id = %s AND digest = %s
"""
_KEEP: Final = """
UPDATE access_idempotentcall SET status = %s, headers = %s, body = %s
WHERE site_id = %s AND digest = %s AND started_at = %s AND status = 0
"""
_FREE: Final = """
DELETE FROM access_idempotentcall
WHERE site_id = %s AND digest = %s AND started_at = %s AND status = 0
"""


def once(
    request: HttpRequest, caller: Caller, body: bytes, answer: Callable[[], HttpResponse]
) -> HttpResponse:
    """Return what `answer` gives, or what it gave to this very call before.

    Not inside a transaction: other processes must see at once who runs.

    Args:
        body: of the request, or a digest of it.
        answer: does the work. It runs at most once for a key within a day, unless it fails.

    Raises:
        InvalidRequest: the key is empty, too long or not plain text.
        IdempotencyKeyReused: the key came with another call before.
        IdempotencyKeyInUse: that very call is running now.
    """
    key: str | None = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return answer()
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidRequest(
            f"An Idempotency-Key has 1 to {MAX_LENGTH} printable ASCII characters."
        )
    call = _Call(request, caller, key, body)
    if not call.take():
        return call.kept()
    try:
        response = answer()
    except BaseException:
        call.free()
        raise
    if response.status_code < 500:
        call.keep(response)
    else:
        call.free()
    return response


class _Call:
    """One call under a key, as the table knows it."""

    def __init__(self, request: HttpRequest, caller: Caller, key: str, body: bytes) -> None:
        self.site_id = str(caller.site_id)
        # A key belongs to the API key that sent it: a browser's is never answered with a server's.
        self.digest = _digest(caller.key_hex.encode(), key.encode())
        self.route = request.path[:200]
        query = str(request.META.get("QUERY_STRING", ""))
        said = (str(request.method), request.path, query)
        self.request_digest = _digest(*(part.encode("utf-8", "replace") for part in said), body)
        self.now: datetime = clock.now()

    def take(self) -> bool:
        """Become the one that runs; False when the table holds this key already."""
        values: dict[str, Any] = {
            "site": self.site_id,
            "digest": self.digest,
            "request": self.request_digest,
            "route": self.route,
            "now": self.now,
            "forgotten": self.now - KEPT,
            "dead": self.now - LONGEST_RUN,
        }
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            return cursor.fetchone() is not None

    def kept(self) -> HttpResponse:
        """Return the answer that was given before."""
        with connection.cursor() as cursor:
            cursor.execute(_READ, [self.site_id, self.digest])
            row = cursor.fetchone()
        if row is None:  # it failed between our two looks
            raise IdempotencyKeyInUse()
        request_digest, status, headers, body = row
        if not hmac.compare_digest(request_digest, self.request_digest):
            raise IdempotencyKeyReused()
        if status == _RUNNING:
            raise IdempotencyKeyInUse()
        response = HttpResponse(bytes(body), status=status, headers=json.loads(headers))
        response.headers[REPLAYED] = "true"
        return response

    def keep(self, response: HttpResponse) -> None:
        """Keep the answer for whoever asks again."""
        headers = {name: response[name] for name in KEPT_HEADERS if name in response}
        self._write(_KEEP, response.status_code, json.dumps(headers), response.content)

    def free(self) -> None:
        """Let the next try run."""
        self._write(_FREE)

    def _write(self, sql: str, *values: int | str | bytes) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, [*values, self.site_id, self.digest, self.now])
        except DatabaseError:
            # The work itself is done, or refused: the row gives way after LONGEST_RUN.
            logger.warning("access.idempotency_unsettled", extra={"route": self.route})


def prune(now: datetime) -> int:
    """Forget answers that are older than a day; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM access_idempotentcall WHERE started_at <= %s", [now - KEPT])
        return int(cursor.rowcount)


def _digest(*parts: bytes) -> str:
    """A keyed digest: bodies hold ids of visitors, and short ones could be found by trying."""
    secret: str = settings.SIGNING_KEY
    made = hashlib.blake2b(key=secret.encode()[:64], digest_size=32)
    for part in parts:
        made.update(b"%d:" % len(part))
        made.update(part)
    return made.hexdigest()
