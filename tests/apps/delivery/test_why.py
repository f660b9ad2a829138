"""A visitor may ask why they see what they see, and is told nothing that is the site's own."""

from typing import Any

import pytest
from django.conf import settings

from apps.access.models import Site
from apps.decisions import records
from tests.apps.delivery import past_shop
from tests.apps.delivery.conftest import World, inside


def why(world: World, decision_id: str, key: str | None = None, status: int = 200) -> Any:
    response = world.client.get(
        "/v1/why", {"decisionId": decision_id},
        headers={"Authorization": f"Bearer {key or world.pk}"},
    )  # fmt: skip
    assert response.status_code == status, response.content
    assert status != 200 or response.headers["Cache-Control"] == "private, no-store"
    return response.json()


@pytest.fixture
def chosen(world: World) -> dict[str, Any]:
    """A decision for somebody who looks at blouses."""
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]), traits={"name": ["Ann"]})
    world.tell(row.profile_id)
    return world.hero_of("a1")


def test_a_visitor_is_told_on_which_kinds_of_data_it_rests(world: World, chosen: dict[str, Any]):
    Site.objects.filter(pk=world.site.pk).update(preferences_url="https://shop.example/privacy")
    told = why(world, chosen["decisionId"])
    assert told == {
        "placement": "home.hero",
        "decidedAt": "2026-03-10T12:00:00.000Z",
        "reason": "TARGETING_MATCH",
        "isPersonalized": True,
        "data": ["visits", "profile"],
        "sentence": "This was chosen for you, by what you have looked at and done on this site and "
        "what this site knows about you. You can change at any time whether this site may "
        "personalize.",
        "preferences": "https://shop.example/privacy",
        "page": f"{settings.PUBLIC_ORIGIN}/privacy/{world.site.key}/why?d={chosen['decisionId']}",
    }


def test_no_name_of_a_segment_a_rule_or_a_trait_is_told(world: World, chosen: dict[str, Any]):
    told = str(why(world, chosen["decisionId"]))
    assert not any(name in told for name in ("blouses", "Ann", "name'", "trace"))


def test_what_everybody_sees_is_said_to_be_so(world: World):
    past_shop.publish(world)
    answer = world.ask("law", "closed", anonymousId="u1")
    law, closed = (answer["placements"][key]["decisionId"] for key in ("law", "closed"))
    told = why(world, law)
    assert (told["isPersonalized"], told["data"], told["preferences"]) == (False, [], None)
    assert told["sentence"] == "Nothing was chosen for you here: this is what everybody sees."
    assert why(world, closed)["reason"] == "DISABLED"


@pytest.mark.parametrize("number", range(12))
def test_chance_is_called_chance(world: World, number: int):
    past_shop.publish(world)
    found = world.ask("dark", anonymousId=f"u{number}")["placements"]["dark"]
    told = why(world, found["decisionId"])
    assert ("chance" in told["data"]) == (found["reason"] == "SPLIT")
    assert told["isPersonalized"] is False


def test_an_id_of_another_site_or_a_changed_one_is_refused(world: World, chosen: dict[str, Any]):
    other = World(key="other")
    code = why(other, chosen["decisionId"], status=400)["code"]
    assert code == "invalid_decision_id"
    assert why(world, chosen["decisionId"][:-3] + "AAA", status=400)["code"] == code
    assert why(world, "", status=400)["code"] == "invalid_request"


def test_a_server_is_told_all_of_it(world: World, chosen: dict[str, Any]):
    records.flush()
    told = why(world, chosen["decisionId"], world.sk)
    assert [(step["step"], step["outcome"]) for step in told["trace"]] == [
        ("segment", "in, serves 'blouses'")
    ]
    assert told["decision"]["replay"] == {"outcome": "same", "why": None, "differences": []}
    assert told["decision"]["placements"][0]["variant"] == "blouses"


def test_a_server_asks_before_the_record_is_written(world: World, chosen: dict[str, Any]):
    told = why(world, chosen["decisionId"], world.sk)
    assert (told["trace"], told["decision"]) == (None, None)
    assert told["reason"] == "TARGETING_MATCH"


def test_a_server_that_asks_too_early_is_told_to_ask_again(
    world: World, chosen: dict[str, Any]
) -> None:
    def asked() -> Any:
        return world.client.get(
            "/v1/why", {"decisionId": chosen["decisionId"]},
            headers={"Authorization": f"Bearer {world.sk}"},
        )  # fmt: skip

    early = asked()
    assert (early.json()["decision"], early["Retry-After"]) == (None, "1")
    records.flush()
    later = asked()
    assert later.json()["decision"] is not None and "Retry-After" not in later
