"""What choosing is worth, of real participants: from events through the consumer to the page."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.experiments import choice_worth, refreshing, tasks, worth_reads
from apps.experiments.models import ChoiceWorth, Holdout, Metric, Phase, Worth
from apps.profiles.models import Identity
from apps.segments.refresh import refresh_site
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from engine.allocation import position_of
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_worth import visit
from tests.apps.profiles.conftest import track

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 1_240
SEEN = NOW + timedelta(minutes=10)
LATER = NOW + timedelta(days=1)
# (looks at blouses, arm) -> how many of a hundred order
RATES = {(True, 1): 75, (True, 0): 25, (False, 1): 20, (False, 0): 55}


def in_hundred(who: str) -> int:
    return int.from_bytes(sha256(who.encode()).digest()[:4], "big") % 100


def looks_at_blouses(number: int) -> bool:
    return number % 2 == 0


def views_of(number: int) -> int:
    return 1 + 3 * (number % 5 == 0)


@pytest.fixture
def phase(lab: Lab, audience: Audience) -> Iterator[Phase]:
    """Half of them look at blouses, and are won by the arm that puts everybody else off."""
    lab.world.segment("blouses")
    refresh_site(site_id=lab.site.pk)
    experiment = lab.design(segments=["blouses"])
    lab.start(experiment)
    phase = Phase.objects.get()
    clock.replace(lambda: NOW)
    views, exposures, orders = [], [], []
    for number in range(PEOPLE):
        who = f"visitor-{number}"
        is_keen = looks_at_blouses(number)
        for day in range(views_of(number)):
            at = NOW - timedelta(days=1 + day, hours=1)
            views.append(event(who, "Product Viewed", at, category="blouses" if is_keen else "x"))
        views.append(event(who, "Product Viewed", NOW - timedelta(days=40), category="x"))
        arm = int(position_of(who, seed=phase.seed) >= 0.5)
        exposures.append(event(who, "Experiment Viewed", SEEN, experiment="words", arm=f"arm{arm}"))
        if in_hundred(who) < RATES[is_keen, arm]:
            orders.append(event(who, "Order Completed", SEEN + timedelta(minutes=5)))
    send(audience, views)
    clock.replace(lambda: LATER)
    send(audience, exposures + orders)
    refreshing.refresh(site_id=lab.site.pk, now=LATER)
    yield phase
    clock.replace(None)


def event(who: str, name: str, at: Any, **properties: str) -> dict[str, Any]:
    return track(name, anonymousId=who, timestamp=at.isoformat(), properties=properties)


def send(audience: Audience, events: list[dict[str, Any]]) -> None:
    for begin in range(0, len(events), 400):
        audience.shop.send(*events[begin : begin + 400])


def names() -> Mapping[Any, str]:
    return dict(Identity.objects.values_list("profile_id", "value"))


def test_participants_come_with_what_they_did_and_what_was_known_of_them_before(
    lab: Lab, phase: Phase
) -> None:
    people = choice_worth.people_of(phase, lab.metric)
    who = names()
    assert len(people.ids) == PEOPLE == len(set(people.ids))
    told = dict(zip(people.names, people.x.T, strict=True))
    for place, pk in enumerate(people.ids):
        name = who[pk]
        number = int(name.removeprefix("visitor-"))
        arm = int(position_of(name, seed=phase.seed) >= 0.5)
        is_keen = looks_at_blouses(number)
        assert people.arm[place] == arm
        assert people.probability[place] == 0.5
        assert people.y[place] == float(in_hundred(name) < RATES[is_keen, arm])
        assert people.segments[place] == (["blouses"] if is_keen else [])
        assert told["in segment blouses"][place] == float(is_keen)
        assert told["the metric before"][place] == 0
        # Of the last four weeks: what is older does not count, nor the exposure itself.
        assert told["events in four weeks"][place] == views_of(number)
        assert told["days in four weeks"][place] == views_of(number)
        assert told["hour of the day"][place] == 12
    assert told["days since the last event"] == pytest.approx(
        np.full(PEOPLE, (25 + 1 / 6) / 24), abs=1e-6
    )


def test_choosing_by_segment_and_by_person_is_found_to_earn(lab: Lab, phase: Phase) -> None:
    document = choice_worth.analyse(phase, now=LATER)
    choosing = document["choosing"]
    assert choosing["verdict"] == "earns"
    assert choosing["interval"][0] < choosing["gain"] < choosing["interval"][1]
    own = {one["segment"]: one["arm"] for one in choosing["segments"]}
    assert own == {"blouses": "Arm 1", "": "Arm 0"}

    (person,) = document["people"]
    assert person["verdict"] == "earns" and person["unranked"] is None
    assert person["share"] == pytest.approx(0.5, abs=0.1)
    assert person["qini"] > 0.2
    assert "in segment blouses" in {one["words"] for one in person["top"]}
    assert ChoiceWorth.objects.get(phase=phase).document == document


def test_a_goal_that_should_fall_turns_everything_round(lab: Lab, phase: Phase) -> None:
    up = choice_worth.analyse(phase, now=LATER)
    Metric.objects.filter(pk=lab.metric.pk).update(direction="down")
    down = choice_worth.analyse(phase, now=LATER)
    assert {one["segment"]: one["arm"] for one in down["choosing"]["segments"]} == {
        "blouses": "Arm 0", "": "Arm 1",
    }  # fmt: skip
    (one,), (other,) = up["people"], down["people"]
    assert other["verdict"] == "earns" and other["qini"] > 0.2 and other["unranked"] is None
    assert other["share"] == pytest.approx(1 - one["share"], abs=0.1)

    Metric.objects.filter(pk=lab.metric.pk).update(kind="mean")
    (average,) = choice_worth.analyse(phase, now=LATER)["people"]
    assert average["qini"] is None and average["unranked"] == choice_worth.NOT_YES_OR_NO
    assert average["verdict"] == "earns"


def test_who_was_shown_several_arms_and_machines_are_left_out(
    lab: Lab, audience: Audience, phase: Phase
) -> None:
    first, second = "visitor-1", "visitor-2"
    robot = {"device": {"type": "robot"}}
    send(audience, [event(first, "Product Viewed", SEEN) | {"context": robot}])
    phase.participants.filter(profile__identities__value=second).update(is_mixed=True)
    refreshing.refresh(site_id=lab.site.pk, now=LATER)
    people = choice_worth.people_of(phase, lab.metric)
    assert len(people.ids) == PEOPLE - 2
    assert not {first, second} & {names()[pk] for pk in people.ids}


def test_the_worker_works_out_holdouts_and_choices_and_the_page_tells_them(
    lab: Lab, audience: Audience, client: Client
) -> None:
    lab.place("home")
    holdout = Holdout.objects.create(
        site=lab.site, key="all", name="All", share=0.3, seed="seed-1", started_at=NOW
    )
    experiment = lab.design("words")
    lab.start(experiment)
    told = visit(lab, audience, 60)
    held = [who for who, reason in told.items() if reason == "HOLDOUT"]
    rest = [who for who in told if who not in held]
    audience.order(*rest[:20], *held[:4], value=25.0)
    sales = Metric.objects.create(
        site=lab.site, key="sales", name="Sales", kind="mean", event="Order Completed",
        of="value", currency="EUR",
    )  # fmt: skip
    clock.replace(lambda: LATER)
    worth_reads.ask(lab.site.pk, sales.pk, 14.0, actor=None, now=LATER)
    intent = Intent.objects.get(kind=tasks.WORTH)
    assert perform(intent.pk, now=LATER)

    document = Worth.objects.get(holdout=holdout).document
    assert (document["held"], document["personalized"]) == (len(held), len(rest))
    lift = 20 * 25 / len(rest) - 4 * 25 / len(held)
    effect = next(one for one in document["metrics"] if one["key"] == "sales")["effect"]
    assert effect["diff"] == pytest.approx(lift)
    money = document["return"]
    assert money["gained"] == pytest.approx(lift * len(rest))
    assert money["cost"] == pytest.approx(14.0 / 28)
    assert money["net"] == pytest.approx(money["gained"] - money["cost"])
    assert money["interval"][0] < money["gained"] < money["interval"][1]
    assert ChoiceWorth.objects.get(phase__experiment=experiment).document["n"] == 0

    client.force_login(User.objects.create_superuser("root", password="x"))
    page = client.get("/admin/experiments/worth/", {"site": str(lab.site.pk)})
    assert page.status_code == 200
    body = page.content.decode()
    assert "All" in body and "Sales" in body
    clock.replace(None)
