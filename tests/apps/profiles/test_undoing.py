"""Undoing a merge from the page of a profile, and what decisions and stores say afterwards."""

import re
from uuid import UUID

import pytest
from django.db import connection

from apps.decisions import records
from apps.profiles.holders import holders
from apps.profiles.models import Identity, MergeRecord
from apps.segments.refresh import refresh_site
from tests.apps.profiles.conftest import Shop, identify, track
from tests.apps.profiles.test_admin import LIST, as_role

DEVICE, USER = "device-1", "person-1"


# What a merge and its undo write of their own, and what is worked out from other tables.
OF_THE_UNDOING = {"profiles_mergerecord", "profiles_keptapart", "work_changefeed", "profiles_due"}


def rows_of(*profile_ids: UUID) -> dict[tuple[str, UUID], int]:
    """How many rows each table of a holder has of each profile."""
    found = {}
    tables = {table for holder in holders() for table in holder.tables} - OF_THE_UNDOING
    with connection.cursor() as cursor:
        for table in sorted(tables):
            columns = {
                column.name for column in connection.introspection.get_table_description(
                    cursor, table
                )
            }  # fmt: skip
            if "profile_id" not in columns and table != "profiles_profile":
                continue  # found by a name, or a pair of profiles
            column = "profile_id" if "profile_id" in columns else "id"
            for one in profile_ids:
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE "{column}" = %s', [str(one)])
                found[table, one] = cursor.fetchone()[0]
    return found


def test_every_store_has_as_many_rows_of_each_as_before(shop: Shop) -> None:
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)
    shop.send(track(anonymousId=DEVICE, properties={"category": "blouses"}))
    looked = track(anonymousId=None, userId=USER, properties={"category": "blouses"})
    shop.send(looked, identify(USER, anonymousId=None, traits={"name": "Ann"}))
    for one in ({"anonymousId": DEVICE}, {"userId": USER}):
        no = {**one, "purposes": {"sale": False}}
        assert shop.world.post("/v1/consent", no, key=shop.world.sk).status_code == 200
        shop.world.hero_of(one.get("anonymousId"), userId=one.get("userId"))
    records.flush()
    both = sorted(Identity.objects.values_list("profile_id", flat=True))
    before = rows_of(*both)
    filled = {table for (table, _), count in before.items() if count}
    assert {
        "profiles_identity", "profiles_trait", "profiles_traitchange", "profiles_profilestate",
        "events_event", "segments_membership", "decisions_decisionrecord", "consent_consentevent",
    } <= filled  # fmt: skip

    shop.send(identify(USER, anonymousId=DEVICE))
    record = MergeRecord.objects.get()
    assert rows_of(*both) != before
    as_role("privacy_officer").post(address(record), {"reason": "Two people."})

    after = rows_of(*both)
    owner = Identity.objects.get(value=USER).profile_id
    before["events_event", owner] += 1  # the login that joined them
    assert after == before


def joined(shop: Shop) -> MergeRecord:
    """A device that looks at blouses, taken for somebody's who does not."""
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)
    shop.send(track(anonymousId=DEVICE, properties={"category": "blouses"}))
    shop.send(identify(USER, anonymousId=None, traits={"name": "Ann"}))
    shop.send(identify(USER, anonymousId=DEVICE))
    return MergeRecord.objects.get()


def address(record: MergeRecord) -> str:
    return f"/admin/merges/{record.pk}/undo/"


@pytest.mark.parametrize(
    "role", ["editor", "analyst", "privacy_officer", "administrator", "auditor"]
)
def test_only_who_answers_for_people_undoes_a_merge(shop: Shop, role: str) -> None:
    record = joined(shop)
    client = as_role(role)
    may = role == "privacy_officer"

    assert client.get(address(record)).status_code == (200 if may else 403)
    done = client.post(address(record), {"reason": "Two people."})

    assert done.status_code == (302 if may else 403)
    record.refresh_from_db()
    assert (record.undone_at is not None) == may


def test_the_page_says_what_will_happen_and_then_it_does(shop: Shop) -> None:
    record = joined(shop)
    officer = as_role("privacy_officer")
    page = officer.get(f"{LIST}{record.winner_id}/change/").content.decode()
    assert f'href="{address(record)}">Undo this merge' in page

    confirm = re.sub(r"\s+", " ", officer.get(address(record)).content.decode())
    assert "1 user_id" in confirm and "2, those since the merge included" in confirm
    assert "<th>Events that stay</th><td>1</td>" in confirm
    assert DEVICE not in confirm and USER not in confirm
    refused = officer.post(address(record), {"reason": " "})
    assert "Say why" in refused.content.decode()
    done = officer.post(address(record), {"reason": "Two people."}, follow=True)

    page = done.content.decode()
    assert f"Two profiles again: {record.loser_id} with 2 events" in page
    assert f"Kept apart from {record.winner_id}" in page and "undone" in page
    again = officer.post(address(record), {"reason": "Two people."}).content.decode()
    assert "undone already" in again


def test_decisions_know_the_two_apart_at_once(shop: Shop) -> None:
    record = joined(shop)

    def hero_of_known() -> str:
        return str(shop.world.hero_of(None, userId=USER)["reason"])

    assert shop.world.hero_of(DEVICE)["reason"] == "TARGETING_MATCH"
    assert hero_of_known() == "TARGETING_MATCH"

    as_role("privacy_officer").post(address(record), {"reason": "Two people."})

    assert shop.world.hero_of(DEVICE)["reason"] == "TARGETING_MATCH"
    assert hero_of_known() != "TARGETING_MATCH"
    read = shop.read(f"user_id:{USER}", "metadata")
    assert read["profileId"] == f"prf_{record.loser_id.hex}"
    shop.send(identify(USER, anonymousId=DEVICE))
    found = Identity.objects.values_list("value", "profile_id")
    assert dict(found) == {DEVICE: record.winner_id, USER: record.loser_id}
    assert hero_of_known() != "TARGETING_MATCH"


def test_a_withdrawal_of_meanwhile_is_obeyed_for_both(shop: Shop) -> None:
    record = joined(shop)
    no = {"anonymousId": DEVICE, "purposes": {"personalization": False}}
    assert shop.world.post("/v1/consent", no).status_code == 200

    as_role("privacy_officer").post(address(record), {"reason": "Two people."})

    assert shop.world.hero_of(DEVICE)["reason"] == "NO_CONSENT"
    assert shop.world.hero_of(None, userId=USER)["reason"] == "NO_CONSENT"
