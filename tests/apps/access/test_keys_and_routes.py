"""Who may call what: each route of the API with each kind of key."""

import json
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.access import services
from tests.apps.access.conftest import NOW, Access
from tests.apps.delivery.conftest import _new_process  # noqa: F401

ANY = UUID(int=7)


class Route(NamedTuple):
    """One route: how it is called, whose keys may, and what they are then answered."""

    path: str
    pattern: str
    allowed: tuple[str, ...]
    method: str = "POST"
    body: object = None
    status: int = 200
    code: str = ""


TRACK = {"anonymousId": "a1", "event": "Opened", "userId": "u1", "groupId": "g", "previousId": "p"}
PROFILE_PARTS = ("traits", "events", "external_ids", "segments", "consent", "decisions", "metadata")
BOTH = ("pk", "sk")
ROUTES = [
    *(
        Route(f"/v1/{name}", f"v1/{name}", BOTH, body=TRACK)
        for name in (
            "identify", "track", "page", "screen", "group", "alias", "i", "t", "p", "s", "g", "a",
        )
    ),
    *(
        Route(f"/v1/{name}", f"v1/{name}", BOTH, body={"batch": []})
        for name in ("batch", "b", "import")
    ),
    Route("/v2/events", "v2/events", BOTH, body={}, status=202),
    Route("/v2/bulkevents", "v2/bulkevents", BOTH, body=[], status=202),
    Route("/v1/decide", "v1/decide", BOTH, body={"placements": ["x"]}),
    Route("/v1/exposures", "v1/exposures", ("pk", "sk", "ek"), body={"exposures": []}),
    Route("/v1/conversions", "v1/conversions", BOTH, body={"conversions": []}),
    Route("/ofrep/v1/evaluate/flags", "ofrep/v1/evaluate/flags", BOTH, body={}),
    Route(
        "/ofrep/v1/evaluate/flags/x",
        r"^ofrep/v1/evaluate/flags/(?P<key>[\s\S]+?)/?$",
        BOTH,
        body={},
        status=404,
    ),
    Route(
        "/v1/consent", "v1/consent", BOTH, body={"anonymousId": "a1", "purposes": {"sale": False}}
    ),
    Route("/v1/consent?anonymousId=a1", "v1/consent", BOTH, "GET"),
    Route("/v1/consent/link", "v1/consent/link", BOTH, body={"anonymousId": "a1"}),
    Route(
        "/v1/consent/opt-in", "v1/consent/opt-in", BOTH,
        body={"email": "ada@mail.example", "purposes": ["analytics"]}, status=202,
    ),
    Route("/v1/consent/receipt?anonymousId=a1", "v1/consent/receipt", BOTH, "GET"),
    Route("/opendsr/v2/discovery", "opendsr/v2/discovery", ("sk",), "GET"),
    Route(
        "/opendsr/v2/requests", "opendsr/v2/requests", ("sk",), body={}, status=400, code="invalid"
    ),
    Route(
        "/opendsr/v2/requests/b6c9b1e0-0000-4000-8000-000000000000",
        r"^opendsr/v2/requests/(?P<request_id>[^/]{1,100})/?$", ("sk",), "GET",
        status=404, code="not_found",
    ),
    *(
        Route(
            f"/v1/profiles/anonymous_id:nobody/{part}",
            r"^v1/profiles/(?P<identity>[\s\S]{3,1200})/(?P<part>[a-z_]{1,30})/?$",
            ("sk",),
            "GET",
            status=404,
            code="profile_not_found",
        )
        for part in PROFILE_PARTS
    ),
    Route(
        "/v1/why?decisionId=dec_x", "v1/why", BOTH, "GET", status=400, code="invalid_decision_id"
    ),
    Route("/v1/previews", "v1/previews", ("sk",), body={}),
    Route("/v1/render", "v1/render", ("sk",), body={"placements": ["x"], "segments": []}),
    Route(
        "/v1/render/batch", "v1/render/batch", ("sk",),
        body={"placements": ["x"], "identities": [{"type": "user_id", "id": "a"}]},
    ),
    Route(
        f"/v1/hooks/{ANY}/variants", "v1/hooks/<uuid:connection_id>/variants", ("sk",), "GET",
        status=404, code="not_found",
    ),
    Route(
        "/v1/models/x", r"^v1/models/(?P<key>[-\w]{1,100})/?$", ("sk",), "GET",
        status=404, code="model_not_found",
    ),
    Route(
        "/v1/models/x/invocations", r"^v1/models/(?P<key>[-\w]{1,100})/invocations/?$", ("sk",),
        body={"instances": []}, status=404, code="model_not_found",
    ),
    Route(
        "/v1/models/x:predict", r"^v1/models/(?P<key>[-\w]{1,100}):predict/?$", ("sk",),
        body={"instances": []}, status=404, code="model_not_found",
    ),
    Route(
        "/v1/recommendations/x", r"^v1/recommendations/(?P<recommender>[^/]{1,100})/?$", ("sk",),
        "GET", status=404, code="recommender_not_found",
    ),
    Route("/v1/items", "v1/items", ("sk",), "PUT", body={"items": []}),
    Route("/v1/snapshot", "v1/snapshot", ("ek",), "GET"),
    Route("/v1/stream/tickets", "v1/stream/tickets", BOTH, body={"anonymousId": "a1"}),
    Route("/v1/segments", "v1/segments", ("sk",), "GET"),
    Route("/v1/segments/changes", "v1/segments/changes", ("sk",), "GET"),
    Route(
        "/v1/segments/x/members", "v1/segments/<slug:key>/members", ("sk",), "GET",
        status=404, code="segment_not_found",
    ),
    Route(
        "/v1/lists/x/uploads", "v1/lists/<slug:key>/uploads", ("sk",), body={},
        status=404, code="list_not_found",
    ),
    Route(
        f"/v1/lists/x/uploads/{ANY}", "v1/lists/<slug:key>/uploads/<uuid:upload_id>",
        ("sk",), "GET", status=404, code="list_not_found",
    ),
    Route(
        f"/v1/lists/x/uploads/{ANY}/undo", "v1/lists/<slug:key>/uploads/<uuid:upload_id>/undo",
        ("sk",), status=404, code="list_not_found",
    ),
]  # fmt: skip
# No key opens these, because no key is needed.
OPEN = {
    r"^v1/pixel/(?P<type>[a-z]{1,20})/?$",
    r"^v1/projects/(?P<write_key>[^/]{1,200})/settings/?$",
    r"^v1/content/(?P<placement>[^/]{1,100})/?$",
    r"^v1/fragments/(?P<placement>[^/]{1,100})/?$",
    "v1/hooks/<uuid:connection_id>",  # proves itself: tests/apps/integrations
    "v1/m",
    "v1/notice",
    "opendsr/v2/certificate.pem",
    "v1/openapi.json",
    "^(?:v1|v2|ofrep|opendsr)(?:/|$)",
}
REFUSED = {
    "none": (401, "unauthorized"),
    "unknown": (401, "unauthorized"),
    "revoked": (401, "unauthorized"),
    "sk in a browser": (403, "secret_key_in_browser"),
}


