"""Calls that meet are worked on together, and each gets its own answer."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from apps.access import services as access
from apps.access.errors import Unavailable
from apps.work import clock
from apps.work.ids import uuid7
from config import gathering
from config.gathering import Gathering
from tests.web.server import Answer, Server, running, wait_until

CALLERS = 8
_HELD = 4711
_HOLD = f"""
CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WHILE NOT pg_try_advisory_xact_lock_shared({_HELD}) LOOP
        PERFORM pg_sleep(0.02);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_test BEFORE INSERT ON events_dedupekey
    FOR EACH STATEMENT EXECUTE FUNCTION wait_for_test();
"""


class Work:
    """Doubles numbers; the first group waits to be let go, and what is negative fails."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, calls: Sequence[int]) -> list[int]:
        self.groups.append(list(calls))
        self.go.wait()
        if min(calls) < 0:
            raise ValueError("negative")
        return [2 * call for call in calls]


async def _quiet() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_who_comes_meanwhile_is_worked_on_with_the_others_who_did() -> None:
    work = Work()

    async def story() -> list[int]:
        meeting = Gathering(work)
        first = asyncio.create_task(meeting.outcome(1, 10))
        await _quiet()
        others = [asyncio.create_task(meeting.outcome(n, 10)) for n in (2, 3, 4)]
        await _quiet()
        work.go.set()
        return list(await asyncio.gather(first, *others))

    assert asyncio.run(story()) == [2, 4, 6, 8]
    assert work.groups == [[1], [2, 3, 4]]


def test_those_that_are_ready_at_once_are_one_group() -> None:
    work = Work()
    work.go.set()

    async def story() -> list[int]:
        meeting = Gathering(work)
        return list(await asyncio.gather(*(meeting.outcome(n, 10) for n in range(5))))

    assert asyncio.run(story()) == [0, 2, 4, 6, 8]
    assert work.groups == [[0, 1, 2, 3, 4]]


def test_a_group_is_bounded_in_number_and_in_bytes() -> None:
    work = Work()
    work.go.set()

    async def story() -> None:
        meeting = Gathering(work)
        many = [meeting.outcome(n, 10) for n in range(gathering.MOST_CALLS + 1)]
        large = [meeting.outcome(n, gathering.MOST_BYTES) for n in range(2)]
        await asyncio.gather(*many, *large)

    asyncio.run(story())
    assert [len(group) for group in work.groups] == [gathering.MOST_CALLS, 2, 1]


