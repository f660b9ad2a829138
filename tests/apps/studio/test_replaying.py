"""The page on which a recorded decision is made again."""

from collections.abc import Callable

import pytest
from django.test import Client

from apps.access.models import AuditEntry
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from tests.apps.delivery.conftest import World, _new_process, inside, world  # noqa: F401

AsRole = Callable[[str], Client]


@pytest.fixture
def record(world: World) -> DecisionRecord:  # noqa: F811
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]), traits={"name": ["Ann"]})
    world.tell(row.profile_id)
    world.hero_of("a1")
    records.flush()
    return DecisionRecord.objects.get()


def address(record: DecisionRecord) -> str:
    return f"/admin/decisions/{record.pk}/replay/"


def test_the_page_of_a_decision_says_what_was_read_and_leads_to_its_replay(
    record: DecisionRecord,
    as_role: AsRole,
):
    client: Client = as_role("privacy_officer")
    page = client.get(f"/admin/decisions/decisionrecord/{record.pk}/change/").content.decode()
    assert "name: Ann" in page
    assert record.placements[0]["content"] in page
    assert f'href="{address(record)}"' in page

    again = client.get(address(record)).content.decode()
    assert "byte for byte" in again
    assert "home.hero: blouses" in again
    assert "in, serves" in again
    assert AuditEntry.objects.filter(action="profiles.viewed").count() == 2


def test_a_changed_record_is_called_so(record: DecisionRecord, as_role: AsRole):
    DecisionRecord.objects.update(request_id="req_other")
    page = as_role("privacy_officer").get(address(record)).content.decode()
    assert "This record is not what was written." in page
    assert "what was decided has been changed" in page


@pytest.mark.parametrize("role", ["editor", "analyst"])
def test_who_may_not_see_people_replays_nothing(
    record: DecisionRecord,
    as_role: AsRole,
    role: str,
):
    assert as_role(role).get(address(record)).status_code == 403
