"""The hot endpoints, a good body of each, and what they may answer to a bad one."""

import json
from typing import Any, Final, NamedTuple

Json = dict[str, Any]

AT: Final = "2026-03-10T11:59:00.000Z"
CONTEXT: Final[Json] = {
    "page": {"url": "https://shop.example/a?utm_source=x", "title": "A", "path": "/a"},
    "locale": "de-CH",
    "timezone": "Europe/Zurich",
    "userAgent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0",
    "consent": {"categoryPreferences": {"analytics": True, "personalization": True}},
    "campaign": {"source": "mail", "name": "spring"},
    "traits": {"plan": "gold"},
    "ip": "203.0.113.7",
    "cart": [{"sku": "a", "count": 2}],
}
TRACK: Final[Json] = {
    "type": "track",
    "event": "Product Viewed",
    "anonymousId": "m1",
    "userId": "u1",
    "messageId": "m-1",
    "timestamp": AT,
    "originalTimestamp": AT,
    "sentAt": AT,
    "properties": {"category": "blouses", "price": 19.5, "list": [1, {"a": None}]},
    "context": CONTEXT,
    "integrations": {"All": True},
}
IDENTIFY: Final[Json] = {
    **{key: TRACK[key] for key in ("anonymousId", "userId", "messageId", "timestamp")},
    "type": "identify",
    "traits": {"name": "Ada", "age": 36, "address": {"city": "Bern"}, "tags": ["a", "b"]},
    "userHash": "0" * 64,
    "userToken": "a.b.c",
}
ALIAS: Final[Json] = {"type": "alias", "userId": "u1", "previousId": "m1", "timestamp": AT}
GROUP: Final[Json] = {"type": "group", "groupId": "g", "userId": "u1", "traits": {"name": "G"}}
PAGE: Final[Json] = {"type": "page", "name": "Home", "category": "c", "anonymousId": "m1"}


class Door(NamedTuple):
    """One endpoint.

    Attributes:
        bodies: good ones.
        statuses: what it may answer to bad ones; 403 to a secret key with an Origin header.
        is_ofrep: errors are in that protocol's words.
    """

    path: str
    bodies: list[Json]
    statuses: frozenset[int] = frozenset({200, 400, 403, 413})
    is_ofrep: bool = False


def doors(decision_id: str) -> list[Door]:
    """The hot endpoints that take a body.

    Args:
        decision_id: one that this server gave.
    """
    exposure = {"decisionId": decision_id, "seenAt": AT, "visibleMs": 1200, "position": 1, "id": 7}
    return [
        Door(
            "/v1/decide",
            [
                {
                    "anonymousId": "m1",
                    "userId": None,
                    "placements": ["home.hero", {"key": "home.recs", "limit": 4}, "nowhere"],
                    "context": CONTEXT,
                    "facts": {"cartValue": 120, "a": {"b": [1]}},
                    "explain": False,
                    "preview": None,
                }
            ],
            frozenset({200, 304, 400, 403, 413}),
        ),
        Door(
            "/ofrep/v1/evaluate/flags",
            [{"context": {"targetingKey": "m1", "userToken": "a.b.c", **CONTEXT}}, {}],
            frozenset({200, 304, 400, 403, 413}),
            is_ofrep=True,
        ),
        Door(
            "/ofrep/v1/evaluate/flags/home.hero",
            [{"context": {"targetingKey": "m1", "facts": {"cartValue": 1}, **CONTEXT}}],
            frozenset({200, 400, 403, 404, 413}),
            is_ofrep=True,
        ),
        Door("/v1/exposures", [{"exposures": [exposure, {"decisionId": "dec_x"}], "sentAt": AT}]),
        Door(
            "/v1/conversions",
            [
                {
                    "conversions": [
                        {
                            "goal": "Order",
                            "id": "o1",
                            "occurredAt": AT,
                            "value": 86.0,
                            "currency": "USD",
                            "anonymousId": "m1",
                            "userId": "u1",
                            "decisionId": decision_id,
                        },
                        {"goal": "Order", "id": 2, "userId": 3},
                    ]
                }
            ],
        ),
        Door(
            "/v1/batch",
            [
                {
                    "batch": [TRACK, IDENTIFY, ALIAS, GROUP, PAGE],
                    "sentAt": AT,
                    "context": CONTEXT,
                    "integrations": {"All": False},
                }
            ],
        ),
        Door("/v1/track", [TRACK]),
        Door("/v1/identify", [IDENTIFY]),
        Door(
            "/v2/events",
            [
                {
                    "mpid": "77",
                    "source_request_id": "r1",
                    "user_identities": {"customer_id": "u1", "email": "a@b.example"},
                    "user_attributes": {"plan": "gold", "tags": ["a"]},
                    "device_info": {"http_header_user_agent": "x", "locale_language": "de"},
                    "consent_state": {"gdpr": {"analytics": {"consented": True}}},
                    "events": [
                        {
                            "event_type": "custom_event",
                            "data": {
                                "event_name": "A",
                                "timestamp_unixtime_ms": 1773143940000,
                                "custom_attributes": {"a": "b"},
                            },
                        },
                        {
                            "event_type": "commerce_event",
                            "data": {
                                "product_action": {
                                    "action": "purchase",
                                    "total_amount": 3,
                                    "products": [{"id": "p", "price": 1}],
                                }
                            },
                        },
                        {"event_type": "opt_out", "data": {"is_opted_out": False}},
                    ],
                }
            ],
            frozenset({202, 400, 403, 413}),
        ),
        Door(
            "/v1/consent",
            [
                {
                    "anonymousId": "m1",
                    "purposes": {"analytics": True, "ad_storage": "granted", "sale": False},
                    "policyVersion": "2026-10",
                    "jurisdiction": "CH",
                    "method": "banner",
                    "proof": {"banner": 3},
                    "tcString": "x",
                    "gpp": "DBACTMA~1YNN~BZmpCCZg.YA",
                    "usPrivacy": "1YNN",
                    "sentAt": AT,
                }
            ],
            frozenset({200, 400, 403, 413, 422}),
        ),
        Door(
            "/v1/previews",
            [{"segments": ["blouses"], "at": AT, "draft": True, "hours": 8}, {}],
            frozenset({200, 400, 403, 413, 422}),
        ),
        Door(
            "/v1/stream/tickets",
            [{"anonymousId": "m1", "userId": "u1", "userHash": "0" * 64, "userToken": "a.b.c"}],
        ),
    ]


def fault_of(door: Door, status: int, content_type: str, content: bytes) -> str | None:
    """Say what is wrong with an answer; None for a good one."""
    if status not in door.statuses:
        return f"answers {status}"
    if status == 304:
        return "has a body" if content else None
    try:
        answer = json.loads(content)
    except ValueError:
        return "is not JSON"
    if status in (200, 202):
        return None if content_type == "application/json" else f"is labelled {content_type}"
    if door.is_ofrep and "errorCode" in answer:
        return None if answer.get("errorDetails") else "says no errorDetails"
    if content_type != "application/problem+json":
        return f"is labelled {content_type}"
    lacking = {"type", "title", "status", "detail", "code", "message", "traceId"} - answer.keys()
    if lacking or answer["status"] != status:
        return f"lacks {sorted(lacking)} or says another status"
    told = f"{answer['detail']}{answer.get('errors', '')}"
    if any(word in told for word in ("Traceback", "psycopg", "SELECT ", 'File "', "site-packages")):
        return f"tells of the inside: {told}"
    return None
