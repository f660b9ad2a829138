"""Calls that are recorded together come out as they do alone, and share their statements."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from apps.access.models import Site
from apps.consent.models import ConsentEvent
from apps.consent.types import Purpose
from apps.events import collect
from apps.events.arrivals import Arrived, sender_of, take, take_ordinary, taken_alone
from apps.events.collect import Call
from apps.events.domain.envelope import open_batch
from apps.events.together import record_together
from apps.events.types import Receipt, Sender
from apps.work.ids import uuid7
from tests.apps.events.conftest import NOW, NOW_MS, Sending, track

CALLS = 8
AGREED = {"consent": {"categoryPreferences": {"analytics": True}}}


def sender(source: Sending, **terms: Any) -> Sender:
    """A source's terms, as its callers have them."""
    usual = {
        "site_id": source.site.pk,
        "source_id": source.source.pk,
        "consent_mode": source.source.consent_mode,
        "regime": source.site.regime,
        "is_plan_strict": False,
        "retention_days": 400,
        "is_browser": False,
        "address": None,
        "has_gpc": False,
        "prove": None,
    }
    return Sender(**{**usual, **terms})


def call(of: Sender, *events: Any, **more: Any) -> Call:
    """A call with these events, read."""
    body = json.dumps({"batch": list(events), **more}).encode()
    return collect.opened(of, open_batch(body), type=None, now=NOW)


def counts(outcomes: Sequence[Receipt | Exception]) -> list[tuple[int, int, int, int]]:
    """Accepted, repeated, without consent and refused, of each call."""
    found = []
    for one in outcomes:
        assert isinstance(one, Receipt), one
        found.append((one.accepted, one.duplicates, one.without_consent, len(one.rejected)))
    return found


def test_calls_of_a_source_take_two_statements_and_have_a_row_each(
    server: Sending, django_assert_num_queries: Any
) -> None:
    of = sender(server)
    record_together([call(of, track())])  # the month is known from here on
    calls = [
        call(of, track(f"Event {n} ü🛒"), track(f"Other {n}"), sentAt=NOW_MS - n)
        for n in range(CALLS)
    ]
    with django_assert_num_queries(2):
        outcomes = record_together(calls)

    assert counts(outcomes) == [(2, 0, 0, 0)] * CALLS
    stored = server.bodies()[1:]
    assert [[event.name for event in body.e] for body in stored] == [
        [f"Event {n} ü🛒", f"Other {n}"] for n in range(CALLS)
    ]
    assert [body.s for body in stored] == [NOW_MS - n for n in range(CALLS)]
    assert {body.r for body in stored} == {NOW_MS}


def test_of_a_repeat_between_calls_the_first_counts(server: Sending) -> None:
    of = sender(server)
    old, twice, mine = track("Old"), track("Twice"), track("Mine ü")
    record_together([call(of, old)])

    outcomes = record_together(
        [call(of, twice), call(of, old, mine, twice), call(of, twice), call(of)]
    )

    assert counts(outcomes) == [(1, 0, 0, 0), (1, 2, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0)]
    assert [[e.name for e in body.e] for body in server.bodies()[1:]] == [["Twice"], ["Mine ü"]]
    assert counts(record_together([call(of, twice), call(of, mine)])) == [(0, 1, 0, 0)] * 2


def test_a_message_id_is_its_sources_own(server: Sending, sending: Callable[..., Sending]) -> None:
    other, event = sending(kind="server"), track(messageId="m")

    outcomes = record_together([call(sender(server), event), call(sender(other), event)])

    assert counts(outcomes) == [(1, 0, 0, 0)] * 2
    assert len(server.stored()) == len(other.stored()) == 1


def test_each_call_is_judged_by_its_own_terms(server: Sending) -> None:
    strict = sender(server, consent_mode="required")
    outcomes = record_together(
        [
            call(sender(server), track("Assumed")),
            call(strict, track("Not asked"), track("Agreed", context=AGREED)),
        ]
    )

    assert counts(outcomes) == [(1, 0, 0, 0), (1, 0, 1, 0)]
    assert sorted(event.name for event in server.stored()) == ["Agreed", "Assumed"]
    assert server.counted()["without_consent"] == 1


def test_what_needs_more_is_recorded_beside_the_others(server: Sending, site: Site) -> None:
    no = {"consent": {"categoryPreferences": {"personalization": False}}}
    said = track("Segment Consent Preference Updated", anonymousId="said", context=no)
    of = sender(server)
    outcomes = record_together(
        [
            call(of, track("Plain")),
            call(of, said),
            call(of, track("Kept"), {"type": "track"}),
            call(sender(server, has_gpc=True), track("Signalled", anonymousId="gpc")),
            call(sender(server, is_plan_strict=True), track("Undeclared")),
        ]
    )

    assert counts(outcomes) == [
        (1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 1), (1, 0, 0, 0), (0, 0, 0, 1),
    ]  # fmt: skip
    assert {one.code for one in server.waiting()} == {"invalid_event", "event_not_in_plan"}
    denied = set(ConsentEvent.objects.filter(site=site).values_list("denied_after", flat=True))
    assert denied == {int(Purpose.PERSONALIZATION), int(Purpose.ADVERTISING | Purpose.SALE)}
    assert sorted(event.name for event in server.stored()) == sorted(
        ["Plain", said["event"], "Kept", "Signalled"]
    )


