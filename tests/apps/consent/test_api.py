"""POST and GET /v1/consent: who may say what for whom, and what is refused."""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from apps.access import services as access
from apps.profiles.models import Identity
from apps.work.models import ChangeFeed
from tests.apps.consent.conftest import CONSENT, NOW, Chooser, ledger


def test_a_choice_is_answered_with_the_state_it_leads_to(shop: Chooser) -> None:
    answer = shop.choose(analytics=True, personalization=False)

    assert answer["recorded"] == {"analytics": True, "personalization": False}
    assert answer["purposes"]["necessary"] and answer["purposes"]["analytics"]
    assert not answer["purposes"]["personalization"]
    assert (answer["epoch"], answer["gpc"]) == (1, False)
    assert shop.read().json() == answer


def test_each_choice_is_a_row_with_its_circumstances(shop: Chooser) -> None:
    shop.say(
        purposes={"analytics": True},
        policyVersion="2026-01",
        method="banner",
        jurisdiction="FR",
        tcString="CPz",
        proof={"shown": ["accept", "reject"]},
        sentAt="2026-03-10T12:59:58+01:00",
    )
    shop.choose(analytics=False)
    shop.choose(personalization=False, necessary=True)
    shop.choose(analytics=True, advertising=False)

    first, *_ = rows = ledger()
    assert [row.kind for row in rows] == ["given", "withdrawn", "refused", "given"]
    assert [row.epoch for row in rows] == [1, 2, 3, 4]
    assert [(row.granted_before, row.granted_after) for row in rows] == [
        (0, 4), (4, 0), (0, 1), (1, 5),
    ]  # fmt: skip
    assert [(row.denied_before, row.denied_after) for row in rows] == [
        (0, 0), (0, 4), (4, 12), (12, 24),
    ]  # fmt: skip
    assert (first.regime, first.method, first.policy_version) == (
        shop.world.site.regime, "banner", "2026-01",
    )  # fmt: skip
    assert first.signals == {
        "tcString": "CPz", "jurisdiction": "FR", "proof": {"shown": ["accept", "reject"]},
    }  # fmt: skip
    assert first.at == NOW and first.client_at is not None
    assert first.source_id == shop.source.pk
    assert len(first.subject_digest) == 64 and len({row.subject_digest for row in rows}) == 1
    changes = ChangeFeed.objects.filter(kind="consent.changed").order_by("pk")
    assert [change.payload["epoch"] for change in changes] == [1, 2, 3, 4]
    assert {change.profile_id for change in changes} == {first.profile_id}


def test_keys_of_consent_mode_are_understood_and_the_strictest_counts(shop: Chooser) -> None:
    answer = shop.choose(
        analytics_storage="granted",
        personalization_storage="denied",
        ad_storage="granted",
        ad_user_data="granted",
        ad_personalization="denied",
        security_storage="granted",
    )
    assert answer["recorded"] == {
        "necessary": True, "analytics": True, "personalization": False, "advertising": False,
    }  # fmt: skip
    assert not answer["purposes"]["sale"]


@pytest.mark.parametrize(
    ("purposes", "pointer"),
    [
        ({"analitics": True}, "/purposes/analitics"),
        ({"a/b~c": True}, "/purposes/a~1b~0c"),
        ({}, "/purposes"),
        ({"analytics": 1}, "/purposes/-"),
        ({"analytics": "yes"}, "/purposes/-"),
    ],
)
def test_a_purpose_that_cannot_be_understood_is_refused_with_its_place(
    shop: Chooser, purposes: Any, pointer: str
) -> None:
    response = shop.say(purposes=purposes)
    assert response.status_code == 400
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]
    assert ledger() == []


NUL = "\\u0000"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"purposes": {"analytics": true}}',
        b'{"purposes": {"analytics": true}, "anonymousId": ""}',
        b'{"purposes": {"analytics": true}, "anonymousId": {}}',
        b'{"purposes": {"analytics": true}, "anonymousId": "%b"}' % (b"x" * 513),
        b'{"purposes": {"analytics": true}, "anonymousId": "\\ud800"}',
        b'{"purposes": {"analytics": NaN}, "anonymousId": "a1"}',
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "sentAt": "yesterday"}',
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "method": "%b"}' % (b"x" * 41),
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "proof": %b%b}'
        % (b"[" * 30, b"]" * 30),
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "proof": %b%b}'
        % (b"[" * 30_000, b"]" * 30_000),
        b'{"purposes": {"analytics": true}, "anonymousId": "a\\u0000"}',
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "method": "a\\u0000"}',
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "tcString": "\\u0000"}',
        b'{"purposes": {"analytics": true}, "anonymousId": "a1", "proof": [{"\\u0000": 1}]}',
        b"\xff\xfe",
    ],
)
def test_a_malformed_body_is_refused_and_leaves_nothing(shop: Chooser, body: bytes) -> None:
    response = shop.world.client.post(
        CONSENT, body, content_type="text/plain", headers={"Authorization": f"Bearer {shop.pk}"}
    )
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert {"code", "message", "detail"} <= response.json().keys()
    assert ledger() == []


def test_a_backslash_before_u0000_is_no_nul(shop: Chooser) -> None:
    assert shop.say(purposes={"analytics": True}, tcString=f"\\{NUL[1:]}").status_code == 200
    assert ledger()[0].signals == {"tcString": "\\u0000"}


