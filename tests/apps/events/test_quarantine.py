"""What waits in quarantine: repaired, replayed, discarded; and what a strict plan holds back."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.access.models import AuditEntry, Site
from apps.consent import services as consent
from apps.events import plan, services
from apps.events.models import EventSchema, Quarantine
from tests.apps.events.conftest import NOW, NOW_MS, Sending, track

LATER = NOW + timedelta(days=2)


@pytest.fixture
def officer(db: None) -> User:
    return User.objects.create_superuser("officer", password="x")


@pytest.fixture
def strict(site: Site) -> Sending:
    site.is_plan_strict = True
    site.save(update_fields=["is_plan_strict"])
    return Sending(site, kind="server")


def test_a_repaired_event_is_stored_as_if_it_had_just_been_right(server: Sending) -> None:
    bad = track(event=None, timestamp="2026-03-10T10:00:00Z")
    server.batch(
        bad,
        sentAt="2026-03-10T11:00:00Z",
        context={"locale": "de", "page": {"url": "https://x.example/?secret=1"}},
    )
    (row,) = server.waiting()
    assert "secret" not in row.body
    body = {**json.loads(row.body), "event": "Repaired"}

    assert services.repair(row.pk, json.dumps(body), None, LATER)
    result = services.replay([row.pk], None, LATER)

    assert (result.stored, result.refused, result.without_consent) == (1, 0, 0)
    (stored,) = server.stored()
    assert (stored.name, stored.message_id) == ("Repaired", bad["messageId"])
    assert stored.context["locale"] == "de"
    # Its sender's clock was an hour behind when it arrived, two days ago.
    assert stored.occurred_ms == NOW_MS - 3_600_000
    assert server.bodies()[0].r == NOW_MS
    row.refresh_from_db()
    assert (row.state, row.resolved_at, row.body) == ("replayed", LATER, "")


def test_an_event_that_is_still_bad_waits_on_with_its_new_reason(server: Sending) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()
    services.repair(row.pk, json.dumps(track(timestamp="never")), None, LATER)

    result = services.replay([row.pk], None, LATER)

    assert (result.stored, result.refused) == (0, 1)
    (row,) = server.waiting()
    assert row.state == "waiting"
    assert "timestamp" in row.detail


@pytest.mark.parametrize("body", ["", "{", "[]", "\ud83d", '{"a": NaN}', "[" * 5_000])
def test_any_text_may_be_replayed(server: Sending, body: str) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()
    Quarantine.objects.filter(pk=row.pk).update(body=body.encode("utf-8", "replace").decode())

    assert services.replay([row.pk], None, LATER).refused == 1


def test_a_single_call_is_held_with_the_type_of_its_path(server: Sending) -> None:
    server.post("/v1/identify", {"userId": "u", "traits": "none"})

    (row,) = server.waiting()
    assert json.loads(row.body)["type"] == "identify"


def test_replaying_twice_stores_once(server: Sending) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()
    services.repair(row.pk, json.dumps(track()), None, LATER)

    services.replay([row.pk, row.pk], None, LATER)
    services.replay([row.pk], None, LATER)

    assert len(server.stored()) == 1


def test_consent_is_asked_again_at_the_replay(server: Sending) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()
    services.repair(row.pk, json.dumps(track()), None, LATER)
    consent.record_choice(
        site_id=server.site.pk,
        source_id=server.source.pk,
        identities=[("anonymous_id", "a1")],
        purposes={"analytics": False},
        method="banner",
        policy_version="1",
        gpc=False,
        signals={},
        client_at=None,
        regime="eu_opt_in",
        now=NOW,
    )

    result = services.replay([row.pk], None, LATER)

    assert (result.stored, result.without_consent) == (0, 1)
    row.refresh_from_db()
    assert (row.state, row.body) == ("discarded", "")


def test_a_signal_that_came_with_the_call_still_counts_at_the_replay(server: Sending) -> None:
    server.post("/v1/batch", {"batch": [track(event=None)]}, HTTP_SEC_GPC="1")
    (row,) = server.waiting()
    services.repair(row.pk, json.dumps({**json.loads(row.body), "event": "E"}), None, LATER)

    services.replay([row.pk], None, LATER)

    assert server.stored()[0].purposes == 15


def test_discarding_forgets_the_body(server: Sending) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()

    assert services.discard([row.pk], None, LATER) == 1
    assert services.discard([row.pk], None, LATER) == 0
    assert not services.repair(row.pk, "{}", None, LATER)
    row.refresh_from_db()
    assert (row.state, row.body) == ("discarded", "")
    assert services.replay([row.pk], None, LATER).stored == 0


def test_quarantine_expires_after_30_days(server: Sending) -> None:
    server.batch(track(event=None))

    assert services.prune(NOW + timedelta(days=30))["quarantined"] == 0
    assert services.prune(NOW + timedelta(days=31))["quarantined"] == 1


def test_a_strict_plan_holds_undeclared_names_until_they_are_declared(strict: Sending) -> None:
    answer = strict.batch(
        track("Unknown", timestamp="2026-03-10T11:00:00Z", context={"ip": "203.0.113.9"}),
        {"type": "page", "anonymousId": "a1"},
    )

    assert answer["accepted"] == 1
    assert [(e["index"], e["code"]) for e in answer["rejected"]] == [(0, "event_not_in_plan")]
    (row,) = strict.waiting()
    assert EventSchema.objects.get(site=strict.site, name="Unknown").is_declared is False
    assert services.replay([row.pk], None, NOW).refused == 1

    services.declare_names(strict.site.pk, ["Unknown"], is_declared=True, actor=None, now=NOW)
    plan.forget()

    assert services.replay([row.pk], None, NOW).stored == 1
    stored = strict.stored()[-1]
    assert (stored.name, stored.occurred_ms) == ("Unknown", NOW_MS - 3_600_000)
    assert stored.context["ip"] == "203.0.113.0"
    assert strict.batch(track("Unknown"))["accepted"] == 1


def test_an_undeclared_single_event_is_answered_200(strict: Sending) -> None:
    response = strict.post("/v1/track", track("Unknown"))

    assert response.status_code == 200
    assert response.json()["rejected"][0]["code"] == "event_not_in_plan"


def test_an_open_plan_takes_every_name(server: Sending) -> None:
    assert server.batch(track("Never seen before"))["accepted"] == 1


def test_a_sender_cannot_fill_the_plan_with_names(
    strict: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MAX_NAMES", 3)

    strict.batch(*(track(f"Name {n}") for n in range(5)))
    strict.batch(track("One more"))

    assert EventSchema.objects.filter(site=strict.site).count() == 3


def test_staff_repair_replay_and_discard_in_the_admin(
    server: Sending, officer: User, client: Client
) -> None:
    server.batch(track(event=None), track(event=None), track(event=None))
    first, second, third = server.waiting()
    client.force_login(officer)
    changelist = reverse("admin:events_quarantine_changelist")

    page = client.get(changelist, {"code__exact": "invalid_event", "state__exact": "waiting"})
    assert page.status_code == 200
    assert page.content.count(b"A track event needs a name.") == 3

    form = reverse("admin:events_quarantine_change", args=[first.pk])
    assert b"anonymousId" in client.get(form).content
    assert client.post(form, {"body": json.dumps(track())}).status_code == 302
    act(client, changelist, "replay_selected", first, second)
    act(client, changelist, "discard_selected", third)

    states = [row.state for row in server.waiting()]
    assert states == ["replayed", "waiting", "discarded"]
    assert len(server.stored()) == 1
    actions = AuditEntry.objects.filter(actor=officer).values_list("action", flat=True)
    assert sorted(actions) == [
        "events.quarantine_discarded",
        "events.quarantine_edited",
        "events.quarantine_replayed",
    ]


def act(client: Client, changelist: str, action: str, *rows: Quarantine) -> None:
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    assert client.post(changelist, chosen).status_code == 302


def test_who_may_only_look_sees_no_bodies(
    server: Sending, client: Client, django_user_model: Any
) -> None:
    from django.contrib.auth.models import Permission

    server.batch(track(event=None, anonymousId="secret-visitor"))
    (row,) = server.waiting()
    analyst = django_user_model.objects.create_user("analyst", password="x", is_staff=True)
    analyst.user_permissions.add(Permission.objects.get(codename="view_quarantine"))
    client.force_login(analyst)

    page = client.get(reverse("admin:events_quarantine_change", args=[row.pk]))

    assert page.status_code == 200
    assert b"needs a name" in page.content
    assert b"secret-visitor" not in page.content


def test_names_are_declared_in_the_admin(
    strict: Sending, officer: User, client: Client, site: Site
) -> None:
    strict.batch(track("Unknown"))
    client.force_login(officer)
    schema = EventSchema.objects.get(site=site, name="Unknown")
    changelist = reverse("admin:events_eventschema_changelist")
    assert client.get(changelist).status_code == 200

    chosen = {"action": "declare_selected", "_selected_action": [str(schema.pk)]}
    client.post(changelist, chosen)

    schema.refresh_from_db()
    assert schema.is_declared
    add = {"site": str(site.pk), "name": "Planned", "is_declared": "on"}
    assert client.post(reverse("admin:events_eventschema_add"), add).status_code == 302
    plan.forget()
    assert strict.batch(track("Planned"), track("Unknown"))["accepted"] == 2
    assert client.get(reverse("admin:events_intakeminute_changelist")).status_code == 200


def test_replay_follows_the_source_as_it_is_now(
    server: Sending, sending: Callable[..., Sending]
) -> None:
    server.batch(track(event=None))
    (row,) = server.waiting()
    services.repair(row.pk, json.dumps(track()), None, LATER)
    server.source.consent_mode = "required"
    server.source.save(update_fields=["consent_mode"])

    assert services.replay([row.pk], None, LATER).without_consent == 1
