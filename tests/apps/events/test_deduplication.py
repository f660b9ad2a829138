"""A message id counts once per source, whoever repeats it and however."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection

from apps.access.models import Site
from apps.events import collect, services
from apps.events.types import Accepted
from apps.work.ids import uuid7
from tests.apps.events.conftest import NOW, NOW_MS, Sending, track


def test_sending_a_batch_again_changes_nothing(server: Sending) -> None:
    events = [track(), track()]
    server.batch(*events)

    answer = server.batch(*events)

    assert (answer["accepted"], answer["duplicates"]) == (0, 2)
    assert len(server.bodies()) == 1
    assert server.counted()["duplicates"] == 2


def test_only_the_fresh_events_of_a_batch_are_stored(server: Sending) -> None:
    old = [track(f"Old {n} ü🛒") for n in range(3)]
    new = [track(f"New {n} ü🛒", properties={"text": "ünïcödé 🛒"}) for n in range(3)]
    server.batch(*old)

    answer = server.batch(new[0], old[0], new[1], old[1], new[2], new[0])

    assert (answer["accepted"], answer["duplicates"]) == (3, 3)
    assert server.bodies()[1].e == server.stored()[3:]
    assert [event.name for event in server.stored()[3:]] == [event["event"] for event in new]


def test_a_repeat_within_a_batch_counts_once(server: Sending) -> None:
    event = track(messageId="m")

    answer = server.batch(event, event, {**event, "event": "Other"})

    assert (answer["accepted"], answer["duplicates"]) == (1, 2)
    assert [stored.name for stored in server.stored()] == ["Product Viewed"]


def test_two_sources_may_use_one_message_id(
    server: Sending, sending: Callable[..., Sending]
) -> None:
    other = sending(kind="server")
    event = track(messageId="m")

    assert server.batch(event)["accepted"] == 1
    assert other.batch(event)["accepted"] == 1


def test_events_without_a_message_id_are_all_stored(server: Sending) -> None:
    event = track(messageId=None)

    assert server.batch(event, event)["accepted"] == 2
    first, second = server.stored()
    assert first.message_id != second.message_id


def test_a_single_call_repeated_is_answered_200(server: Sending) -> None:
    event = track()
    server.post("/v1/track", event)

    response = server.post("/v1/track", event)

    assert response.status_code == 200
    assert response.json()["duplicates"] == 1


def test_message_ids_are_forgotten_after_30_days_and_not_before(server: Sending) -> None:
    event = track()
    server.batch(event)

    assert services.prune(NOW + timedelta(days=30))["message_ids"] == 0
    assert server.batch(event)["duplicates"] == 1
    assert services.prune(NOW + timedelta(days=30, seconds=1))["message_ids"] == 1
    assert server.batch(event)["accepted"] == 1


def test_accepted_events_of_other_parts_use_the_same_inbox(server: Sending) -> None:
    exposure = Accepted(
        type="exposure", name="Exposure", occurred_ms=NOW_MS, original_ms=None, message_id="e",
        anonymous_id="a", user_id=None, properties={"decision": "d"}, traits=None, context={},
        epoch=3, purposes=63, flags=0,
    )  # fmt: skip

    first = collect.record_accepted(server.source_of(), [exposure], now=NOW)
    second = collect.record_accepted(server.source_of(), [exposure], now=NOW)

    assert (first.accepted, first.duplicates) == (1, 0)
    assert (second.accepted, second.duplicates) == (0, 1)
    assert server.stored() == [exposure]
    assert collect.record_accepted(server.source_of(), [], now=NOW).accepted == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_events_sent_from_many_threads_are_stored_once(site: Site) -> None:
    server = Sending(site, kind="server", rate_per_s=100_000)
    events = [track(messageId=f"m{n}-{uuid7()}") for n in range(50)]
    accepted: list[int] = []

    def send(shift: int) -> None:
        for turn in range(10):
            rotated = events[shift + turn :] + events[: shift + turn]
            accepted.append(server.batch(*rotated)["accepted"])
        connection.close()

    threads = [threading.Thread(target=send, args=(shift,)) for shift in (0, 11, 23, 37)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(accepted) == 40
    assert sum(accepted) == 50
    assert sorted(event.message_id for event in server.stored()) == sorted(
        event["messageId"] for event in events
    )