def test_senders_of_one_after_the_other_come_to_share_one_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However they began: of five, each of whom sends again a moment after it was answered."""
    monkeypatch.setattr(gathering, "REST_SHARE", 1e9)  # who was answered has time to come
    monkeypatch.setattr(gathering, "MOST_REST_S", 10.0)
    work = Work()

    async def send(meeting: Gathering[int, int], times: int) -> None:
        for _ in range(times):
            await meeting.outcome(1, 10)
            await asyncio.sleep(0.001)

    async def story() -> None:
        meeting = Gathering(work)
        early = asyncio.create_task(send(meeting, 4))
        await _quiet()
        late = [asyncio.create_task(send(meeting, 3)) for _ in range(4)]
        await _quiet()
        work.go.set()
        await asyncio.gather(early, *late)

    asyncio.run(story())
    assert [len(group) for group in work.groups] == [1, 4, 5, 5, 1]


def test_who_leaves_holds_up_nobody_and_a_failure_is_told_to_its_group_alone() -> None:
    work = Work()

    async def story() -> list[Any]:
        meeting = Gathering(work)
        gone = asyncio.create_task(meeting.outcome(1, 10))
        await _quiet()
        failing = [asyncio.create_task(meeting.outcome(n, 10)) for n in (-1, 5)]
        await _quiet()
        gone.cancel()
        work.go.set()
        found = list(await asyncio.gather(*failing, return_exceptions=True))
        return [*found, await meeting.outcome(6, 10)]

    *failed, after = asyncio.run(story())
    assert [type(error) for error in failed] == [ValueError, ValueError]
    assert after == 12


def test_it_says_how_long_the_first_has_gathered() -> None:
    work = Work()

    async def story() -> tuple[float, bool, float]:
        meeting = Gathering(work)
        nobody = meeting.waited_s()
        first = asyncio.create_task(meeting.outcome(1, 10))
        await _quiet()
        second = asyncio.create_task(meeting.outcome(2, 10))
        await _quiet()
        has_waited = meeting.waited_s() > 0
        work.go.set()
        await asyncio.gather(first, second)
        return nobody, has_waited, meeting.waited_s()

    assert asyncio.run(story()) == (0.0, True, 0.0)


def test_without_a_thread_the_calls_are_refused_and_the_next_try_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work()
    work.go.set()
    start = threading.Thread.start

    def full(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def story() -> list[Any]:
        meeting = Gathering(work)
        monkeypatch.setattr(threading.Thread, "start", full)
        refused = await asyncio.gather(
            meeting.outcome(1, 10), meeting.outcome(2, 10), return_exceptions=True
        )
        monkeypatch.setattr(threading.Thread, "start", start)
        return [*refused, await meeting.outcome(3, 10)]

    *refused, answered = asyncio.run(story())
    assert [type(error) for error in refused] == [Unavailable, Unavailable]
    assert answered == 6


class Sender:
    """A source of a site, and its calls to a real web process."""

    def __init__(self, server: Server, kind: str = "server") -> None:
        site = access.create_site(
            key=f"s{uuid7().hex[-12:]}", name="Shop", regime="us_opt_out", now=clock.now()
        )
        source = access.create_source(
            site_id=site.pk, name=kind, kind=kind, consent_mode="assumed", now=clock.now()
        )
        key_kind = "pk" if kind == "browser" else "sk"
        _, self.key = access.issue_key(source_id=source.pk, kind=key_kind, now=clock.now())
        self.source_id = source.pk
        self._server = server

    def post(self, path: str, body: Any, key: str | None = None) -> Answer:
        return self._server.ask("POST", path, body, {"X-API-Key": key or self.key})

    def stored(self) -> list[tuple[str, list[str]]]:
        """Of each call in the inbox: the transaction that stored it, the names of its events."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT xmin::text, body FROM events_inbox WHERE source_id = %s", [self.source_id]
            )
            return [
                (number, [event[1] for event in json.loads(body)["e"]])
                for number, body in cursor.fetchall()
            ]


@pytest.fixture
def sender(server: Server, transactional_db: None) -> Sender:
    return Sender(server)


@pytest.fixture
def held() -> Iterator[Any]:
    """A connection that keeps events from being stored until it commits.

    Not by a lock on them: statements wait for that no longer than a quarter of a second.
    """
    with connection.cursor() as cursor:
        cursor.execute(_HOLD)
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HELD])
    yield other
    other.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION wait_for_test CASCADE")


def _is_held_up() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE wait_event = 'PgSleep' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])


def track(name: str, **fields: Any) -> dict[str, Any]:
    return {"event": name, "anonymousId": "a", "messageId": uuid7().hex, **fields}


@pytest.mark.slow
def test_those_that_meet_share_a_commit_and_nobody_else_waits_for_it(
    server: Server, sender: Sender, held: Any
) -> None:
    bodies, before = [track(f"Event {n}") for n in range(CALLERS)], len(server.sent)
    with ThreadPoolExecutor(CALLERS) as callers:
        asked: list[Future[Answer]] = [
            callers.submit(sender.post, "/v1/track", body) for body in bodies
        ]
        wait_until(_is_held_up, "the first to wait for the table")
        wait_until(lambda: len(server.sent) - before >= CALLERS, "the others to be sent")
        for _ in range(2):  # and to have come in
            assert server.ask("GET", "/healthz").status == 200
        held.commit()
        answers = [one.result() for one in asked]
    assert [answer.status for answer in answers] == [200] * CALLERS
    assert all(answer.json()["accepted"] == 1 for answer in answers)
    stored = sender.stored()
    assert sorted(names for _, names in stored) == sorted([body["event"]] for body in bodies)
    assert len({transaction for transaction, _ in stored}) < CALLERS


