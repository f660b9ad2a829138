"""The door of the catalogue for a shop's servers: what its items are, and which are to be had."""

from typing import Annotated, Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse

from apps.access import limits
from apps.access.errors import Fault, InvalidRequest
from apps.access.http import authenticate, hot, json_response, parse, read_body
from apps.recommendations import catalogue
from apps.recommendations.errors import InvalidItems
from apps.work import clock

ROUTE: Final = "items"
MOST_BYTES: Final = 4 * 1024 * 1024

_Text = str | msgspec.UnsetType


class ItemIn(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """An item as the shop describes it; what is not given stays as it is."""

    code: str
    category: _Text = msgspec.UNSET
    name: _Text = msgspec.UNSET
    url: _Text = msgspec.UNSET
    image: _Text = msgspec.UNSET
    words: _Text = msgspec.UNSET
    price: float | msgspec.UnsetType | None = msgspec.UNSET
    stock: int | msgspec.UnsetType | None = msgspec.UNSET
    is_available: bool | msgspec.UnsetType = msgspec.UNSET


class ItemsIn(msgspec.Struct, forbid_unknown_fields=True):
    """The body: some items."""

    items: Annotated[list[ItemIn], msgspec.Meta(max_length=catalogue.MOST_AT_ONCE)]


class ItemsOut(msgspec.Struct):
    """What became of them."""

    created: int
    changed: int
    unchanged: int


_decoder: Final = msgspec.json.Decoder(ItemsIn)
_encode: Final = msgspec.json.Encoder().encode


@hot("PUT", route=ROUTE, cors="none")
def items(request: HttpRequest) -> HttpResponse:
    """PUT /v1/items: describe up to 500 items. All are taken, or none."""
    caller = authenticate(request, allow=("sk",))
    headers = limits.enforce(caller, ROUTE)
    asked = parse(_decoder, read_body(request, MOST_BYTES))
    rows: list[dict[str, Any]] = [
        {
            field: value
            for field in catalogue.FIELDS
            if (value := getattr(one, field)) is not msgspec.UNSET
        }
        for one in asked.items
    ]
    try:
        done = catalogue.put(site_id=caller.site_id, items=rows, now=clock.now())
    except InvalidItems as refusal:
        fault: Fault = {"pointer": "/items", "code": "invalid", "detail": str(refusal)}
        raise InvalidRequest(str(refusal), errors=[fault]) from None
    response = json_response(_encode(ItemsOut(done.created, done.changed, done.unchanged)))
    for name, value in headers.items():
        response.headers[name] = value
    return response
