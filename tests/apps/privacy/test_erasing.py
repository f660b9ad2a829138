"""One person erased, everywhere: begun, carried out step by step, taken up again, proved."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from apps.consent.models import ConsentEvent
from apps.decisions import records
from apps.events.models import Quarantine
from apps.privacy import erasing, ledger_file, steps, tasks_erasing
from apps.privacy.models.erasures import Certificate, Erasure, ErasureStep
from apps.profiles.models import Identity, MergeRecord, Profile, ProfileState
from apps.segments.refresh import refresh_site
from apps.work import clock
from apps.work.models import Intent
from apps.work.redis import connection as redis
from tests.apps.delivery.conftest import _new_process, world  # noqa: F401
from tests.apps.profiles.conftest import (  # noqa: F401
    Shop,
    identify,
    shop,
    track,
)
from tests.apps.profiles.test_forgetting import hot_values, places_of
from tests.faults.erasure_kills import killed_at_every_moment


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_DIR = tmp_path / "ledger"


DEVICE, USER, PLAN = "device-5d1c77", "person-77f0aa", "plan-e90255"


def whole_person(shop: Shop, mark: str = "") -> UUID:  # noqa: F811
    """Two profiles found to be one, with something in every store, beside a bystander.

    Args:
        mark: makes a second person, with as much of everything.
    """
    device, user = DEVICE + mark, USER + mark
    if not mark:
        shop.world.hero()
        refresh_site(site_id=shop.world.site.pk)
    shop.send(
        track(anonymousId=device, properties={"category": "blouses"}),
        track(anonymousId=None, userId=user),
        track(anonymousId=f"bystander{mark}"),
    )
    shop.world.hero_of(device)
    traits = {"email": f"{PLAN}{mark}@example.com", "plan": PLAN + mark}
    shop.send(identify(user, anonymousId=device, traits=traits))
    choice = {"anonymousId": device, "purposes": {"sale": False}, "proof": PLAN + mark}
    assert shop.world.post("/v1/consent", choice).status_code == 200
    shop.world.hero_of(device)
    records.flush()
    refuse(shop, device)
    profile_id = Identity.objects.get(value=user).profile_id
    assert MergeRecord.objects.filter(winner_id=profile_id).count() == 1
    return profile_id


def refuse(shop: Shop, device: str) -> None:  # noqa: F811
    """Send an event that goes into quarantine."""
    before = Quarantine.objects.count()
    bad = {**track(anonymousId=device), "event": None}
    shop.world.post("/v1/batch", {"batch": [bad]}, key=shop.world.sk)
    assert Quarantine.objects.count() == before + 1


def begin(shop: Shop, **who: Any) -> UUID:  # noqa: F811
    return erasing.begin(site_id=shop.world.site.pk, now=clock.now(), **who)


def removed(erasure_id: UUID) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for step in ErasureStep.objects.filter(erasure_id=erasure_id):
        counts.update(step.stores)
    return dict(counts)


@pytest.mark.django_db(transaction=True)
def test_nothing_leads_back_to_who_was_erased(shop: Shop) -> None:  # noqa: F811
    profile_id = whole_person(shop)
    loser_id = MergeRecord.objects.get().loser_id
    assert places_of(DEVICE, USER, PLAN)

    erasure_id = begin(shop, profile_id=profile_id)
    erasing.run(erasure_id)

    erasure = Erasure.objects.get(pk=erasure_id)
    assert erasure.state == Erasure.State.COMPLETED and erasure.profile_ids == []
    assert places_of(DEVICE, USER, PLAN) == set()
    assert places_of(str(profile_id), str(loser_id)) <= {"access_auditentry"}
    assert not [one for one in (DEVICE, USER, PLAN) if one.encode() in hot_values()]
    assert shop.world.hero_of(DEVICE)["reason"] != "TARGETING_MATCH"
    assert shop.get(f"user_id:{USER}", "traits").status_code == 404
    assert shop.get("anonymous_id:bystander", "traits").status_code == 200
    assert Profile.objects.count() == ProfileState.objects.count() == 1
    assert ConsentEvent.objects.filter(profile=None).exists(), "the proof stays"


@pytest.mark.django_db(transaction=True)
def test_a_name_that_another_name_begins_with_is_not_left_in_that_one(shop: Shop) -> None:  # noqa: F811
    shop.send(*(track(anonymousId=f"device-{number}") for number in range(1, 40)))
    profile_id = Identity.objects.get(value="device-1").profile_id
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_identity, profiles_profile, profiles_profilestate")

    erasing.run(begin(shop, profile_id=profile_id))  # the planner knows device-10 to device-19

    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    assert planner_knows("device-19", "profiles_identity")
    found = tasks_erasing.search_waiting(now=clock.now())
    assert found is not None and found.is_clean, found.hits

    again = erasing.begin(site_id=shop.world.site.pk, names=[("anonymous_id", "device-2")],
                          now=clock.now())  # fmt: skip
    erasing.run(again)
    redis().set("attune:left:device-2x", "1")
    found = tasks_erasing.search_waiting(now=clock.now())
    assert found is not None and found.hits, "device-2x is nobody: what is left may be theirs"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("other", ["müller/{}", "müllerö{}", "auth0|müller{}"])
def test_the_planner_may_know_names_that_go_on_with_whatever(shop: Shop, other: str) -> None:  # noqa: F811
    names = ["müller", *(other.format(number) for number in range(40))]
    shop.send(*(track(anonymousId=None, userId=name) for name in names))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    erasing.run(begin(shop, names=[("user_id", "müller")]))

    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    assert planner_knows(names[1], "profiles_identity")


@pytest.mark.django_db(transaction=True)
def test_the_ids_of_others_messages_may_go_on_from_a_name_or_a_message(shop: Shop) -> None:  # noqa: F811
    shop.send(
        track(anonymousId="device-1", messageId="order-100"),
        *(track(anonymousId="device-19", messageId=f"order-100{one}") for one in range(5)),
        *(track(anonymousId="device-19", messageId=f"device-19-{one:04}") for one in range(5)),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    erasing.run(begin(shop, names=[("anonymous_id", "device-1")]))

    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    found = tasks_erasing.search_waiting(now=clock.now())
    assert found is not None and found.is_clean, found.hits


@pytest.mark.django_db(transaction=True)
def test_any_identity_of_the_person_leads_to_the_same_erasure(shop: Shop) -> None:  # noqa: F811
    profile_id = whole_person(shop)

    first = begin(shop, names=[("user_id", USER)])
    again = begin(shop, names=[("anonymous_id", DEVICE)])
    by_profile = begin(shop, profile_id=MergeRecord.objects.get().loser_id)

    assert first == again == by_profile
    assert set(Erasure.objects.get().profile_ids) >= {profile_id}
    assert Intent.objects.filter(kind=erasing.ERASE).count() == 1


@pytest.mark.django_db(transaction=True)
def test_whoever_is_unknown_is_barred_and_certified_too(shop: Shop) -> None:  # noqa: F811
    erasure_id = begin(shop, names=[("user_id", "never-seen-here")])
    erasing.run(erasure_id)

    assert Certificate.objects.get(erasure_id=erasure_id).kind == "erasure"
    answer = shop.world.post(
        "/v1/batch", {"batch": [track(anonymousId=None, userId="never-seen-here",
                                      timestamp="2020-01-01T00:00:00Z")]}, key=shop.world.sk
    )  # fmt: skip
    assert answer.status_code == 200
    assert not Identity.objects.filter(value="never-seen-here").exists()


@pytest.mark.django_db(transaction=True)
def test_progress_says_what_was_removed_store_by_store(shop: Shop) -> None:  # noqa: F811
    erasure_id = begin(shop, profile_id=whole_person(shop))
    before = erasing.progress(erasure_id)
    assert [one.state for one in before] == ["waiting"] * len(before)

    erasing.run(erasure_id)

    shown = {one.name: one for one in erasing.progress(erasure_id)}
    assert all(one.state == "done" and one.done_at for one in shown.values())
    assert shown["live"].stores["events"] == 3
    assert shown["live"].stores["consent"] >= 1
    assert [*shown][-1] == "certificate"


class Stopped(Exception):
    """The process ends here."""


def alike(shop: Shop) -> tuple[UUID, UUID]:  # noqa: F811
    """Two people of whom the same is kept. Of two profiles of one instant either may win."""
    by_winner: dict[bool, UUID] = {}
    for number in range(2, 20):
        made = whole_person(shop, f"-{number}")
        is_device = Profile.objects.get(pk=made).bucketing_key.startswith(DEVICE)
        if is_device in by_winner:
            return by_winner[is_device], made
        by_winner[is_device] = made
    raise AssertionError("two of three are alike")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_killed_at_every_moment_it_ends_with_the_same_counts(shop: Shop) -> None:  # noqa: F811
    moments: list[tuple[str, str, str]] = []
    whole_person(shop)  # the shop has seen somebody before
    one, other = alike(shop)
    undisturbed = begin(shop, profile_id=one)
    erasing.run(undisturbed, between=lambda *moment: moments.append(moment))

    killed = begin(shop, profile_id=other)
    deaths = killed_at_every_moment(killed)

    # The last transaction ends the erasure: whoever dies after it leaves nothing to take up.
    through = {("certificate", "worked", ""), ("certificate", "done", "")}
    assert deaths == set(moments) - through, "a moment without a death"
    assert removed(killed) == removed(undisturbed)
    assert Certificate.objects.filter(erasure_id=killed).count() == 1
    one, other = (
        json.loads(Certificate.objects.get(erasure_id=pk).body) for pk in (killed, undisturbed)
    )
    assert one["removed"] == other["removed"]
    assert Erasure.objects.get(pk=killed).state == Erasure.State.COMPLETED
    assert [entry.erasure_id for entry in ledger_file.entries()].count(killed) == 1


@pytest.mark.django_db(transaction=True)
def test_a_step_that_fails_is_seen_and_taken_up_again(
    shop: Shop,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    erasure_id = begin(shop, profile_id=whole_person(shop))

    def stop(step: str, moment: str, store: str) -> None:
        if (step, moment) == ("derived", "committing"):
            raise Stopped("text with a name in it")

    with pytest.raises(Stopped):
        erasing.run(erasure_id, between=stop)
    assert Erasure.objects.get().state == Erasure.State.FAILED
    failed = next(one for one in erasing.progress(erasure_id) if one.state == "failed")
    assert (failed.name, failed.detail) == ("derived", "Stopped")

    assert erasing.ask_unfinished(now=clock.now()) == 1
    erasing.run(erasure_id)
    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    assert steps.TITLES.keys() == {one.name for one in erasing.progress(erasure_id)}


def analyse_tasks() -> None:
    """As autovacuum does, at any moment."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE work_intent")