@pytest.mark.slow
def test_what_comes_by_other_doors_is_stored_beside_the_loop(
    server: Server, sender: Sender, held: Any
) -> None:
    public = Sender(server, kind="browser")
    said = {
        "user_identities": {"customer_id": "ada"},
        "events": [{"event_type": "custom_event", "data": {"event_name": "Told"}}],
    }
    many = {"conversions": [{"id": str(n), "goal": "g", "userId": str(n)} for n in range(30)]}
    picture = f"/v1/pixel/track?data={quote(json.dumps(track('Seen', writeKey=public.key)))}"
    for number, (path, body) in enumerate(
        [("/v2/events", said), ("/v1/conversions", many), (picture, None)]
    ):
        held.rollback()
        with held.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_HELD])
        method = "GET" if body is None else "POST"
        key = {} if body is None else {"X-API-Key": sender.key}
        with ThreadPoolExecutor(1) as callers:
            asked = callers.submit(server.ask, method, path, body, key)
            wait_until(_is_held_up, f"{path} to wait for the table")
            assert server.ask("GET", "/healthz").status == 200
            held.commit()
            assert asked.result().status == (202, 200, 200)[number]
    names = [name for _, names in sender.stored() for name in names]
    assert names.count("Told") == 1 and names.count("g") == 30
    assert [names for _, names in public.stored()] == [["Seen"]]


@pytest.mark.slow
def test_each_of_those_that_meet_gets_its_own_answer(
    server: Server, sender: Sender, held: Any
) -> None:
    other = Sender(server)
    event = track("Said twice")
    calls = [
        (sender, "/v1/track", track("First"), None),
        (sender, "/v1/track", event, None),
        (sender, "/v1/track", event, None),
        (sender, "/v1/track", {"anonymousId": "a"}, None),
        (sender, "/v1/track", track("Of nobody"), "sk_nobody"),
        (sender, "/v1/track", {**track("Long ago"), "timestamp": "1999-01-01"}, None),
        (other, "/v1/track", track("Of another"), None),
        (sender, "/v1/batch", {"batch": [{**track("In a batch"), "type": "track"}, {}]}, None),
    ]
    with ThreadPoolExecutor(len(calls)) as callers:
        asked = [callers.submit(who.post, path, body, key) for who, path, body, key in calls]
        wait_until(_is_held_up, "the first to wait for the table")
        held.commit()
        answers = [one.result() for one in asked]

    assert [answer.status for answer in answers] == [200, 200, 200, 400, 401, 200, 200, 200]
    told = [answer.json() for answer in answers]
    assert sorted((told[n]["accepted"], told[n]["duplicates"]) for n in (1, 2)) == [(0, 1), (1, 0)]
    assert told[3]["code"] == "invalid_event"
    assert told[5]["rejected"][0]["code"] == "event_too_old"
    assert (told[7]["accepted"], len(told[7]["rejected"])) == (1, 1)
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(calls)
    names = sorted(name for _, names in sender.stored() for name in names)
    assert names == ["First", "In a batch", "Said twice"]
    assert [names for _, names in other.stored()] == [["Of another"]]


@pytest.mark.slow
def test_what_would_wait_too_long_is_told_so_and_what_waits_is_answered(
    server: Server, sender: Sender, held: Any
) -> None:
    def is_refused() -> bool:
        calls.append(callers.submit(sender.post, "/v1/track", track("Waits")))
        done, _ = wait([calls[-1]], timeout=0.2)
        return bool(done)

    calls: list[Future[Answer]] = []
    with ThreadPoolExecutor(64) as callers:
        wait_until(is_refused, "a refusal")
        refused = calls.pop().result()
        held.commit()
        answers = [one.result() for one in calls]
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert {answer.status for answer in answers} == {200}
    assert len(sender.stored()) == len(answers)


@pytest.mark.slow
def test_what_waits_for_its_commit_is_answered_before_the_end(
    transactional_db: None, held: Any, tmp_path: Path
) -> None:
    with running(tmp_path) as server, ThreadPoolExecutor(2) as callers:
        sender = Sender(server)
        asked = callers.submit(sender.post, "/v1/track", track("Late"))
        wait_until(_is_held_up, "the call to wait for the table")
        ended = callers.submit(server.stop)
        wait_until(lambda: not server.is_up(), "the end to begin")
        held.commit()
        assert asked.result().status == 200
        assert ended.result() == 0
    assert [names for _, names in sender.stored()] == [["Late"]]
