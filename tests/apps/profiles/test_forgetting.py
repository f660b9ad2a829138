"""What every holder moves, shows and forgets of one person, together."""

from uuid import UUID

from django.db import connection, transaction

from apps.decisions import records
from apps.profiles import selectors
from apps.profiles.holders import holders
from apps.profiles.models import Identity, MergeRecord, Profile, ProfileState
from apps.segments.refresh import refresh_site
from apps.work.redis import connection as redis
from tests.apps.profiles.conftest import Shop, identify, track

DEVICE, USER, PLAN = "device-5d1c", "person-77f0", "plan-e902"


def whole_person(shop: Shop) -> UUID:
    """Two profiles found to be one, with something in every store."""
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)
    shop.send(
        track(anonymousId=DEVICE, properties={"category": "blouses"}),
        track(anonymousId=None, userId=USER),
        track(anonymousId="bystander"),
    )
    shop.world.hero_of(DEVICE)
    shop.send(identify(USER, anonymousId=DEVICE, traits={"plan": PLAN}))
    choice = {"anonymousId": DEVICE, "purposes": {"sale": False}, "proof": PLAN}
    assert shop.world.post("/v1/consent", choice).status_code == 200
    shop.world.hero_of(DEVICE)
    records.flush()
    assert MergeRecord.objects.count() == 1
    return Identity.objects.get(value=USER).profile_id


def hot_values() -> bytes:
    """Every value that Redis holds."""
    client = redis()
    return b"".join(
        client.get(key) or b"" for key in client.scan_iter() if client.type(key) == b"string"
    )


def places_of(*needles: str) -> set[str]:
    """The tables in which any of these still stands."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for needle in needles:
                cursor.execute(
                    f'SELECT count(*) FROM "{table}" t WHERE position(%s in t::text) > 0', [needle]
                )
                if cursor.fetchone()[0]:
                    found.add(table)
    return found


def test_a_person_is_shown_whole(shop: Shop) -> None:
    profile_id = whole_person(shop)

    person = selectors.ids_of_person(profile_id)
    shown = {
        holder.name: [row for one in person for row in holder.export(one)] for holder in holders()
    }

    assert {row["value"] for row in shown["profiles"]} == {DEVICE, USER, PLAN}
    assert len(shown["events"]) == 3
    assert len(shown["consent"]) == 1
    assert len(shown["decisions"]) == 2
    assert shown["segments"][0]["segment"] == "blouses"


def test_an_erasure_leaves_nothing_that_leads_back(shop: Shop) -> None:
    profile_id = whole_person(shop)
    loser_id = MergeRecord.objects.get().loser_id
    assert shop.world.hero_of(DEVICE)["reason"] == "TARGETING_MATCH"
    assert PLAN.encode() in hot_values()
    before = places_of(DEVICE, USER, PLAN, str(profile_id))
    assert {"profiles_profilestate", "work_changefeed", "consent_consentevent"} <= before

    person = selectors.ids_of_person(profile_id)
    assert set(person) == {profile_id, loser_id}
    with transaction.atomic():
        for holder in reversed(holders()):
            for one in person:
                holder.erase(one)
    with transaction.atomic():  # each may be asked again
        assert sum(holder.erase(profile_id) for holder in holders()) == 0

    assert places_of(DEVICE, USER, PLAN, str(profile_id), str(loser_id)) == set()
    assert not [one for one in (DEVICE, USER, PLAN) if one.encode() in hot_values()]
    assert shop.world.hero_of(DEVICE)["reason"] == "DEFAULT"
    assert shop.get(f"user_id:{USER}", "traits").status_code == 404
    assert shop.get("anonymous_id:bystander", "traits").status_code == 200
    assert Profile.objects.count() == ProfileState.objects.count() == 1
