"""Doors for e-mail and landing pages: POST /v1/render and /v1/render/batch. Secret keys only."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from apps.access import limits
from apps.access.errors import Unavailable
from apps.access.http import authenticate_body, hot, json_response, read_body, request_id
from apps.access.types import Caller
from apps.decisions import selectors, services
from apps.decisions.hot_state import hot_profiles_of
from apps.decisions.selectors import Arrival, Served
from apps.delivery import answers, rendered
from apps.delivery.email_places import with_email
from apps.delivery.previewing.types import MAX_SEGMENTS
from apps.delivery.questions import MAX_BODY_BYTES, Id, PlacementAsk, Question, asked_of, id_text
from apps.delivery.rendered import Wanted, refused
from apps.profiles import identities
from apps.segments import members
from apps.work import clock, record_watch
from apps.work.database import drop_if_broken

logger = logging.getLogger(__name__)

ROUTE: Final = "render"
MAX_PEOPLE: Final = 1_000  # of one call
MAX_BATCH_BYTES: Final = 1_000_000
CHUNK: Final = 50  # people who are in memory together
MAX_KIND: Final = 100

_encode = msgspec.json.Encoder().encode


class IdentityAsk(msgspec.Struct):
    """Who: one of a person's identities."""

    type: str
    id: Id


class _Ask(msgspec.Struct, rename="camel"):
    placements: list[str | PlacementAsk] | None = None
    block: str | None = None
    locale: str | None = None
    context: dict[str, Any] | None = None
    facts: dict[str, Any] | None = None
    counts: bool = False
    write_key: str | None = None


class RenderAsk(_Ask, rename="camel"):
    """The body of POST /v1/render: what, and for whom; one of `identity` and `segments`."""

    identity: IdentityAsk | None = None
    segments: list[str] | None = None


class BatchAsk(_Ask, rename="camel"):
    """The body of POST /v1/render/batch: what, and for whom; one of `identities` and `segment`.

    Attributes:
        next: the cursor of the page before, of a segment.
        limit: members of one page.
    """

    identities: list[IdentityAsk] | None = None
    segment: str | None = None
    next: str = ""
    limit: int = 100


class _Person(NamedTuple):
    """One line of an answer: how it names the person, and whom it is decided for."""

    named: dict[str, Any]
    profile_id: UUID | None
    identity: str


_RENDER: Final = msgspec.json.Decoder(RenderAsk)
_BATCH: Final = msgspec.json.Decoder(BatchAsk)


@hot("POST", route=ROUTE, cors=False)
def render(request: HttpRequest) -> HttpResponse:
    """POST /v1/render: what one person, or anybody in some segments, is shown."""
    body = read_body(request, MAX_BODY_BYTES)
    caller, ask = authenticate_body(request, body, _RENDER, allow=("sk",))
    wanted = _wanted(request, caller, ask)
    now = clock.now()
    if (ask.identity is None) == (ask.segments is None):
        raise refused("", "Say for whom: an identity, or segments.")
    if ask.identity is not None:
        identity = _identity(ask.identity, "/identity")
        arrival = selectors.arrive(caller, [identity], ROUTE)
        served = _served(caller, wanted.block, arrival.announced)
        headers = arrival.headers
        found = rendered.for_person(wanted, identity, arrival, served, clock.to_ms(now))
    else:
        segments = ask.segments or []
        if len(segments) > MAX_SEGMENTS:
            raise refused("/segments", f"At most {MAX_SEGMENTS} segments.")
        if wanted.counts:
            raise refused("/counts", "Nothing can be counted for nobody in particular.")
        record_watch.require()
        headers = limits.enforce(caller, ROUTE)
        found = rendered.for_segments(wanted, segments, now)
    at = answers.instant(clock.to_ms(now)).decode()
    answer = _encode({"requestId": wanted.request_id, "renderedAt": at, **found})
    return json_response(answer, headers={**headers, "Cache-Control": "private, no-store"})


@hot("POST", route=ROUTE, cors=False)
def batch(request: HttpRequest) -> StreamingHttpResponse:
    """POST /v1/render/batch: what each of many people is shown, a line of JSON a person."""
    body = read_body(request, MAX_BATCH_BYTES)
    caller, ask = authenticate_body(request, body, _BATCH, allow=("sk",))
    wanted = _wanted(request, caller, ask)
    if (ask.identities is None) == (ask.segment is None):
        raise refused("", "Say for whom: identities, or a segment.")
    record_watch.require()
    headers = limits.enforce(caller, ROUTE)
    served = _served(caller, wanted.block, _announced(caller))
    cursor = ""
    if ask.identities is not None:
        people: Sequence[_Person] = _listed(caller, ask.identities)
    else:
        people, cursor = _members(caller, ask)
    response = StreamingHttpResponse(
        _lines(wanted, people, served, cursor), content_type="application/x-ndjson"
    )
    for name, value in {**headers, "Cache-Control": "private, no-store"}.items():
        response[name] = value
    return response


