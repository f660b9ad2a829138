"""Whether the server lives and is ready, for orchestrators."""

import json
from collections.abc import Callable
from typing import Final
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse

from apps.access.http import hot, json_response
from apps.decisions import selectors
from apps.work import holding_back, record_watch
from apps.work.database import drop_if_broken
from apps.work.redis import RedisAway, exchange

# So many are loaded before traffic comes; the rest load with their first request.
_PUBLISHED: Final = "SELECT DISTINCT site_id FROM decisions_publication LIMIT 100"

Check = Callable[[], bool]

_published: list[UUID] = []


def _has_database() -> bool:
    try:
        record_watch.require()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        drop_if_broken()
        return False
    return True


def has_redis() -> bool:
    """Whether Redis answers."""
    try:
        return bool(exchange(("PING",))[0] == b"PONG")
    except RedisAway:
        return False


def _has_snapshots() -> bool:
    """Whether this process can serve every site's publication; loads those it has not yet."""
    global _published
    try:
        record_watch.require()
        with connection.cursor() as cursor:
            cursor.execute(_PUBLISHED)
            _published = [site_id for (site_id,) in cursor.fetchall()]
    except DatabaseError:
        drop_if_broken()  # what was published when we last looked will do
    return all(selectors.current(site_id, None) is not None for site_id in _published)


def _may_serve() -> bool:
    """Whether the record knows of every erasure; a restored backup does not."""
    return not holding_back.look()


CHECKS: Final[dict[str, Check]] = {
    "database": _has_database,
    "redis": has_redis,
    "snapshot": _has_snapshots,
    "erasures": _may_serve,
}


@hot("GET", route="healthz", cors="none")
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return json_response(b'{"status":"ok"}', headers={"Cache-Control": "no-store"})


@hot("GET", route="readyz", cors="none")
def readyz(request: HttpRequest) -> HttpResponse:
    """Everything that answers need is there; 503 names what is not."""
    found = {name: check() for name, check in CHECKS.items()}
    is_ready = all(found.values())
    words = {name: "ok" if there else "away" for name, there in found.items()}
    body = {"status": "ok" if is_ready else "away", "checks": words}
    if not found["erasures"]:
        body["reason"] = holding_back.why()
    headers = {"Cache-Control": "no-store"} | ({} if is_ready else {"Retry-After": "1"})
    return json_response(json.dumps(body).encode(), 200 if is_ready else 503, headers)
