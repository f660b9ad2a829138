"""Consent from end to end: said at one door, obeyed at every other by the very next request."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from apps.consent import gates, services
from apps.consent.models import ConsentEvent
from apps.consent.types import Purpose
from apps.decisions import hot_wire
from apps.events import counters
from apps.events.models import Event, IntakeMinute
from apps.pipeline import fold
from apps.profiles import state
from apps.profiles.models import Identity
from apps.segments.refresh import refresh_site
from apps.work.ids import uuid7
from apps.work.redis import connection as redis
from tests.apps.consent.conftest import Chooser, ledger, stays
from tests.apps.delivery.conftest import NOW

VIEW = {"type": "track", "event": "Product Viewed", "properties": {"category": "blouses"}}


def open_shop(shop: Chooser) -> None:
    """The hero is published and its segment is evaluated from now on."""
    shop.world.hero()
    refresh_site(site_id=shop.world.site.pk)


def view(**fields: Any) -> dict[str, Any]:
    return {**VIEW, "anonymousId": "a1", "messageId": str(uuid7()), **fields}


def send(shop: Chooser, *events: dict[str, Any], gpc: bool = False) -> dict[str, Any]:
    response = shop.world.post(
        "/v1/batch", {"batch": list(events)}, key=shop.pk, headers={"Sec-GPC": "1"} if gpc else {}
    )
    assert response.status_code == 200, response.content
    return response.json()  # type: ignore[no-any-return]


def fold_all() -> int:
    total = 0
    while (folded := fold.fold_once(now=NOW)) is not fold.NOTHING:
        total += folded.events
    return total


def reason(shop: Chooser, **body: Any) -> str:
    answer = shop.world.ask("home.hero", key=shop.pk, **({"anonymousId": "a1"} | body))
    return answer["placements"]["home.hero"]["reason"]  # type: ignore[no-any-return]


def hot_values() -> bytes:
    """Everything that Redis holds, keys and values."""
    client = redis()
    found = b""
    for key in client.scan_iter():
        found += key + (client.get(key) or b"" if client.type(key) == b"string" else b"")
    return found


def test_a_withdrawal_rules_the_next_decision_and_a_yes_the_one_after(shop: Chooser) -> None:
    open_shop(shop)
    send(shop, view(), {"type": "identify", "anonymousId": "a1", "userId": "u1",
                        "traits": {"motto": "Ada Lovelace"}})  # fmt: skip
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"
    assert b"Ada Lovelace" in hot_values()

    shop.choose(personalization=False)
    assert reason(shop) == "NO_CONSENT"
    assert reason(shop, userId="u1") == "NO_CONSENT"
    assert b"Ada Lovelace" not in hot_values()
    body = shop.world.ask("home.hero", key=shop.pk, anonymousId="a1")["placements"]["home.hero"]
    assert "Ada" not in str(body)

    shop.choose(personalization=True)
    assert reason(shop) == "DEFAULT"  # what was collected before is not brought back
    send(shop, view())
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"


def test_a_withdrawal_rules_without_redis_too(
    shop: Chooser, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_shop(shop)
    send(shop, view())
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"
    hot_wire.drop()
    shop.choose(personalization=False)
    redis().flushdb()
    assert reason(shop) == "NO_CONSENT"


def test_a_refusal_of_somebody_just_seen_as_unknown_rules_at_once(shop: Chooser) -> None:
    shop.world.hero()
    assert reason(shop, anonymousId="new") == "DEFAULT"  # believed absent from now on, for a while

    shop.say(anonymousId="new", purposes={"personalization": False})

    assert reason(shop, anonymousId="new") == "NO_CONSENT"


def test_where_consent_is_required_only_a_yes_personalizes(
    shop: Chooser, source_of: Callable[..., Chooser]
) -> None:
    asking = source_of(kind="browser", consent_mode="required")
    segment = shop.world.hero()
    row = shop.world.person(("anonymous_id", "a1"), stays=stays(segment.number))
    shop.world.tell(row.profile_id)

    assert reason(shop) == "TARGETING_MATCH"
    assert reason(asking) == "NO_CONSENT"
    assert reason(asking, anonymousId="nobody") == "NO_CONSENT"
    asking.choose(analytics=True)
    assert reason(asking) == "NO_CONSENT"
    asking.choose(personalization=True)
    assert reason(asking) == "TARGETING_MATCH"


def test_events_without_consent_are_counted_and_dropped_until_a_yes(
    source_of: Callable[..., Chooser],
) -> None:
    asking = source_of(kind="browser", consent_mode="required")
    answer = send(asking, view(), view())
    assert (answer["success"], answer["accepted"], answer["withoutConsent"]) == (True, 0, 2)
    assert (fold_all(), Identity.objects.count()) == (0, 0)
    counters.flush()
    assert IntakeMinute.objects.get().without_consent == 2

    asking.choose(analytics=True, personalization=False)
    assert send(asking, view())["accepted"] == 1
    assert fold_all() == 1
    (event,) = Event.objects.all()
    assert (event.consent_epoch, event.purposes) == (1, 1 | 4)


def test_a_recorded_denial_beats_an_assumed_source_and_carried_consent(shop: Chooser) -> None:
    shop.choose(analytics=False)
    carried = {"consent": {"categoryPreferences": {"analytics": True}}}
    assert send(shop, view(), view(context=carried))["withoutConsent"] == 2


def test_what_waits_in_the_inbox_when_consent_is_withdrawn_is_not_stored(shop: Chooser) -> None:
    send(shop, view())
    fold_all()
    send(shop, view(), view(anonymousId="a2"))
    shop.choose(analytics=False)

    assert fold_all() == 1
    assert Event.objects.count() == 2
    withdrawn = Identity.objects.get(value="a1").profile_id
    assert Event.objects.filter(profile_id=withdrawn).count() == 1


def test_a_purpose_withdrawn_while_an_event_waits_is_taken_off_it(shop: Chooser) -> None:
    send(shop, view())
    fold_all()
    send(shop, view())
    shop.choose(advertising=False)
    fold_all()
    newest = Event.objects.order_by("-pk")[0]
    assert (newest.consent_epoch, newest.purposes & 16) == (1, 0)


def test_the_event_of_the_browser_library_writes_the_ledger(shop: Chooser) -> None:
    open_shop(shop)
    send(shop, view())
    fold_all()
    assert reason(shop) == "TARGETING_MATCH"
    preference = {
        "type": "track",
        "event": "Segment Consent Preference Updated",
        "anonymousId": "a1",
        "context": {"consent": {"categoryPreferences": {"Analytics": True,
                                                        "personalization": False}}},
    }  # fmt: skip
    send(shop, preference)

    assert reason(shop) == "NO_CONSENT"
    (row,) = ledger()
    assert (row.method, row.purposes) == ("event", {"analytics": True, "personalization": False})
    assert shop.read().json()["recorded"] == row.purposes


def test_a_signal_opts_out_once_and_does_not_stop_personalization(shop: Chooser) -> None:
    open_shop(shop)
    send(shop, view(), gpc=True)
    send(shop, view(), gpc=True)
    fold_all()

    (row,) = ledger()
    assert (row.kind, row.has_gpc, row.purposes) == (
        "signal_applied", True, {"advertising": False, "sale": False},
    )  # fmt: skip
    assert reason(shop) == "TARGETING_MATCH"
    later = shop.read().json()  # without the signal: a missing one is no consent
    assert later["recorded"] == {"advertising": False, "sale": False}
    assert not later["purposes"]["advertising"] and not later["gpc"]
    assert shop.read(gpc=True, anonymousId="other").json()["purposes"]["sale"] is False


def test_a_yes_said_along_with_the_signal_does_not_beat_it(shop: Chooser) -> None:
    answer = shop.choose(gpc=True, advertising=True, analytics=True)

    assert answer["recorded"] == {"analytics": True, "advertising": False, "sale": False}
    (row,) = ledger()
    assert (row.purposes["advertising"], row.has_gpc) == (True, True)  # the conflict can be seen
    later = shop.choose(advertising=True)
    assert later["recorded"]["advertising"] is False
    assert later["conflicts"] == ["advertising"]
    assert later["signalHonoured"] is True


def test_a_known_person_who_was_told_of_the_conflict_may_insist(shop: Chooser) -> None:
    shop.say(key=shop.sk, userId="u1", gpc=True, purposes={"analytics": True})
    asked: dict[str, Any] = {"userId": "u1", "purposes": {"advertising": True}}
    assert shop.say(key=shop.sk, **asked).json()["conflicts"] == ["advertising"]

    answer = shop.say(key=shop.sk, conflictShown=True, **asked).json()

    assert answer["recorded"]["advertising"] is True
    assert "conflicts" not in answer
    assert [row.kind for row in ledger()] == ["given", "given", "conflict_notified", "given"]
    again = shop.read(key=shop.sk, userId="u1", gpc=True).json()
    assert again["purposes"]["advertising"] is True  # the signal of a browser does not undo it
    shop.say(key=shop.sk, userId="u1", purposes={"advertising": False})
    assert shop.read(key=shop.sk, userId="u1").json()["purposes"]["advertising"] is False


def test_of_two_choices_of_one_call_the_refusal_stands(shop: Chooser) -> None:
    def said(answer: bool) -> dict[str, Any]:
        return {
            "type": "track", "event": "Segment Consent Preference Updated", "anonymousId": "a1",
            "messageId": str(uuid7()),
            "context": {"consent": {"categoryPreferences": {"personalization": answer}}},
        }  # fmt: skip

    send(shop, said(False), said(True))
    assert shop.read().json()["recorded"] == {"personalization": False}
    assert [row.kind for row in ledger()] == ["refused", "given"]  # both are on record


def test_a_finer_purpose_can_be_refused_alone(shop: Chooser) -> None:
    answer = shop.choose(personalization=True, model_training=False)
    assert answer["purposes"]["personalization"] is True
    finer = answer["finer"]
    assert (finer["model_training"], finer["targeting"], finer["triggers"]) == (False, True, True)
    send(shop, view())
    fold_all()
    (event,) = Event.objects.all()
    assert gates.stamp_allows(event.purposes, Purpose.PERSONALIZATION)
    assert not gates.stamp_allows(event.purposes, Purpose.MODEL_TRAINING)


def test_a_browser_that_says_it_showed_the_conflict_is_no_known_person(shop: Chooser) -> None:
    shop.choose(gpc=True, analytics=True)
    answer = shop.say(purposes={"advertising": True}, conflictShown=True).json()
    assert answer["recorded"]["advertising"] is False
    assert answer["conflicts"] == ["advertising"]


def test_people_who_are_found_to_be_one_keep_the_stricter_choice(shop: Chooser) -> None:
    shop.choose(advertising=False, analytics=True)
    shop.say(key=shop.sk, userId="u1", purposes={"advertising": True, "personalization": False})
    send(shop, {"type": "identify", "anonymousId": "a1", "userId": "u1"})
    fold_all()

    joint = shop.read().json()
    assert joint["recorded"] == {"analytics": True, "personalization": False, "advertising": False}
    assert joint["epoch"] == 2
    assert len({row.profile_id for row in ledger()}) == 1
    assert len({row.subject_digest for row in ledger()}) == 2


def test_a_choice_waits_for_a_merge_and_lands_on_whom_it_led_to(shop: Chooser) -> None:
    """The identity moves between being read and being locked: the choice must follow it."""
    send(shop, view(), view(anonymousId="a2"))
    fold_all()
    one = Identity.objects.get(value="a1").profile_id
    two = Identity.objects.get(value="a2").profile_id
    has_begun, failures = threading.Event(), []

    def choose() -> None:
        has_begun.set()
        try:
            shop.choose(personalization=False)
        except Exception as error:  # told to the test's own thread
            failures.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        rows = state.lock([one, two])
        thread = threading.Thread(target=choose)
        thread.start()
        has_begun.wait()
        _wait_for_a_lock()
        Identity.objects.filter(value="a1").update(profile_id=two)
        for row in rows:
            if row.profile_id == one:
                row.merged_into = two
        state.save(rows)
    thread.join(10)

    assert not failures
    (row,) = ledger()
    assert row.profile_id == two
    assert {r.profile_id: r.denied for r in state.read([one, two])} == {one: 0, two: 8}


def _wait_for_a_lock() -> None:
    pause = threading.Event()
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                           " AND datname = current_database()")  # fmt: skip
            if cursor.fetchone()[0]:
                return
        pause.wait(0.01)
    raise AssertionError("nobody waits for the locked rows")


def test_many_choices_at_once_are_all_kept_and_numbered(shop: Chooser) -> None:
    failures: list[Exception] = []

    def choose(number: int) -> None:
        try:
            services.record_choice(
                site_id=shop.world.site.pk, source_id=None,
                identities=[("anonymous_id", "fresh"), ("user_id", "u9")][:: 1 - 2 * (number % 2)],
                purposes={"analytics": number % 2 == 0}, method="api", policy_version="",
                gpc=False, signals={}, client_at=None, regime="eu_opt_in", now=NOW,
            )  # fmt: skip
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=choose, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert failures == []
    for profile_id in set(ConsentEvent.objects.values_list("profile_id", flat=True)):
        epochs = ConsentEvent.objects.filter(profile_id=profile_id).values_list("epoch", flat=True)
        assert sorted(epochs) == list(range(1, 9))
    assert len(ledger()) == 16
