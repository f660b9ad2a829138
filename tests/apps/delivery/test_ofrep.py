"""OpenFeature (OFREP) as its clients call it: one flag, and all of them."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.content import services as content
from apps.content.errors import InvalidContent
from apps.content.selectors import find_block
from apps.decisions import announcing, snapshots, stored
from apps.decisions.errors import PublicationRefused
from apps.decisions.models import Publication
from apps.decisions.selectors import publication_document
from apps.rules import services as rules
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.delivery.flags import ALL, every, flag, one
from tests.apps.delivery.test_outages import (  # noqa: F401
    NOWHERE,
    Away,
    postgres_at,
    redis_away,
)

VALUES: dict[str, tuple[str, object]] = {
    "shop.boolean": ("boolean", False),
    "shop.string": ("string", ""),
    "shop.integer": ("integer", 24),
    "shop.float": ("float", 3),
    "shop.object": ("object", {"accent": "teal"}),
    "shop.list": ("object", [1, {"a": None}]),
}
ON_DESKTOP = {
    "v": 1,
    "where": {"kind": "context", "name": "device", "op": "eq", "value": "desktop"},
}


def test_a_visitor_in_the_segment_gets_its_variant_of_a_placement(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    status, found = one(world, "home.hero", {"targetingKey": "a1"})
    assert status == 200
    assert found.pop("metadata").pop("decisionId").startswith("dec_")
    assert found == {
        "key": "home.hero",
        "value": {
            "block": "hero",
            "variant": "blouses",
            "version": 1,
            "fields": {"headline": "Blouses"},
        },
        "reason": "TARGETING_MATCH",
        "variant": "blouses",
    }
    assert one(world, "home.hero", {"targetingKey": "other"})[1]["reason"] == "DEFAULT"


def test_each_type_of_value_is_told_as_its_type(world: World):
    for key, (value_type, value) in VALUES.items():
        flag(world, key, value_type, value)
    world.publish()
    for key, (value_type, value) in VALUES.items():
        status, found = one(world, key)
        assert status == 200
        assert found["value"] == value
        assert found["metadata"]["valueType"] == value_type
        assert (found["reason"], found["variant"]) == ("DEFAULT", "default")


def test_a_whole_float_has_a_decimal_point(world: World):
    flag(world, "shop.float", "float", 3)
    world.publish()
    assert b'"value":3.0,' in world.post(f"{ALL}/shop.float", {}).content
    assert b'"value":3.0,' in every(world).content


def test_a_page_reads_only_flags_that_are_marked_for_it(world: World):
    flag(world, "open", "boolean", True)
    flag(world, "closed", "boolean", True, is_public=False)
    world.publish()
    assert one(world, "open")[0] == 200
    assert one(world, "closed") == (
        404,
        {"key": "closed", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "No flag 'closed'."},
    )
    assert one(world, "closed", api_key=world.sk)[0] == 200
    assert [entry["key"] for entry in every(world).json()["flags"]] == ["open"]
    assert {entry["key"] for entry in every(world, api_key=world.sk).json()["flags"]} == {
        "closed",
        "open",
    }


def test_a_page_does_not_get_a_closed_flag_from_decide_either(world: World):
    flag(world, "closed", "boolean", True, is_public=False)
    world.publish()
    hidden = world.ask("closed", anonymousId="a1")["placements"]["closed"]
    assert hidden == {"reason": "ERROR", "code": "placement_not_found", "trace": None}
    assert world.ask("closed", anonymousId="a1", key=world.sk)["placements"]["closed"]["value"]


def test_a_flag_that_depends_on_the_visitor_needs_a_targeting_key(world: World):
    world.hero()
    flag(world, "open", "boolean", True)
    world.publish()
    status, found = one(world, "home.hero", {"targetingKey": ""})
    assert (status, found["key"], found["errorCode"]) == (
        400,
        "home.hero",
        "TARGETING_KEY_MISSING",
    )
    assert found["errorDetails"]
    entries = {entry["key"]: entry for entry in every(world).json()["flags"]}
    assert entries["home.hero"]["errorCode"] == "TARGETING_KEY_MISSING"
    assert entries["open"]["value"] is True


def test_a_rule_about_the_request_alone_needs_none(world: World):
    flag(world, "layout", "string", "narrow")
    block = find_block(world.site.pk, "layout")
    assert block is not None
    content.create_variant(block=block, key="wide", value="wide")
    content.create_placement(site_id=world.site.pk, key="layout", block=block)
    rules.create_rule(
        site_id=world.site.pk,
        key="desktop",
        placement_key="layout",
        variant_key="wide",
        condition=ON_DESKTOP,
    )
    world.publish()
    agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"
    assert one(world, "layout", {"userAgent": agent})[1]["value"] == "wide"
    assert one(world, "layout", {"userAgent": "curl/8"})[1]["value"] == "narrow"


WRONG = [
    (b"", "PARSE_ERROR"),
    (b"{", "PARSE_ERROR"),
    (b"[]", "PARSE_ERROR"),
    (b'"x"', "PARSE_ERROR"),
    (b"\xff\xfe", "PARSE_ERROR"),
    (b"[" * 60_000, "PARSE_ERROR"),
    (b'{"context": []}', "INVALID_CONTEXT"),
    (b'{"context": "x"}', "INVALID_CONTEXT"),
    (b'{"context": {"targetingKey": {}}}', "INVALID_CONTEXT"),
    (b'{"context": {"targetingKey": true}}', "INVALID_CONTEXT"),
    (b'{"context": {"targetingKey": "a\\u0000"}}', "INVALID_CONTEXT"),
    (b'{"context": {"targetingKey": "' + b"a" * 513 + b'"}}', "INVALID_CONTEXT"),
    (b'{"context": {"a": "' + b"a" * 70_000 + b'"}}', "GENERAL"),
]


def test_a_wrong_body_is_told_in_openfeatures_words(world: World):
    flag(world, "open", "boolean", True)
    world.publish()
    for body, code in WRONG:
        for path, named in ((f"{ALL}/open", {"key": "open"}), (ALL, {})):
            answer = world.client.post(
                path,
                body,
                content_type="text/plain",
                headers={"Authorization": f"Bearer {world.pk}"},
            )
            found = answer.json()
            assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
            assert found.pop("errorDetails")
            assert found == {**named, "errorCode": code}, body[:60]


def test_a_body_that_says_nothing_is_legal(world: World):
    flag(world, "open", "boolean", True)
    world.publish()
    for body in (b"{}", b'{"context": null}', b'{"context": {}, "other": 1}'):
        for path in (f"{ALL}/open", ALL, f"{ALL}/", f"{ALL}/open/"):
            answer = world.client.post(
                path, body, content_type="", headers={"Authorization": f"Bearer {world.pk}"}
            )
            assert answer.status_code == 200, answer.content


def test_a_secret_keys_targeting_key_is_a_login_before_it_is_a_device(world: World):
    blouses = world.hero()
    login = world.person(("user_id", "x"), stays=inside([blouses]))
    device = world.person(("anonymous_id", "x"))
    both = world.person(("anonymous_id", "d1"), ("user_id", "u1"), stays=inside([blouses]))
    world.tell(login.profile_id, device.profile_id, both.profile_id)
    sk = world.sk
    assert one(world, "home.hero", {"targetingKey": "x"}, api_key=sk)[1]["variant"] == "blouses"
    assert one(world, "home.hero", {"targetingKey": "x"})[1]["variant"] == "everyone"
    # The anonymous id of somebody who has a login is found as well, twice in a row.
    for _ in range(2):
        found = one(world, "home.hero", {"targetingKey": "d1"}, api_key=sk)[1]
        assert found["variant"] == "blouses"


def token(world: World, subject: str, seconds: int = 600) -> str:
    secret = world.source.proof_secret
    claims = {"sub": subject, "exp": int((NOW + timedelta(seconds=seconds)).timestamp())}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, claims)
    ]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def test_a_page_speaks_for_a_login_only_with_its_token(world: World):
    blouses = world.hero()
    login = world.person(("user_id", "u1"), stays=inside([blouses]))
    world.tell(login.profile_id)
    claimed = one(world, "home.hero", {"targetingKey": "u1", "userId": "u1"})[1]
    assert claimed["variant"] == "everyone"
    for target in ({"targetingKey": "u1"}, {"targetingKey": "d9"}, {}):
        proven = {**target, "userToken": token(world, "u1")}
        assert one(world, "home.hero", proven)[1]["variant"] == "blouses"
    stale = {"targetingKey": "u1", "userToken": token(world, "u1", -600)}
    assert one(world, "home.hero", stale)[1]["variant"] == "everyone"


def test_a_segment_is_a_boolean_flag_for_servers_alone(world: World):
    blouses = world.hero()
    row = world.person(("user_id", "u1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    status, found = one(world, "segment.blouses", {"targetingKey": "u1"}, api_key=world.sk)
    assert (status, found) == (
        200,
        {
            "key": "segment.blouses",
            "value": True,
            "reason": "TARGETING_MATCH",
            "variant": "in",
            "metadata": {"valueType": "boolean", "reason": "TARGETING_MATCH"},
        },
    )
    outside = one(world, "segment.blouses", {"targetingKey": "nobody"}, api_key=world.sk)[1]
    assert (outside["value"], outside["reason"], outside["variant"]) == (False, "DEFAULT", "out")
    assert one(world, "segment.blouses", {"targetingKey": "u1"})[0] == 404
    assert one(world, "segment.nothing", {"targetingKey": "u1"}, api_key=world.sk)[0] == 404
    assert one(world, "segment.blouses", api_key=world.sk)[1]["errorCode"] == (
        "TARGETING_KEY_MISSING"
    )


def test_without_consent_a_segment_is_false_and_a_placement_its_default(transactional_db: None):
    world = World(consent_mode="required")
    blouses = world.hero()
    row = world.person(("user_id", "u1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    for key in ("segment.blouses", "home.hero"):
        found = one(world, key, {"targetingKey": "u1"}, api_key=world.sk)[1]
        assert (found["reason"], found["metadata"]["reason"]) == ("DEFAULT", "NO_CONSENT")
    assert one(world, "segment.blouses", {"targetingKey": "u1"}, api_key=world.sk)[1]["value"] is (
        False
    )


def test_a_disabled_placement_says_so(world: World):
    world.hero()
    content.update_placement(site_id=world.site.pk, key="home.hero", is_enabled=False)
    world.publish()
    assert one(world, "home.hero")[1]["reason"] == "DISABLED"


def test_one_of_the_two_keys_of_a_collision_must_go(world: World):
    flag(world, "hero", "boolean", True)
    block = content.create_block(site_id=world.site.pk, key="words", schema=[])
    content.create_variant(block=block, key="default", is_default=True)
    content.create_placement(site_id=world.site.pk, key="hero", block=block)
    with pytest.raises(PublicationRefused) as refused:
        world.publish()
    assert [reason["pointer"] for reason in refused.value.errors] == ["/placements/hero"]
    for make in (
        lambda: content.create_block(site_id=world.site.pk, key="segment.x"),
        lambda: content.create_placement(site_id=world.site.pk, key="segment.x", block=block),
    ):
        with pytest.raises(InvalidContent):
            make()


def split(world: World, *, holdout: float = 0.0) -> None:
    """Publish what serves now once more, with an experiment on home.hero and a holdout."""
    latest = publication_document(world.site.pk)
    assert latest is not None
    document = stored.as_stored_whole(latest) | {
        "number": latest.number + 1,
        "experiments": [
            {
                "key": "hero-test",
                "placement": "home.hero",
                "seed": "hero-test",
                "arms": [
                    {"key": "a", "variant": "everyone", "weight": 0.5},
                    {"key": "b", "variant": "blouses", "weight": 0.5},
                ],
            }
        ],
        "holdouts": [{"key": "all", "seed": "all", "share": holdout}],
    }
    Publication.objects.create(
        site_id=world.site.pk,
        number=latest.number + 1,
        document=document,
        digest=f"{holdout}",
        published_at=NOW,
    )
    announcing.announce(world.site.pk, latest.number + 1)


def test_the_same_visitor_gets_the_same_arm_from_decide_and_from_openfeature(world: World):
    world.hero()
    split(world)
    arms = set()
    for number in range(8):
        decided = world.hero_of(f"v{number}")
        found = one(world, "home.hero", {"targetingKey": f"v{number}"})[1]
        assert found["reason"] == decided["reason"] == "SPLIT"
        assert found["variant"] == decided["variant"]
        assert {"key": found["metadata"]["experiment"], "arm": found["metadata"]["arm"]} == (
            decided["experiment"]
        )
        arms.add(found["metadata"]["arm"])
    assert arms == {"a", "b"}


def test_what_openfeature_has_no_word_for_is_a_default_that_says_why(world: World):
    world.hero()
    split(world, holdout=1.0)
    found = one(world, "home.hero", {"targetingKey": "v1"})[1]
    assert (found["reason"], found["metadata"]["reason"]) == ("DEFAULT", "HOLDOUT")


def test_a_warm_evaluation_asks_no_database(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    context = {"targetingKey": "a1"}
    one(world, "home.hero", context), every(world, context)
    with CaptureQueriesContext(connection) as queries, postgres_at(NOWHERE):
        assert one(world, "home.hero", context)[1]["variant"] == "blouses"
        assert every(world, context).status_code == 200
    assert len(queries) == 0


def test_with_servers_away_values_are_defaults_and_an_unloaded_process_says_so(
    world: World,
    redis_away: Away,  # noqa: F811
):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    context = {"targetingKey": "a1"}
    assert one(world, "home.hero", context)[1]["variant"] == "blouses"
    with redis_away():
        assert one(world, "home.hero", context)[1]["variant"] == "blouses"
        with postgres_at(NOWHERE):
            found = one(world, "home.hero", context)[1]
            assert (found["variant"], found["reason"]) == ("everyone", "DEFAULT")
            assert found["metadata"]["reason"] == "ERROR"
            assert every(world, context).status_code == 200
    snapshots.forget()
    with postgres_at(NOWHERE):
        status, found = one(world, "home.hero", context)
        assert (status, found["key"], found["errorCode"]) == (500, "home.hero", "GENERAL")
        assert every(world, context).json()["errorCode"] == "GENERAL"
