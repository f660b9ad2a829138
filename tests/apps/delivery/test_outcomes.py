"""Exposures and conversions become events that count once, with consent."""

import hmac
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import OperationalError, connection

from apps.access import keys
from apps.access import services as access
from apps.access.models import Source
from apps.consent.types import Purpose
from apps.delivery import exposure_log
from apps.events.types import FLAG_CONSENT_ASSUMED, Accepted, InboxBody
from tests.apps.access.test_proof import token
from tests.apps.delivery.conftest import NOW, NOW_MS, World, inside

ANALYTICS = int(Purpose.ANALYTICS)


def waiting() -> list[Accepted]:
    """The events in the inbox, in order of arrival."""
    exposure_log.flush()
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM events_inbox ORDER BY id")
        bodies = [msgspec.json.decode(body, type=InboxBody) for (body,) in cursor.fetchall()]
    return [event for body in bodies for event in body.e]


def expose(world: World, *items: Any, **more: Any) -> Any:
    response = world.post("/v1/exposures", {"exposures": list(items), **more})
    assert response.status_code == 200, response.content
    return response.json()


def test_an_exposure_says_what_was_seen_by_whom_without_a_look_up(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]), granted=ANALYTICS)
    world.tell(row.profile_id)
    decision_id = world.hero_of("a1")["decisionId"]
    answer = expose(world, {"decisionId": decision_id, "position": 2, "visibleMs": 1500})
    assert answer == {"accepted": 1, "duplicates": 0, "rejected": [], "success": True}
    [event] = waiting()
    assert (event.type, event.name, event.anonymous_id) == ("exposure", "Exposure", "a1")
    assert event.purposes & ANALYTICS and not event.flags & FLAG_CONSENT_ASSUMED
    said = event.properties
    assert (said["placement"], said["variant"], said["version"]) == ("home.hero", "blouses", 1)
    assert (said["reason"], said["position"], said["visible_ms"]) == ("TARGETING_MATCH", 2, 1500)


def test_a_decision_counts_once_and_own_ids_count_each(world: World):
    world.hero()
    decision_id = world.hero_of("a1")["decisionId"]
    assert expose(world, {"decisionId": decision_id})["accepted"] == 1
    assert expose(world, {"decisionId": decision_id})["duplicates"] == 1
    answer = expose(
        world, {"decisionId": decision_id, "id": "x1"}, {"decisionId": decision_id, "id": 2}
    )
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)
    assert len(waiting()) == 3


def test_the_inbox_knows_a_repeat_that_another_process_took(world: World):
    world.hero()
    decision_id = world.hero_of("a1")["decisionId"]
    for _ in range(2):
        exposure_log.forget()
        assert expose(world, {"decisionId": decision_id})["accepted"] == 1
        assert len(waiting()) == 1


def test_exposures_wait_for_a_record_that_is_away_and_callers_hear_of_it(world: World):
    world.hero()
    first, second = (world.hero_of(name)["decisionId"] for name in ("a1", "a2"))
    expose(world, {"decisionId": first})
    there = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "/nonexistent"
    connection.close()
    try:
        with pytest.raises(OperationalError):
            exposure_log.flush()
        exposure_log._is_away = True  # as the thread notes it
        refused = world.post("/v1/exposures", {"exposures": [{"decisionId": second}]})
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    finally:
        connection.settings_dict["HOST"] = there
    assert [event.anonymous_id for event in waiting()] == ["a1"]
    exposure_log._is_away = False
    expose(world, {"decisionId": second})
    assert [event.anonymous_id for event in waiting()] == ["a1", "a2"]


def test_a_bad_item_is_listed_and_the_others_are_kept(world: World):
    world.hero()
    good = world.hero_of("a1")["decisionId"]
    nobody = world.hero_of(None)["decisionId"]
    forged = good[:-1] + ("A" if good[-1] != "A" else "B")
    answer = expose(
        world,
        {"decisionId": good},
        {"decisionId": forged},
        {"decisionId": "dec_"},
        {"decisionId": "dec_é"},
        17,
        {"decisionId": nobody},
        {"decisionId": good, "id": "late", "seenAt": "1999-01-01T00:00:00Z"},
    )
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        (1, "invalid_decision_id"),
        (2, "invalid_decision_id"),
        (3, "invalid_decision_id"),
        (4, "invalid_exposure"),
        (5, "decision_without_visitor"),
        (6, "event_too_old"),
    ]


def test_a_sender_with_a_wrong_clock_is_corrected(world: World):
    world.hero()
    decision_id = world.hero_of("a1")["decisionId"]
    hour = timedelta(hours=1)
    expose(
        world,
        {"decisionId": decision_id, "seenAt": (NOW - hour - timedelta(seconds=5)).isoformat()},
        sentAt=(NOW - hour).isoformat(),
    )
    [event] = waiting()
    assert event.occurred_ms == NOW_MS - 5_000


@pytest.mark.parametrize("mode", ["required", "assumed"])
def test_without_consent_to_analytics_nothing_is_stored(transactional_db, mode):
    world = World(consent_mode=mode)
    world.hero()
    denied = world.person(("anonymous_id", "no"), denied=ANALYTICS)
    granted = world.person(("anonymous_id", "yes"), granted=ANALYTICS)
    world.tell(denied.profile_id, granted.profile_id)
    for name in ("no", "yes", "silent"):
        expose(world, {"decisionId": world.hero_of(name)["decisionId"]})
    stored = [event.anonymous_id for event in waiting()]
    assert stored == (["yes"] if mode == "required" else ["yes", "silent"])


