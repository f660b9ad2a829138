"""Each purpose refused alone stops what the table of docs/privacy.md says, and nothing else."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from apps.consent.recipients import Recipient
from apps.consent.types import PURPOSE_NAMES
from apps.events.models import Event
from apps.pipeline.triggering import Follower
from apps.predictions import features
from apps.predictions.models import ModelSpec
from apps.recommendations import training
from apps.recommendations.models import Recommender
from apps.rules.models import Firing, Trigger
from apps.rules.services import save_trigger
from apps.segments import baselines
from apps.segments.models import Segment, SegmentBaseline
from apps.work import clock
from tests.apps.consent.conftest import Chooser
from tests.apps.consent.taking_back import (
    DEVICE,
    choose,
    fold_all,
    inside,
    open_shop,
    reason,
    refresh,
    row_of,
    send,
    told,
    view,
)
from tests.apps.delivery.conftest import NOW

EVERYTHING = frozenset(
    {
        "an event is stored",
        "its advertising identifier is stored",
        "a trait is stored",
        "a sensitive trait is stored",
        "somebody is in a segment",
        "content is chosen by it",
        "a model learns",
        "a recommender learns",
        "a trigger fires",
        "a third party is told",
        "a report counts",
    }
)
# Without a stored event there is nothing that anything else could be made of.
OF_EVENTS = EVERYTHING
OF_PERSONALIZATION = EVERYTHING - {
    "an event is stored",
    "its advertising identifier is stored",
    "a report counts",
}
STOPS: dict[str, Iterable[str]] = {
    "functional": (),
    "analytics": OF_EVENTS,
    "personalization": OF_PERSONALIZATION,
    "advertising": ("its advertising identifier is stored", "a third party is told"),
    "sale": (),
    "session_recording": (),
    "sensitive": ("a sensitive trait is stored",),
    "model_training": ("a model learns",),
    "recommendation": ("a recommender learns",),
    "triggers": ("a trigger fires", "a third party is told"),
    "experiments": (),
    "audiences": ("a third party is told",),
    # Who is in no segment comes into none.
    "targeting": (
        "somebody is in a segment",
        "content is chosen by it",
        "a trigger fires",
        "a third party is told",
    ),
    "settings": (),
}


@pytest.fixture
def everything(shop: Chooser, settings: object) -> Chooser:
    """A shop where each thing that consent rules is there: a model, a trigger, a recipient."""
    from apps.profiles.models import TraitKind
    from apps.profiles.trait_kinds import forget_kept

    site = shop.world.site
    open_shop(shop)
    TraitKind.objects.create(site=site, key="condition", kind="sensitive")
    forget_kept()
    broker = Recipient.objects.create(site=site, key="ads", name="Ads Ltd", purposes=["audiences"])
    save_trigger(
        Trigger(
            site_id=site.pk,
            key="looks",
            name="Looks",
            segment=Segment.objects.get(site=site, key="blouses"),
            message={"show": "help"},
            webhook_address="https://ads.example/hook",
            recipient=broker,
            is_enabled=True,
        )
    )
    ModelSpec.objects.create(
        site=site, key="order", name="Order", target_event="Order Completed", created_at=NOW
    )
    Recommender.objects.create(site=site, key="next", name="Next")
    return shop


def came_of(shop: Chooser) -> set[str]:
    """What a visit comes to, by the words above."""
    site = shop.world.site
    follower = Follower()
    follower.act(NOW)
    looked = view(context=DEVICE, properties={"category": "blouses", "product_id": "b-1"})
    send(shop, looked, told(plan="gold", condition="pregnant"))
    fold_all()
    follower.act(NOW)
    now = clock.now() + timedelta(minutes=1)
    refresh(shop, now)
    baselines.measure(site.pk, now=now)
    measured = SegmentBaseline.objects.first()
    traits = row_of().traits
    spec, recommender = ModelSpec.objects.get(site=site), Recommender.objects.get(site=site)
    firings = Firing.objects.all()
    holds = {
        "an event is stored": Event.objects.exists(),
        "its advertising identifier is stored": Event.objects.filter(
            context__device__advertisingId="ad-7"
        ).exists(),
        "a trait is stored": "plan" in traits,
        "a sensitive trait is stored": "condition" in traits,
        "somebody is in a segment": inside(shop) == {"blouses"},
        "content is chosen by it": reason(shop) == "TARGETING_MATCH",
        "a model learns": len(features.moment(spec, ["events"], as_of=now).y) == 1,
        "a recommender learns": training.train(recommender_id=recommender.pk, now=now) is not None,
        "a trigger fires": firings.filter(outcome=Firing.Outcome.FIRED).exists(),
        "a third party is told": firings.filter(webhook=Firing.Webhook.WAITING).exists(),
        "a report counts": measured is not None and measured.everyone == 1,
    }
    return {words for words, is_so in holds.items() if is_so}


def test_who_agrees_to_everything_has_everything(everything: Chooser) -> None:
    choose(everything, "a1", dict.fromkeys(_asked(), True))
    assert came_of(everything) == EVERYTHING


@pytest.mark.parametrize("refused", STOPS)
def test_one_purpose_refused_stops_its_own(everything: Chooser, refused: str) -> None:
    choose(everything, "a1", {name: name != refused for name in _asked()})
    assert came_of(everything) == EVERYTHING - set(STOPS[refused])


def test_only_personalization_takes_the_content_away_with_its_reason(everything: Chooser) -> None:
    choose(everything, "a1", {name: name != "personalization" for name in _asked()})
    came_of(everything)
    assert reason(everything) == "NO_CONSENT"


def test_every_purpose_has_its_line() -> None:
    assert STOPS.keys() == _asked().keys()


def _asked() -> dict[str, bool]:
    return {name: True for name in PURPOSE_NAMES if name != "necessary"}
