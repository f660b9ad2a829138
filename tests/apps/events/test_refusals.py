"""What an event may not be: each refusal has a code, and the rest of its batch is kept."""

import json
from typing import Any

import pytest

from apps.events.errors import EventRefused
from tests.apps.events.conftest import Sending, track


def nested(depth: int) -> dict[str, Any]:
    """A track event of this depth, itself and its properties included."""
    value: Any = 1
    for _ in range(depth - 2):
        value = [value]
    return track(properties={"deep": value})


def raw(event: str) -> bytes:
    """A batch with a good event before and after `event`, which may be no JSON at all."""
    first, last = json.dumps(track("First")), json.dumps(track("Last"))
    return f'{{"batch": [{first}, {event}, {last}]}}'.encode("utf-8", "surrogatepass")


PREFIX = '{"type": "track", "event": "E", "anonymousId": "a", "messageId": "m", "properties": '
BAD = {
    "not an object": ("17", "invalid_event"),
    "a list": ("[]", "invalid_event"),
    "null": ("null", "invalid_event"),
    "no type": (json.dumps(track(type=None)), "invalid_event"),
    "unknown type": (json.dumps(track(type="dance")), "invalid_event"),
    "type is a number": (json.dumps(track(type=3)), "invalid_event"),
    "no name": (json.dumps(track(event=None)), "invalid_event"),
    "blank name": (json.dumps(track(event="  ")), "invalid_event"),
    "name is an object": (json.dumps(track(event={})), "invalid_event"),
    "long name": (json.dumps(track(event="n" * 201)), "invalid_event"),
    "no id": (json.dumps(track(anonymousId=None)), "invalid_event"),
    "empty id": (json.dumps(track(anonymousId="")), "invalid_event"),
    "id is a list": (json.dumps(track(userId=["u"])), "invalid_event"),
    "id is true": (json.dumps(track(userId=True)), "invalid_event"),
    "long id": (json.dumps(track(userId="u" * 513)), "invalid_event"),
    "long message id": (json.dumps(track(messageId="m" * 101)), "invalid_event"),
    "properties is a list": (json.dumps(track(properties=[])), "invalid_event"),
    "context is a string": (json.dumps(track(context="c")), "invalid_event"),
    "traits is a number": (json.dumps(track(type="identify", traits=1)), "invalid_event"),
    "long trait name": (
        json.dumps(track(type="identify", traits={"t" * 121: 1})),
        "invalid_event",
    ),
    "long trait name of a group": (
        json.dumps(track(type="group", groupId="g", traits={"t" * 115: 1})),
        "invalid_event",
    ),
    "timestamp is nonsense": (json.dumps(track(timestamp="yesterday")), "invalid_event"),
    "timestamp is an object": (json.dumps(track(timestamp={})), "invalid_event"),
    "timestamp is huge": (json.dumps(track(timestamp=10**300)), "invalid_event"),
    "alias without a previous id": (json.dumps(track(type="alias", userId="u")), "invalid_event"),
    "alias without a user": (json.dumps(track(type="alias", previousId="p")), "invalid_event"),
    "group without a group": (json.dumps(track(type="group")), "invalid_event"),
    "NaN": (PREFIX + '{"a": NaN}}', "invalid_number"),
    "infinity": (PREFIX + '{"a": -Infinity}}', "invalid_number"),
    "too large a double": (PREFIX + '{"a": 1e999}}', "invalid_number"),
    "a number of 5,000 digits": (PREFIX + '{"a": %s}}' % ("9" * 5_000), "invalid_number"),
    "a number of 400 digits": (PREFIX + '{"a": %s}}' % ("9" * 400), "invalid_number"),
    "NUL": (PREFIX + '{"a": "\\u0000"}}', "invalid_text"),
    "NUL in a key": (PREFIX + '{"a\\u0000": 1}}', "invalid_text"),
    "NUL in an id": (json.dumps(track(userId="a\x00b")), "invalid_text"),
    "NUL in a name": (json.dumps(track(event="a\x00b")), "invalid_text"),
    "raw NUL": (PREFIX + '{"a": "\x00"}}', "invalid_text"),
    "a lone surrogate": (PREFIX + '{"a": "\\ud800"}}', "invalid_text"),
    "a low surrogate": (PREFIX + '{"a": "x\\udc00y"}}', "invalid_text"),
    "a raw surrogate": (PREFIX + '{"a": "\ud800"}}', "invalid_text"),
    "no JSON": (PREFIX + "{a: 1}}", "invalid_json"),
    "depth 21": (json.dumps(nested(21)), "event_too_deep"),
    "depth 5,000": (PREFIX + "[" * 5_000 + "]" * 5_000 + "}", "event_too_deep"),
    "depth 100,000": (PREFIX + "[" * 100_000 + "]" * 100_000 + "}", "event_too_large"),
    "501 keys": (
        json.dumps(track(properties={f"k{n}": n for n in range(501)})),
        "event_too_wide",
    ),
    "501 keys below": (
        json.dumps(track(properties={"a": [{f"k{n}": 0 for n in range(501)}]})),
        "event_too_wide",
    ),
    "32,769 bytes": (
        (PREFIX + '{"a": "%s"}}') % ("x" * (32_769 - len(PREFIX) - 10)),
        "event_too_large",
    ),
}


