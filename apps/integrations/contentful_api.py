"""The doors for clients of Contentful: they change the host and the key, and read as before.

GET /spaces/{space}[/environments/{environment}]/entries and beside it. Whatever space and
environment a client names: the key says whose content it reads.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access.errors import NotFound
from apps.access.http import authenticate, hot, json_response, refusal, request_id
from apps.access.limits import enforce
from apps.access.types import Caller
from apps.delivery.services import Visit, welcome
from apps.integrations.catalogue import Catalogue, site_row
from apps.integrations.contentful_asking import (
    ALL_LOCALES,
    MOST_LIMIT,
    Asked,
    Page,
    asked_of,
    locale_of,
    page_of,
    refused,
    who_of,
)
from apps.integrations.contentful_entries import Reading, page_of_entries, published_at
from apps.integrations.domain import shapes
from apps.integrations.domain.shapes import JSON, Space
from apps.work import clock, record_watch

ROUTE: Final = "contentful"
MASTER: Final = "master"
TYPE: Final = "application/vnd.contentful.delivery.v1+json"
MAX_ECHO: Final = 100

_encode: Final = msgspec.json.Encoder().encode
View = Callable[..., HttpResponse]


def _as_there(view: View) -> View:
    """Word refusals as clients of Contentful read them."""

    @wraps(view)
    def answered(request: HttpRequest, **named: str) -> HttpResponse:
        try:
            return view(request, **named)
        except Exception as error:
            told = refusal(error, request)  # it logs and heals as on every route
            status = told.status_code
            away = "Something is away for a moment: try again."
            details = getattr(error, "details", None)
            body = shapes.error(
                status, away if status >= 500 else str(error), request_id(request), details
            )
            headers = {
                name: value for name, value in told.items() if name.lower() != "content-type"
            }
            if "Retry-After" in headers:  # what their clients wait for
                headers["X-Contentful-RateLimit-Reset"] = headers["Retry-After"]
            return _answer(body, headers, status)

    return answered


class _NoSuchResource(NotFound):
    """There is no such resource; `details` name it, as clients expect."""

    def __init__(self, kind: str, identity: str, sentence: str) -> None:
        super().__init__(sentence)
        self.details = {"type": kind, "id": identity[:MAX_ECHO]}


@hot("GET", route=ROUTE)
@_as_there
def entries(request: HttpRequest, space: str, environment: str = MASTER) -> HttpResponse:
    """GET .../entries: what a visitor is to see in each place, as a page of entries."""
    caller = _caller(request)
    asked = asked_of(request)
    visit, reading = _read(request, caller, Space(space, environment), asked)
    return _answer(page_of_entries(visit, reading), visit.arrival.headers)


@hot("GET", route=ROUTE)
@_as_there
def entry(
    request: HttpRequest, space: str, identity: str, environment: str = MASTER
) -> HttpResponse:
    """GET .../entries/{id}: the same of one place, by its key or by the id of an entry there."""
    caller = _caller(request)
    asked = asked_of(request)._replace(ids=[identity], content_type="", page=Page(0, 1))
    visit, reading = _read(request, caller, Space(space, environment), asked)
    items = page_of_entries(visit, reading)["items"]
    if not items:
        raise _NoSuchResource("Entry", identity, "No place shows anything under this id.")
    return _answer(items[0], visit.arrival.headers)


@hot("GET", route=ROUTE)
@_as_there
def content_types(request: HttpRequest, space: str, environment: str = MASTER) -> HttpResponse:
    """GET .../content_types: the types of these entries, with their fields."""
    caller = _caller(request)
    page = page_of(request)
    visit = _nobody(request, caller)
    catalogue = Catalogue(caller.site_id, visit.served)
    names = list(catalogue.type_names().items())
    some = names[page.skip : page.skip + page.limit]
    types = catalogue.types(some)
    where, at = Space(space, environment), published_at(visit)
    items = [shapes.content_type(types[one], where, at) for one in some if one in types]
    made = shapes.array(items, total=len(names), skip=page.skip, limit=page.limit)
    return _answer(made, visit.arrival.headers)


@hot("GET", route=ROUTE)
@_as_there
def content_type(
    request: HttpRequest, space: str, identity: str, environment: str = MASTER
) -> HttpResponse:
    """GET .../content_types/{id}: one of them."""
    caller = _caller(request)
    visit = _nobody(request, caller)
    catalogue = Catalogue(caller.site_id, visit.served)
    block = catalogue.type_names().get(identity)
    made = {} if block is None else catalogue.types([(identity, block)])
    if not made:
        raise _NoSuchResource("ContentType", identity, "No place shows entries of this type.")
    (found,) = made.values()
    body = shapes.content_type(found, Space(space, environment), published_at(visit))
    return _answer(body, visit.arrival.headers)


@hot("GET", route=ROUTE)
@_as_there
def locales(request: HttpRequest, space: str, environment: str = MASTER) -> HttpResponse:
    """GET .../locales: the languages of the site, its first language as the default."""
    caller = _caller(request)
    headers = enforce(caller, ROUTE)
    items = _locales(site_row(caller.site_id).locales)
    return _answer(shapes.array(items, total=len(items), skip=0, limit=MOST_LIMIT), headers)


@hot("GET", route=ROUTE)
@_as_there
def space(request: HttpRequest, space: str, environment: str = MASTER) -> HttpResponse:
    """GET /spaces/{space}: the site, under the name by which the client knows it."""
    caller = _caller(request)
    headers = enforce(caller, ROUTE)
    site = site_row(caller.site_id)
    body = {"sys": {"type": "Space", "id": space}, "name": site.name}
    return _answer({**body, "locales": _locales(site.locales)}, headers)


@hot(route=ROUTE)
@_as_there
def elsewhere(request: HttpRequest, **named: str) -> HttpResponse:
    """Any other address of theirs: what is not here, and where to find it."""
    raise _NoSuchResource(
        "Resource",
        request.path,
        "Entries, content types and locales are read here. Pictures come with the entries that "
        "show them, in includes; everything else stays in Contentful.",
    )


def _caller(request: HttpRequest) -> Caller:
    caller = authenticate(request, request.GET.get("access_token"))
    record_watch.require()
    return caller


def _nobody(request: HttpRequest, caller: Caller) -> Visit:
    """A visit by nobody, of whom nothing is asked."""
    return welcome(
        caller,
        request_id(request),
        (),
        context={},
        facts={},
        meta=request.META,
        route=ROUTE,
        now_ms=clock.now_ms(),
    )


def _read(
    request: HttpRequest, caller: Caller, where: Space, asked: Asked
) -> tuple[Visit, Reading]:
    """Return who comes, and what is asked of their entries. One query."""
    now = clock.now()
    who = who_of(request, caller, now)
    known = site_row(caller.site_id).locales
    locale = _locale(known, asked.locale)
    visit = welcome(
        caller,
        request_id(request),
        who.identities,
        context={**who.context, "locale": locale},
        facts=who.facts,
        meta=request.META,
        route=ROUTE,
        now_ms=clock.to_ms(now),
    )
    return visit, Reading(where, asked, known, asked.locale or locale)


def _locale(known: Sequence[str], asked: str) -> str:
    """The site's language for the one that is asked for; without one, its first."""
    if not asked or asked == ALL_LOCALES:
        return known[0]
    found = locale_of(known, asked)
    if found is None:
        raise refused("locale", f"Unknown locale: {asked[:MAX_ECHO]}. It has {', '.join(known)}.")
    return found


def _locales(known: Sequence[str]) -> list[JSON]:
    return [shapes.locale(code, known[0]) for code in known]


def _answer(body: JSON, headers: Mapping[str, str], status: int = 200) -> HttpResponse:
    own = {"Content-Type": TYPE, "Cache-Control": "private, no-store"}
    return json_response(_encode(body), status, {**headers, **own})
