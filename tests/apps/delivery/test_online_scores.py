"""Scores worked out in the request, from what the visitor did a moment ago."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.consent.types import Purpose
from apps.content import services as content
from apps.decisions import hot_state, records
from apps.decisions.models import DecisionRecord
from apps.events import history, inbox
from apps.events.types import Accepted
from apps.pipeline import fold
from apps.predictions import online, scoring
from apps.predictions import services as predictions
from apps.predictions.choosing import names_for
from apps.predictions.domain.session_features import is_online
from apps.predictions.models import ModelSpec, ModelVersion
from apps.rules import services as rules
from apps.segments import live
from apps.segments.models import LiveSet
from apps.work import clock
from engine.facts import Happening
from tests.apps.delivery.conftest import NOW, NOW_MS, World, forget_everything
from tests.apps.delivery.test_bindings import Owner
from tests.apps.delivery.test_computed_in_templates import happens
from tests.apps.delivery.test_replay import replayed
from tests.apps.delivery.test_request_facts import profile_of
from tests.apps.delivery.test_why import why
from tests.apps.predictions.champions import champion

NAMES = ("category:shoes", "session_events", "recency_h", "count:Product Viewed")
LIKELY = {"kind": "model", "name": "order", "op": "gte", "value": 0.5}
MINUTE_MS = 60_000


@pytest.fixture(autouse=True)
def artifact_dir(settings: Any, tmp_path: Path) -> None:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def spec(world: World) -> ModelSpec:
    made = predictions.create_spec(
        site_id=world.site.pk, key="order", name="Will order", target_event="Order Completed",
        now=NOW,
    )  # fmt: skip
    ModelSpec.objects.filter(pk=made.pk).update(serves_online=True)
    made.refresh_from_db()
    return made


def hero(world: World, *parts: dict[str, Any], **leaf: Any) -> None:
    block = content.create_block(site_id=world.site.pk, key="hero")
    content.create_variant(block=block, key="everyone", is_default=True, template="<p>all</p>")
    content.create_variant(block=block, key="likely", template="<p>likely</p>")
    content.create_placement(site_id=world.site.pk, key="home.hero", block=block)
    rules.create_rule(
        site_id=world.site.pk, key="likely", placement_key="home.hero", variant_key="likely",
        condition={"v": 1, "where": {"all": [LIKELY | leaf, *parts]}},
    )  # fmt: skip
    world.publish()


@pytest.fixture
def shop(world: World, spec: ModelSpec) -> World:
    """A site with a rule for who is likely to order, and a model that tells by shoes."""
    champion(spec, NAMES)
    hero(world)
    online.online_of(world.site.pk)
    online.refresh(world.site.pk)
    return world


def looks(world: World, category: str, count: int, who: str = "a1") -> None:
    """So many views of a category, a minute apart, the last one a minute ago."""
    inbox.store(
        Owner(world), [viewed(category, count - number, who) for number in range(count)],
        sent_ms=None, received_at=NOW,
    )  # fmt: skip
    assert fold.fold_once(now=NOW).events == count


def viewed(category: str, minutes_ago: int, who: str, purposes: int = 63) -> Accepted:
    at_ms = NOW_MS - minutes_ago * MINUTE_MS
    return Accepted(
        type="track", name="Product Viewed", occurred_ms=at_ms, original_ms=None,
        message_id=f"{who}-{at_ms}", anonymous_id=who, user_id=None,
        properties={"category": category}, traits=None, context={}, epoch=0, purposes=purposes,
        flags=0,
    )  # fmt: skip


def is_likely(world: World, who: str = "a1", **body: Any) -> bool:
    return bool(world.hero_of(who, **body)["variant"] == "likely")


def stored(world: World, value: float, who: str = "a1", at: Any = NOW) -> None:
    version = ModelVersion.objects.get(state=ModelVersion.State.CHAMPION)
    profile_id = profile_of(world, who)
    scoring.write(version.spec, version, {"": {profile_id: value}}, at)
    world.tell(profile_id)


def test_what_a_visitor_has_just_done_decides(shop: World) -> None:
    looks(shop, "shoes", 15)
    looks(shop, "hats", 15, who="a2")
    assert is_likely(shop, "a1")
    assert not is_likely(shop, "a2")


def test_the_same_visit_tells_more_with_every_click(shop: World) -> None:
    looks(shop, "shoes", 4)
    assert not is_likely(shop)
    more = [viewed("shoes", 0, "a1"), *(viewed("shoes", minute, "a1") for minute in range(5, 14))]
    inbox.store(Owner(shop), more, sent_ms=None, received_at=NOW)
    assert fold.fold_once(now=NOW).events == len(more)
    assert is_likely(shop)


def test_the_score_is_the_very_one_that_a_worker_would_give(shop: World) -> None:
    looks(shop, "shoes", 15)
    model = online.online_of(shop.site.pk)["score.order"]
    [profile] = hot_state.hot_profiles_of([profile_of(shop, "a1")])
    recent = history.decode(profile.recent).happenings
    row = [15.0, 15.0, MINUTE_MS / 3_600_000, 15.0]
    said = model.said(recent, NOW_MS)
    assert said == {"score.order": round(model.serving.probabilities(row)[""], 4)}


def test_a_decision_asks_the_record_nothing_for_it(shop: World) -> None:
    looks(shop, "shoes", 15)
    assert is_likely(shop)
    with CaptureQueriesContext(connection) as asked:
        assert is_likely(shop)
    assert len(asked) == 0


def test_what_was_stored_stands_where_nothing_happened_that_is_known(shop: World) -> None:
    looks(shop, "hats", 3)
    stored(shop, 0.9)
    assert not is_likely(shop)  # worked out anew: hats say no
    ModelSpec.objects.update(serves_online=False)
    online.refresh(shop.site.pk)
    assert is_likely(shop)


def test_before_the_thread_has_looked_the_stored_score_stands(shop: World) -> None:
    looks(shop, "shoes", 15)
    online.forget()
    assert not is_likely(shop)
    stored(shop, 0.9)
    assert is_likely(shop)


def test_a_model_that_was_not_trained_for_long_is_asked_no_more(shop: World) -> None:
    looks(shop, "shoes", 15)
    long_ago = NOW - timedelta(days=91)
    ModelVersion.objects.update(trained_at=long_ago)
    online.forget()
    online.refresh(shop.site.pk)
    assert not is_likely(shop)
    ModelSpec.objects.update(settings={"max_age_days": 100})
    online.refresh(shop.site.pk)
    assert is_likely(shop)


def test_a_broken_file_serves_nobody_and_the_stored_scores_stay(shop: World, settings: Any) -> None:
    looks(shop, "shoes", 15)
    stored(shop, 0.2)
    (file,) = (settings.ARTIFACT_DIR / "predictions").glob("*.txt")
    file.write_text(file.read_text() + " ")
    online.forget()
    assert online.refresh(shop.site.pk) == {}
    assert not is_likely(shop)


@pytest.mark.parametrize(("fallback", "expected"), [(True, True), (False, False)])
def test_without_any_score_the_condition_says_what_holds(
    world: World, spec: ModelSpec, fallback: bool, expected: bool
) -> None:
    hero(world, fallback=fallback)
    looks(world, "shoes", 3)
    assert is_likely(world) is expected


def test_who_refuses_what_the_model_is_for_is_not_asked_about(shop: World) -> None:
    looks(shop, "shoes", 15)
    shop.change(profile_of(shop, "a1"), denied=int(Purpose.MODEL_TRAINING))
    shop.tell(profile_of(shop, "a1"))
    assert not is_likely(shop)


REFUSED = 63 | int(Purpose.MODEL_TRAINING)  # a stamp keeps which finer purposes were refused


@pytest.mark.parametrize("ago_days", [0, 59, 61], ids=["just-now", "in-the-window", "before"])
@pytest.mark.parametrize("is_reread", [False, True], ids=["folded", "read-anew"])
def test_events_that_were_not_for_models_are_not_read_for_one(
    world: World, spec: ModelSpec, ago_days: int, is_reread: bool
) -> None:
    champion(spec, NAMES)
    hero(world)
    online.online_of(world.site.pk)
    online.refresh(world.site.pk)
    happened = [
        viewed("shoes", 20 + ago_days * 24 * 60, "a1", REFUSED),
        *(viewed("shoes", 15 - number, "a1") for number in range(15)),
    ]
    inbox.store(Owner(world), happened, sent_ms=None, received_at=NOW)
    assert fold.fold_once(now=NOW).events == 16
    if is_reread:
        profile_id = profile_of(world, "a1")
        world.change(profile_id, history=history.UNREAD)
        inbox.store(Owner(world), [viewed("shoes", 0, "a1")], sent_ms=None, received_at=NOW)
        assert fold.fold_once(now=NOW).events == 1
    # A worker counts what was allowed; in the request only what lies behind the refusal is known.
    assert is_likely(world) is (ago_days == 61)
    stored(world, 0.9)
    assert is_likely(world)


def test_a_blob_of_before_says_nothing_of_purposes_and_so_nothing_is_read_from_it() -> None:
    kept = history.History()
    kept.add([Happening(NOW_MS, "Product Viewed", 1, {})])
    assert history.decode(history.encode(kept)).refused_ms == {}
    before = msgspec.msgpack.decode(history.encode(kept))[:-1]
    old = history.decode(msgspec.msgpack.encode(before))
    assert old.refused_ms[int(Purpose.MODEL_TRAINING)] == NOW_MS
    assert [one.at_ms for one in old.happenings] == [NOW_MS]


def test_a_model_whose_features_need_the_record_is_not_answered_online_and_says_so(
    world: World, spec: ModelSpec
) -> None:
    version = champion(spec, ("category:shoes", "value_mean", "recency_h", "events"))
    assert online.refresh(world.site.pk) == {}
    assert "value_mean" in online.why_not(version)
    assert online.why_not(champion(spec, NAMES, trained_at=clock.now())) == ""
    old = champion(spec, NAMES, trained_at=NOW - timedelta(days=91))
    assert "not trained for too long" in online.why_not(old)


def test_where_the_events_at_hand_do_not_reach_back_far_enough_the_stored_score_stands(
    shop: World,
) -> None:
    looks(shop, "shoes", history.MAX_SHOWN)
    assert is_likely(shop)
    looks(shop, "shoes", history.MAX_SHOWN + 20, who="b1")  # the first ones are not at hand
    assert not is_likely(shop, "b1")
    stored(shop, 0.9, who="b1")
    assert is_likely(shop, "b1")


def test_what_looks_at_the_visit_alone_is_answered_for_the_busiest(
    world: World, spec: ModelSpec
) -> None:
    champion(spec, ("session_events", "session_categories", "recency_h", "in_session"))
    hero(world)
    online.online_of(world.site.pk)
    online.refresh(world.site.pk)
    looks(world, "shoes", history.MAX_SHOWN + 20)
    assert is_likely(world)


def test_left_to_choose_it_is_given_only_what_a_request_can_tell(
    world: World, spec: ModelSpec
) -> None:
    for number in range(5):
        looks(world, "shoes", 2, who=f"v{number}")
    chosen = names_for(spec, as_of=NOW)
    assert {"count:Product Viewed", "category:shoes", "session_events"} <= set(chosen)
    assert all(map(is_online, chosen))
    spec.serves_online = False
    assert not all(map(is_online, names_for(spec, as_of=NOW)))


def test_newest_events_go_along_only_where_a_model_asks_for_them(
    world: World, spec: ModelSpec
) -> None:
    ModelSpec.objects.update(serves_online=False)
    hero(world)
    number = LiveSet.objects.get(site=world.site).number
    looks(world, "shoes", 1)
    assert not live.live_set(world.site.pk).shows_events
    spec.serves_online = True
    spec.save()
    assert live.live_set(world.site.pk).shows_events
    happens(world, "Product Viewed", NOW_MS, category="shoes")
    [profile] = hot_state.hot_profiles_of([profile_of(world, "a1")])
    assert profile.recent
    spec.save()
    assert LiveSet.objects.get(site=world.site).number == number + 1


def test_the_trace_says_that_it_was_worked_out_for_this_decision(shop: World) -> None:
    looks(shop, "shoes", 15)
    answer = shop.ask("home.hero", key=shop.sk, anonymousId="a1", explain=True)
    first, *others = answer["placements"]["home.hero"]["trace"]
    assert (first["step"], first["key"]) == ("model", "score.order")
    assert "worked out for this decision" in first["outcome"]
    assert not any(step["step"] == "model" for step in others)
    assert answer["ttlSeconds"] <= 30


def test_the_record_carries_the_score_and_a_replay_needs_no_model(shop: World) -> None:
    looks(shop, "shoes", 15)
    decided = shop.hero_of("a1")
    assert decided["variant"] == "likely"
    records.flush()
    assert DecisionRecord.objects.count() == 1
    # Another model, another past: the decision of then stays what it was.
    ModelSpec.objects.update(serves_online=False)
    forget_everything()
    found = replayed("--site", "shop")
    assert found["fine"], found["lines"]
    told = why(shop, decided["decisionId"], shop.sk)
    assert told["decision"]["replay"]["outcome"] == "same"
    assert told["trace"][0]["step"] == "model"
