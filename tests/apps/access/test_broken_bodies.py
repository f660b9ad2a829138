"""A browser's key stands in the body: a broken body is told what is wrong with it, not 'no key'."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from apps.access import services as access
from apps.access.models import AuditEntry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PAGE = "https://shop.example"
EVENT = '"anonymousId": "a", "event": "E", "properties": '
BROKEN = {
    "a lone surrogate in an event": ("/v1/track", EVENT + '{"v": "\\ud800"}}', "invalid_text"),
    "NaN in an event": ("/v1/track", EVENT + '{"v": NaN}}', "invalid_number"),
    "an event cut off": ("/v1/track", EVENT + '{"v": 1', "invalid_json"),
    "a batch that is a number": ("/v1/batch", '"batch": 5}', "invalid_request"),
    "a lone surrogate beside the batch": (
        "/v1/batch",
        '"context": "\\ud800", "batch": []}',
        "invalid_request",
    ),
    "no placements": ("/v1/decide", '"anonymousId": "a"}', "invalid_request"),
    "a lone surrogate as id": (
        "/v1/decide",
        '"anonymousId": "\\ud800", "placements": ["home.hero"]}',
        "invalid_request",
    ),
    "exposures that are a number": ("/v1/exposures", '"exposures": 5}', "invalid_request"),
    "conversions cut off": ("/v1/conversions", '"conversions": [', "invalid_request"),
    "purposes that are a list": ("/v1/consent", '"purposes": []}', "invalid_request"),
}


@pytest.fixture
def keys() -> dict[str, str]:
    site = access.create_site(key="shop", name="Shop", now=NOW)
    source = access.create_source(
        site_id=site.pk, name="web", kind="browser", allowed_origins=[PAGE], now=NOW
    )
    return {
        kind: access.issue_key(source_id=source.pk, kind=kind, now=NOW)[1] for kind in ("pk", "sk")
    }


def post(path: str, body: str, **headers: str) -> Any:
    return Client().post(
        path, body.encode(), content_type="text/plain", HTTP_ORIGIN=PAGE, **headers
    )


@pytest.mark.parametrize("name", BROKEN)
def test_a_page_reads_what_is_wrong_with_a_body_that_holds_its_key(
    name: str, keys: dict[str, str]
) -> None:
    path, rest, code = BROKEN[name]
    response = post(path, f'{{"writeKey": "{keys["pk"]}", {rest}')
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert response["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize("name", BROKEN)
def test_who_has_no_key_learns_that_before_anything_else(name: str, keys: dict[str, str]) -> None:
    path, rest, _ = BROKEN[name]
    assert post(path, "{" + rest).status_code == 401
    assert post(path, "{" + rest, HTTP_AUTHORIZATION="Bearer pk_stranger").status_code == 401


@pytest.mark.parametrize("path", sorted({path for path, _, _ in BROKEN.values()}))
def test_a_secret_key_in_a_page_is_refused_and_audited_whatever_the_body(
    path: str, keys: dict[str, str]
) -> None:
    response = post(path, "{", HTTP_AUTHORIZATION=f"Bearer {keys['sk']}")
    assert (response.status_code, response.json()["code"]) == (403, "secret_key_in_browser")
    assert AuditEntry.objects.filter(action="access.secret_key_in_browser").count() == 1


def test_only_a_publishable_key_is_looked_for_in_a_broken_body(keys: dict[str, str]) -> None:
    body = json.dumps({"writeKey": keys["sk"], "anonymousId": "a"})[:-1]
    assert post("/v1/track", body).status_code == 401
