"""The chance that is logged is how often it comes over HTTP; and who is not dealt any arm."""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from scipy import stats

from apps.consent.types import Purpose
from apps.content import services as content
from apps.content.models import Block
from apps.decisions import records
from apps.decisions.models import DecisionRecord
from apps.decisions.past import unpacked
from apps.decisions.record_inputs import Inputs
from apps.decisions.selectors import verified
from apps.delivery.past_calls import call_of, may_split_then
from apps.delivery.replaying import Outcome, Publications, replay
from apps.events.models import Event
from apps.experiments import running
from apps.experiments.models import Experiment, Holdout, Layer, Participant
from apps.work import clock
from tests.apps.delivery.conftest import INSIDE, NOW, World
from tests.apps.experiments.conftest import Audience, Lab

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 1_200
GOLD = {"v": 1, "where": {"kind": "trait", "name": "plan", "op": "eq", "value": "gold"}}


def asked(
    lab: Lab, experiment: Experiment, people: int = PEOPLE
) -> tuple[Counter[str], dict[str, float]]:
    """How often each variant was served over HTTP, and the chance in the ids of its decisions."""
    key, seen, chances = experiment.placement.key, Counter[str](), dict[str, float]()
    for number in range(people):
        answer = lab.world.ask(key, key=lab.world.sk, anonymousId=f"visitor-{number}")
        told = answer["placements"][key]
        chance = verified(lab.site.pk, told["decisionId"]).propensity
        assert chance is not None
        seen[told["variant"]] += 1
        assert chances.setdefault(told["variant"], chance) == chance
    return seen, chances


def agrees(seen: Counter[str], chances: dict[str, float]) -> bool:
    assert sum(chances.values()) == pytest.approx(1)
    expected = [chances[key] * seen.total() for key in seen]
    return float(stats.chisquare(list(seen.values()), expected).pvalue) > 0.001


def all_replay(lab: Lab) -> bool:
    """Whether every record says its chance and comes out the same again."""
    records.flush()
    publications = Publications()
    found = list(DecisionRecord.objects.filter(site_id=lab.site.pk))
    assert found and all("propensity" in entry for one in found for entry in one.placements)
    return {replay(one, publications).outcome for one in found} == {Outcome.SAME}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"shares": (0.6, 0.3, 0.1), "coverage": 0.5},
    ],
    ids=["plain", "unequal, half of the visitors"],
)
def test_what_is_logged_comes_true(lab: Lab, more: dict[str, Any]) -> None:
    experiment = lab.design(**more)
    lab.start(experiment)
    assert agrees(*asked(lab, experiment))
    assert all_replay(lab)


def test_with_a_layer_a_holdout_and_a_stopped_arm(lab: Lab) -> None:
    layer = Layer.objects.create(site=lab.site, key="home", name="Home")
    Holdout.objects.create(site=lab.site, key="all", name="All", share=0.2, seed="holdout.all.1")
    experiment = lab.design(shares=(0.2, 0.3, 0.5), layer=layer, layer_share=0.8)
    lab.start(experiment)
    running.stop_arm(
        experiment_id=experiment.pk, arm="arm1", actor=None, note="harm", cause="harm", now=NOW
    )
    lab.world.publish()
    seen, chances = asked(lab, experiment)
    assert chances == {"v2": pytest.approx(0.8 * 0.8 * 0.5), "v0": pytest.approx(1 - 0.32)}
    assert agrees(seen, chances)
    assert all_replay(lab)


def test_a_bandit_says_the_chance_of_its_present_shares(lab: Lab) -> None:
    experiment = lab.design(kind=Experiment.Kind.BANDIT)
    lab.start(experiment)
    running.set_shares(experiment_id=experiment.pk, shares={"arm0": 0.15, "arm1": 0.85}, now=NOW)
    lab.world.publish()
    seen, chances = asked(lab, experiment)
    assert chances == {"v0": 0.15, "v1": 0.85} and agrees(seen, chances)


def test_shares_by_segment_are_the_chances_of_those_in_it(lab: Lab) -> None:
    vip = lab.world.segment("vip", GOLD)
    experiment = lab.design(
        kind=Experiment.Kind.BANDIT, is_contextual=True, segments=["vip"], coverage=0.9
    )
    lab.start(experiment)
    own = {"arm0": 0.3, "arm1": 0.7}
    running.set_shares(
        experiment_id=experiment.pk, shares={"arm0": 0.8, "arm1": 0.2}, contexts={"vip": own},
        now=NOW,
    )  # fmt: skip
    lab.world.publish()
    for number in range(500):
        lab.world.tell(
            lab.world.person(
                ("anonymous_id", f"visitor-{number}"), stays={vip.number: INSIDE}
            ).profile_id
        )
    seen, chances = asked(lab, experiment, 500)
    assert chances == {"v0": pytest.approx(0.9 * 0.3 + 0.1), "v1": pytest.approx(0.9 * 0.7)}
    assert agrees(seen, chances)
    told = lab.world.ask(experiment.placement.key, key=lab.world.sk, anonymousId="somebody else")
    decision = told["placements"][experiment.placement.key]
    expected = {"v0": 0.9 * 0.8 + 0.1, "v1": 0.9 * 0.2}[decision["variant"]]
    assert verified(lab.site.pk, decision["decisionId"]).propensity == pytest.approx(
        expected,
        abs=2e-4,  # positions are counted
    )
    assert all_replay(lab)


