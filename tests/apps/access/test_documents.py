"""The API's own documents: one OpenAPI, every error code, no internet."""

import json
from typing import Any

import pytest
from django.test import Client

from config import documents
from config.error_codes import STATUS, classes, meanings
from engine.errors import PersonalizationError


@pytest.fixture
def document(db: None, client: Client) -> dict[str, Any]:
    answer = client.get("/v1/openapi.json", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_one_document_lists_the_hot_endpoints_too(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    post = document["paths"]["/v1/batch"]["post"]
    assert {"200", "400", "401", "403", "413", "429", "503"} <= set(post["responses"])
    for status in ("400", "401", "413", "429", "503"):
        content = post["responses"][status]["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_error_code_is_listed_with_its_meaning(document: dict[str, Any]) -> None:
    listed = set(document["components"]["schemas"]["ErrorCode"]["enum"])
    assert set(STATUS) <= listed
    assert all(meanings().values())


def test_every_refusal_has_a_status_of_its_own() -> None:
    codes = {kind.code for kind in classes(PersonalizationError)} - {PersonalizationError.code}
    assert codes <= set(STATUS), codes - set(STATUS)


def test_the_docs_load_nothing_from_elsewhere(db: None, client: Client) -> None:
    page = client.get("/docs/").content.decode()
    assert "swagger" in page
    assert "https://" not in page


def test_a_problems_type_leads_to_a_page(db: None, client: Client) -> None:
    page = client.get("/docs/errors/rate_limited")
    assert page.status_code == 200
    assert b"(429)" in page.content
    assert client.get("/docs/errors/nonsense").status_code == 404
    assert b"invalid_event" in client.get("/docs/errors/").content


def test_the_document_is_made_once_and_not_sent_twice(client: Client) -> None:
    first = client.get("/v1/openapi.json", HTTP_ACCEPT="application/json")
    assert first["Content-Type"] == "application/json"
    assert documents._document() is documents._document()
    again = client.get("/v1/openapi.json", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert client.post("/v1/openapi.json").status_code == 405
