"""What a decision asks of the stores: Redis once, twice with a budget, and never Postgres."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.decisions import hot_wire, record_reads, records
from apps.delivery import exposure_log
from tests.apps.delivery.capped_shop import Shop
from tests.apps.delivery.conftest import World, inside


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many replies each round trip brought."""
    made: list[int] = []
    ask = hot_wire.ask

    def counted(commands: bytes, count: int) -> list[Any]:
        made.append(count)
        return ask(commands, count)

    monkeypatch.setattr(hot_wire, "ask", counted)
    return made


@contextmanager
def without_postgres(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within the block no statement is run on this thread, nor by those that answers wait for."""

    def refused(*_: Any, **__: Any) -> list[Any]:
        raise AssertionError("asked Postgres")

    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as queries:
        patch.setattr(record_reads, "rows", refused)
        yield
    assert [query["sql"] for query in queries] == []


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the threads that write what is queued: their statements are not the answer's."""
    monkeypatch.setattr(records, "_start", lambda: None)
    monkeypatch.setattr(exposure_log, "_start", lambda: None)


def test_a_warm_decision_is_one_round_trip_and_no_statement(
    world: World, trips: list[int], quiet: None, monkeypatch: pytest.MonkeyPatch
):
    blouses = world.hero()
    for name in ("a1", "a2"):
        row = world.person(("anonymous_id", name), stays=inside([blouses]))
        world.tell(row.profile_id)
    assert world.hero_of("a1")["variant"] == "blouses"
    trips.clear()
    with without_postgres(monkeypatch):
        assert world.hero_of("a1")["variant"] == "blouses"
        # Nor does one whom this process has never answered.
        assert world.hero_of("a2")["variant"] == "blouses"
    assert len(trips) == 2


@pytest.fixture
def shop(world: World) -> Shop:
    made = Shop(world)
    made.cap(most=4)
    made.offer(variant=["twice"])
    world.publish()
    made.wait(timedelta(minutes=10))
    return made


def test_a_decision_with_a_budget_is_two_round_trips(
    shop: Shop, trips: list[int], quiet: None, monkeypatch: pytest.MonkeyPatch
):
    shop.ask()
    trips.clear()
    with without_postgres(monkeypatch):
        assert shop.variant() == "offer"
    assert len(trips) == 2


def test_an_exposure_with_a_budget_is_one_round_trip_and_counts(
    shop: Shop, trips: list[int], quiet: None, monkeypatch: pytest.MonkeyPatch
):
    row = shop.world.person(("anonymous_id", "a1"))
    shop.world.tell(row.profile_id)
    decided = shop.ask()["home.offer"]["decisionId"]
    trips.clear()
    with without_postgres(monkeypatch):
        shop.expose(decided)
    assert len(trips) == 1
    shop.wait(timedelta(minutes=10))  # longer than a reservation is open
    assert [shop.variant() for _ in range(4)] == ["offer", "offer", "offer", "plain"]


def test_an_answer_is_kept_apart_by_what_it_shows_alone(world: World):
    world.hero()
    etags = set()
    for name in ("a1", "a2"):
        answer = world.post(
            "/v1/decide", {"anonymousId": name, "placements": ["home.hero", "nowhere"]}
        )
        assert json.loads(answer.content)["placements"]["nowhere"]["reason"] == "ERROR"
        etags.add(answer["ETag"])
    assert len(etags) == 1
