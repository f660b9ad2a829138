"""What is answered in the request reads no event of before a purpose was taken back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.consent import services as consent
from apps.consent.types import Purpose
from apps.decisions import hot_state
from apps.events import history, inbox
from apps.pipeline import fold
from apps.predictions import online, scoring
from apps.predictions.models import ModelSpec
from apps.profiles import state
from apps.work import clock
from tests.apps.consent.taking_back import clear_all
from tests.apps.delivery.conftest import NOW, NOW_MS, World, _new_process, world  # noqa: F401
from tests.apps.delivery.test_bindings import Owner
from tests.apps.delivery.test_online_scores import (
    NAMES,
    hero,
    is_likely,
    looks,
    shop,  # noqa: F401
    spec,  # noqa: F401
    stored,
    viewed,
)
from tests.apps.delivery.test_request_facts import profile_of
from tests.apps.predictions.champions import champion

TRAINING = int(Purpose.MODEL_TRAINING)


def choose(shop: World, now: Any, **purposes: bool) -> None:  # noqa: F811
    consent.record_choice(
        site_id=shop.site.pk, source_id=shop.source.pk, identities=[("anonymous_id", "a1")],
        purposes=purposes, method="api", policy_version="", gpc=False, signals={}, client_at=None,
        regime="us_opt_out", now=now,
    )  # fmt: skip


def noted(profile_id: UUID) -> dict[int, int]:
    """Until when events are not for a purpose: in the row, and in the copy that decisions read."""
    (row,) = state.read([profile_id])
    [copy] = hot_state.hot_profiles_of([profile_id])
    kept = history.decode(row.history).refused_ms
    assert history.decode(copy.recent).refused_ms == kept
    return kept


@pytest.mark.parametrize("is_cleared", [False, True], ids=["at-once", "after-the-worker"])
@pytest.mark.parametrize("is_reread", [False, True], ids=["as-it-was", "read-anew"])
def test_a_later_yes_gives_no_score_from_events_of_before_the_no(
    shop: World,  # noqa: F811
    is_cleared: bool,
    is_reread: bool,
) -> None:
    looks(shop, "shoes", 15)
    assert is_likely(shop)
    choose(shop, NOW, model_training=False)
    assert not is_likely(shop)
    if is_cleared:
        clear_all()
    later = NOW + timedelta(seconds=1)
    clock.replace(lambda: later)
    choose(shop, later, model_training=True)
    profile_id = profile_of(shop, "a1")
    if is_reread:
        shop.change(profile_id, history=history.UNREAD)
        inbox.store(Owner(shop), [viewed("hats", 0, "a1")], sent_ms=None, received_at=later)
        assert fold.fold_once(now=later).events == 1
    shop.tell(profile_id)
    assert noted(profile_id)[TRAINING] >= NOW_MS - 60_000
    # The worker reads none of these events either; what it has stored stands.
    assert not is_likely(shop)
    stored(shop, 0.9, at=later)
    assert is_likely(shop)


def test_the_score_is_worked_out_again_once_the_window_has_passed(
    world: World,  # noqa: F811
    spec: ModelSpec,  # noqa: F811
) -> None:
    ModelSpec.objects.filter(pk=spec.pk).update(window_days=2)
    champion(spec, NAMES)
    hero(world)
    online.online_of(world.site.pk)
    online.refresh(world.site.pk)
    looks(world, "shoes", 15)
    choose(world, NOW, model_training=False)
    again, much_later = NOW + timedelta(hours=12), NOW + timedelta(days=3)
    clock.replace(lambda: again)
    choose(world, again, model_training=True)
    clock.replace(lambda: much_later)
    minutes = 3 * 24 * 60
    views = [viewed("shoes", 15 - number - minutes, "a1") for number in range(15)]
    inbox.store(Owner(world), views, sent_ms=None, received_at=much_later)
    assert fold.fold_once(now=much_later).events == 15
    profile_id = profile_of(world, "a1")
    world.tell(profile_id)
    (row,) = state.read([profile_id])
    kept = history.decode(row.history)
    model = online.online_of(world.site.pk)["score.order"]
    said = model.said(
        kept.happenings, clock.to_ms(much_later), refused_ms=kept.refused_ms[TRAINING]
    )
    assert said["score.order"] == pytest.approx(
        model.serving.probabilities([15.0, 15.0, 1 / 60, 15.0])[""], abs=1e-4
    )


def test_another_purpose_taken_back_leaves_the_score(shop: World) -> None:  # noqa: F811
    looks(shop, "shoes", 15)
    choose(shop, NOW, triggers=False)
    shop.tell(profile_of(shop, "a1"))
    assert TRAINING not in noted(profile_of(shop, "a1"))
    assert is_likely(shop)


@pytest.mark.parametrize("purpose", ["audiences", "sale", "measurement"])
def test_a_purpose_that_the_newest_events_do_not_tell_apart_is_not_answered_online(
    world: World,  # noqa: F811
    spec: ModelSpec,  # noqa: F811
    purpose: str,
) -> None:
    version = champion(spec, NAMES)
    assert set(online.refresh(world.site.pk)) == {"score.order"}
    ModelSpec.objects.filter(pk=spec.pk).update(purpose=purpose)
    version.spec.refresh_from_db()
    assert online.refresh(world.site.pk) == {}
    assert "do not tell which" in online.why_not(version)
    assert scoring.score(spec_id=spec.pk, now=NOW) == 0
