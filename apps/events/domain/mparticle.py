"""A batch of mParticle's Events API, said in the words of the Segment spec. Pure.

One batch is one person: who they are, what is known of them, and what they did. Of the many ids a
batch may carry these count: `customer_id` (a login), and as the anonymous id the `mpid`, else the
device's own, else the session's. Ids made for advertising are not taken.
Source: mParticle, "JSON schema reference" of the Events API, version 2.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from apps.consent.types import WIRE_NAMES
from apps.events.errors import InvalidBody

Json = dict[str, Any]

MAX_BATCHES: Final = 100

_DEVICE_IDS: Final = ("android_uuid", "ios_idfv")
# A product's share in what was done: one event for each product.
_OF_A_PRODUCT: Final = {
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "click": "Product Clicked",
    "view_detail": "Product Viewed",
    "add_to_wishlist": "Product Added to Wishlist",
    "remove_from_wishlist": "Product Removed from Wishlist",
    "remove_from_wish_list": "Product Removed from Wishlist",
}
_OF_AN_ORDER: Final = {
    "checkout": "Checkout Started",
    "checkout_option": "Checkout Step Completed",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
}
_PROMOTIONS: Final = {"view": "Promotion Viewed", "click": "Promotion Clicked"}
# Names of the Segment spec for what mParticle's own clients send; others keep their type as a name.
_NAMES: Final = {
    "first_run": "Application Installed",
    "uninstall": "Application Uninstalled",
    "push_message": "Push Notification Received",
    "push_reaction": "Push Notification Tapped",
}
_ORDER_FIELDS: Final = {
    "transaction_id": "order_id",
    "affiliation": "affiliation",
    "total_amount": "total",
    "tax_amount": "tax",
    "shipping_amount": "shipping",
    "coupon_code": "coupon",
    "checkout_step": "step",
    "checkout_options": "options",
}
_PRODUCT_FIELDS: Final = {
    "id": "product_id",
    "name": "name",
    "brand": "brand",
    "category": "category",
    "variant": "variant",
    "position": "position",
    "price": "price",
    "quantity": "quantity",
    "coupon_code": "coupon",
}
_TRAITS_OF_IDENTITIES: Final = {"email": "email", "mobile_number": "phone"}


class Place(NamedTuple):
    """Where an event stood: the batch's number, and the event's in it; None: the person's own."""

    batch: int
    event: int | None


def read_batches(body: bytes, *, is_bulk: bool) -> list[Json]:
    """Return the batches of a call.

    Raises:
        InvalidBody: not JSON, not of this shape, or too many.
    """
    try:
        given = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        raise InvalidBody("The body is not JSON.") from None
    batches = given if is_bulk else [given]
    if not isinstance(batches, list) or not all(isinstance(one, dict) for one in batches):
        raise InvalidBody("A call has a batch, an object; a bulk call a list of them.")
    if len(batches) > MAX_BATCHES:
        raise InvalidBody(f"A bulk call has at most {MAX_BATCHES} batches.")
    for number, one in enumerate(batches):
        if not isinstance(one.get("events") or [], list):
            raise InvalidBody("`events` is a list.", f"/{number}/events" if is_bulk else "/events")
    return batches


def translated(batches: list[Json]) -> tuple[list[Json], list[Place]]:
    """Return events of the Segment spec, and where each came from."""
    events: list[Json] = []
    places: list[Place] = []
    for number, batch in enumerate(batches):
        for place, event in _events_of(batch):
            events.append(event)
            places.append(Place(number, place))
    return events, places


def _events_of(batch: Json) -> Iterator[tuple[int | None, Json]]:
    given = [one for one in batch.get("events") or [] if isinstance(one, dict)]
    shared = {**_ids_of(batch, given), "context": _context_of(batch)}
    request = _text(batch.get("source_request_id")) or _text(batch.get("batch_id"))
    traits = _traits_of(batch)
    if traits or ("userId" in shared and "anonymousId" in shared):
        yield None, _numbered({**shared, "type": "identify", "traits": traits}, request, "user")
    for place, one in enumerate(batch.get("events") or []):
        one = _object(one)
        data = _object(one.get("data"))
        when = _time_of(data)
        own = _text(data.get("source_message_id"))
        for part, event in enumerate(_said(_text(one.get("event_type")), data)):
            event = {**shared, **({"timestamp": when} if when else {}), **event}
            if own is not None:
                event["messageId"] = own if part == 0 else f"{own}:{part}"
            yield place, _numbered(event, request, f"{place}:{part}")


def _numbered(event: Json, request: str | None, name: str) -> Json:
    """Give an event an id by which the same batch, sent again, is known."""
    if request is not None:
        event.setdefault("messageId", f"{request}:{name}")
    return event


def _ids_of(batch: Json, events: list[Json]) -> Json:
    identities, device = _object(batch.get("user_identities")), _object(batch.get("device_info"))
    found: Json = {}
    user = _text(identities.get("customer_id")) or _text(identities.get("customerid"))
    if user is not None:
        found["userId"] = user
    for kind, value in (
        ("mpid", batch.get("mpid")),
        ("device", batch.get("mp_deviceid")),
        *(("device", device.get(name)) for name in _DEVICE_IDS),
        *(("session", _session_of(one)) for one in events[:1]),
    ):
        text = _text(value)
        if text is not None and text != "0":
            found["anonymousId"] = f"{kind}:{text}"
            break
    return found


def _session_of(event: Json) -> object:
    data = _object(event.get("data"))
    return data.get("session_uuid") or data.get("session_id")


