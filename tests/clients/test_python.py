"""Public clients for Python, unmodified: of OpenFeature, Segment, mParticle and Contentful."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from launcher import processes
from tests.clients.conftest import ENTRY, Address

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

HERE = Path(__file__).parent / "python"
FOLDED_WITHIN_S = 15.0


def run(script: str, packages: Path, server: Address, key: str, **more: str) -> str:
    """Run a script with the public packages alone; what it printed."""
    done = subprocess.run(
        [sys.executable, str(HERE / script)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(packages),
            "ATTUNE_HOST": server.host,
            "ATTUNE_KEY": key,
            "ATTUNE_VISITOR": "py-looker",
            **more,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def events(server: Address, packages: Path) -> list[dict[str, Any]]:
    """What Segment's library sent, plain and gzipped, as the consumer folded it."""
    for gzip in ("0", "1"):
        run("events.py", packages, server, server.secret, ATTUNE_GZIP=gzip)

    def kept() -> list[dict[str, Any]]:
        return server.events_of("user_id:py-looker")

    assert processes.wait_until(lambda: len(kept()) == 12, FOLDED_WITHIN_S), kept()
    return kept()


def test_segments_library_delivers_every_kind_of_event(events: list[dict[str, Any]]) -> None:
    kinds = sorted(event["type"] for event in events)
    assert kinds == sorted(["alias", "group", "identify", "page", "screen", "track"] * 2)
    viewed = [event["properties"] for event in events if event.get("event") == "Product Viewed"]
    assert viewed == [{"product_id": "C17", "category": "blouses", "price": 48.5}] * 2


@pytest.fixture(scope="module")
def found(server: Address, packages: Path, events: object) -> dict[str, dict[str, Any]]:
    """What the OpenFeature SDK made of each evaluation, with a secret key."""
    printed: dict[str, dict[str, Any]] = json.loads(
        run("flags.py", packages, server, server.secret)
    )
    return printed


def test_openfeature_reads_every_type_of_value(found: dict[str, dict[str, Any]]) -> None:
    values = {name: found[name]["value"] for name in found}
    assert values["boolean"] is True
    assert values["string"] == "Good to see you"
    assert values["integer"] == 24
    assert values["float"] == 7.5
    assert values["whole float"] == 3.0
    assert values["object"] == {"accent": "teal", "dense": False}
    for name in ("boolean", "string", "integer", "float", "whole float", "object"):
        assert (found[name]["reason"], found[name]["error_code"]) == ("DEFAULT", None)


def test_what_segments_library_told_is_what_openfeature_decides_by(
    found: dict[str, dict[str, Any]],
) -> None:
    placement, segment = found["placement"], found["segment"]
    assert (placement["reason"], placement["variant"]) == ("TARGETING_MATCH", "blouses")
    assert placement["value"]["fields"] == {"headline": "Blouses"}
    assert placement["flag_metadata"]["decisionId"].startswith("dec_")
    assert (segment["value"], segment["reason"]) == (True, "TARGETING_MATCH")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("unknown", "FLAG_NOT_FOUND"),
        ("of nobody", "TARGETING_KEY_MISSING"),
        ("wrong type", "TYPE_MISMATCH"),
    ],
)
def test_openfeature_understands_what_went_wrong(
    found: dict[str, dict[str, Any]], name: str, code: str
) -> None:
    assert (found[name]["error_code"], found[name]["reason"]) == (code, "ERROR")
    assert found["static of nobody"]["value"] is True


def test_a_page_sees_no_segment(server: Address, packages: Path, events: object) -> None:
    printed = json.loads(run("flags.py", packages, server, server.publishable))
    assert printed["segment"]["error_code"] == "FLAG_NOT_FOUND"
    assert printed["object"]["value"] == {"accent": "teal", "dense": False}
    # A page's targetingKey is an anonymousId: it does not speak for the login.
    assert printed["placement"]["variant"] == "everyone"


def test_mparticles_library_delivers_its_batches_once(server: Address, packages: Path) -> None:
    run("batches.py", packages, server, server.secret, ATTUNE_VISITOR="py-batches")

    def kept() -> list[dict[str, Any]]:
        return server.events_of("user_id:py-batches")

    assert processes.wait_until(lambda: len(kept()) == 12, FOLDED_WITHIN_S), kept()
    names = Counter(str(event.get("event") or event["type"]).lower() for event in kept())
    assert names == dict.fromkeys(
        ("fitting booked", "order completed", "session start", "identify"), 3
    )
    orders = [one["properties"] for one in kept() if one.get("event") == "Order Completed"]
    assert {order["order_id"] for order in orders} == {"order-first", "order-second", "order-third"}
    assert orders[0]["products"][0]["product_id"] == "C17"


@pytest.fixture(scope="module")
def read(server: Address, packages: Path, events: object) -> dict[str, Any]:
    """What Contentful's client read with a secret key."""
    printed = run("entries.py", packages, server, server.secret, ATTUNE_ENTRY=ENTRY)
    found: dict[str, Any] = json.loads(printed)
    return found


def test_contentfuls_client_reads_what_each_visitor_is_to_see(read: dict[str, Any]) -> None:
    assert read["stranger"] == ["home.hero", "Welcome", "DEFAULT"]
    title, decided = read["looker"]
    assert title == "Blouses"
    assert (decided["variant"], decided["reason"]) == ("blouses", "TARGETING_MATCH")
    assert (decided["entry"], decided["placement"]) == (ENTRY, "home.hero")
    assert decided["decisionId"].startswith("dec_")
    assert read["there"] == [ENTRY, "Blouses", "heroBanner"]


def test_contentfuls_client_reads_every_form_of_field(read: dict[str, Any]) -> None:
    assert {"heroBanner", "story"} <= set(read["types"])
    assert read["fields"] == {
        "headline": "Text", "body": "RichText", "picture": "Link", "points": "Array",
    }  # fmt: skip
    story = read["story"]
    assert story["body"]["content"][0]["content"][1]["marks"] == [{"type": "bold"}]
    assert story["picture"] == ["https://example.org/hat.png", "A hat"]
    assert (story["headline"], story["points"], story["locale"]) == ("Hats", ["warm", "dry"], "en")
    assert (read["german"], read["every language"]) == ("Hüte", "Hüte")
    assert read["locales"] == [["en", True], ["de", False]]
    assert read["space"] == ["cfexampleapi", ["en", "de"]]
    assert read["selected"] == ["headline"]
    total, shown = read["page"]
    assert (total >= 2, shown) == (True, 1)


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("absent", "EntryNotFoundError", "no-such"),
        ("wrong key", "UnauthorizedError", "Send a key that this server knows."),
        ("unknown filter", "BadRequestError", "content_type, sys.id and sys.id[in]"),
        ("unknown language", "BadRequestError", "Unknown locale: fr"),
        ("asset", "NotFoundError", "Pictures come with the entries"),
    ],
)
def test_contentfuls_client_understands_what_went_wrong(
    read: dict[str, Any], name: str, error: str, sentence: str
) -> None:
    raised, said = read[name]
    assert raised == error
    assert sentence in said


def test_contentfuls_client_reads_with_a_key_of_a_page(
    server: Address, packages: Path, events: object
) -> None:
    printed = run("entries.py", packages, server, server.publishable, ATTUNE_ENTRY=ENTRY)
    read = json.loads(printed)
    assert read["looker"][0] == "Blouses", "this source takes a page's word for a login"
    assert read["in the address"] == "Hats"
