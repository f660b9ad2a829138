"""The doors of segments for servers: who is in them, who came and went, and lists filled by files.

Secret keys only.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO, Any, Final
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import idempotency, limits
from apps.access.errors import Fault, InvalidRequest
from apps.access.http import Caller, authenticate, hot, json_response, stream_body
from apps.access.small_cells import FEWEST
from apps.profiles.parts import instant
from apps.segments import lists, members, standings
from apps.segments.errors import UploadNotFound
from apps.segments.models import ListUpload
from apps.segments.standings import Baseline, Standing
from apps.work import clock, feed, record_watch

ROUTE: Final = "segments"
LISTS_ROUTE: Final = "lists"
MAX_ROWS: Final = 100
MAX_FILE: Final = 64 * 1024 * 1024  # bytes
IN_MEMORY: Final = 1024 * 1024  # bytes of a file; more of it goes to disk
PIECE: Final = 64 * 1024

_encode = msgspec.json.Encoder().encode


@hot("GET", route=ROUTE)
def segment_list(request: HttpRequest) -> HttpResponse:
    """Every visible segment by key: how many are in it, as of when."""
    caller, headers = _caller(request, ROUTE)
    limit = _limit(request, MAX_ROWS)
    after = _text(request, "next")
    found = standings.standings(caller.site_id, now=clock.now())
    rows = [one for one in found if one.key > after]
    shown = [_standing(one) for one in rows[:limit]]
    has_more = len(rows) > limit
    return _page(shown, rows[limit - 1].key if has_more else "", has_more, limit, headers)


@hot("GET", route=ROUTE)
def member_list(request: HttpRequest, key: str) -> HttpResponse:
    """The members of a segment, page by page."""
    caller, headers = _caller(request, ROUTE)
    limit = _limit(request, members.MAX_MEMBERS)
    after = _text(request, "next")
    # Before the first row is read: whoever follows the changes from here misses nobody.
    start = {} if after else {"changes": str(feed.newest())}
    page = members.members_page(
        members.kept_segment(caller.site_id, key),
        after=after,
        limit=limit,
        now=clock.now(),
        with_ids=_with_ids(request),
    )
    return _page(page.rows, page.next, page.has_more, limit, headers, **start)


@hot("GET", route=ROUTE)
def change_list(request: HttpRequest) -> HttpResponse:
    """Who came into segments and went out since a cursor."""
    caller, headers = _caller(request, ROUTE)
    limit = _limit(request, members.MAX_CHANGES)
    after = _text(request, "cursor") or _text(request, "next")
    page = members.changes_page(
        caller.site_id,
        after=feed.newest() if after == "latest" else members.change_cursor(after),
        limit=limit,
        key=_text(request, "segment") or None,
        with_ids=_with_ids(request),
    )
    return _page(page.rows, page.next, page.has_more, limit, headers)


@hot("POST", route=LISTS_ROUTE)
def upload(request: HttpRequest, key: str) -> HttpResponse:
    """Take a file into a list. The body is the file; `mode` and `fileName` are in the address."""
    caller, headers = _caller(request, LISTS_ROUTE)
    mode = _text(request, "mode") or ListUpload.Mode.APPEND
    if mode not in ListUpload.Mode.values:
        fault: Fault = {
            "pointer": "/mode",
            "code": "invalid",
            "detail": "Give append, replace or remove.",
        }
        raise InvalidRequest("`mode` is not known.", errors=[fault])
    # A slow sender must not hold a list, or a transaction, while the rest of the file is coming.
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        digest = hashlib.sha256()
        for piece in stream_body(request, MAX_FILE):
            file.write(piece)
            digest.update(piece)
        file.seek(0)

        def receive() -> HttpResponse:
            made = lists.receive(
                site_id=caller.site_id,
                key=key,
                chunks=_pieces(file),
                mode=mode,
                origin=lists.Origin(_text(request, "fileName"), with_key=caller.key_hex),
                now=clock.now(),
            )
            return json_response(_encode(_upload(made)))

        return _with(headers, idempotency.once(request, caller, digest.digest(), receive))


@hot("GET", route=LISTS_ROUTE)
def upload_read(request: HttpRequest, key: str, upload_id: UUID) -> HttpResponse:
    """What became of a file."""
    caller, headers = _caller(request, LISTS_ROUTE)
    found = lists.list_of(caller.site_id, key).uploads.filter(pk=upload_id).first()
    if found is None:
        raise UploadNotFound
    return json_response(_encode(_upload(found)), headers=headers)


@hot("POST", route=LISTS_ROUTE)
def upload_undo(request: HttpRequest, key: str, upload_id: UUID) -> HttpResponse:
    """Take the newest upload of a list back."""
    caller, headers = _caller(request, LISTS_ROUTE)

    def undo() -> HttpResponse:
        undone = lists.undo(
            site_id=caller.site_id, key=key, upload_id=upload_id, actor=None, now=clock.now()
        )
        return json_response(_encode(_upload(undone)))

    return _with(headers, idempotency.once(request, caller, b"", undo))


def _caller(request: HttpRequest, route: str) -> tuple[Caller, dict[str, str]]:
    caller = authenticate(request, allow=("sk",))
    record_watch.require()
    headers = limits.enforce(caller, route)
    headers["Cache-Control"] = "no-store"
    return caller, headers


def _with(headers: dict[str, str], response: HttpResponse) -> HttpResponse:
    for name, value in headers.items():
        response.headers[name] = value
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def _text(request: HttpRequest, name: str) -> str:
    text = str(request.GET.get(name, ""))
    if "\0" in text:
        raise InvalidRequest("A query parameter holds a NUL.")
    return text


def _limit(request: HttpRequest, most: int) -> int:
    text = request.GET.get("limit", "100")
    if not (text.isascii() and text.isdigit() and len(text) < 6) or not 1 <= int(text) <= most:
        raise InvalidRequest(f"`limit` is a number from 1 to {most}.")
    return int(text)


def _with_ids(request: HttpRequest) -> bool:
    return "external_ids" in _text(request, "include").split(",")


def _page(
    rows: list[dict[str, Any]],
    after: str,
    has_more: bool,
    limit: int,
    headers: dict[str, str],
    **more: str,
) -> HttpResponse:
    cursor = {"has_more": has_more, "next": after, "limit": limit, **more}
    return json_response(_encode({"data": rows, "cursor": cursor}), headers=headers)


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "kind": one.kind,
        "state": one.state,
        "version": one.version,
        "tags": one.tags,
        "size": one.size,
        "sizeBelow": FEWEST if one.is_small else None,
        "asOf": instant(one.as_of),
        "lagSeconds": one.lag_s,
        "refreshedAt": instant(one.refreshed_at),
        "refreshEverySeconds": one.refresh_every_s,
        "dependsOnRequest": one.depends_on_request,
        "drift": None if one.drift is None else round(one.drift, 4),
        "needsALook": one.needs_a_look,
        "baseline": None if one.baseline is None else _baseline(one.baseline),
    }


def _baseline(found: Baseline) -> dict[str, Any]:
    return {
        "goal": found.goal,
        "days": found.days,
        "members": found.members,
        "membersRate": found.members_rate,
        "everyoneRate": found.everyone_rate,
        "lift": found.lift,
        "measuredAt": instant(found.measured_at),
    }


def _upload(found: ListUpload) -> dict[str, Any]:
    return {
        "id": str(found.pk),
        "number": found.number,
        "mode": found.mode,
        "state": found.state,
        "fileName": found.file_name,
        "sha256": found.sha256,
        "uploadedAt": instant(found.uploaded_at),
        "rows": found.rows,
        "refused": found.refused,
        "added": found.added,
        "removed": found.removed,
        "faults": found.faults,
    }
