"""What does not say what it is for can be drafted, and is not activated."""

import pytest
from django.db.models import F

from apps.decisions import services as decisions
from apps.predictions import services as predictions
from apps.predictions.models import ModelSpec
from apps.recommendations import training
from apps.recommendations.models import Recommender
from apps.rules import selectors as rules
from apps.rules import services as rule_services
from apps.rules.models import Rule
from apps.segments import lists
from apps.segments import services as segments
from apps.segments.errors import InvalidFile, SegmentUndeclared
from apps.segments.models import Segment, SegmentList
from tests.apps.consent.conftest import Chooser
from tests.apps.consent.taking_back import open_shop
from tests.apps.delivery.conftest import LAST_VIEWED, NOW


def test_a_segment_without_a_purpose_is_not_published(shop: Chooser) -> None:
    site_id = shop.world.site.pk
    made = segments.create_segment(
        site_id=site_id, key="quiet", name="Quiet", condition=LAST_VIEWED, now=NOW
    )
    Segment.objects.update(purpose="")
    with pytest.raises(SegmentUndeclared, match="choose a purpose and save"):
        segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=NOW)
    Segment.objects.update(purpose="targeting")
    segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=NOW)


def test_a_rule_without_a_purpose_is_left_out_and_that_is_said(shop: Chooser) -> None:
    open_shop(shop)
    site_id = shop.world.site.pk
    rule_services.create_rule(
        site_id=site_id, key="all", placement_key="home.hero", variant_key="blouses"
    )
    assert rules.problems(site_id) == []
    shop.world.publish()
    assert _reason(shop) == "TARGETING_MATCH"

    # As a save of the rule in the admin leaves it.
    Rule.objects.update(purpose="", revision=F("revision") + 1)
    assert rules.problems(site_id) == [
        "The rule 'all' is left out: it does not say what it is for."
    ]
    decisions.publish(site_id=site_id, actor=None, now=NOW)
    assert _reason(shop) == "DEFAULT"


def test_a_model_without_a_purpose_learns_nothing_and_says_why(shop: Chooser) -> None:
    spec = ModelSpec.objects.create(
        site=shop.world.site, key="order", name="Order", target_event="Order Completed",
        purpose="", created_at=NOW,
    )  # fmt: skip
    run = predictions.train_now(spec=spec, now=NOW)
    assert run.state == "refused"
    assert "does not say what it is for" in run.outcome


def test_a_recommender_without_a_purpose_learns_nothing(shop: Chooser) -> None:
    made = Recommender.objects.create(site=shop.world.site, key="next", name="Next", purpose="")
    said: list[str] = []
    training.train(
        recommender_id=made.pk, now=NOW, progress=lambda done, total, note="": said.append(note)
    )
    assert "does not say what it is for" in said[-1]


def test_a_list_without_a_purpose_takes_nobody_and_lets_people_go(shop: Chooser) -> None:
    site_id = shop.world.site.pk
    lists.create_list(site_id=site_id, key="press", name="Press", actor=None, now=NOW)
    SegmentList.objects.update(purpose="")

    def send(mode: str) -> None:
        lists.receive(
            site_id=site_id, key="press", chunks=[b"user_id\nu1\n"], mode=mode,
            origin=lists.Origin("press.csv"), now=NOW,
        )  # fmt: skip

    with pytest.raises(InvalidFile, match="nobody may be put on it"):
        send("append")
    send("remove")


def _reason(shop: Chooser) -> str:
    answer = shop.world.ask("home.hero", key=shop.pk, anonymousId="b9")
    return answer["placements"]["home.hero"]["reason"]  # type: ignore[no-any-return]