def _lines(
    wanted: Wanted, people: Sequence[_Person], served: Served, cursor: str
) -> Iterator[bytes]:
    """Yield a line a person, and a last one that says that all were told."""
    count = 0
    for start in range(0, len(people), CHUNK):
        chunk = people[start : start + CHUNK]
        record_watch.begin()  # the request's own ended before its first line was asked for
        try:
            for line in _chunk(wanted, chunk, served):
                yield line
                count += 1
        except (OperationalError, InterfaceError):
            logger.warning("render.database_away")
            drop_if_broken()
            yield _encode({"end": False, "count": count, "code": Unavailable.code}) + b"\n"
            return
        finally:
            record_watch.end()
    yield _encode({"end": True, "count": count, "next": cursor or None}) + b"\n"


def _chunk(wanted: Wanted, chunk: Sequence[_Person], served: Served) -> Iterator[bytes]:
    """Look some people up in one statement, and yield their lines."""
    ids = {one.profile_id for one in chunk if one.profile_id is not None}
    profiles = {UUID(bytes=one.profile_id): one for one in hot_profiles_of(ids)}
    now_ms = clock.now_ms()
    for one in chunk:
        profile = None if one.profile_id is None else profiles.get(one.profile_id)
        shown = rendered.for_person(wanted, one.identity, Arrival(profile), served, now_ms)
        yield _encode({**one.named, **shown}) + b"\n"


def _listed(caller: Caller, asked: Sequence[IdentityAsk]) -> list[_Person]:
    if not 0 < len(asked) <= MAX_PEOPLE:
        raise refused("/identities", f"Ask for 1 to {MAX_PEOPLE} people in one call.")
    names = [_identity(one, f"/identities/{index}") for index, one in enumerate(asked)]
    parts = [name.partition(":") for name in names]
    known = identities.find({(caller.site_id, kind, value) for kind, _, value in parts})
    people = []
    for name, (kind, _, value) in zip(names, parts, strict=True):
        found = known.get((caller.site_id, kind, value))
        named = {"identity": {"type": kind, "id": value}}
        people.append(_Person(named, None if found is None else found.profile_id, name))
    return people


def _members(caller: Caller, ask: BatchAsk) -> tuple[list[_Person], str]:
    """Members of a segment as of now, and the cursor of the next page."""
    if not 0 < ask.limit <= MAX_PEOPLE:
        raise refused("/limit", f"A limit is between 1 and {MAX_PEOPLE}.")
    page = members.members_page(
        members.kept_segment(caller.site_id, ask.segment or ""),
        after=ask.next,
        limit=ask.limit,
        now=clock.now(),
        with_ids=True,
    )
    people = []
    for row in page.rows:
        ids = row["externalIds"]
        # A login before a device: it is the same tomorrow.
        ids.sort(key=lambda one: one["type"] != "user_id")
        identity = f"{ids[0]['type']}:{ids[0]['id']}" if ids else ""
        named = {"profileId": row["profileId"], "externalIds": ids}
        people.append(_Person(named, UUID(row["profileId"].removeprefix("prf_")), identity))
    return people, page.next if page.has_more else ""


def _wanted(request: HttpRequest, caller: Caller, ask: _Ask) -> Wanted:
    asked = asked_of(Question(ask.placements)) if ask.placements else []
    if not asked and not ask.block:
        raise refused("/placements", "Ask for placements, or for a block for e-mail.")
    context = ask.context or {}
    if ask.locale:
        context = {**context, "locale": ask.locale}
    return Wanted(
        caller, request_id(request), asked, ask.block or "", context, ask.facts or {}, ask.counts
    )


def _served(caller: Caller, block: str, announced: bytes | None) -> Served:
    """Return what serves, with blocks for e-mail where one is asked for."""
    served = selectors.current(caller.site_id, announced)
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    services.start_watching()
    if not block:
        return served
    rendered.check_block(block, served.compiled)
    return with_email(served)


def _announced(caller: Caller) -> bytes | None:
    latest = selectors.latest_publication(caller.site_id)
    return None if latest is None else b"%d" % latest.number


def _identity(asked: IdentityAsk, pointer: str) -> str:
    value = id_text(asked.id, f"{pointer[1:]}/id")
    kind = asked.type
    if value is None or not 0 < len(kind) <= MAX_KIND or ":" in kind or "\x00" in kind:
        raise refused(pointer, 'An identity is such as {"type": "user_id", "id": "u-1"}.')
    return f"{kind}:{value}"
