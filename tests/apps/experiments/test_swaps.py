"""Arms that put a model or a recommender in another one's place, as visitors are answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from apps.content import services as content
from apps.experiments.models import Experiment, Participant
from apps.predictions import services as predictions
from apps.predictions import writing
from apps.predictions.models import ModelSpec, ModelVersion
from apps.profiles.models import Identity
from apps.recommendations import selectors as recommendations
from apps.recommendations.models import Recommender, RecommenderVersion
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_changes import of_changes, rule, told
from tests.apps.profiles.conftest import identify

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 60
LIKELY = {"v": 1, "where": {"kind": "model", "name": "buy", "op": "gte", "value": 0.5}}


def scored(lab: Lab, key: str, said: Mapping[UUID, float]) -> ModelSpec:
    """A model that serves, and what it says of these people."""
    spec = predictions.create_spec(
        site_id=lab.site.pk, key=key, name=key, target_event="Order Completed", now=NOW
    )
    version = ModelVersion.objects.create(
        spec=spec, number=1, state="champion", trained_at=NOW, promoted_at=NOW,
        feature_names=["events"], calibration={}, lineage={}, card={},
    )  # fmt: skip
    writing.write(spec, version, {"": said}, NOW)
    return spec


def by_arm(found: Mapping[str, Any], arm: str) -> dict[str, Any]:
    return {who: one for who, one in found.items() if one["experiment"]["arm"] == arm}


def test_each_arm_asks_its_own_model_and_does_without_where_it_says_nothing(
    lab: Lab, audience: Audience
) -> None:
    names = [f"visitor-{n}" for n in range(PEOPLE)]
    audience.shop.send(*(identify(f"user-{who}", anonymousId=who) for who in names))
    rows = Identity.objects.filter(kind="anonymous_id", value__in=names)
    ids = dict(rows.values_list("value", "profile_id"))
    low = scored(lab, "buy", dict.fromkeys(ids.values(), 0.2))
    even = {ids[who]: 0.9 if number % 2 == 0 else 0.1 for number, who in enumerate(names)}
    other = scored(lab, "buy-2", even)
    lab.place("words", 3)
    rule(lab, "likely", "v1", condition=LIKELY)
    experiment = of_changes(lab, {"models": {"buy": "buy-2"}})
    lab.start(experiment)

    found = told(lab, experiment, PEOPLE)
    control, swapped = by_arm(found, "arm0"), by_arm(found, "arm1")
    assert len(control) > 10 and len(swapped) > 10
    assert {one["variant"] for one in control.values()} == {"v0"}
    for who, one in swapped.items():
        expected = ("v1", "TARGETING_MATCH") if even[ids[who]] > 0.5 else ("v0", "DEFAULT")
        assert (one["variant"], one["reason"]) == expected
    audience.join(experiment, PEOPLE)
    audience.refresh()
    arms = Counter(Participant.objects.values_list("arm", flat=True))
    assert arms == {0: len(control), 1: len(swapped)}

    writing.take_back(other, list(ids.values()), NOW)  # switched off, say, or it lost its champion
    again = told(lab, experiment, PEOPLE)
    assert {one["experiment"]["arm"] for one in again.values()} == {"arm0", "arm1"}
    assert {(one["variant"], one["reason"]) for one in again.values()} == {("v0", "DEFAULT")}

    writing.take_back(low, list(ids.values()), NOW)
    assert {one["variant"] for one in told(lab, experiment, PEOPLE).values()} == {"v0"}


def learned(lab: Lab, key: str, popular: Sequence[str]) -> Recommender:
    """A recommender whose only list is that of what is popular."""
    recommender = Recommender.objects.create(site_id=lab.site.pk, key=key, name=key)
    version = RecommenderVersion.objects.create(
        recommender=recommender, trained_at=NOW, since=NOW, until=NOW, views=1, pairs=1,
        popular=[[code, 0.5] for code in popular], method="followed_by", params={},
        state="active",
    )  # fmt: skip
    Recommender.objects.filter(pk=recommender.pk).update(active=version)
    return recommender


def recommending(lab: Lab) -> Experiment:
    block = content.create_block(
        site_id=lab.site.pk, key="recs", kind="recommendations", recommender="next", item_limit=2
    )
    variant = content.create_variant(block=block, key="list", is_default=True)
    lab.variants["recs"] = [variant]
    place = content.create_placement(site_id=lab.site.pk, key="recs.place", block=block)
    lab.placements["recs"] = place
    return of_changes(lab, {"recommenders": {"next": "other"}}, key="recs")


def test_each_arm_lists_what_its_own_recommender_says_and_nothing_without_one(lab: Lab) -> None:
    learned(lab, "next", ["P1", "P2"])
    other = learned(lab, "other", ["Q1", "Q2"])
    experiment = recommending(lab)
    lab.start(experiment)
    recommendations.refresh(lab.site.pk)

    def listed() -> set[tuple[str, tuple[str, ...]]]:
        found = told(lab, experiment, PEOPLE).values()
        return {
            (one["experiment"]["arm"], tuple(item["id"] for item in one.get("items", ())))
            for one in found
        }

    assert listed() == {("arm0", ("P1", "P2")), ("arm1", ("Q1", "Q2"))}
    Recommender.objects.filter(pk=other.pk).update(active=None)
    recommendations.refresh(lab.site.pk)
    assert listed() == {("arm0", ("P1", "P2")), ("arm1", ())}
