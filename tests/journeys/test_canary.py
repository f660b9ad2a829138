"""Fifty people live in a shop for an hour; one is erased, and nobody else is touched."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.test import Client

from apps.events import journal
from apps.experiments.models import (
    ChoiceWorth,
    DaySum,
    HoldoutMember,
    HoldoutSum,
    Participant,
    Result,
    WhatIf,
    Worth,
)
from apps.privacy import erasing, searching, tasks_erasing
from apps.privacy.models.erasures import Certificate, Erasure
from apps.privacy.models.packages import Package
from apps.privacy.needles import Needles
from apps.profiles import kept_out, selectors
from apps.profiles.models import Identity
from apps.rules.models import Firing
from apps.work import clock
from apps.work.redis import connection as redis
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.apps.profiles.test_forgetting import hot_values
from tests.journeys import canaries
from tests.journeys.canaries import ERASED, Canary, Shop

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# Work that is done changes its rows; the officer's session and packages tell nobody whose they are.
BOOKS = ("work_", "django_celery_beat", "django_session", "privacy_package", "privacy_request")
# Rows of nobody that an erasure or the workers' own book-keeping writes. All other tables must not
# get, lose or change a line that is not the person's.
WRITTEN = {
    "access_auditentry": "that it was begun",
    "consent_consentevent": "the person's proof, under its pseudonym",
    "consent_tombstone": "digests of the person's names",
    "decisions_decisionrecord": "the person's records, emptied",
    "decisions_forgotten": "digests that late records are looked for by",
    "decisions_hotgeneration": "which Redis it is",
    "django_session": "whom an officer has looked at",
    "privacy_certificate": "the proof",
    "privacy_erasure": "the erasure",
    "privacy_erasurestep": "its steps",
    "privacy_modelcut": "models to be trained again",
    "privacy_package": "the person's package, emptied",
    "privacy_recipienttelling": "who is told",
    "privacy_request": "the person's request, without names",
    "recommendations_recommenderversion": "lists lose what only the person looked at",
    "recommendations_itemlist": "the same",
    "experiments_reopened": "days of experiments to be counted anew",
    "work_changefeed": "the person's lines, emptied; that they were barred",
    "work_intent": "what is to be done",
    "work_ledgerstate": "book-keeping",
    "work_unsealed": "book-keeping",
}

# Sums over people of a day, without names: taken away, because they are to be counted anew.
ERASURES_OWN = ("decisions_forgotten",)  # digests that late records are looked for by
RECOUNTED = ("experiments_holdoutsum",)


@pytest.fixture
def shop(world: World, settings: Any, tmp_path: Path) -> Any:  # noqa: F811
    settings.PRIVATE_TARGETS = ("127.0.0.0/8",)
    settings.LEDGER_DIR = tmp_path / "ledger"
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    with canaries.listening() as (address, calls):
        made = Shop(world, address)
        made.live_an_hour()
        assert len(calls) == canaries.PEOPLE, "the webhooks of the triggers"
        yield made


def marks_in(needle: Canary) -> searching.Found:
    """Search every store for one person's marker."""
    needles = Needles()
    needles.add_text("name", needle.mark, 0)
    return searching.search(needles.prepare())


def redis_lines() -> dict[bytes, bytes]:
    client = redis()
    return {
        bytes(key): client.dump(key) or b""
        for key in client.scan_iter()
        if key not in (b"attune:live", b"fast", b"slow", b"train")
    }