def test_a_beacon_and_an_edge_key_may_send_exposures(world: World):
    world.hero()
    decision_id = world.hero_of("a1")["decisionId"]
    body = f'{{"exposures":[{{"decisionId":"{decision_id}"}}],"writeKey":"{world.pk}"}}'
    response = world.client.post("/v1/exposures", body.encode(), content_type="text/plain")
    assert response.json()["accepted"] == 1
    edge = access.issue_key(source_id=world.source.pk, kind="ek", now=NOW)[1]
    sent = world.post(
        "/v1/exposures", {"exposures": [{"decisionId": decision_id, "id": "e"}]}, key=edge
    )
    assert sent.json()["accepted"] == 1
    assert world.post("/v1/conversions", {"conversions": []}, key=edge).status_code == 403


def _bought(count: int) -> dict[str, Any]:
    return {
        "conversions": [
            {"id": f"c{n}", "goal": "order", "anonymousId": f"a{n % 25}"} for n in range(count)
        ]
    }


def test_a_publishable_key_names_twenty_visitors_in_a_call_and_a_secret_one_more(world: World):
    answer = world.post("/v1/conversions", _bought(50))
    told = answer.json()
    assert told["accepted"] == 40
    assert [(one["index"], one["code"]) for one in told["rejected"]] == [
        (n, "too_many_visitors") for n in (*range(20, 25), *range(45, 50))
    ]
    assert "RateLimit" in answer.headers
    assert world.post("/v1/conversions", _bought(50), key=world.sk).json()["accepted"] == 10


def test_exposures_of_too_many_visitors_are_refused_one_by_one(world: World):
    world.hero()
    items = [{"decisionId": world.hero_of(f"a{n}")["decisionId"]} for n in range(21)]
    told = expose(world, *items, items[0])
    assert (told["accepted"], told["duplicates"]) == (20, 1)
    assert [(one["index"], one["code"]) for one in told["rejected"]] == [(20, "too_many_visitors")]


def test_conversions_count_once_by_their_id(world: World):
    world.hero()
    decision_id = world.hero_of("a1")["decisionId"]
    body = {
        "conversions": [
            {"goal": "order", "id": "o1", "value": 12.5, "currency": "CHF", "anonymousId": "a1"},
            {"goal": "order", "id": "o1", "value": 12.5, "anonymousId": "a1"},
            {"goal": "lead", "id": "l1", "decisionId": decision_id},
            {"goal": "lead", "anonymousId": "a1"},
            {"goal": "lead", "id": "l2"},
            {"goal": "", "id": "l3", "anonymousId": "a1"},
        ]
    }
    answer = world.post("/v1/conversions", body).json()
    assert (answer["accepted"], answer["duplicates"]) == (2, 1)
    assert [one["code"] for one in answer["rejected"]] == [
        "id_required", "identity_required", "invalid_goal",
    ]  # fmt: skip
    order, lead = waiting()
    assert (order.type, order.name, order.properties["value"]) == ("conversion", "order", 12.5)
    assert lead.anonymous_id == "a1" and lead.properties["placement"] == "home.hero"


@pytest.mark.parametrize(
    ("proof", "user_id"),
    [
        ({"userHash": True}, "u1"),
        ({"userToken": True}, "u1"),
        ({}, None),
        ({"userHash": "0"}, None),
    ],
    ids=["hash", "token", "none", "false"],
)
def test_a_page_proves_whose_conversion_it_is_where_proof_is_demanded(
    world: World, proof: dict[str, Any], user_id: str | None
) -> None:
    secret = "s3cret"
    Source.objects.filter(pk=world.source.pk).update(
        proof_secret=secret, is_user_proof_required=True
    )
    keys.announce()
    given = {
        "userHash": hmac.new(secret.encode(), b"u1", "sha256").hexdigest(),
        "userToken": token(secret, sub="u1", exp=int(NOW.timestamp()) + 600),
    }
    told = {name: given[name] if value is True else value for name, value in proof.items()}
    item = {"goal": "order", "id": "o1", "anonymousId": "a1", "userId": "u1", **told}
    assert world.post("/v1/conversions", {"conversions": [item]}).json()["accepted"] == 1
    [stored] = waiting()
    assert (stored.user_id, stored.anonymous_id) == (user_id, "a1")


@pytest.mark.parametrize("path", ["/v1/conversions", "/v1/exposures"])
def test_an_item_that_is_no_text_is_listed_and_does_not_lose_the_others(
    world: World, path: str
) -> None:
    world.hero()
    name = path.rpartition("/")[2]
    good = {"goal": "order", "id": "o1", "anonymousId": "a1"}
    if name == "exposures":
        good = {"decisionId": world.hero_of("a1")["decisionId"]}
    body = b'{"%b": [{"goal": "\xed\xa0", "id": "x"}, %b]}' % (
        name.encode(),
        msgspec.json.encode(good),
    )
    answer = world.client.generic(
        "POST", path, body, content_type="application/json",
        headers={"Authorization": f"Bearer {world.pk}"},
    )  # fmt: skip
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], [one["index"] for one in told["rejected"]]) == (1, [0])


def test_bad_bodies_are_refused_with_a_code(world: World):
    for body in (b"", b"[]", b'{"exposures": 1}', b'{"exposures": null}'):
        response = world.client.post(
            "/v1/exposures",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {world.pk}"},
        )
        assert (response.status_code, response.json()["code"]) == (400, "invalid_request")


def test_another_spelling_of_a_decision_id_does_not_count_it_again(world: World):
    world.hero()
    for number in range(4):  # a payload's length decides how base64 may be padded
        said = world.hero_of("a" * (number + 1))["decisionId"]
        spellings = {said + "=", said + "==", said.replace("-", "+").replace("_", "/")} - {said}
        answer = expose(world, {"decisionId": said}, *({"decisionId": one} for one in spellings))
        assert answer["accepted"] == 1, spellings
        assert {one["code"] for one in answer["rejected"]} == {"invalid_decision_id"}