@pytest.fixture
def headers(access: Access) -> dict[str, dict[str, str]]:
    """The headers of a request with each kind of key."""
    key, revoked = services.issue_key(source_id=access.source.pk, kind="sk", now=NOW)
    services.revoke_key(key_id=key.pk, now=NOW)
    keys = {
        "unknown": "sk_nobody-knows-this-one",
        "revoked": revoked,
        "pk": access.publishable,
        "sk": access.secret,
        "ek": access.edge,
        "sk in a browser": access.secret,
    }
    found = {kind: {"Authorization": f"Bearer {value}"} for kind, value in keys.items()}
    found["sk in a browser"]["Origin"] = "https://shop.example"
    return {"none": {}, **found}


def called(client: Client, route: Route, headers: dict[str, str]) -> tuple[int, str]:
    body = b"" if route.body is None else json.dumps(route.body).encode()
    answer: Any = client.generic(
        route.method, route.path, body, content_type="application/json", headers=headers
    )
    if route.path.startswith("/opendsr") and answer.status_code >= 400:
        return answer.status_code, answer.json()["error"]["errors"][0]["reason"]
    problem = answer["Content-Type"] == "application/problem+json"
    return answer.status_code, json.loads(answer.content)["code"] if problem else ""


@pytest.mark.parametrize("kind", [*REFUSED, "pk", "sk", "ek"])
def test_each_route_answers_this_kind_of_key_as_the_table_says(
    client: Client, headers: dict[str, dict[str, str]], kind: str
) -> None:
    for route in ROUTES:
        expected = (403, "forbidden")
        if kind in REFUSED:
            expected = REFUSED[kind]
        elif kind in route.allowed:
            expected = (route.status, route.code)
        assert called(client, route, headers[kind]) == expected, route.path


def test_a_key_of_a_browser_reads_no_profile_by_any_route(
    client: Client, headers: dict[str, dict[str, str]]
) -> None:
    reading = [route for route in ROUTES if "profiles" in route.path or "segments" in route.path]
    assert len(reading) >= len(PROFILE_PARTS)
    for route in reading:
        for address in (route.path, f"{route.path}/", f"{route.path}?writeKey=x"):
            status, code = called(client, route._replace(path=address), headers["pk"])
            assert (status, code) == (403, "forbidden"), address


def test_the_table_knows_every_route() -> None:
    known = {route.pattern for route in ROUTES} | OPEN
    missing = {route for route in _routes(get_resolver().url_patterns) if route not in known}
    assert not missing, f"say in ROUTES or OPEN who may call {sorted(missing)}"


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> list[str]:
    found: list[str] = []
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += _routes(pattern.url_patterns, route)
        elif route.lstrip("^(?:").startswith(("v1", "v2", "ofrep", "opendsr")):
            found.append(route.removesuffix("/"))
    return found


def test_more_parameters_than_are_read_are_a_malformed_request(
    client: Client, headers: dict[str, dict[str, str]]
) -> None:
    query = "&".join(f"p{number}=1" for number in range(1_001))
    for path in ("/v1/content/x", "/v1/consent", "/v1/segments", "/v1/profiles/user_id:u/traits"):
        answer = client.get(f"{path}?{query}", headers=headers["sk"])
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), path
