"""POST /v1/decide, as a page or a server calls it."""

from typing import Any

import pytest

from apps.access import services as access
from apps.consent.types import Purpose
from apps.content import services as content
from apps.decisions import records, selectors
from apps.decisions.models import DecisionRecord
from apps.rules import services as rules
from tests.apps.delivery.conftest import NOW, NOW_MS, World, inside

PERSONALIZATION = int(Purpose.PERSONALIZATION)


def test_a_visitor_sees_the_variant_of_their_segment_and_others_the_default(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    seen, other = world.hero_of("a1"), world.hero_of("somebody else")
    assert (seen["variant"], seen["reason"]) == ("blouses", "TARGETING_MATCH")
    assert (other["variant"], other["reason"]) == ("everyone", "DEFAULT")
    assert seen["fields"] == {"headline": "Blouses"}


def test_traits_fill_the_slots_of_a_template_escaped(world: World):
    blouses = world.hero()
    traits = {"name": ["<Anna>", NOW_MS, "m1"]}
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]), traits=traits)
    world.tell(row.profile_id)
    assert world.hero_of("a1")["html"] == "<p>Blouses for &lt;Anna&gt;</p>"


def test_the_answer_has_the_documented_shape(world: World):
    world.hero()
    answer = world.ask("home.hero", anonymousId="a1")
    assert answer.keys() == {
        "requestId", "decidedAt", "snapshot", "segmentKey", "ttlSeconds", "placements",
    }  # fmt: skip
    assert answer["decidedAt"] == "2026-03-10T12:00:00.000Z"
    assert answer["snapshot"] == 1
    assert answer["placements"]["home.hero"].keys() == {
        "decisionId", "block", "variant", "version", "locale", "fields", "html", "reason",
        "experiment", "rule", "validUntil", "trace",
    }  # fmt: skip


def test_an_unknown_placement_is_an_entry_and_not_a_failure(world: World):
    world.hero()
    answer = world.ask("home.hero", 'no"where', anonymousId="a1")
    assert answer["placements"]['no"where'] == {
        "reason": "ERROR", "code": "placement_not_found", "trace": None,
    }  # fmt: skip
    assert answer["placements"]["home.hero"]["reason"] == "DEFAULT"


def test_a_membership_that_ends_is_believed_only_until_then(world: World):
    blouses = world.hero()
    until_ms = NOW_MS + 30_000
    stays = {blouses.number: (True, until_ms, False, None, 0)}
    row = world.person(("anonymous_id", "a1"), stays=stays)
    world.tell(row.profile_id)
    answer = world.ask("home.hero", anonymousId="a1")
    hero = answer["placements"]["home.hero"]
    assert hero["variant"] == "blouses"
    assert hero["validUntil"] == "2026-03-10T12:00:30.000Z"
    assert answer["ttlSeconds"] == 30


def test_a_disabled_placement_serves_its_default(world: World):
    blouses = world.hero()
    content.update_placement(site_id=world.site.pk, key="home.hero", is_enabled=False)
    world.publish()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    assert world.hero_of("a1")["reason"] == "DISABLED"


def test_withdrawing_consent_stops_personalization_at_the_next_decision(world: World):
    blouses = world.hero()
    traits = {"name": ["Anna", NOW_MS, "m1"]}
    row = world.person(
        ("anonymous_id", "a1"), stays=inside([blouses]), granted=PERSONALIZATION, traits=traits
    )
    world.tell(row.profile_id)
    assert world.hero_of("a1")["reason"] == "TARGETING_MATCH"

    world.change(row.profile_id, granted=0, denied=PERSONALIZATION, consent_epoch=1)
    hero = world.hero_of("a1")
    assert (hero["variant"], hero["reason"]) == ("everyone", "NO_CONSENT")
    assert "Anna" not in hero["html"]


@pytest.mark.parametrize(
    ("mode", "anonymous_id", "reason"),
    [
        ("required", "a1", "NO_CONSENT"),
        ("required", None, "NO_CONSENT"),
        ("assumed", "a1", "DEFAULT"),
        ("assumed", None, "DEFAULT"),
    ],
)
def test_silence_is_a_no_where_consent_is_required(transactional_db, mode, anonymous_id, reason):
    world = World(consent_mode=mode)
    world.hero()
    assert world.hero_of(anonymous_id)["reason"] == reason


def test_a_login_decides_before_the_anonymous_id(world: World):
    blouses = world.hero()
    user = world.person(("user_id", "u1"), stays=inside([blouses]))
    world.tell(user.profile_id, world.person(("anonymous_id", "a1")).profile_id)
    assert world.hero_of("a1", userId="u1")["variant"] == "blouses"
    assert world.hero_of("a1")["variant"] == "everyone"


