"""What has been kept long enough goes, in every state; what is younger stays; and it is written."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection

from apps.access import keeping
from apps.access.models import AuditEntry
from apps.consent.models import ConsentEvent, Disclosure, Recipient
from apps.decisions.models import DecisionRecord
from apps.events import partitions
from apps.events.models import Quarantine
from apps.integrations.models import Connection, Incoming
from apps.privacy import retention
from apps.privacy.models import Request, RequestEvent, RequestSubject, RetentionRun
from apps.rules.models import Firing, Trigger
from apps.work import clock
from apps.work.ids import uuid7
from apps.work.models import ChangeFeed
from tests.apps.delivery.conftest import NOW, World, _new_process  # noqa: F401
from tests.apps.privacy.keeping import (
    DAY,
    a_choice,
    a_request,
    moments,
    run,
)


@pytest.fixture
def world(db: None) -> Iterator[World]:
    clock.replace(lambda: NOW)
    partitions.forget()  # those of a test that was rolled back are not there any more
    made = World()
    yield made
    clock.replace(None)
    partitions.forget()


# Row by row, in every state


def a_decision(world: World, at: datetime) -> object:
    return DecisionRecord.objects.create(
        request_id=uuid7().hex, at=at, site_id=world.site.pk, source_id=world.source.pk,
        snapshot=1, placements=[], facts={}, took_us=1,
    ).pk  # fmt: skip


def a_refused_event(state: str) -> Callable[[World, datetime], object]:
    def make(world: World, at: datetime) -> object:
        return Quarantine.objects.create(
            site=world.site, source=world.source, received_at=at, code="x", detail="x",
            body="{}", state=state,
        ).pk  # fmt: skip

    return make


def a_firing(outcome: str) -> Callable[[World, datetime], object]:
    def make(world: World, at: datetime) -> object:
        trigger = Trigger.objects.first() or Trigger.objects.create(
            site=world.site, key="t", name="T", number=1, segment=world.segment("s")
        )
        return Firing.objects.create(
            trigger=trigger, profile_id=uuid7(), cause=uuid7().hex, at=at, outcome=outcome
        ).pk

    return make


def a_disclosure(world: World, at: datetime) -> object:
    shop, _ = Recipient.objects.get_or_create(site=world.site, key="r", defaults={"name": "R"})
    row = world.person(("anonymous_id", uuid7().hex))
    return Disclosure.objects.create(
        profile_id=row.profile_id, recipient=shop, what="x", first_at=at, last_at=at
    ).pk


def a_line(world: World, at: datetime) -> object:
    return ChangeFeed.objects.create(site=world.site, at=at, kind="x").pk


def an_audit_entry(site_of: Callable[[World], UUID | None]) -> Callable[[World, datetime], object]:
    def make(world: World, at: datetime) -> object:
        return AuditEntry.objects.create(
            site_id=site_of(world), at=at, actor_label="x", action="x.y"
        ).pk

    return make


def a_session(world: World, at: datetime) -> object:
    return Session.objects.create(session_key=uuid7().hex, session_data="x", expire_date=at).pk


def a_call_of_a_cms(world: World, at: datetime) -> object:
    made, _ = Connection.objects.get_or_create(
        site=world.site, name="C", defaults={"kind": "contentful", "created_at": NOW}
    )
    return Incoming.objects.create(connection=made, received_at=at, delivery=uuid7().hex).pk


CASES: dict[str, tuple[str, Any, Callable[[World, datetime], object], int]] = {
    "decisions": ("decisions", DecisionRecord, a_decision, 90),
    **{
        f"quarantine-{state}": ("quarantine", Quarantine, a_refused_event(state), 30)
        for state in Quarantine.State.values
    },
    **{
        f"firings-{outcome}": ("firings", Firing, a_firing(outcome), 365)
        for outcome in Firing.Outcome.values
    },
    "disclosures": ("disclosures", Disclosure, a_disclosure, 365),
    "feed": ("feed", ChangeFeed, a_line, 90),
    "audit-of-a-site": ("audit", AuditEntry, an_audit_entry(lambda world: world.site.pk), 730),
    "audit-of-no-site": ("audit", AuditEntry, an_audit_entry(lambda world: None), 730),
    **{
        f"requests-{state}": (
            "requests", Request, a_request(state, is_ended=state in ("completed", "refused")), 730
        )
        for state in Request.State.values
    },
    "sessions": ("sessions", Session, a_session, 0),
    "cms-calls-never-ended": ("cms_calls", Incoming, a_call_of_a_cms, 30),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_older_goes_and_younger_stays(world: World, case: str) -> None:
    kind, model, make, days = CASES[case]
    old, young = moments(days)
    gone, left = make(world, old), make(world, young)
    assert any(one.removed.rows for one in run(kind, is_dry=True))
    assert model.objects.filter(pk=gone).exists(), "a dry run removes nothing"
    outcomes = run(kind)
    assert not model.objects.filter(pk=gone).exists()
    assert model.objects.filter(pk=left).exists()
    assert all(one.state == "done" for one in outcomes), [one.problem for one in outcomes]
    proof = RetentionRun.objects.filter(kind=kind)
    assert sum(row.removed for row in proof) >= 1
    assert all(row.oldest_left is None or row.oldest_left >= row.cutoff for row in proof)


def test_with_a_request_goes_what_hangs_on_it_and_then_its_log(world: World) -> None:
    old, young = moments(730)
    a_request("completed", is_ended=True)(world, old)
    left = a_request("completed", is_ended=True)(world, young)
    run("requests")
    assert set(RequestEvent.objects.values_list("request_id", flat=True)) == {left}
    assert set(RequestSubject.objects.values_list("request_id", flat=True)) == {left}


@pytest.mark.parametrize(
    ("kind", "make", "model"),
    [("decisions", a_decision, DecisionRecord), ("feed", a_line, ChangeFeed)],
    ids=["decisions", "feed"],
)
def test_a_site_says_itself_how_long(world: World, kind: str, make: Any, model: Any) -> None:
    other = World("other")
    world.site.privacy_settings = {kind: 10}
    world.site.save(update_fields=["privacy_settings"])
    mine, theirs = make(world, NOW - 11 * DAY), make(other, NOW - 11 * DAY)
    run(kind)
    assert not model.objects.filter(pk=mine).exists()
    assert model.objects.filter(pk=theirs).exists()


def test_what_the_law_wants_kept_is_not_kept_shorter(world: World) -> None:
    world.site.privacy_settings = {"requests": 5, "consent": 5, "decisions": "all"}
    assert keeping.days_of(world.site, "requests") == 730
    assert keeping.days_of(world.site, "consent") == 3 * 365
    assert keeping.days_of(world.site, "decisions") == 90


# Proof of consent


def test_proof_of_consent_goes_three_years_after_the_last_yes_of_the_erased_has_ended(
    world: World,
) -> None:
    over, recent = NOW - timedelta(days=4 * 366 + 2), NOW - timedelta(days=4 * 365 - 5)
    known = world.person(("anonymous_id", "a1")).profile_id
    gone = a_choice(world, over, profile_id=None, digest="one")
    kept = {
        a_choice(world, over, profile_id=known, digest="two"),
        a_choice(world, over, profile_id=None, digest="three"),
        a_choice(world, recent, profile_id=None, digest="three"),
    }
    assert run("consent")[0].removed.tables == {"consent_consentevent": 1}
    assert set(ConsentEvent.objects.values_list("pk", flat=True)) == kept
    assert gone not in kept


# Runs


def test_a_kind_that_fails_is_written_down_and_keeps_no_other(world: World) -> None:
    a_decision(world, NOW - 91 * DAY)
    a_line(world, NOW - 91 * DAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION no_more() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'person@example.com'; END $$;"
            "CREATE TRIGGER no_more BEFORE DELETE ON decisions_decisionrecord"
            " FOR EACH ROW EXECUTE FUNCTION no_more()"
        )
    states = {one.kind.key: one.state for one in run("decisions", "feed")}
    assert states == {"decisions": "failed", "feed": "done"}
    row = RetentionRun.objects.get(kind="decisions")
    assert row.state == "failed"
    assert "person@example.com" not in str(row.proof)


def test_every_kind_runs_on_an_empty_database_and_the_task_says_what_went(world: World) -> None:
    from apps.privacy.tasks_retention import run_retention

    a_line(world, NOW - 91 * DAY)
    gone = run_retention()
    assert gone["feed"] == 1
    assert set(RetentionRun.objects.values_list("state", flat=True)) == {"done"}
    assert set(gone) == {kind.key for kind in retention.kinds()}


def test_the_command_counts_and_removes(world: World) -> None:
    a_line(world, NOW - 91 * DAY)
    out = StringIO()
    call_command("run_retention", "--dry-run", "--only", "feed", stdout=out)
    assert "1 would go" in out.getvalue()
    assert ChangeFeed.objects.count() == 1
    assert RetentionRun.objects.count() == 0
    call_command("run_retention", "--only", "feed", stdout=out)
    assert ChangeFeed.objects.count() == 0