@pytest.mark.django_db(transaction=True)
def test_a_call_that_cannot_be_stored_is_its_own_misfortune(server: Sending) -> None:
    of = sender(server)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE events_inbox ADD CONSTRAINT no_poison CHECK (body NOT LIKE '%Poison%')"
        )
    try:
        outcomes = record_together([call(of, track(name)) for name in ("A", "Poison", "B")])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE events_inbox DROP CONSTRAINT no_poison")

    assert isinstance(outcomes[1], Exception)
    assert counts([outcomes[0], outcomes[2]]) == [(1, 0, 0, 0)] * 2
    assert [event.name for event in server.stored()] == ["A", "B"]
    assert counts(record_together([call(of, track("Poison"))])) == [(1, 0, 0, 0)]


@pytest.mark.django_db(transaction=True)
def test_where_the_plan_of_one_site_cannot_be_read_the_others_are_told_what_is_stored(
    server: Sending,
) -> None:
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE events_eventschema IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
        strict = sender(server, is_plan_strict=True, site_id=uuid7())
        outcomes = record_together([call(sender(server), track("Plain")), call(strict, track())])
    finally:
        other.close()
        connection.close()
    assert counts(outcomes[:1]) == [(1, 0, 0, 0)]
    assert isinstance(outcomes[1], OperationalError)


@pytest.mark.django_db(transaction=True)
def test_what_waited_in_vain_for_a_lock_is_not_repeated(server: Sending) -> None:
    event = track()
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE events_dedupekey IN ACCESS EXCLUSIVE MODE")
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '20ms'")
        record = connection.connection
        with CaptureQueriesContext(connection) as asked:
            assert server.post("/v1/track", event).status_code == 503
        assert connection.connection is record
        assert len([one for one in asked if "dedupekey" in one["sql"]]) <= 1
    finally:
        other.close()
        connection.close()
    assert server.batch(event)["accepted"] == 1


def test_what_needs_more_is_left_where_others_would_wait_for_it(browser: Sending) -> None:
    from apps.access.credentials import caller_of_public_key

    caller = caller_of_public_key(browser.key)
    assert caller is not None
    bodies = [
        json.dumps({"batch": [event]}).encode()
        for event in (
            track("Plain"),
            track("Segment Consent Preference Updated", context=AGREED),
            {"type": "track"},
        )
    ]
    taken = take_ordinary([Arrived(caller, open_batch(body), None, len(body)) for body in bodies])
    assert [one.left is None for one in taken] == [True, False, False]
    assert taken[0].receipt()[0].accepted == 1
    after = [taken_alone(one).receipt()[0] for one in taken[1:]]
    assert [(one.accepted, len(one.rejected)) for one in after] == [(1, 0), (0, 1)]


def test_together_is_as_one_by_one(server: Sending, sending: Callable[..., Sending]) -> None:
    def calls(of: Sender) -> list[Call]:
        first, second = track("First", messageId="1"), track("Second", messageId="2")
        return [
            call(of, first),
            call(of, second, first, sentAt="2026-03-10T11:00:00Z"),
            call(of, {"type": "identify", "userId": 7, "traits": {"a": 1}, "messageId": "3"}),
            call(of, {"type": "track"}, {**first, "messageId": "4"}, "no event"),
            call(of, second),
        ]

    alone, together = server, sending(kind="server")
    one_by_one = [collect.record_call(one, NOW) for one in calls(sender(alone))]
    at_once = record_together(calls(sender(together)))

    assert counts(at_once) == counts(one_by_one)
    assert {repr(body) for body in together.bodies()} == {repr(body) for body in alone.bodies()}
    assert len(together.bodies()) == len(alone.bodies())
    held = [sorted(one.body for one in source.waiting()) for source in (alone, together)]
    assert held[0] == held[1] != []


def test_a_caller_over_its_limit_is_refused_and_the_others_are_not(
    sending: Callable[..., Sending],
) -> None:
    from apps.access.credentials import caller_of_public_key
    from apps.access.errors import RateLimited

    hasty = sending(kind="browser", rate_per_s=1)
    calm = sending(kind="browser")
    body = json.dumps({"batch": [track()]}).encode()

    def arrived(source: Sending) -> Arrived:
        caller = caller_of_public_key(source.key)
        assert caller is not None
        assert sender_of(caller, NOW).is_browser
        return Arrived(caller, open_batch(body), None, len(body))

    taken = take([*(arrived(hasty) for _ in range(20)), arrived(calm)])

    refused = []
    for one in taken[:-1]:
        try:
            one.receipt()
        except RateLimited:
            refused.append(one)
    assert refused and len(refused) < 20
    assert all(one.outcome is None for one in refused)
    receipt, headers = taken[-1].receipt()
    assert (receipt.accepted, "RateLimit" in headers) == (1, True)