def test_one_of_fifty_is_erased_and_nobody_else_is_touched(shop: Shop, client: Client) -> None:
    erased = shop.people[ERASED]
    shop.hand_out(erased)
    shop.hand_out(shop.people[0])
    shop.visit_in_the_admin(erased, client)
    profile_id = Identity.objects.get(value=erased.user).profile_id
    person = set(selectors.ids_of_person(profile_id))
    places = {store for store, _ in marks_in(erased).hits}
    assert len(places) > 12, f"the marker is not everywhere: {sorted(places)}"
    assert {"table events_inbox", "table events_quarantine", "files: journal"} <= places
    assert Firing.objects.filter(profile_id=profile_id).exists()
    assert Package.objects.exclude(content_enc=b"").count() == 2
    before, kept_before = canaries.lines_of_tables(), redis_lines()

    erasing.run(
        erasing.begin(site_id=shop.site_id, names=[("user_id", erased.user)], now=clock.now())
    )
    found = tasks_erasing.search_waiting(now=clock.now())

    assert found is not None and found.is_clean, found and dict(found.hits)
    assert dict(marks_in(erased).hits) == {}
    assert Package.objects.exclude(content_enc=b"").count() == 1, "the other's package"
    assert Erasure.objects.get().checked_at is not None
    assert set(Certificate.objects.values_list("kind", flat=True)) == {"erasure", "search"}

    after = canaries.lines_of_tables()
    for table, lines in before.items():
        others = {
            line: count
            for line, count in lines.items()
            if not canaries.of_person(line, erased, person)
        }
        left, fresh = after[table], after[table] - lines
        if table not in WRITTEN:
            assert not fresh, f"{table} has got rows"
        if not table.startswith((*BOOKS, *RECOUNTED)):
            gone = [line for line, count in others.items() if left[line] < count]
            assert not gone, f"{table} has lost or changed {len(gone)} rows: {gone[:1]}"
        for line in fresh:
            named = [one for one in shop.people if one.mark in line]
            assert not named or table.startswith("recommendations_"), f"{table} got a name: {line}"
    for key, value in kept_before.items():
        if not canaries.of_person((key + value).decode("latin-1"), erased, person):
            assert redis_lines().get(key, value) == value, key
    for one in shop.people:
        if one is not erased:
            assert one.mark.encode() in (journal.directory() / f"old{journal.REFUSED}").read_bytes()


def of_experiments(lines: dict[str, Any], one: Canary, person: set[Any]) -> dict[str, int]:
    """The tables of experiments and of the log of decisions that name somebody: how often."""
    found = {
        table: sum(count for line, count in rows.items() if canaries.of_person(line, one, person))
        for table, rows in lines.items()
        if table.startswith(("experiments_", "decisions_")) and table not in ERASURES_OWN
    }
    return {table: count for table, count in found.items() if count}


def test_nothing_of_an_experiment_is_left_of_who_took_part(shop: Shop) -> None:
    erased = shop.people[ERASED]
    profile_id = Identity.objects.get(value=erased.user).profile_id
    person = set(selectors.ids_of_person(profile_id))
    kept = of_experiments(canaries.lines_of_tables(), erased, person)
    assert set(kept) >= {
        "experiments_participant", "experiments_holdoutmember", "decisions_decisionrecord",
    }  # fmt: skip
    assert told_in_redis(person)
    assert WhatIf.objects.count() == 1
    members = HoldoutMember.objects.filter(is_mixed=False)
    held, rest = members.filter(arm=0).count(), members.filter(arm=1).count()
    assert held + rest == canaries.PEOPLE
    assert members.get(profile_id=profile_id).arm == 0
    assert profile_id not in taught()
    assert counted(DaySum) == counted(HoldoutSum) == (canaries.PEOPLE, canaries.PEOPLE)
    assert Result.objects.get().document["participants"] == canaries.PEOPLE

    erasing.run(
        erasing.begin(site_id=shop.site_id, names=[("user_id", erased.user)], now=clock.now())
    )
    assert of_experiments(canaries.lines_of_tables(), erased, person) == {}
    assert not told_in_redis(person)

    shop.count_experiments()
    assert of_experiments(canaries.lines_of_tables(), erased, person) == {}
    others = canaries.PEOPLE - 1
    assert counted(DaySum) == counted(HoldoutSum) == (others, others)
    assert Result.objects.get().document["participants"] == others
    worth = Worth.objects.get().document
    assert (worth["held"], worth["personalized"]) == (held - 1, rest)
    assert ChoiceWorth.objects.get().document["n"] == canaries.PEOPLE  # a day old: counts alone
    assert not Participant.objects.filter(profile_id__in=person).exists()


def told_in_redis(person: set[Any]) -> bool:
    """Whether a value in Redis holds one of the person's profiles, as hot states do."""
    values = hot_values()
    return any(form in values for pk in person for form in (pk.bytes, pk.hex.encode()))


def counted(model: Any) -> tuple[int, float]:
    """People, and how many of them ordered, over all arms and days."""
    rows = model.objects.filter(segment="").aggregate(n=Sum("n"), y=Sum("y"))
    return rows["n"], rows["y"]


def taught() -> set[Any]:
    """The profiles that models learn from."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.id FROM profiles_profile p WHERE {kept_out.sql_teaches('p.id')}")
        return {row[0] for row in cursor.fetchall()}
