"""What was collected under a purpose that was taken back changes nothing that anybody is told.

The same shop is run twice, once with it and once as if it had never been collected; what comes out
is held side by side: answers, members, lists, what models learn from, the feed.
"""

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from apps.predictions import features
from apps.predictions.models import ModelSpec
from apps.profiles.models import Identity
from apps.recommendations import training
from apps.recommendations.models import ItemList, Recommender, RecommenderVersion
from apps.segments.models import Membership
from apps.work import clock
from apps.work.models import ChangeFeed
from tests.apps.consent.conftest import Chooser, tick
from tests.apps.consent.taking_back import clear_due, fold_all, refresh, send, told, view
from tests.apps.delivery.conftest import NOW, World

_number = itertools.count()
PEOPLE = ("ann", "ben", "cleo")
COUNTED: dict[str, Any] = {
    "v": 1,
    "where": {
        "kind": "event", "name": "Product Viewed", "aggregate": "count", "window": {"last": "30d"},
        "op": "gte", "value": 3,
    },
}  # fmt: skip
GOLD: dict[str, Any] = {
    "v": 1,
    "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"},
}
NOT_BOUGHT: dict[str, Any] = {
    "v": 1,
    "where": {
        "not": {
            "kind": "event", "name": "Product Viewed", "aggregate": "count",
            "window": {"last": "30d"}, "op": "gte", "value": 1,
        }
    },
}  # fmt: skip


def looks(who: str, *products: str) -> list[dict[str, Any]]:
    return [
        # Of one moment, so that the ids say what came first.
        view(
            who,
            properties={"category": "blouses", "product_id": product},
            messageId=f"{next(_number):012d}-{who}-{product}",
        )
        for product in products
    ]


def open_as(key: str) -> Chooser:
    shop = Chooser(World(key))
    shop.world.hero()
    for name, condition in (("keen", COUNTED), ("gold", GOLD), ("quiet", NOT_BOUGHT)):
        shop.world.segment(name, condition)
    refresh(shop)
    site = shop.world.site
    ModelSpec.objects.create(
        site=site, key="order", name="Order", target_event="Order Completed", created_at=NOW
    )
    Recommender.objects.create(site=site, key="next", name="Next")
    return shop


def others_come(shop: Chooser) -> None:
    for who in PEOPLE:
        send(shop, *looks(who, "b-1", "b-2"))
    send(shop, told("ann", plan="gold"))
    fold_all()


def told_of(shop: Chooser, people: Sequence[str]) -> dict[str, Any]:
    """Everything that comes out, with people by their names."""
    site = shop.world.site
    now = clock.now() + timedelta(minutes=1)
    refresh(shop, now)
    rows = Identity.objects.filter(site=site, kind="anonymous_id")
    name_of: dict[Any, str] = dict(rows.values_list("profile_id", "value"))
    stays = Membership.objects.filter(site=site).values_list("profile_id", "segment__key")
    lines = ChangeFeed.objects.filter(site=site, profile_id__isnull=False)
    recommender = Recommender.objects.get(site=site)
    version_id = training.train(recommender_id=recommender.pk, now=now)
    assert version_id is not None
    version = RecommenderVersion.objects.get(pk=version_id)
    learned = features.moment(ModelSpec.objects.get(site=site), ["events", "recency_h"], as_of=now)
    return {
        "answers": {
            who: [
                (one["reason"], one.get("variant"), one.get("html"))
                for one in shop.world.ask("home.hero", key=shop.pk, anonymousId=who)[
                    "placements"
                ].values()
            ]
            for who in people
        },
        "members": sorted((name_of[who], key) for who, key in stays),
        "feed": sorted(
            (name_of[line.profile_id], line.kind, line.payload.get("segment"))
            for line in lines.filter(kind__startswith="membership.")
        ),
        "lists": sorted(ItemList.objects.filter(version=version).values_list("item", "ranked")),
        "popular": version.popular,
        "learned": np.sort(learned.x, axis=0).tolist(),
    }


def run(key: str, *, is_collected: bool, comes_back: bool) -> dict[str, Any]:
    """The shop's life: somebody looks around, takes it back, and perhaps begins anew.

    Args:
        is_collected: what they did before they took it back was collected at all.
    """
    shop = open_as(key)
    others_come(shop)
    shop.choose(analytics=True, personalization=True)
    if is_collected:
        send(shop, *looks("a1", "b-1", "b-9", "b-3", "b-9"), told("a1", plan="gold"))
        fold_all()
        refresh(shop)
    shop.choose(personalization=False, analytics=False)
    if is_collected:
        clear_due()
    if comes_back:
        shop.choose(personalization=True, analytics=True)
        tick()
        send(shop, *looks("a1", "b-2"))
        fold_all()
    tick(timedelta(hours=2))
    clear_due()
    return told_of(shop, [*PEOPLE, "a1"])


@pytest.mark.parametrize("comes_back", [False, True], ids=["stays away", "comes back"])
def test_what_was_taken_back_changes_no_answer_list_or_member(db: None, comes_back: bool) -> None:
    clock.replace(lambda: NOW)
    with_it = run("with", is_collected=True, comes_back=comes_back)
    clock.replace(lambda: NOW)
    without = run("without", is_collected=False, comes_back=comes_back)
    for what, found in without.items():
        assert with_it[what] == found, what
    assert without["lists"] and without["members"], "there is something to compare"


def test_the_same_data_does_change_them_while_it_is_allowed(db: None) -> None:
    """The comparison would notice: of somebody who takes nothing back it sees a difference."""
    shop = open_as("still")
    others_come(shop)
    before = told_of(shop, PEOPLE)
    send(shop, *looks("a1", "b-1", "b-9", "b-3", "b-9"), told("a1", plan="gold"))
    fold_all()
    after = told_of(shop, PEOPLE)
    assert after["lists"] != before["lists"] and after["members"] != before["members"]
    assert after["learned"] != before["learned"]