def test_an_arm_that_was_shown_often_enough_leaves_its_share_to_the_default(lab: Lab) -> None:
    lab.place("words", 3)
    cap = content.create_cap(site_id=lab.site.pk, key="once", most=1, window_ms=86_400_000)
    lab.variants["words"][1].caps.add(cap)
    experiment = lab.design(shares=(0.2, 0.5, 0.3))
    lab.start(experiment)
    key = experiment.placement.key
    lab.world.ask("nowhere", anonymousId="nobody")
    clock.replace(lambda: NOW + timedelta(minutes=5))  # older than any reservation
    pairs = Counter[tuple[str, float | None]]()
    for number in range(60):
        for _ in range(2):
            answer = lab.world.ask(key, key=lab.world.sk, anonymousId=f"visitor-{number}")
            told = answer["placements"][key]
            chance = verified(lab.site.pk, told["decisionId"]).propensity
            pairs[told["variant"], chance] += 1
    first, second = pairs["v1", 0.5], pairs["v0", 0.7]
    assert first and first == second  # the second time its budget is spoken for
    assert pairs.keys() == {("v0", 0.2), ("v1", 0.5), ("v2", 0.3), ("v0", 0.7)}
    assert all_replay(lab)


# --- consent --------------------------------------------------------------------------------------


def refuse(lab: Lab, who: str) -> None:
    """Somebody who allows everything but experiments."""
    yes = int(Purpose.ANALYTICS | Purpose.PERSONALIZATION | Purpose.FUNCTIONAL)
    row = lab.world.person(
        ("anonymous_id", who), granted=yes, denied=int(Purpose.EXPERIMENTS), consent_epoch=1
    )
    lab.world.tell(row.profile_id)


def test_who_refuses_experiments_gets_what_there_is_without(lab: Lab, audience: Audience) -> None:
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    refuse(lab, "no-thanks")
    assert audience.look(experiment, "somebody").variant == "v1"

    key = experiment.placement.key
    answer = lab.world.ask(key, key=lab.world.sk, anonymousId="no-thanks", explain=True)
    told = answer["placements"][key]
    assert (told["variant"], told["reason"], told["experiment"]) == ("v0", "DEFAULT", None)
    assert ["experiment", "words", "no consent"] in [
        [line["step"], line["key"], line["outcome"]] for line in told["trace"]
    ]
    assert verified(lab.site.pk, told["decisionId"]).propensity == 1.0
    assert all_replay(lab)

    audience.expose(audience.look(experiment, "no-thanks"), audience.look(experiment, "somebody"))
    audience.refresh()
    assert Participant.objects.count() == 1
    exposures = Event.objects.filter(name="Exposure")
    assert sorted("experiment" in one.properties for one in exposures) == [False, True]


def test_where_silence_is_a_no_nobody_is_dealt_an_arm() -> None:
    """Even in a block that needs no consent to be shown: to be compared is another purpose."""
    lab = Lab(World("strict", consent_mode="required"))
    experiment = lab.design(shares=(0.0, 1.0))
    Block.objects.filter(key="words").update(purpose="necessary")
    lab.start(experiment)
    key = experiment.placement.key

    def told(who: str) -> tuple[str, Any]:
        answer = lab.world.ask(key, key=lab.world.sk, anonymousId=who)["placements"][key]
        return answer["variant"], answer["experiment"]

    assert told("silent") == ("v0", None)
    yes = int(Purpose.ANALYTICS | Purpose.PERSONALIZATION)
    row = lab.world.person(("anonymous_id", "asked"), granted=yes, consent_epoch=1)
    lab.world.tell(row.profile_id)
    assert told("asked") == ("v1", {"key": "words", "arm": "arm1"})


def test_without_analytics_there_are_no_experiments(lab: Lab) -> None:
    """Experiments go with their category: who refuses being measured is not dealt an arm."""
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    row = lab.world.person(
        ("anonymous_id", "quiet"), granted=int(Purpose.PERSONALIZATION),
        denied=int(Purpose.ANALYTICS), consent_epoch=1,
    )  # fmt: skip
    lab.world.tell(row.profile_id)
    key = experiment.placement.key
    told = lab.world.ask(key, key=lab.world.sk, anonymousId="quiet")["placements"][key]
    assert (told["variant"], told["experiment"]) == ("v0", None)


def test_records_of_before_are_decided_again_as_they_were(lab: Lab) -> None:
    """Consent to experiments was not asked then: who refused it was dealt an arm."""
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    refuse(lab, "no-thanks")
    lab.world.ask(experiment.placement.key, key=lab.world.sk, anonymousId="no-thanks")
    records.flush()
    record = DecisionRecord.objects.get()
    assert record.inputs is not None
    inputs = unpacked(record.inputs, record.format)
    assert inputs.asks_to_split and not may_split_then(inputs)
    before = msgspec.structs.replace(inputs, asks_to_split=False)
    assert may_split_then(before) and not call_of(record, before, {}).asks_to_split
    # As it was packed then: without the last of its fields.
    shorter = msgspec.msgpack.encode(msgspec.msgpack.decode(msgspec.msgpack.encode(inputs))[:-1])
    assert not msgspec.msgpack.decode(shorter, type=Inputs).asks_to_split
