"""GET /v1/profiles/...: every part of a person, by any of their identities."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.decisions import records
from apps.segments.refresh import refresh_site
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.profiles.conftest import Shop, identify, track

PARTS = ["traits", "events", "external_ids", "segments", "consent", "decisions"]


def at(minutes: int) -> str:
    return (
        (NOW + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def test_every_identity_of_a_person_leads_to_the_same_profile(shop: Shop) -> None:
    shop.send(track(), track(anonymousId=None, userId="u1"))
    before = {shop.read(one, "metadata")["profileId"] for one in ("anonymous_id:a1", "user_id:u1")}
    shop.send(identify())
    after = {shop.read(one, "metadata")["profileId"] for one in ("anonymous_id:a1", "user_id:u1")}

    assert (len(before), len(after)) == (2, 1)
    assert after <= before
    assert len(shop.pages("user_id:u1", "events")) == 3
    ids = [(row["type"], row["id"]) for row in shop.pages("user_id:u1", "external_ids", limit=1)]
    assert ids == [("anonymous_id", "a1"), ("user_id", "u1")]


def test_metadata_counts_and_names_the_message_folded_last(shop: Shop) -> None:
    shop.send(track(messageId="m1", timestamp=at(-5)), track(messageId="m2", timestamp=at(-4)))

    found = shop.read("anonymous_id:a1", "metadata")
    assert found["lastFoldedMessageId"] == "m2"
    assert (found["eventCount"], found["consentEpoch"]) == (2, 0)
    assert (found["firstSeenAt"], found["lastSeenAt"]) == (at(-5), at(-4))
    assert found["createdAt"] == "2026-03-10T12:00:00.000Z"
    version = found["version"]
    shop.send(track(messageId="m3", timestamp=at(-3)))
    found = shop.read("anonymous_id:a1", "metadata")
    assert found["lastFoldedMessageId"] == "m3" and found["version"] > version


def test_metadata_is_one_statement(shop: Shop) -> None:
    shop.send(track())
    shop.read("anonymous_id:a1", "metadata")  # the key is in memory from here on
    with CaptureQueriesContext(
        connection,
    ) as queries:
        shop.read("anonymous_id:a1", "metadata")
    assert len(queries) == 1


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_at_most_two_statements(shop: Shop, part: str) -> None:
    shop.send(track(), identify(traits={"plan": "pro"}))
    shop.read("user_id:u1", part)
    with CaptureQueriesContext(connection) as queries:
        shop.read("user_id:u1", part)
    # Whether the site computes traits is one more.
    assert len(queries) <= (3 if part == "traits" else 2)


def test_traits_come_by_name_in_pages_and_by_request(shop: Shop) -> None:
    shop.send(identify(traits={"plan": "pro", "age": 36, "city": "Oslo", "tags": ["a"]}))

    assert shop.read("user_id:u1", "traits") == {
        "traits": {"age": 36, "city": "Oslo", "plan": "pro", "tags": ["a"]},
        "cursor": {"has_more": False, "next": "", "limit": 100},
    }
    assert dict(shop.pages("user_id:u1", "traits", limit=1))["city"] == "Oslo"
    assert len(shop.pages("user_id:u1", "traits", limit=3)) == 4
    assert shop.read("user_id:u1", "traits", include="plan,unknown,age")["traits"] == {
        "plan": "pro", "age": 36,
    }  # fmt: skip
    assert shop.read("user_id:u1", "traits", limit=200)["cursor"]["limit"] == 200
    shop.send(identify(traits={"city": None}))
    assert "city" not in shop.read("user_id:u1", "traits")["traits"]


def test_events_come_newest_first_as_they_were_taken_in(shop: Shop) -> None:
    shop.send(
        track(
            messageId="m1",
            timestamp=at(-9),
            originalTimestamp=at(-9),
            properties={"category": "blouses", "price": 3.5, "deep": {"a": [None, True]}},
            context={"page": {"path": "/b"}},
        ),
        identify(messageId="m2", timestamp=at(-8), traits={"plan": "pro"}),
        {"type": "page", "name": "Home", "userId": "u1", "messageId": "m3", "timestamp": at(-7)},
    )
    page, identified, tracked = shop.pages("user_id:u1", "events", limit=1)

    assert [page["type"], identified["type"], tracked["type"]] == ["page", "identify", "track"]
    assert (tracked["event"], tracked["messageId"], tracked["anonymousId"]) == (
        "Product Viewed", "m1", "a1",
    )  # fmt: skip
    assert tracked["properties"] == {
        "category": "blouses", "price": 3.5, "deep": {"a": [None, True]},
    }  # fmt: skip
    assert tracked["context"]["page"] == {"path": "/b"}
    assert (tracked["timestamp"], tracked["originalTimestamp"]) == (at(-9), at(-9))
    assert (tracked["receivedAt"], tracked["sentAt"]) == (at(0), None)
    assert "analytics" in tracked["consent"]["purposes"]
    assert identified["traits"] == {"plan": "pro"}
    assert (page["userId"], page["anonymousId"]) == ("u1", None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"message_id": "m1"}, ["m1"]),
        ({"message_id": "nothing"}, []),
        ({"type": "track"}, ["m3", "m1"]),
        ({"type": "identify"}, ["m2"]),
        ({"type": "nonsense"}, []),
        ({"event": "Product Viewed"}, ["m1"]),
        ({"since": at(-8)}, ["m3", "m2"]),
        ({"until": at(-8)}, ["m1"]),
        ({"since": at(-8), "until": at(-7)}, ["m2"]),
        ({"since": "2026-03-10T12:52:00+01:00", "type": "track"}, ["m3"]),
        ({"since": "2026-03-10"}, ["m3", "m2", "m1"]),
        ({"event": "'; DROP TABLE events_event; --"}, []),
    ],
)
def test_events_are_filtered(shop: Shop, query: dict[str, str], expected: list[str]) -> None:
    shop.send(
        track(messageId="m1", timestamp=at(-9)),
        identify(messageId="m2", timestamp=at(-8)),
        track("Order Completed", messageId="m3", timestamp=at(-7)),
    )
    assert [row["messageId"] for row in shop.pages("user_id:u1", "events", **query)] == expected


def test_pages_of_events_lose_and_double_nothing_at_equal_times(shop: Shop) -> None:
    shop.send(*(track(messageId=f"m{n}", timestamp=at(-1 - n // 4)) for n in range(12)))
    found = [row["messageId"] for row in shop.pages("anonymous_id:a1", "events", limit=5)]
    assert sorted(found) == sorted(f"m{n}" for n in range(12))
    filtered = shop.pages("anonymous_id:a1", "events", limit=2, since=at(-2))
    assert len(filtered) == 8


def test_segments_say_since_when_and_carry_an_etag(shop: Shop) -> None:
    shop.world.segment("blouses")
    shop.world.segment("also")
    refresh_site(site_id=shop.world.site.pk)
    shop.send(track(properties={"category": "blouses"}, timestamp=at(-1)))

    response = shop.get("anonymous_id:a1", "segments")
    rows = response.json()["data"]
    assert [row["key"] for row in rows] == ["also", "blouses"]
    assert rows[0].keys() == {"key", "enteredAt", "validUntil", "source"}
    assert rows[0]["source"] == "rule" and rows[0]["enteredAt"].endswith("Z")
    assert [r["key"] for r in shop.pages("anonymous_id:a1", "segments", limit=1)] == [
        "also", "blouses",
    ]  # fmt: skip

    etag = response["ETag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        again = shop.get("anonymous_id:a1", "segments", etag=known)
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    shop.send(track(properties={"category": "skirts"}))
    changed = shop.get("anonymous_id:a1", "segments", etag=etag)
    assert (changed.status_code, changed.json()["data"]) == (200, [])


def test_segments_of_another_time(shop: Shop) -> None:
    shop.world.segment("blouses")
    refresh_site(site_id=shop.world.site.pk)
    shop.send(track(properties={"category": "blouses"}, timestamp=at(-60)))
    entered = shop.read("anonymous_id:a1", "segments")["data"][0]["enteredAt"]
    later = NOW + timedelta(hours=1)
    clock.replace(lambda: later)
    shop.send(track(properties={"category": "skirts"}))

    assert shop.read("anonymous_id:a1", "segments")["data"] == []
    assert [r["key"] for r in shop.pages("anonymous_id:a1", "segments", at=entered)] == ["blouses"]
    assert shop.read("anonymous_id:a1", "segments", at="2020-01-01T00:00:00Z")["data"] == []


def test_consent_shows_the_ledger_newest_first(shop: Shop) -> None:
    for is_yes in (True, False, True):
        shop.world.post(
            "/v1/consent",
            {"anonymousId": "a1", "purposes": {"analytics": is_yes}, "method": "banner"},
        )
    rows = shop.pages("anonymous_id:a1", "consent", limit=2)
    assert [(row["epoch"], row["kind"]) for row in rows] == [
        (3, "given"), (2, "withdrawn"), (1, "given"),
    ]  # fmt: skip
    assert (rows[1]["purposes"], rows[1]["denied"]) == ({"analytics": False}, ["analytics"])
    assert (rows[0]["method"], rows[0]["gpc"]) == ("banner", False)


def test_decisions_show_what_was_served_and_why(shop: Shop) -> None:
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)
    shop.send(track(properties={"category": "blouses"}))
    for _ in range(3):
        shop.world.hero_of("a1")
    records.flush()

    rows = shop.pages("anonymous_id:a1", "decisions", limit=2)
    assert len({row["requestId"] for row in rows}) == 3
    (placed,) = rows[0]["placements"]
    assert (placed["placement"], placed["variant"]) == ("home.hero", "blouses")
    assert placed["reason"] == "TARGETING_MATCH"
    assert rows[0]["decidedAt"] == at(0)


@pytest.mark.parametrize("part", [*PARTS, "metadata"])
def test_nobody_is_404_and_no_key_is_401_and_a_page_is_403(shop: Shop, part: str) -> None:
    missing = shop.get("user_id:nobody", part)
    assert (missing.status_code, missing.json()["code"]) == (404, "profile_not_found")
    assert shop.get("user_id:u1", part, key="sk_unknown").status_code == 401
    assert shop.get("user_id:u1", part, key=shop.world.pk).status_code == 403
    headers = {"Authorization": f"Bearer {shop.world.sk}", "Origin": "https://shop.example"}
    seen = shop.world.client.get(f"/v1/profiles/user_id:u1/{part}", headers=headers)
    assert (seen.status_code, seen.json()["code"]) == (403, "secret_key_in_browser")


def test_an_unknown_part_is_404_and_names_the_known_ones(shop: Shop) -> None:
    shop.send(track())
    response = shop.get("anonymous_id:a1", "secrets")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert all(part in response.json()["detail"] for part in PARTS)


@pytest.mark.parametrize(
    "value", ["a/b", "50%", "a%41", "ä ö", "x:y", "#?&", "line\nbreak", "a+b", "ada@shop.example"]
)
def test_any_value_can_be_asked_for_url_encoded(shop: Shop, value: str) -> None:
    shop.send(track(anonymousId=None, userId=value))
    assert [r["id"] for r in shop.pages(f"user_id:{value}", "external_ids")] == [value]


@pytest.mark.parametrize(
    "identity",
    ["email:ada@shop.example", "email:x", "email_sha256:ada@shop.example", "crm:ada@shop.example"],
)
def test_an_address_is_not_accepted_in_a_path(shop: Shop, identity: str) -> None:
    response = shop.get(identity, "traits")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert "ada" not in response.json()["detail"]


def test_a_digest_or_a_kind_of_the_sites_own_finds_the_profile(shop: Shop) -> None:
    digest = hashlib.sha256(b"ada@shop.example").hexdigest()
    shop.world.person(("user_id", "u1"), ("email_sha256", digest), ("crm", "42"))
    found = {shop.read(one, "metadata")["profileId"]
             for one in ("user_id:u1", f"email_sha256:{digest}", "crm:42")}  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize(
    ("part", "query"),
    [
        ("traits", {"limit": "0"}),
        ("traits", {"limit": "201"}),
        ("events", {"limit": "101"}),
        ("events", {"limit": "ten"}),
        ("events", {"limit": "\u00b2"}),
        ("events", {"limit": "9" * 5000}),
        ("events", {"since": "yesterday"}),
        ("events", {"until": "0001-01-01T00:00:00+23:59"}),
        ("events", {"next": "nonsense"}),
        ("events", {"next": "1.2.3"}),
        ("events", {"next": f"{9**30}.1"}),
        ("events", {"next": f"1.{9**30}"}),
        ("events", {"event": "a\0"}),
        ("traits", {"next": "\0"}),
        ("traits", {"include": "a,\0"}),
        ("external_ids", {"next": "x"}),
        ("external_ids", {"next": "9" * 30}),
        ("segments", {"at": "never"}),
        ("consent", {"next": "x"}),
        ("decisions", {"next": "x"}),
        ("decisions", {"next": "1.x"}),
        ("decisions", {"next": f"{9**30}.{'0' * 32}"}),
    ],
)
def test_what_cannot_be_read_is_refused(shop: Shop, part: str, query: dict[str, Any]) -> None:
    shop.send(track())
    response = shop.get("anonymous_id:a1", part, **query)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "identity", ["user_id:", ":u1", "user_id", "user_id:%00", "user_id:" + "x" * 600, "%ff:%fe"]
)
def test_what_names_nobody_is_404(shop: Shop, identity: str) -> None:
    headers = {"Authorization": f"Bearer {shop.world.sk}"}
    response = shop.world.client.get(f"/v1/profiles/{identity}/traits", headers=headers)
    assert response.status_code == 404, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_one_identity_of_two_sites_is_two_people(shop: Shop) -> None:
    from tests.apps.delivery.conftest import World

    other = Shop(World("elsewhere"))
    shop.send(identify(traits={"plan": "pro"}))
    assert other.get("user_id:u1", "traits").status_code == 404
    other.send(identify(traits={"plan": "free"}))
    assert shop.read("user_id:u1", "traits")["traits"] == {"plan": "pro"}
    assert other.read("user_id:u1", "traits")["traits"] == {"plan": "free"}


def test_limits_of_the_key_apply_and_are_told(shop: Shop) -> None:
    shop.send(track())
    assert shop.get("anonymous_id:a1", "metadata")["RateLimit-Policy"].startswith('"profiles"')