@pytest.mark.parametrize(("event", "code"), BAD.values(), ids=BAD.keys())
def test_a_bad_event_is_listed_and_held_and_the_others_are_stored(
    server: Sending, event: str, code: str
) -> None:
    response = server.post("/v1/batch", raw(event))

    assert response.status_code == 200, response.content
    answer = response.json()
    assert answer["accepted"] == 2
    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["code"]) == (1, code)
    assert code in EventRefused.CODES
    assert [stored.name for stored in server.stored()] == ["First", "Last"]
    (waiting,) = server.waiting()
    assert (waiting.code, waiting.detail) == (code, rejected["detail"])
    assert waiting.body


SINGLE = {
    name: case for name, case in BAD.items() if "type" not in name and not name.startswith("alias")
} | {"alias": ('{"type": "alias", "userId": "u"}', "invalid_event")}


@pytest.mark.parametrize(("event", "code"), SINGLE.values(), ids=SINGLE.keys())
def test_the_same_fault_alone_is_400(server: Sending, event: str, code: str) -> None:
    kind = "track"
    for other in ("alias", "group", "identify"):
        if f'"type": "{other}"' in event:
            kind = other

    response = server.post(f"/v1/{kind}", event.encode("utf-8", "surrogatepass"))

    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code
    assert server.stored() == []
    assert len(server.waiting()) == 1


def test_a_refusal_names_the_field(server: Sending) -> None:
    problem = server.post("/v1/track", track(event=None)).json()

    assert problem["code"] == "invalid_event"
    assert problem["detail"] == problem["message"] == "A track event needs a name."
    assert problem["errors"] == [
        {"pointer": "/event", "code": "required", "detail": "A track event needs a name."}
    ]


def test_what_is_just_within_the_limits_is_stored(server: Sending) -> None:
    filling = 32_768 - len(PREFIX) - 10
    answer = server.post(
        "/v1/batch",
        raw(f'{PREFIX}{{"a": "{"x" * filling}"}}}}'),
    ).json()
    assert (answer["accepted"], answer["rejected"]) == (3, [])

    assert server.batch(nested(20))["accepted"] == 1
    wide = track(properties={f"k{n}": n for n in range(500)})
    assert server.batch(wide)["accepted"] == 1
    assert server.batch(track(userId="u" * 512, event="n" * 200))["accepted"] == 1


def test_numbers_as_ids_become_strings(server: Sending) -> None:
    big = 123456789012345678901234567890
    server.batch(track(userId=42, anonymousId=7.0, messageId=big))

    (stored,) = server.stored()
    assert (stored.user_id, stored.anonymous_id, stored.message_id) == ("42", "7", str(big))


def test_integers_beyond_64_bits_become_doubles(server: Sending) -> None:
    server.batch(track(properties={"n": 10**30, "deep": [{"n": -(10**19)}], "fits": 2**63 - 1}))

    (stored,) = server.stored()
    assert stored.properties == {"n": 1e30, "deep": [{"n": -1e19}], "fits": 2**63 - 1}


def test_null_is_absent(server: Sending) -> None:
    event = {**track(), "userId": None, "properties": None, "context": None, "timestamp": None}

    assert server.batch(event)["accepted"] == 1


def test_escaped_text_of_every_plane_survives(server: Sending) -> None:
    text = "Zürich 🛒 \\u0000 \u2028 \x7f"
    server.batch(track(properties={"t": text}))

    assert server.stored()[0].properties == {"t": text}


def test_unknown_fields_are_kept(server: Sending) -> None:
    server.batch(track(channel="server", _metadata={"bundled": []}, version=2, nothing=None))

    assert server.stored()[0].context["other"] == {
        "channel": "server",
        "_metadata": {"bundled": []},
        "version": 2,
    }


def test_a_bad_event_without_an_id_of_its_own_is_listed_without_one(server: Sending) -> None:
    answer = server.batch(track(event=None, messageId="m-1"), "text")

    assert [entry["messageId"] for entry in answer["rejected"]] == ["m-1", None]
    assert server.counted()["rejected"] == 2