def _traits_of(batch: Json) -> Json:
    traits = {
        name: value
        for name, value in _object(batch.get("user_attributes")).items()
        if value is not None
    }
    identities = _object(batch.get("user_identities"))
    for name, trait in _TRAITS_OF_IDENTITIES.items():
        if identities.get(name) is not None:
            traits.setdefault(trait, identities[name])
    return traits


def _context_of(batch: Json) -> Json:
    device, app = _object(batch.get("device_info")), _object(batch.get("application_info"))
    context: Json = {"library": {"name": "mparticle"}}
    if isinstance(batch.get("ip"), str):
        context["ip"] = batch["ip"]
    if isinstance(device.get("http_header_user_agent"), str):
        context["userAgent"] = device["http_header_user_agent"]
    language, country = _text(device.get("locale_language")), _text(device.get("locale_country"))
    if language is not None:
        context["locale"] = f"{language}-{country}" if country else language
    for name, found in (
        ("device", {"model": device.get("device_model"), "type": device.get("platform")}),
        ("os", {"version": device.get("os_version")}),
        ("app", {"name": app.get("application_name"), "version": app.get("application_version")}),
    ):
        told = {key: value for key, value in found.items() if value is not None}
        if told:
            context[name] = told
    if isinstance(batch.get("environment"), str):
        context["environment"] = batch["environment"]
    preferences = _preferences_of(_object(batch.get("consent_state")))
    if preferences:
        context["consent"] = {"categoryPreferences": preferences}
    return context


def _preferences_of(state: Json) -> dict[str, bool]:
    """What was consented to: GDPR purposes by our names, and whether data may be sold (CCPA)."""
    found: dict[str, bool] = {}
    for purpose, said in _object(state.get("gdpr")).items():
        yes = _object(said).get("consented")
        if purpose.lower() in WIRE_NAMES and isinstance(yes, bool):
            found[purpose.lower()] = yes
    opted_out = _object(_object(state.get("ccpa")).get("data_sale_opt_out")).get("consented")
    if isinstance(opted_out, bool):
        found["sale"] = not opted_out
    return found


def _said(kind: str | None, data: Json) -> Iterator[Json]:
    """What one event says, without who and when. An event of no type is refused like any other."""
    attributes = _object(data.get("custom_attributes"))
    match kind:
        case "custom_event":
            own = {"custom_event_type": data["custom_event_type"]} if _has_type(data) else {}
            yield {"type": "track", "event": data.get("event_name"), "properties": own | attributes}
        case "screen_view":
            name = data.get("screen_name")
            yield {"type": "screen", "name": name, "properties": {**attributes}}
        case "commerce_event":
            yield from _bought(data, attributes)
        case "opt_out" if data.get("is_opted_out") is True:
            refused = {name: False for name in WIRE_NAMES if name != "necessary"}
            yield {
                "type": "track",
                "event": "Segment Consent Preference Updated",
                "properties": {},
                "context": {"consent": {"categoryPreferences": refused}},
            }
        case "application_state_transition":
            begins = data.get("application_transition_type") == "application_initialized"
            event = "Application Opened" if begins else "Application State Changed"
            yield {"type": "track", "event": event, "properties": _plain(data) | attributes}
        case None:
            yield {"type": None}
        case _:
            event = _NAMES.get(kind) or kind.replace("_", " ").title()
            yield {"type": "track", "event": event, "properties": _plain(data) | attributes}


def _has_type(data: Json) -> bool:
    return isinstance(data.get("custom_event_type"), str)


def _bought(data: Json, attributes: Json) -> Iterator[Json]:
    """A commerce event: the order, or each product; promotions; lists that were seen."""
    currency = {"currency": data["currency_code"]} if data.get("currency_code") else {}
    action = _object(data.get("product_action"))
    products = [_product(one) for one in _objects(action.get("products"))]
    kind = _text(action.get("action"))
    if kind in _OF_A_PRODUCT:
        for product in products or [{}]:
            yield _track(_OF_A_PRODUCT[kind], attributes | currency | product)
    elif kind is not None:
        order = _renamed(action, _ORDER_FIELDS)
        name = _OF_AN_ORDER.get(kind) or kind.replace("_", " ").title()
        yield _track(name, attributes | currency | order | {"products": products})
    promotion = _object(data.get("promotion_action"))
    seen = _PROMOTIONS.get(_text(promotion.get("action")) or "")
    if seen is not None:
        for one in _objects(promotion.get("promotions")):
            told = {("promotion_id" if key == "id" else key): value for key, value in one.items()}
            yield _track(seen, attributes | told)
    for one in _objects(data.get("product_impressions")):
        shown = [_product(product) for product in _objects(one.get("products"))]
        listed = {"list_id": one.get("product_impression_list"), "products": shown}
        yield _track("Product List Viewed", attributes | currency | listed)


def _track(event: str, properties: Json) -> Json:
    return {"type": "track", "event": event, "properties": properties}


def _product(given: Json) -> Json:
    return _object(given.get("custom_attributes")) | _renamed(given, _PRODUCT_FIELDS)


def _renamed(given: Json, names: Mapping[str, str]) -> Json:
    """What these fields say, under our names."""
    return {ours: given[name] for name, ours in names.items() if given.get(name) is not None}


def _plain(data: Json) -> Json:
    """What an event without a shape of its own says of itself."""
    left_out = {"custom_attributes", "custom_flags", "timestamp_unixtime_ms", "location"}
    return {
        name: value
        for name, value in data.items()
        if name not in left_out and not isinstance(value, dict | list) and value is not None
    }


def _time_of(data: Json) -> str | None:
    """When it happened, RFC 3339; None when it does not say."""
    given = data.get("timestamp_unixtime_ms")
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 16:
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given < 253_402_300_800_000:
        return None
    found = datetime.fromtimestamp(given // 1000, UTC).replace(microsecond=given % 1000 * 1000)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