def test_another_login_on_a_shared_device_gets_nothing_of_the_first(world: World):
    blouses = world.hero()
    first = world.person(("anonymous_id", "a1"), ("user_id", "u1"), stays=inside([blouses]))
    world.tell(first.profile_id)
    assert world.hero_of("a1")["variant"] == "blouses"
    assert world.hero_of("a1", userId="u2")["variant"] == "everyone"


def test_a_claimed_login_without_proof_is_anonymous_where_proof_is_asked(world: World):
    blouses = world.hero()
    world.source.is_user_proof_required = True
    world.source.save(update_fields=["is_user_proof_required"])
    access.announce_after_commit()
    world.tell(world.person(("user_id", "u1"), stays=inside([blouses])).profile_id)
    assert world.hero_of(None, userId="u1")["variant"] == "everyone"
    answer = world.ask("home.hero", userId="u1", key=world.sk)
    assert answer["placements"]["home.hero"]["variant"] == "blouses"


def test_rules_read_the_request(world: World):
    world.hero()
    for key, name, value in (
        ("phone", "device", "mobile"),
        ("cart", "facts.cart.value", 120),
        ("query", "query.q", "x"),
        ("evening", "local_hour", 13),
    ):
        rules.create_rule(
            site_id=world.site.pk,
            key=key,
            placement_key="home.hero",
            variant_key="blouses",
            condition={
                "v": 1,
                "where": {"kind": "context", "name": name, "op": "eq", "value": value},
            },
        )
    world.publish()
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1"
    assert world.hero_of("a1")["rule"] is None
    assert world.hero_of("a1", context={"userAgent": phone})["rule"] == "phone"
    assert world.hero_of("a1", facts={"cart": {"value": 120}})["rule"] == "cart"
    assert (
        world.hero_of("a1", context={"page": {"url": "https://s.example/?q=x"}})["rule"] == "query"
    )
    assert world.hero_of("a1", context={"timezone": "Europe/Zurich"})["rule"] == "evening"


def test_the_country_is_believed_from_trusted_proxies_only(world: World, settings):
    from apps.access import addresses

    world.hero()
    rules.create_rule(
        site_id=world.site.pk,
        key="american",
        placement_key="home.hero",
        variant_key="blouses",
        condition={
            "v": 1,
            "where": {"kind": "context", "name": "country", "op": "eq", "value": "US"},
        },
    )
    world.publish()
    header = {"X-Country-Code": "US"}
    ask = lambda: world.ask("home.hero", headers=header)["placements"]["home.hero"]["rule"]  # noqa: E731
    assert ask() is None
    settings.TRUSTED_PROXIES = ["127.0.0.0/8"]
    addresses.forget_settings()
    assert ask() == "american"
    addresses.forget_settings()


def test_explain_shows_each_step_to_a_secret_key_only(world: World):
    world.hero()
    answer = world.ask("home.hero", anonymousId="a1", explain=True, key=world.sk)
    steps = answer["placements"]["home.hero"]["trace"]
    assert [(step["step"], step["outcome"]) for step in steps] == [
        ("segment", "not in"), ("default", "served"),
    ]  # fmt: skip
    world.ask("home.hero", anonymousId="a1", explain=True, status=403)


