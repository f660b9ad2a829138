"""What another rule would have earned: weighed by the log, told with an interval, or refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.decisions import records
from apps.experiments import what_ifs
from apps.experiments.models import Participant, WhatIf
from apps.experiments.what_ifs import Question
from apps.privacy import erasing
from apps.studio.experiments import what_if_work
from apps.work import clock
from apps.work.models import Intent
from apps.work.services import Work
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.profiles.conftest import identify

PEOPLE = 320  # of whom each arm surely gets the hundred that an estimate asks for
GOLD = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"}}
LATER = NOW + timedelta(days=9)


def worked_out(lab: Lab, policy: dict[str, Any], **more: Any) -> Question:
    """Ask, and do the work behind it as a worker does."""
    asked = what_ifs.ask(
        site_id=lab.site.pk, placement="words.place", metric_id=lab.metric.pk, days=28,
        policy=policy, everybody=more.get("everybody", False), actor=None,
        now=more.get("now", LATER),
    )  # fmt: skip
    intent = Intent.objects.get(pk=asked.intent_id)
    task = Work(intent.pk, intent.kind, intent.site_id, intent.payload, 1, lambda *_: None)
    what_if_work.perform(task, more.get("now", LATER))
    found = what_ifs.find(lab.site.pk, asked.id)
    assert found is not None
    return found


def answered(lab: Lab, policy: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = worked_out(lab, policy, **more)
    assert found.found is not None, found.refused
    return dict(found.found)


def part(document: dict[str, Any], variant: str) -> dict[str, Any]:
    return next(one for one in document["actions"] if one["variant"] == variant)


@pytest.fixture
def shown(lab: Lab, audience: Audience) -> dict[str, str]:
    """320 known visitors of an even split, every second one with gold.

    Of those with gold who saw v1 all order, of everybody else a quarter.
    """
    experiment = lab.design()
    lab.start(experiment)
    names = [f"visitor-{n}" for n in range(PEOPLE)]
    for begin in range(0, PEOPLE, 80):
        audience.shop.send(
            *(
                identify(
                    f"user-{who}", anonymousId=who,
                    traits={"plan": "gold" if number % 2 else "plain"},
                )
                for number, who in enumerate(names[begin : begin + 80])
            )
        )  # fmt: skip
    seen = audience.join(experiment, PEOPLE)
    buyers = [
        who
        for number, (who, variant) in enumerate(seen.items())
        if number % 4 == 0 or (number % 2 and variant == "v1")
    ]
    audience.order(*buyers)
    records.flush()
    return seen


def test_other_rules_are_told_from_the_log(lab: Lab, shown: dict[str, str]):
    in_v1 = sum(variant == "v1" for variant in shown.values())

    always = answered(lab, {"what": "always", "variant": "v1"})
    assert always["rounds"] == always["people"] == PEOPLE
    assert always["certain"] == always["unknown"] == 0
    # The split was even, so the weighted mean of who saw it is their plain mean.
    assert always["chosen"] == "snips"
    assert always["value"] == pytest.approx(part(always, "v1")["observed"])
    assert part(always, "v1")["served"] == pytest.approx(in_v1 / PEOPLE)
    assert always["ess"] == pytest.approx(in_v1)
    assert always["gain_interval"][0] > 0

    serving = answered(lab, {"what": "serving"})
    assert serving["unknown"] == 0 and serving["mean_weight"] == pytest.approx(1.0)
    assert serving["value"] == pytest.approx(serving["observed"])
    assert serving["gain_interval"] == pytest.approx([0.0, 0.0], abs=1e-9)

    fitting = {"what": "condition", "condition": GOLD, "variant": "v1", "otherwise": "v0"}
    by_plan = answered(lab, fitting)
    assert by_plan["unknown"] == 0
    assert part(by_plan, "v1")["rule"] == pytest.approx(0.5)
    expected = [
        float(number % 4 == 0 or (number % 2 == 1 and variant == "v1"))
        for number, (who, variant) in enumerate(shown.items())
        if variant == ("v1" if number % 2 else "v0")
    ]
    assert by_plan["value"] == pytest.approx(sum(expected) / len(expected))

    drafts = answered(lab, {"what": "drafts"})  # nothing waits: they are what serves
    assert drafts["value"] == pytest.approx(drafts["observed"])

    early = worked_out(lab, {"what": "serving"}, now=NOW + timedelta(days=1))
    assert early.found is None and "time for this metric" in early.refused

    assert Participant.objects.count() == 0  # it is told from events, whatever was counted yet
    gone = [("user_id", "user-visitor-1")]
    erasing.run(erasing.begin(site_id=lab.site.pk, names=gone, now=clock.now()))
    fewer = answered(lab, {"what": "always", "variant": "v1"})
    assert fewer["people"] == PEOPLE - 1

    pages(lab, always)


def pages(lab: Lab, always: dict[str, Any]) -> None:
    """An analyst asks by the page, and reads the answer."""
    user = User.objects.create_superuser("ana", password="x")
    client = Client()
    client.force_login(user)
    clock.replace(lambda: LATER)
    home = reverse("admin:experiments_what_if")
    assert b"words.place" in client.get(home).content
    chosen = client.get(f"{home}?placement=words.place").content.decode()
    assert 'name="always"' in chosen and "condition-editor" in chosen
    given = {"placement": "words.place", "metric": str(lab.metric.pk), "days": "28"}
    refused = client.post(home, {**given, "what": "condition", "condition": "{", "then": "v1",
                                 "else": "v0"}, follow=True)  # fmt: skip
    assert b"This is not JSON" in refused.content
    refused = client.post(home, {**given, "what": "always", "always": "<b>"}, follow=True)
    assert b"Choose one of the variants" in refused.content
    before = WhatIf.objects.count()
    asked = client.post(home, {**given, "what": "always", "always": "v1"})
    assert WhatIf.objects.count() == before + 1
    waiting = client.get(asked["Location"]).content
    assert b"Being worked out" in waiting
    made = WhatIf.objects.order_by("-at", "-pk").first()
    assert made is not None
    what_ifs.answer(made.pk, always)
    page = client.get(asked["Location"]).content.decode()
    assert "surely more" in page and "Self-normalised" in page
    assert b"surely more" not in client.get(home).content
    assert "instead of" in client.get(home).content.decode()


def test_where_nothing_was_left_to_chance_the_log_cannot_say(lab: Lab, audience: Audience):
    lab.place("words")
    lab.world.publish()
    seen = [audience.look(_Place("words.place"), f"visitor-{n}") for n in range(4)]  # type: ignore[arg-type]
    audience.expose(*seen)
    found = answered(lab, {"what": "always", "variant": "v1"})
    assert found["rounds"] == 0 and found["certain"] == 4
    assert "left to chance" in found["reason"]


class _Place:
    """What `Audience.look` asks of an experiment."""

    def __init__(self, key: str) -> None:
        self.placement = self
        self.key = key
