"""GET /v1/recommendations/<recommender>: the list of one visitor, for a site's own servers.

The same engine as in a block of /v1/decide, with the same consent and filters, but without a
placement: nothing is recorded. Each item says how probable it was, so that the caller can.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access.errors import Fault, InvalidRequest, Unavailable
from apps.access.http import authenticate, hot, json_response, request_id
from apps.decisions import selectors, services
from apps.delivery.decided import Call, Decided
from apps.delivery.products import DEFAULT_ITEMS, Products
from apps.delivery.questions import MAX_ITEMS, id_text
from apps.recommendations.errors import RecommenderNotFound
from apps.recommendations.selectors import lists_of
from apps.work import clock

ROUTE: Final = "recommendations"
MAX_EXCLUDED: Final = 200
MAX_CODE: Final = 500  # characters of an item's code, as of events
_PLACE: Final = "recommendations."  # lists explore apart from those of placements


class Answer(msgspec.Struct, rename="camel"):
    """The list: `version` and `method` are those of what was learned."""

    recommender: str
    version: str
    method: str
    is_personal: bool
    items: msgspec.Raw


@hot("GET", route=ROUTE, cors="none")
def recommendations(request: HttpRequest, recommender: str) -> HttpResponse:
    """GET /v1/recommendations/<recommender>?userId=&anonymousId=&item=&limit=&exclude=."""
    caller = authenticate(request, allow=("sk",))
    user_id = id_text(request.GET.get("userId"), "userId")
    anonymous_id = id_text(request.GET.get("anonymousId"), "anonymousId")
    item = _code(request.GET.get("item") or None, "item")
    excluded = _excluded(request.GET.getlist("exclude"))
    limit = _limit(request.GET.get("limit"))
    named = (("user_id", user_id), ("anonymous_id", anonymous_id))
    identities = [f"{kind}:{value}" for kind, value in named if value is not None]
    arrival = selectors.arrive(caller, identities, ROUTE)
    served = selectors.current(caller.site_id, arrival.announced)
    services.start_watching()
    table = lists_of(caller.site_id).get(recommender)
    if table is None:
        raise RecommenderNotFound
    if served is None or arrival.is_away:
        # What somebody has bought must not be shown because nobody could ask.
        raise Unavailable("Who this is, or what the site shows, is not known for a moment.")
    call = Call(
        caller, request_id(request), identities[0] if identities else "",
        anonymous_id or user_id or "", (), {}, {}, {}, False, clock.now_ms(),
    )  # fmt: skip
    products = Products(Decided(call, arrival, served), item, excluded)
    listed = products.of(table, recommender, limit, f"{_PLACE}{recommender}")
    answer = Answer(
        recommender,
        str(table.version_id),
        table.learned.method,
        listed.is_personal,
        listed.encoded,
    )
    headers = {"Cache-Control": "private, no-store", **arrival.headers}
    return json_response(msgspec.json.encode(answer), headers=headers)


def _limit(text: str | None) -> int:
    if text is None or text == "":
        return DEFAULT_ITEMS
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:9]) <= MAX_ITEMS:
        raise _refused("limit", "out_of_range", f"A limit is between 1 and {MAX_ITEMS}.")
    return int(text)


def _excluded(codes: Sequence[str]) -> list[str]:
    if len(codes) > MAX_EXCLUDED:
        detail = f"At most {MAX_EXCLUDED} items can be left out."
        raise _refused("exclude", "out_of_range", detail)
    return [code for one in codes if (code := _code(one, "exclude"))]


def _code(text: str | None, name: str) -> str | None:
    if text is not None and (len(text) > MAX_CODE or "\x00" in text):
        detail = f"An item's code has at most {MAX_CODE} characters, none of them NUL."
        raise _refused(name, "invalid", detail)
    return text


def _refused(name: str, code: str, detail: str) -> InvalidRequest:
    fault: Fault = {"pointer": f"/{name}", "code": code, "detail": detail}
    return InvalidRequest(detail, errors=[fault])