def test_the_same_answer_again_is_304_and_its_etag_leaves_out_ids_and_times(world: World):
    world.hero()
    body = {"placements": ["home.hero"], "anonymousId": "a1"}
    first = world.post("/v1/decide", body)
    etag = first.headers["ETag"]
    assert etag.startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert "total;dur=" in first.headers["Server-Timing"]
    again = world.post("/v1/decide", body, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == etag
    other = world.post("/v1/decide", body, headers={"If-None-Match": 'W/"other"'})
    assert other.status_code == 200


def test_every_decision_is_recorded_with_its_reason_and_what_it_read(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    answer = world.ask("home.hero", "nowhere", anonymousId="a1", facts={"secret": 1})
    assert records.flush() == 1
    found = DecisionRecord.objects.get()
    assert found.request_id == answer["requestId"]
    assert found.profile_id == row.profile_id
    assert found.at == NOW
    assert [one["reason"] for one in found.placements] == ["TARGETING_MATCH", "ERROR"]
    assert found.facts == {"segments": [blouses.number], "context": {}}


def test_one_id_planted_in_two_sites_is_two_visitors(world: World):
    blouses = world.hero()
    other = World(key="other")
    other.hero()
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    assert world.hero_of("a1")["variant"] == "blouses"
    assert other.hero_of("a1")["variant"] == "everyone"
    decision_id = world.hero_of("a1")["decisionId"]
    assert selectors.verified(world.site.pk, decision_id).subject == "anonymous_id:a1"
    rejected = other.post("/v1/exposures", {"exposures": [{"decisionId": decision_id}]}).json()
    assert rejected["rejected"][0]["code"] == "invalid_decision_id"


BAD_BODIES = [
    b"",
    b"[]",
    b"null",
    b"{",
    b'{"placements": "home.hero"}',
    b'{"placements": []}',
    b'{"placements": [1]}',
    b'{"placements": [""]}',
    b'{"placements": [{"key": "home.hero", "limit": 0}]}',
    b'{"placements": ["home.hero"], "anonymousId": {}}',
    b'{"placements": ["home.hero"], "anonymousId": "a\\u0000b"}',
    b'{"placements": ["home.hero"], "anonymousId": "\\ud800"}',
    b'{"placements": ["home.hero"], "facts": [1]}',
    b'{"placements": ["home.hero"], "context": {"a": NaN}}',
    b'{"placements": ["home.hero"], "context": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"placements": ["home.hero"], "context": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}",
    b"\xff\xfe",
    ('{"placements": %s}' % (["p"] * 51)).replace("'", '"').encode(),
]


def test_bad_input_is_a_400_with_a_code(world: World):
    for body in BAD_BODIES:
        response = world.client.post(
            "/v1/decide",
            body,
            content_type="text/plain",
            headers={"Authorization": f"Bearer {world.pk}"},
        )
        assert response.status_code == 400, (body[:80], response.content)
        assert response.json()["code"] == "invalid_request"


ODD_BODIES: list[dict[str, Any]] = [
    {"anonymousId": 17},
    {"anonymousId": 1e300},
    {"anonymousId": None, "userId": None},
    {"anonymousId": "", "context": None, "facts": None},
    {"anonymousId": "ü" * 512},
    {
        "anonymousId": "a",
        "context": {"page": "no object", "userAgent": 7, "timezone": "../etc"},
    },
    {"anonymousId": "a", "context": {"page": {"url": "http://[bad"}}},
    {"anonymousId": "a", "facts": {"deep": {"deep": [{"x": "\x00"}]}}, "later": {}},
    {"anonymousId": "'; DROP TABLE x; --"},
]


def test_odd_input_is_answered(world: World):
    world.hero()
    rules.create_rule(
        site_id=world.site.pk,
        key="odd",
        placement_key="home.hero",
        variant_key="blouses",
        condition={
            "v": 1,
            "where": {
                "any": [
                    {"kind": "context", "name": name, "op": "eq", "value": "never"}
                    for name in ("device", "path", "local_hour", "facts.deep", "referrer_host")
                ]
            },
        },
    )
    world.publish()
    for body in ODD_BODIES:
        answer = world.ask("home.hero", **body)
        assert answer["placements"]["home.hero"]["reason"] == "DEFAULT", body


def test_too_large_a_body_is_413_and_no_key_is_401(world: World):
    assert world.post("/v1/decide", {"facts": {"x": "y" * 70_000}}).status_code == 413
    response = world.client.post("/v1/decide", {"placements": ["x"]}, content_type="text/plain")
    assert response.status_code in {400, 401}
    response = world.client.post(
        "/v1/decide", b'{"placements":["x"]}', content_type="application/json"
    )
    assert response.status_code == 401


def test_a_publishable_key_in_the_body_is_enough_for_a_beacon(world: World):
    world.hero()
    response = world.client.post(
        "/v1/decide",
        f'{{"placements":["home.hero"],"writeKey":"{world.pk}"}}'.encode(),
        content_type="text/plain",
    )
    assert response.status_code == 200


def test_more_requests_than_allowed_are_429_with_whole_seconds(world: World):
    world.hero()
    world.source.rate_per_s, world.source.burst_s = 1, 1
    world.source.save(update_fields=["rate_per_s", "burst_s"])
    access.announce_after_commit()
    codes = [world.post("/v1/decide", {"placements": ["home.hero"]}).status_code for _ in range(5)]
    assert 429 in codes


@pytest.mark.parametrize("key", ["a\x00b", "a\nb", "\x7f"], ids=["nul", "line", "delete"])
def test_a_placement_key_with_a_control_character_is_refused(world: World, key: str):
    answer = world.ask("home.hero", {"key": key}, status=400)
    assert answer["code"] == "invalid_request"
    assert answer["errors"][0]["pointer"] == "/placements/1"
