"""`seed_demo`: keys and flags to try the API with."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import RequestFactory

from apps.access.http import authenticate
from apps.access.keys import KEYS
from apps.content.models import Block
from apps.decisions.selectors import latest_publication
from apps.demo.seeding import demo_site_id
from apps.work import clock


@pytest.fixture(autouse=True)
def _forget() -> Any:
    KEYS.forget()
    yield
    KEYS.forget()


def run() -> dict[str, Any]:
    out = StringIO()
    call_command("seed_demo", "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_it_makes_one_key_of_each_kind_and_flags_of_every_type(db: None) -> None:
    made = run()
    for name, kind in (("publishable", "pk"), ("secret", "sk"), ("edge", "ek")):
        request = RequestFactory().get("/", HTTP_X_API_KEY=made[name])
        caller = authenticate(request, allow=("pk", "sk", "ek"))
        assert (caller.kind, caller.regime, caller.consent_mode) == (
            kind,
            "us_opt_out",
            "assumed",
        )
    flags = Block.objects.filter(site_id=made["siteId"], kind="flag", is_client_visible=True)
    assert {flag.value_type for flag in flags} == {
        "boolean", "string", "integer", "float", "object",
    }  # fmt: skip
    assert latest_publication(demo_site_id(now=clock.now())) is not None


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1:5173", "http://localhost"]
)
def test_any_page_on_this_machine_may_use_it(db: None, origin: str) -> None:
    made = run()
    request = RequestFactory().get("/", HTTP_X_API_KEY=made["publishable"], HTTP_ORIGIN=origin)
    authenticate(request)
    assert origin in request.META["attune.key"].origins


def test_a_second_run_rotates_and_adds_nothing_else(db: None) -> None:
    first, second = run(), run()
    assert first["sourceId"] == second["sourceId"]
    assert first["secret"] != second["secret"]
    for made in (first, second):
        authenticate(RequestFactory().get("/", HTTP_X_API_KEY=made["secret"]))
    assert Block.objects.filter(site_id=first["siteId"]).count() == 5
