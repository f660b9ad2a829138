"""Batches of mParticle's Events API, taken in by /v2/events as events of the Segment spec."""

import base64
from typing import Any

import pytest

from apps.events.domain.mparticle import translated
from tests.apps.events.conftest import NOW, Sending

AT_MS = int(NOW.timestamp() * 1000) - 60_000


def batch(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "events": list(events),
        "mpid": "77",
        "user_identities": {"customer_id": "u-1", "email": "ada@shop.example"},
        **more,
    }


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"event_type": kind, "data": {"timestamp_unixtime_ms": AT_MS, **data}}


def said(*events: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The events that a batch becomes, without the person's own."""
    return [one for one in translated([batch(*events, **more)])[0] if one["type"] != "identify"]


def test_a_person_is_identified_by_login_and_mpid() -> None:
    given = batch(user_attributes={"plan": "gold", "tags": ["a"], "gone": None})
    [made] = translated([given])[0]
    assert (made["type"], made["userId"], made["anonymousId"]) == ("identify", "u-1", "mpid:77")
    assert made["traits"] == {"plan": "gold", "tags": ["a"], "email": "ada@shop.example"}


@pytest.mark.parametrize(
    ("more", "anonymous_id"),
    [
        ({"mpid": 77}, "mpid:77"),
        ({"mpid": None, "mp_deviceid": "d-1"}, "device:d-1"),
        ({"mpid": "0", "device_info": {"android_uuid": "a-1"}}, "device:a-1"),
        ({"mpid": None, "device_info": {"ios_advertising_id": "ad-1"}}, "session:s-1"),
    ],
    ids=["mpid", "device", "android", "session"],
)
def test_without_a_better_id_the_device_or_the_session_stands_in(
    more: dict[str, Any], anonymous_id: str
) -> None:
    [made] = said(event("custom_event", event_name="A", session_uuid="s-1"), **more)
    assert made["anonymousId"] == anonymous_id


def test_a_purchase_is_an_order_and_a_look_a_look_at_each_product() -> None:
    products = [
        {"id": "p1", "name": "Blouse", "price": 38, "quantity": 2, "custom_attributes": {"c": "r"}},
        {"id": "p2"},
    ]
    bought = {
        "action": "purchase",
        "transaction_id": "o1",
        "total_amount": 76,
        "products": products,
    }
    [order] = said(event("commerce_event", product_action=bought, currency_code="CHF"))
    assert order["event"] == "Order Completed"
    assert order["properties"]["order_id"] == "o1"
    assert order["properties"]["total"] == 76
    assert order["properties"]["currency"] == "CHF"
    assert order["properties"]["products"][0] == {
        "product_id": "p1", "name": "Blouse", "price": 38, "quantity": 2, "c": "r",
    }  # fmt: skip
    looks = said(
        event("commerce_event", product_action={"action": "view_detail", "products": products})
    )
    assert [(one["event"], one["properties"]["product_id"]) for one in looks] == [
        ("Product Viewed", "p1"),
        ("Product Viewed", "p2"),
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (event("custom_event", event_name="Fitting Booked"), "Fitting Booked"),
        (event("first_run"), "Application Installed"),
        (event("session_start"), "Session Start"),
        (event("application_state_transition"), "Application State Changed"),
        (
            event(
                "commerce_event", promotion_action={"action": "click", "promotions": [{"id": 1}]}
            ),
            "Promotion Clicked",
        ),
        (event("commerce_event", product_impressions=[{"products": []}]), "Product List Viewed"),
    ],
    ids=["custom", "first run", "session", "state", "promotion", "impressions"],
)
def test_each_kind_has_a_name(given: dict[str, Any], name: str) -> None:
    [made] = said(given)
    assert (made["type"], made["event"]) == ("track", name)


def test_consent_comes_along_and_an_opt_out_refuses_everything() -> None:
    state = {
        "gdpr": {"Analytics": {"consented": True}, "advertising": {"consented": False}, "x": {}},
        "ccpa": {"data_sale_opt_out": {"consented": True}},
    }
    [made] = said(event("screen_view", screen_name="Home"), consent_state=state)
    assert made["type"] == "screen"
    assert made["context"]["consent"]["categoryPreferences"] == {
        "analytics": True, "advertising": False, "sale": False,
    }  # fmt: skip
    [refused] = said(event("opt_out", is_opted_out=True))
    preferences = refused["context"]["consent"]["categoryPreferences"]
    assert not any(preferences.values()) and "necessary" not in preferences


# Through the door


def posted(server: Sending, body: Any, path: str = "/v2/events") -> Any:
    basic = base64.b64encode(f"{server.key}:anything".encode()).decode()
    return server.post(path, body, HTTP_AUTHORIZATION=f"Basic {basic}")


def test_a_batch_is_stored_and_sent_again_counts_once(server: Sending) -> None:
    given = batch(
        event("custom_event", event_name="Fitting Booked", custom_attributes={"shop": "Bern"}),
        event("screen_view", screen_name="Home", source_message_id="own"),
        source_request_id="r-1",
        device_info={"http_header_user_agent": "Shop/3", "locale_language": "de"},
    )
    for counts in ((3, 0), (0, 3)):
        answer = posted(server, given)
        assert answer.status_code == 202
        assert (answer.json()["accepted"], answer.json()["duplicates"]) == counts
    known, booked, seen = server.stored()
    assert (known.type, known.user_id, known.anonymous_id) == ("identify", "u-1", "mpid:77")
    assert (booked.name, booked.properties) == ("Fitting Booked", {"shop": "Bern"})
    assert booked.occurred_ms == AT_MS
    assert [known.message_id, booked.message_id, seen.message_id] == [
        "r-1:user", "r-1:0:0", "own",
    ]  # fmt: skip
    assert booked.context["locale"] == "de"


def test_many_batches_are_told_apart_in_what_is_refused(server: Sending) -> None:
    good, bad = event("custom_event", event_name="A"), event("custom_event")
    answer = posted(server, [batch(good), batch(good, bad, "x")], "/v2/bulkevents").json()
    assert answer["accepted"] == 4  # two of them say who it is
    assert [(one["batch"], one["event"], one["code"]) for one in answer["rejected"]] == [
        (1, 1, "invalid_event"),
        (1, 2, "invalid_event"),
    ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/events", b"{"),
        ("/v2/events", b"[]"),
        ("/v2/events", b'{"events": {"a": 1}}'),
        ("/v2/bulkevents", b"{}"),
        ("/v2/bulkevents", b"[1]"),
        ("/v2/bulkevents", b"[" + b"{}," * 100 + b"{}]"),
    ],
    ids=["no JSON", "a list", "events no list", "one alone", "a number", "too many"],
)
def test_what_is_no_batch_is_refused(server: Sending, path: str, body: bytes) -> None:
    answer = posted(server, body, path)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_nobody_sends_without_a_key_and_a_large_body_is_refused(server: Sending) -> None:
    assert server.client.post("/v2/events", {}, "application/json").status_code == 401
    assert posted(server, b" " * 512_001).status_code == 413


def test_an_opt_out_goes_into_the_ledger(server: Sending) -> None:
    stored = event("custom_event", event_name="A")
    assert posted(server, batch(stored)).json()["accepted"] == 2
    posted(server, batch(event("opt_out", is_opted_out=True)))
    after = posted(server, batch(stored)).json()
    assert (after["accepted"], after["withoutConsent"]) == (0, 2)
