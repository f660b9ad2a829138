"""What must happen happens once, whatever dies."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.work import clock, performing, services, sweeper
from apps.work.models import Intent
from apps.work.types import Work
from engine.errors import PersonalizationError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Refused(PersonalizationError):
    code = "refused_for_test"


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """What the performer of "test.count" has been given."""
    seen: list[Work] = []

    def count(work: Work, now: datetime) -> None:
        seen.append(work)
        work.progress(len(seen), 3, "counting")
        if work.payload.get("fails"):
            raise RuntimeError("no luck")
        if work.payload.get("refuses"):
            raise Refused("never")

    monkeypatch.setitem(performing._performers, "test.count", count)
    monkeypatch.setattr(clock, "_read", lambda: NOW)
    return seen


def ask(**more: Any) -> Intent:
    return services.ask("test.count", **{"key": "one", "now": NOW, **more})


def test_asking_twice_before_it_begins_is_one_piece_of_work(db: None, done: list[Work]) -> None:
    first = ask(payload={"a": 1})
    assert ask(payload={"a": 2}).pk == first.pk
    assert performing.perform(first.pk, now=NOW)
    assert ask().pk != first.pk
    assert [work.payload for work in done] == [{"a": 1}]
    first.refresh_from_db()
    assert (first.state, first.done_steps, first.total_steps, first.note) == (
        "done", 1, 3, "counting",
    )  # fmt: skip


def test_two_sites_may_use_one_key(db: None, done: list[Work]) -> None:
    sites = [access.create_site(key=key, name=key, now=NOW).pk for key in ("a", "b")]
    intents = {ask(site_id=site).pk for site in sites}
    assert len(intents) == 2


def test_a_second_delivery_finds_it_done(db: None, done: list[Work]) -> None:
    intent = ask()
    assert performing.perform(intent.pk, now=NOW)
    assert not performing.perform(intent.pk, now=NOW)
    assert len(done) == 1


def test_what_another_process_holds_is_left_alone_until_its_lease_ends(
    db: None, done: list[Work]
) -> None:
    intent = ask()
    assert performing._claim(intent.pk, "another", NOW) is not None
    assert not performing.perform(intent.pk, now=NOW + timedelta(seconds=59))
    assert performing.perform(intent.pk, now=NOW + timedelta(seconds=61))
    intent.refresh_from_db()
    assert (intent.state, intent.attempts) == ("done", 2)


def test_an_error_is_tried_again_later_and_at_last_given_up(db: None, done: list[Work]) -> None:
    intent = ask(payload={"fails": True})
    moment = NOW
    for attempt in range(1, 6):
        performing.perform(intent.pk, now=moment)
        intent.refresh_from_db()
        assert intent.attempts == attempt
        assert "no luck" in intent.error
        assert not performing.perform(intent.pk, now=intent.run_after - timedelta(seconds=1))
        moment = intent.run_after
    assert intent.state == "failed"
    assert services.ask_again(intent_ids=[intent.pk], now=NOW) == 1


def test_a_refusal_is_not_tried_again(db: None, done: list[Work]) -> None:
    intent = ask(payload={"refuses": True})
    performing.perform(intent.pk, now=NOW)
    intent.refresh_from_db()
    assert (intent.state, intent.error, intent.attempts) == ("failed", "never", 1)


def test_work_that_nobody_performs_fails_with_a_sentence(db: None) -> None:
    intent = services.ask("test.unknown", key="x", now=NOW)
    performing.perform(intent.pk, now=NOW)
    intent.refresh_from_db()
    assert intent.error == "No installed app performs 'test.unknown'."


def test_work_taken_over_is_stopped_at_its_next_progress(
    db: None, done: list[Work], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(work: Work, now: datetime) -> None:
        Intent.objects.filter(pk=work.intent_id).update(leased_by="another")
        work.progress(1, 2)
        raise AssertionError("went on without its lease")

    monkeypatch.setitem(performing._performers, "test.count", slow)
    intent = ask()
    assert not performing.perform(intent.pk, now=NOW)
    intent.refresh_from_db()
    assert (intent.state, intent.leased_by) == ("running", "another")


def test_the_sweeper_frees_what_a_dead_process_held(db: None, done: list[Work]) -> None:
    intent = ask()
    performing._claim(intent.pk, "dead", NOW)
    assert sweeper.sweep(now=NOW + timedelta(seconds=30)) == 0
    later = NOW + timedelta(seconds=61)
    assert sweeper.sweep(now=later) == 1
    assert performing.perform(intent.pk, now=later)


def test_the_sweeper_gives_up_on_what_kills_its_processes(db: None) -> None:
    intent = ask()
    moment = NOW
    for _ in range(5):
        assert performing._claim(intent.pk, "dead", moment) is not None
        moment += timedelta(seconds=61)
        sweeper.sweep(now=moment)
    intent.refresh_from_db()
    assert (intent.state, intent.error) == ("failed", "Its process died.")


def test_what_was_asked_again_while_it_ran_supersedes_a_failed_run(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(work: Work, now: datetime) -> None:
        ask(payload={"newer": True})
        raise RuntimeError("no luck")

    monkeypatch.setitem(performing._performers, "test.count", fail)
    intent = ask()
    performing.perform(intent.pk, now=NOW)
    states = dict(Intent.objects.values_list("payload__newer", "state"))
    assert states == {None: "failed", True: "waiting"}


def test_a_commit_tells_the_queue_once(
    db: None, valkey: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        intent = ask(queue="fast")
        ask(queue="fast")
    assert valkey.llen("fast") == 1
    assert str(intent.pk).encode() in valkey.lrange("fast", 0, 0)[0]
    sweeper.sweep(now=NOW)
    assert valkey.llen("fast") == 1, "it is on its way already"


def test_asking_works_without_a_broker(
    db: None, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from apps.work import redis as redis_door

    monkeypatch.setattr("django.conf.settings.REDIS_URL", "unix:///nonexistent/valkey.sock")
    redis_door.reset()
    with django_capture_on_commit_callbacks(execute=True):
        intent = ask()
    redis_door.reset()
    assert Intent.objects.filter(pk=intent.pk, state="waiting").exists()


def test_old_work_is_cleared_away(db: None, done: list[Work]) -> None:
    intent = ask()
    performing.perform(intent.pk, now=NOW)
    sweeper.sweep(now=NOW + timedelta(days=6))
    assert Intent.objects.filter(pk=intent.pk).exists()
    sweeper.sweep(now=NOW + timedelta(days=8))
    assert not Intent.objects.filter(pk=intent.pk).exists()