@pytest.mark.parametrize(
    "sent_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-03-10T12:00:00"]
)
def test_a_clock_that_is_out_of_the_world_hurts_nobody(shop: Chooser, sent_at: str) -> None:
    assert shop.say(purposes={"analytics": True}, sentAt=sent_at).status_code == 200
    assert (ledger()[0].client_at is not None) == sent_at.startswith("2026")


def test_too_large_a_body_is_413(shop: Chooser) -> None:
    response = shop.say(purposes={"analytics": True}, proof="x" * 70_000)
    assert response.status_code == 413


def test_a_key_may_stand_in_the_body_and_labels_do_not_matter(shop: Chooser) -> None:
    body = {"anonymousId": 7, "purposes": {"analytics": True}, "writeKey": shop.pk, "extra": 1}
    response = shop.world.client.post(
        CONSENT, json.dumps(body), content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code == 200, response.content
    assert Identity.objects.get(kind="anonymous_id").value == "7"


def test_without_a_right_nothing_is_said_or_read(shop: Chooser) -> None:
    edge = access.issue_key(source_id=shop.source.pk, kind="ek", now=NOW)[1]
    choice = {"anonymousId": "a1", "purposes": {"analytics": True}}
    assert shop.world.post(CONSENT, choice, key="pk_unknown").status_code == 401
    assert shop.world.post(CONSENT, choice, key=edge).status_code == 403
    assert shop.read(key=edge, anonymousId="a1").status_code == 403
    assert shop.world.client.delete(CONSENT).status_code == 405
    assert ledger() == []


def test_a_page_reads_its_own_consent_only(shop: Chooser) -> None:
    shop.say(key=shop.sk, userId="u1", purposes={"analytics": False})

    assert shop.read(userId="u1").status_code == 403
    assert shop.read(userId="u1", anonymousId="a1").status_code == 403
    known = shop.read(key=shop.sk, userId="u1")
    assert known.json()["recorded"] == {"analytics": False}
    assert known["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", [{}, {"anonymousId": ""}, {"anonymousId": "a\0"},
                                   {"anonymousId": "x" * 513}])  # fmt: skip
def test_a_read_that_names_nobody_is_refused(shop: Chooser, query: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {shop.pk}"}
    assert shop.world.client.get(CONSENT, query, headers=headers).status_code == 400


def test_of_somebody_unknown_the_default_is_told_and_nobody_is_made(
    source_of: Callable[..., Chooser],
) -> None:
    asking = source_of(kind="browser", consent_mode="required")
    answer = asking.read(anonymousId="nobody").json()
    assert answer["recorded"] == {} and answer["epoch"] == 0
    assert [name for name, is_yes in answer["purposes"].items() if is_yes] == ["necessary"]
    assert Identity.objects.count() == 0


def test_where_proof_is_demanded_nobody_consents_for_another(
    source_of: Callable[..., Chooser],
) -> None:
    page = source_of(kind="browser", is_user_proof_required=True)
    yes = {"purposes": {"personalization": True}}

    assert page.say(userId="u1", **yes).status_code == 400
    assert page.say(userId="u1", userHash="0" * 64, **yes).status_code == 400
    assert page.say(userId="u1", anonymousId="a1", **yes).status_code == 200
    assert [i.kind for i in Identity.objects.all()] == ["anonymous_id"]

    proof = hmac.new(page.source.proof_secret.encode(), b"u1", hashlib.sha256).hexdigest()
    assert page.say(userId="u1", userHash=proof, **yes).status_code == 200
    assert page.say(key=page.sk, userId="u2", **yes).status_code == 200
    values = Identity.objects.filter(kind="user_id").values_list("value", flat=True)
    assert set(values) == {"u1", "u2"}


def test_a_choice_told_under_two_identities_holds_for_both(shop: Chooser) -> None:
    assert shop.say(anonymousId="a1", userId="u1", purposes={"analytics": False}).status_code == 200

    rows = ledger()
    assert len(rows) == 2 and len({row.profile_id for row in rows}) == 2
    assert shop.read(anonymousId="a1").json()["recorded"] == {"analytics": False}
    assert shop.read(key=shop.sk, userId="u1").json()["recorded"] == {"analytics": False}


def test_one_identity_of_two_sites_has_two_consents(shop: Chooser) -> None:
    from tests.apps.consent.conftest import World

    elsewhere = Chooser(World("elsewhere"))
    shop.choose(analytics=False)
    assert elsewhere.read().json()["recorded"] == {}


def test_answers_carry_cors_and_the_rate_limit_on_errors_too(shop: Chooser) -> None:
    origin = {"Origin": "https://shop.example"}
    access_source = shop.source
    access_source.allowed_origins = ["https://shop.example"]
    access_source.save()
    from apps.access.keys import KEYS

    KEYS.forget()
    good = shop.world.post(
        CONSENT, {"anonymousId": "a1", "purposes": {"sale": False}}, key=shop.pk, headers=origin
    )
    bad = shop.world.post(CONSENT, {"anonymousId": "a1"}, key=shop.pk, headers=origin)
    assert (good.status_code, bad.status_code) == (200, 400)
    for response in (good, bad):
        assert response["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "X-Request-Id" in response
    assert good["RateLimit-Policy"].startswith('"consent"')
