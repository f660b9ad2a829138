"""The tables that decisions read: filled up, swapped, and there while the database is away."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from apps.recommendations import selectors, services
from apps.recommendations.selectors import Table
from tests.apps.recommendations.world import NOW, Seen, make_site, new_person, store


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The watcher has a connection of its own, which sees nothing of a test's transaction.
    monkeypatch.setattr(selectors, "_watch", lambda: None)
    selectors.forget()
    yield
    selectors.forget()


def test_followers_come_first_then_what_is_popular_and_nothing_twice():
    table = Table(uuid4(), {"A": [("B", 0.7), ("C", 0.3)]}, [("C", 0.5), ("D", 0.3), ("E", 0.2)])
    assert table.lookup("A", 4) == [
        ("B", 0.7, "followed_by"),
        ("C", 0.3, "followed_by"),
        ("D", 0.3, "popular"),
        ("E", 0.2, "popular"),
    ]
    assert table.lookup("A", 1) == [("B", 0.7, "followed_by")]
    assert [code for code, *_ in table.lookup("unknown", 2)] == ["C", "D"]
    assert [code for code, *_ in table.lookup(None, 9)] == ["C", "D", "E"]
    assert table.lookup("A", 0) == []
    assert table.has("A")
    assert not table.has("D")


def trained(db_site, hours: int = 0) -> None:
    recommender = services.create_recommender(site_id=db_site.pk, key="next", name="Next")
    services.train_now(recommenders=[recommender], now=NOW + timedelta(hours=hours))


def seen(site, *items: str) -> None:
    visitor = new_person()
    start = NOW - timedelta(days=2)
    store(
        site,
        [Seen(visitor, start + timedelta(minutes=n), item) for n, item in enumerate(items)],
    )


def test_once_loaded_a_decision_asks_the_database_nothing(db, django_assert_num_queries):
    site = make_site()
    seen(site, "A", "B")
    trained(site)
    assert selectors.lists_of(site.pk)["next"].lookup("A", 1) == [("B", 1.0, "followed_by")]
    with django_assert_num_queries(0):
        selectors.lists_of(site.pk)


def test_the_next_look_swaps_in_a_new_version_and_loads_nothing_else(db, django_assert_num_queries):
    site = make_site()
    seen(site, "A", "B")
    trained(site)
    before = selectors.lists_of(site.pk)["next"]
    with django_assert_num_queries(1):
        selectors.refresh(site.pk)
    assert selectors.lists_of(site.pk)["next"] is before
    seen(site, "A", "C")
    seen(site, "A", "C")
    trained(site, hours=1)
    selectors.refresh(site.pk)
    assert selectors.lists_of(site.pk)["next"].lookup("A", 1)[0][0] == "C"


def test_without_a_database_the_lists_stay_and_nobody_waits_for_it_twice(db, caplog):
    site, unknown = make_site(), make_site()
    seen(site, "A", "B")
    trained(site)
    loaded = selectors.lists_of(site.pk)

    def away(*_: object) -> None:
        raise OperationalError("server closed the connection")

    with connection.execute_wrapper(away):
        assert selectors.refresh(site.pk) is loaded
        assert selectors.lists_of(unknown.pk) == {}
        assert selectors.lists_of(unknown.pk) == {}
    assert caplog.messages.count("recommendations.database_away") == 2
    assert selectors.lists_of(site.pk) is loaded
