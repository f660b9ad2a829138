"""A key that is in a page reads nothing of a profile, by whatever route, method and place."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apps.decisions import records
from apps.segments.refresh import refresh_site
from tests.apps.access.test_keys_and_routes import PROFILE_PARTS, ROUTES, Route
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import Shop, identify, shop, track  # noqa: F401

# Everything that is secret holds this word, and no request below says it.
HUSH = "hush"
BOUGHT = {
    "v": 1,
    "where": {
        "kind": "event", "name": "Hush Bought", "aggregate": "count", "window": "ever",
        "op": "gte", "value": 1,
    },
}  # fmt: skip
OPEN = (
    "/v1/content/home.hero?site=shop",
    "/v1/fragments/home.hero?site=shop",
    "/v1/openapi.json",
    "/v1/segments/changes/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/.well-known/gpc.json",
    "/v1/pixel/track",
)


@pytest.fixture
def known(shop: Shop) -> World:  # noqa: F811
    """A visitor of whom much is known, none of which their page has to know."""
    here = shop.world
    here.hero()
    here.segment("hush-hush", BOUGHT)
    here.publish()
    shop.send(
        identify("hush-user", traits={"hush_trait": "hush value", "email": "hush@shop.example"}),
        track("Hush Bought", properties={"hush_property": "hush thing"}),
    )
    refresh_site(site_id=here.site.pk)
    return here


def test_the_secrets_are_there_for_a_server(known: World) -> None:
    for part in ("traits", "events", "external_ids", "segments"):
        found = known.client.get(
            f"/v1/profiles/anonymous_id:a1/{part}", headers={"Authorization": f"Bearer {known.sk}"}
        )
        assert found.status_code == 200 and HUSH in found.content.decode().lower(), part


def test_a_page_learns_none_of_them_by_any_route(known: World) -> None:
    answer = known.ask("home.hero", anonymousId="a1")
    records.flush()
    told = json.dumps(answer)
    assert HUSH not in told.lower()
    decision_id = answer["placements"]["home.hero"]["decisionId"]
    calls = 0
    for method, path, body in calls_of(decision_id, answer["segmentKey"]):
        for headers, named in places_of(known.pk):
            with_key = {**body, **named} if isinstance(body, dict) else body
            query = "" if headers or named else f"{'&' if '?' in path else '?'}writeKey={known.pk}"
            found: Any = known.client.generic(
                method, path + query, json.dumps(with_key).encode(),
                content_type="application/json", headers=headers,
            )  # fmt: skip
            told = f"{found.content.decode('utf-8', 'replace')} {found.headers}".lower()
            assert HUSH not in told, (method, path, told[:500])
            assert "prf_" not in told or path.endswith("openapi.json"), (method, path)
            calls += 1
    assert calls > 500


def test_every_part_of_a_profile_is_forbidden_to_it(known: World) -> None:
    for part in (*PROFILE_PARTS, "computed", "nothing"):
        for suffix in ("", "/", "?explain=1", f"?writeKey={known.sk}", "?at=2026-01-01T00:00:00Z"):
            found = known.client.get(
                f"/v1/profiles/anonymous_id:a1/{part}{suffix}",
                headers={"Authorization": f"Bearer {known.pk}"},
            )
            assert (found.status_code, found.json()["code"]) == (403, "forbidden"), (part, suffix)


def calls_of(decision_id: str, segment_key: str) -> Iterator[tuple[str, str, Any]]:
    """Every route, about this visitor, and those that no key guards."""
    asked: list[Route] = [
        *ROUTES,
        Route("/v1/decide", "", (), body={"placements": ["home.hero"], "anonymousId": "a1"}),
        Route("/v1/decide", "", (), body={"placements": ["home.hero"], "anonymousId": "a1",
                                          "explain": True}),
        Route("/ofrep/v1/evaluate/flags", "", (), body={"context": {"targetingKey": "a1"}}),
        Route("/ofrep/v1/evaluate/flags/home.hero", "", (),
              body={"context": {"targetingKey": "a1"}}),
        Route(f"/v1/why?decisionId={decision_id}", "", (), "GET"),
        Route(f"/v1/content/home.hero?site=shop&sk={segment_key}", "", (), "GET"),
        *(Route(path, "", (), "GET") for path in OPEN),
    ]  # fmt: skip
    for route in asked:
        path = route.path.replace("anonymous_id:nobody", "anonymous_id:a1")
        for method in dict.fromkeys((route.method, "GET", "POST")):
            yield method, path, route.body if route.body is not None else {}


def places_of(key: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Where a key may stand: headers, the body; neither means the address."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    return [
        ({"Authorization": f"Bearer {key}"}, {}),
        ({"Authorization": f"Basic {basic}"}, {}),
        ({"X-API-Key": key, "Origin": "https://shop.example"}, {}),
        ({}, {"writeKey": key}),
        ({}, {}),
    ]
