"""What becomes of a good event: names, times, context, minimisation."""

from datetime import timedelta
from typing import Any

import pytest

from apps.events.domain.minimise import browser_of, stripped_address, truncated_address
from apps.events.types import FLAG_CLOCK_AHEAD
from tests.apps.events.conftest import NOW, NOW_MS, Sending, track

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.6099.71 Safari/537.36"
)


def iso(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("timestamp", "sent", "occurred_ms", "flags"),
    [
        (None, None, NOW_MS, 0),
        (iso(minutes=5), None, NOW_MS - 300_000, 0),
        (iso(minutes=5), iso(seconds=29.9), NOW_MS - 300_000, 0),
        (iso(minutes=5), iso(seconds=30), NOW_MS - 270_000, 0),
        (iso(minutes=5), iso(seconds=-29), NOW_MS - 300_000, 0),
        # A clock one hour ahead: the event was five minutes old when it was sent.
        (iso(minutes=-55), iso(hours=-1), NOW_MS - 300_000, 0),
        # A clock one day behind.
        (iso(days=1, minutes=5), iso(days=1), NOW_MS - 300_000, 0),
        (iso(minutes=-9), None, NOW_MS, 0),
        (iso(minutes=-11), None, NOW_MS, FLAG_CLOCK_AHEAD),
        (NOW_MS - 1_000, None, NOW_MS - 1_000, 0),
        ((NOW_MS - 1_000) / 1000, None, NOW_MS - 1_000, 0),
        (iso(minutes=5), "nonsense", NOW_MS - 300_000, 0),
    ],
)
def test_times_are_corrected_by_the_senders_clock(
    server: Sending, timestamp: Any, sent: Any, occurred_ms: int, flags: int
) -> None:
    event = track(timestamp=timestamp)

    server.batch(event, sentAt=sent)
    server.post("/v1/track", {**event, "messageId": "other", "sentAt": sent})

    for stored in server.stored():
        assert stored.occurred_ms == occurred_ms
        assert stored.flags & FLAG_CLOCK_AHEAD == flags


def test_an_event_of_a_batch_may_say_itself_when_it_was_sent(server: Sending) -> None:
    server.batch(track(timestamp=iso(hours=2), sentAt=iso(hours=1)))

    (stored,) = server.stored()
    assert stored.occurred_ms == NOW_MS - 3_600_000
    assert stored.context["sentAt"] == iso(hours=1)


def test_the_original_timestamp_is_kept(server: Sending) -> None:
    server.batch(
        track(timestamp=iso(minutes=1), originalTimestamp=iso(minutes=2)),
        track(originalTimestamp=iso(minutes=3)),
        track(),
    )

    assert [(e.occurred_ms, e.original_ms) for e in server.stored()] == [
        (NOW_MS - 60_000, NOW_MS - 120_000),
        (NOW_MS - 180_000, NOW_MS - 180_000),
        (NOW_MS, None),
    ]


def test_what_is_past_retention_is_refused_with_200(server: Sending) -> None:
    young, old = track(timestamp=iso(days=394)), track(timestamp=iso(days=396), messageId="m")

    answer = server.batch(young, old)
    alone = server.post("/v1/track", old)

    assert answer["accepted"] == 1
    assert answer["rejected"][0]["code"] == "event_too_old"
    assert alone.status_code == 200
    assert alone.json()["rejected"][0]["code"] == "event_too_old"
    # What may not be kept is not kept in quarantine either.
    assert [row.body for row in server.waiting()] == ["", ""]


def test_the_batchs_context_lies_under_each_events(server: Sending) -> None:
    server.batch(
        track(context={"page": {"path": "/b"}, "locale": "de"}, integrations={"All": False}),
        track(),
        context={"page": {"path": "/a", "title": "T"}, "campaign": {"name": "c"}},
        integrations={"All": True, "X": True},
    )

    first, second = server.stored()
    assert first.context == {
        "page": {"path": "/b", "title": "T"},
        "campaign": {"name": "c"},
        "locale": "de",
        "integrations": {"All": False, "X": True},
    }
    assert second.context["page"] == {"path": "/a", "title": "T"}
    assert second.context["integrations"] == {"All": True, "X": True}


def test_a_shared_context_may_not_blow_a_batch_up(server: Sending) -> None:
    events = [{"type": "page", "anonymousId": "a"}] * 1_000

    response = server.post("/v1/batch", {"batch": events, "context": {"x": "y" * 2_100}})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "/context"


def test_identify_merges_the_traits_of_its_context_under_its_own(server: Sending) -> None:
    server.post(
        "/v1/identify",
        {
            "userId": "u",
            "anonymousId": "a",
            "traits": {"plan": "pro"},
            "context": {"traits": {"plan": "free", "city": "Bern"}},
        },
    )

    (stored,) = server.stored()
    assert stored.traits == {"plan": "pro", "city": "Bern"}
    assert "traits" not in stored.context


def test_a_page_keeps_its_name_and_category_as_properties(server: Sending) -> None:
    server.post(
        "/v1/page",
        {"anonymousId": "a", "name": "Home", "category": "Top", "properties": {"name": "Mine"}},
    )

    assert server.stored()[0].properties == {"name": "Mine", "category": "Top"}


