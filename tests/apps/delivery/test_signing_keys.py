"""The signing key is changed: what the old one signed is believed while it is named as retired."""

from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from apps.decisions import past, records
from apps.decisions.models import DecisionRecord
from apps.delivery.stream.tickets import read_ticket, ticket_of
from apps.profiles import holders
from apps.work.ids import uuid7
from tests.apps.delivery.conftest import NOW_MS, World, inside
from tests.apps.delivery.test_segment_keys import PATH, cacheable_hero, key_of

OTHER = "another signing key, of at least thirty-two characters"


def exposed(world: World, decision_id: str) -> list[str]:
    answer = world.post("/v1/exposures", {"exposures": [{"decisionId": decision_id}]}).json()
    return [one["code"] for one in answer["rejected"]]


@pytest.fixture
def old() -> str:
    """The key that signs before it is changed."""
    found: str = settings.SIGNING_KEY
    return found


def test_a_decision_of_before_can_still_be_exposed(world: World, old: str) -> None:
    world.hero()
    before = world.hero_of()["decisionId"]
    with override_settings(SIGNING_KEY=OTHER):
        assert exposed(world, before) == ["invalid_decision_id"]
    with override_settings(SIGNING_KEY=OTHER, SIGNING_KEYS_RETIRED=("x" * 40, old)):
        assert exposed(world, before) == []
        asked = {"decisionId": before}
        headers = {"Authorization": f"Bearer {world.pk}"}
        assert world.client.get("/v1/why", asked, headers=headers).status_code == 200


def test_a_retired_key_signs_nothing(world: World, old: str) -> None:
    world.hero()
    with override_settings(SIGNING_KEY=OTHER, SIGNING_KEYS_RETIRED=(old,)):
        after = world.hero_of()["decisionId"]
        assert exposed(world, after) == []
    assert exposed(world, after) == ["invalid_decision_id"]


def test_an_address_of_a_stream_stays_good(world: World, old: str) -> None:
    given = (world.site.pk, world.source.pk, "anonymous_id:a1", NOW_MS)
    before = ticket_of(*given)
    with override_settings(SIGNING_KEY=OTHER):
        assert read_ticket(before, NOW_MS) is None
    with override_settings(SIGNING_KEY=OTHER, SIGNING_KEYS_RETIRED=(old,)):
        ticket = read_ticket(before, NOW_MS)
        assert ticket is not None and ticket.site_id == world.site.pk
        after = ticket_of(*given)
        assert after != before
    assert read_ticket(after, NOW_MS) is None


def test_a_segment_key_in_a_page_stays_good(world: World, old: str) -> None:
    blouses, _ = cacheable_hero(world)
    world.tell(world.person(("anonymous_id", "a1"), stays=inside([blouses])).profile_id)
    before = key_of(world)

    def shown() -> Any:
        return world.client.get(f"{PATH}&sk={before}").json()["variant"]

    assert shown() == "blouses"
    with override_settings(SIGNING_KEY=OTHER):
        assert shown() == "everyone"
    with override_settings(SIGNING_KEY=OTHER, SIGNING_KEYS_RETIRED=(old,)):
        assert shown() == "blouses"


def test_seals_of_before_hold_through_merges_and_erasure(world: World, old: str) -> None:
    world.hero()
    row = world.person(("anonymous_id", "a1"))
    world.tell(row.profile_id)
    world.hero_of()
    records.flush()
    record = DecisionRecord.objects.get()
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with override_settings(SIGNING_KEY=OTHER):
        assert past.faults(record) == ["key"]
    with override_settings(SIGNING_KEY=OTHER, SIGNING_KEYS_RETIRED=(old,)):
        assert past.faults(record) == []
        other = uuid7()
        assert holder.reassign(row.profile_id, other) == 1
        record.refresh_from_db()
        assert (record.profile_id, past.faults(record)) == (other, [])
        assert holder.erase(other) == 1
        record.refresh_from_db()
        assert (record.profile_id, past.faults(record)) == (None, [])
    assert past.faults(record) == []  # still by the key of its time