def task_about(shop: Shop, text: str) -> Intent:  # noqa: F811
    now = clock.now()
    return Intent.objects.create(
        site=shop.world.site, kind="x", key=text, run_after=now, created_at=now
    )


def planner_knows(text: str, table: str = "work_intent") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stats WHERE tablename = %s AND strpos("
            "  concat(most_common_vals::text, histogram_bounds::text), %s) > 0", [table, text]
        )  # fmt: skip
        return bool(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_task_that_waits_with_an_id_in_it_keeps_no_erasure_open(shop: Shop) -> None:  # noqa: F811
    profile_id = whole_person(shop)
    waiting = Intent.objects.filter(key__contains=profile_id.hex, state="waiting")
    assert waiting.exists(), "what they took back is looked for once more in an hour"
    analyse_tasks()
    assert planner_knows(profile_id.hex)

    erasing.run(begin(shop, profile_id=profile_id))
    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    assert planner_knows(profile_id.hex), "as the row, which is still there"

    waiting.delete()
    found = tasks_erasing.search_waiting(now=clock.now())
    assert found is not None and not [one for one in found.hits if "pg_statistic" in one[0]]
    assert not planner_knows(profile_id.hex)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("word", [USER, f"{USER}-0457"])
def test_tables_counted_while_it_runs_are_counted_again(
    shop: Shop,  # noqa: F811
    word: str,
) -> None:
    erasure_id = begin(shop, profile_id=whole_person(shop))
    seen = []

    def count_again(step: str, moment: str, store: str) -> None:
        if (step, moment) == ("scan", "begun"):
            task = task_about(shop, word)
            analyse_tasks()
            task.delete()
            seen.append(planner_knows(USER))

    erasing.run(erasure_id, between=count_again)
    assert seen == [True]
    assert Erasure.objects.get().state == Erasure.State.COMPLETED
    assert not planner_knows(USER)
