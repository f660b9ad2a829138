"""What a score worked out in the request asks of the stores: nothing that a decision does not."""

import pytest

from apps.predictions import online
from apps.predictions.models import ModelSpec
from tests.apps.delivery.conftest import World, _new_process, world  # noqa: F401
from tests.apps.delivery.test_online_scores import (
    is_likely,
    looks,
    shop,  # noqa: F401
    spec,  # noqa: F401
)
from tests.apps.delivery.test_round_trips import quiet, trips, without_postgres  # noqa: F401


def test_a_decision_by_an_online_score_is_one_round_trip_and_no_statement(
    shop: World,  # noqa: F811
    trips: list[int],  # noqa: F811
    quiet: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks(shop, "shoes", 15)
    looks(shop, "hats", 15, who="a2")
    assert is_likely(shop, "a1") and not is_likely(shop, "a2")
    trips.clear()
    with without_postgres(monkeypatch):
        assert is_likely(shop, "a1")
        assert not is_likely(shop, "a2")
    assert len(trips) == 2
    with_model = list(trips)
    # The same site answered by stored scores asks for as many replies.
    ModelSpec.objects.update(serves_online=False)
    online.refresh(shop.site.pk)
    assert [is_likely(shop, who) for who in ("a1", "a2")] == [False, False]
    trips.clear()
    with without_postgres(monkeypatch):
        assert [is_likely(shop, who) for who in ("a1", "a2")] == [False, False]
    assert trips == with_model


def test_before_the_first_look_a_decision_does_not_wait_for_the_models(
    shop: World,  # noqa: F811
    trips: list[int],  # noqa: F811
    quiet: None,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks(shop, "shoes", 15)
    assert is_likely(shop)
    online.forget()
    trips.clear()
    monkeypatch.setattr(online, "_watch", lambda: None)  # the thread is not the answer
    with without_postgres(monkeypatch):
        assert not is_likely(shop)
    assert len(trips) == 1