def test_a_browsers_address_comes_from_its_connection_and_is_truncated(browser: Sending) -> None:
    event = track(context={"ip": "198.51.100.7", "consent": yes()})

    browser.post("/v1/track", event, REMOTE_ADDR="203.0.113.77")

    assert browser.stored()[0].context["ip"] == "203.0.113.0"


def test_a_servers_address_is_the_one_it_names(server: Sending) -> None:
    named = track(context={"ip": "2001:db8:1234:5678::1"})
    server.post("/v1/batch", {"batch": [named, track(), track(context={"ip": "x"})]})

    assert [event.context.get("ip") for event in server.stored()] == ["2001:db8:1234::", None, None]


def yes() -> dict[str, Any]:
    return {"categoryPreferences": {"Analytics": True}}


@pytest.mark.parametrize(
    ("address", "truncated"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb:cccc::1", "2001:db8:aaaa::"),
        ("::1", "::"),
        ("fe80::1%eth0", "fe80::"),
        ("nonsense", None),
        ("", None),
    ],
)
def test_addresses_are_truncated_to_their_network(address: str, truncated: str | None) -> None:
    assert truncated_address(address) == truncated


def test_only_the_family_of_the_user_agent_is_kept(server: Sending) -> None:
    hints = {"brands": [], "mobile": False, "platform": "Linux", "model": "X", "bitness": "64"}
    server.batch(
        track(context={"userAgent": CHROME, "userAgentData": hints}),
        track(context={"userAgent": CHROME, "os": {"name": "X"}, "device": {"type": "tv"}}),
        track(context={"userAgent": 7, "userAgentData": 7}),
    )

    first, second, third = (event.context for event in server.stored())
    assert first["userAgent"] == "Chrome 120"
    assert (first["os"], first["device"]) == ({"name": "Windows"}, {"type": "desktop"})
    assert first["userAgentData"] == {"brands": [], "mobile": False, "platform": "Linux"}
    assert (second["os"], second["device"]) == ({"name": "X"}, {"type": "tv"})
    assert (third["userAgent"], third["userAgentData"]) == ("Other", {})


@pytest.mark.parametrize(
    ("user_agent", "family", "system", "device"),
    [
        (CHROME, "Chrome 120", "Windows", "desktop"),
        (CHROME + " Edg/120.0.1", "Edge 120", "Windows", "desktop"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
            "Safari 17",
            "iOS",
            "mobile",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.0 Safari/605.1.15",
            "Safari 17",
            "macOS",
            "desktop",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
            "Firefox 121",
            "Linux",
            "desktop",
        ),
        (
            "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/23.0 Chrome/115.0.0.0 Safari/537.36",
            "Samsung Internet 23",
            "Android",
            "tablet",
        ),
        (
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Robot",
            None,
            "robot",
        ),
        ("analytics-python/2.3.4", "analytics-python 2", None, "other"),
        ("", "Other", None, "other"),
    ],
)
def test_user_agents_are_reduced(
    user_agent: str, family: str, system: str | None, device: str
) -> None:
    browser = browser_of(user_agent)

    assert (browser.family, browser.system, browser.device) == (family, system, device)


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        (
            "https://x.example/p?token=s&utm_source=a&q=shoes",
            "https://x.example/p?utm_source=a&q=shoes",
        ),
        ("https://x.example/p?token=s", "https://x.example/p"),
        ("https://x.example/p?GCLID=1&b=2#top", "https://x.example/p?GCLID=1#top"),
        ("https://x.example/cb#access_token=s", "https://x.example/cb"),
        ("/p?a=1", "/p"),
        ("?utm_medium=mail&mail=a@b.example", "?utm_medium=mail"),
        ("https://x.example/", "https://x.example/"),
    ],
)
def test_only_known_parameters_stay_in_an_address(url: str, stripped: str) -> None:
    assert stripped_address(url) == stripped


def test_queries_are_stripped_wherever_an_address_stands(server: Sending) -> None:
    secret = "https://x.example/a?session=s3cret&utm_term=t"
    server.batch(
        track(
            properties={"href": secret, "products": [{"url": secret}], "question": "why? #1=2"},
            context={"page": {"url": secret, "search": "?session=s3cret", "referrer": secret}},
        ),
        context={"page": {"other": secret}},
    )

    (stored,) = server.stored()
    assert "s3cret" not in repr(stored)
    assert stored.properties["question"] == "why? #1=2"
    assert stored.properties["href"] == "https://x.example/a?utm_term=t"


def test_an_advertising_id_needs_consent_to_advertising(server: Sending) -> None:
    device = {"advertisingId": "ad-1", "model": "m"}
    refusing = {"categoryPreferences": {"advertising": False}}

    server.batch(
        track(context={"device": dict(device)}),
        track(context={"device": dict(device), "consent": refusing}),
    )

    assert [event.context["device"] for event in server.stored()] == [device, {"model": "m"}]


def test_months_get_a_partition_when_their_first_event_comes(server: Sending) -> None:
    from django.db import connection

    server.batch(track(timestamp=iso(days=70)))

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('events_event_202512')::text")
        assert cursor.fetchone() == ("events_event_202512",)
