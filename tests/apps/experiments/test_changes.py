"""Experiments whose arms change how a placement decides: rules, segments, numbers, depth."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from apps.decisions import records
from apps.decisions.errors import PublicationRefused
from apps.decisions.models import DecisionRecord
from apps.decisions.selectors import verified
from apps.delivery.replaying import Outcome, Publications, replay
from apps.events.models import Event
from apps.experiments import running
from apps.experiments.analysing import analyse
from apps.experiments.errors import InvalidExperiment
from apps.experiments.models import Arm, Experiment, Participant, Phase
from apps.experiments.running import check_design
from apps.experiments.selectors import changes_in_words
from apps.experiments.usage import used_by
from apps.rules import services as rules
from apps.segments.models import Membership
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab

PHONE = {"v": 1, "where": {"kind": "context", "name": "cart", "op": "gte", "value": 50}}


def of_changes(
    lab: Lab, *changes: Mapping[str, Any], key: str = "words", variants: int = 3, **more: Any
) -> Experiment:
    """An experiment with a control and an arm for each of these changes."""
    if key not in lab.placements:
        lab.place(key, variants)
    count = len(changes) + 1
    made = lab.variants[key]
    lab.variants[key] = made[:1] * count
    experiment = lab.design(key, (1 / count,) * count, **more)
    lab.variants[key] = made
    for number, own in enumerate(({}, *changes)):
        Arm.objects.filter(experiment=experiment, number=number).update(variant=None, changes=own)
    return experiment


def rule(lab: Lab, key: str, variant: str, place: str = "words", **more: Any) -> None:
    rules.create_rule(
        site_id=lab.site.pk, key=key, placement_key=f"{place}.place", variant_key=variant, **more
    )


def told(lab: Lab, experiment: Experiment, people: int = 60, **body: Any) -> dict[str, Any]:
    """The whole answer for so many visitors."""
    key = experiment.placement.key
    found = {}
    for n in range(people):
        answer = lab.world.ask(key, key=lab.world.sk, anonymousId=f"visitor-{n}", **body)
        found[f"visitor-{n}"] = answer["placements"][key]
    return found


def test_an_arm_puts_a_rule_that_is_off_in_the_place_of_another(lab: Lab) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    rule(lab, "better-sale", "v2", is_enabled=False)
    experiment = of_changes(lab, {"rules": {"sale": "better-sale"}})
    lab.start(experiment)

    shown = Counter((one["variant"], one["rule"]) for one in told(lab, experiment, 200).values())

    assert shown.keys() == {("v1", "sale"), ("v2", "better-sale")}
    assert all(count > 60 for count in shown.values())


def test_when_it_is_over_the_other_rule_is_off_again(lab: Lab) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    rule(lab, "better-sale", "v2", is_enabled=False)
    experiment = of_changes(lab, {"rules": {"sale": "better-sale"}})
    lab.start(experiment)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=NOW)
    assert ("removed", "rule", "better-sale") in lab.waiting()
    lab.world.publish()
    assert {one["variant"] for one in told(lab, experiment, 20).values()} == {"v1"}


def test_depth_says_how_much_is_personalized(lab: Lab) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    experiment = of_changes(lab, {"depth": "none"})
    lab.start(experiment)
    found = told(lab, experiment, 100)
    by_arm = {(one["experiment"]["arm"], one["variant"], one["reason"]) for one in found.values()}
    assert by_arm == {("arm0", "v1", "TARGETING_MATCH"), ("arm1", "v0", "DEFAULT")}


def test_an_arm_has_another_number(lab: Lab) -> None:
    lab.place("words", 3)
    rule(lab, "cart", "v1", condition=PHONE)
    number = {"rule": "cart", "fact": "cart", "before": 50, "after": 80}
    experiment = of_changes(lab, {"thresholds": [number]})
    lab.start(experiment)
    found = told(lab, experiment, 60, facts={"cart": 60})
    assert {one["variant"] for one in found.values()} <= {"v0", "v1"}


def test_who_was_dealt_an_arm_takes_part_whatever_they_were_shown(
    lab: Lab, audience: Audience
) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    experiment = of_changes(lab, {"depth": "none"})
    lab.start(experiment)
    shown = audience.join(experiment, 40)
    audience.refresh()
    by_arm = {0: "v1", 1: "v0"}
    rows = Participant.objects.filter(phase__experiment=experiment)
    assert Counter(by_arm[arm] for arm in rows.values_list("arm", flat=True)) == Counter(
        shown.values()
    )
    assert rows.filter(is_mixed=True).count() == 0
    document = analyse(Phase.objects.get(experiment=experiment), now=NOW)
    assert document["participants"] == 40


def test_who_is_in_a_stopped_arm_takes_no_part_and_decides_as_ever(
    lab: Lab, audience: Audience
) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    experiment = of_changes(lab, {"depth": "none"})
    lab.start(experiment)
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="x", now=NOW)
    lab.world.publish()
    found = told(lab, experiment, 60)
    assert {one["variant"] for one in found.values()} == {"v1"}
    arms = Counter((one["experiment"] or {}).get("arm") for one in found.values())
    assert arms.keys() == {"arm0", None}
    audience.join(experiment, 40)
    audience.refresh()
    rows = Participant.objects.filter(phase__experiment=experiment)
    assert set(rows.values_list("arm", flat=True)) == {0}

    running.let_go_on(experiment_id=experiment.pk, arm="arm1", actor=None, note="x", now=NOW)
    lab.world.publish()
    assert {one["variant"] for one in told(lab, experiment, 60).values()} == {"v0", "v1"}


def test_the_chance_of_what_is_shown_is_logged_and_every_decision_comes_out_again(
    lab: Lab,
) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    rule(lab, "better-sale", "v2", is_enabled=False)
    experiment = of_changes(
        lab, {"rules": {"sale": "better-sale"}}, {"depth": "none"}, coverage=0.6
    )
    lab.start(experiment)

    chances = {}
    for one in told(lab, experiment, 80).values():
        said = verified(lab.site.pk, one["decisionId"])
        assert (said.experiment is None) is (one["experiment"] is None)
        chances[one["variant"]] = said.propensity
    # A third of 60 % each; who takes no part sees what the control shows.
    assert chances == {
        "v0": pytest.approx(0.2, abs=2e-4),
        "v1": pytest.approx(0.6, abs=2e-4),
        "v2": pytest.approx(0.2, abs=2e-4),
    }
    records.flush()
    publications = Publications()
    found = list(DecisionRecord.objects.filter(site_id=lab.site.pk))
    assert len(found) == 80
    assert {replay(one, publications).outcome for one in found} == {Outcome.SAME}


def test_another_segment_is_asked_and_its_version_rides_on_the_exposure(
    lab: Lab, audience: Audience
) -> None:
    vip, strict = lab.world.segment("vip"), lab.world.segment("vip-strict")
    lab.place("words", 3)
    where = {"v": 1, "where": {"kind": "segment", "key": "vip"}}
    rule(lab, "for-vips", "v1", condition=where)
    experiment = of_changes(lab, {"segments": {"vip": "vip-strict"}})
    lab.start(experiment)
    profile_id = lab.world.person(("anonymous_id", "visitor-0")).profile_id
    Membership.objects.create(
        site=lab.site, segment=vip, version=vip.versions.get(), profile_id=profile_id,
        since=NOW - timedelta(hours=2),
    )  # fmt: skip
    Membership.objects.create(
        site=lab.site, segment=strict, version=strict.versions.get(), profile_id=profile_id,
        since=NOW - timedelta(hours=2), left_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    audience.expose(audience.look(experiment, "visitor-0"), audience.look(experiment, "visitor-1"))

    exposures = Event.objects.filter(properties__experiment=experiment.key).order_by("pk")
    assert [one.properties["segments"] for one in exposures] == [
        [["vip", vip.versions.get().number]],
        [],
    ]


def test_a_segment_that_an_arm_asks_must_stay_published(lab: Lab) -> None:
    lab.world.segment("vip")
    strict = lab.world.segment("vip-strict")
    lab.place("words", 3)
    where = {"v": 1, "where": {"kind": "segment", "key": "vip"}}
    rule(lab, "for-vips", "v1", condition=where)
    experiment = of_changes(lab, {"segments": {"vip": "vip-strict"}})
    lab.start(experiment)
    assert [one.name for one in used_by(lab.site.pk, "segment", strict.pk)] == [experiment.name]


REFUSED: dict[str, tuple[Mapping[str, Any], str]] = {
    "a_rule_that_is_not_there": ({"rules": {"nowhere": None}}, "no rule 'nowhere'"),
    "a_rule_of_another_place": ({"rules": {"sale": "elsewhere"}}, "no rule 'elsewhere'"),
    "a_rule_that_is_on_already": ({"rules": {"sale": "sale"}}, "on for everybody already"),
    "a_segment_not_published": ({"segments": {"vip": "nobody"}}, "'nobody' is not published"),
    "a_segment_in_its_own_place": ({"segments": {"vip": "vip"}}, "its own place"),
    "a_number_that_is_not_there": (
        {"thresholds": [{"rule": "sale", "fact": "cart", "before": 7, "after": 8}]},
        "compares cart with no 7",
    ),
    "nothing": ({}, "shows and changes nothing"),
    "no_such_word": ({"colour": 1, "depth": "deeper"}, "cannot be read"),
    "a_model_not_there": ({"models": {"buy": "buy-2"}}, "the model 'buy-2' is not there"),
    "rules_without_rules": ({"depth": "none", "rules": {"sale": None}}, "without rules"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_changed_is_refused_in_a_sentence(
    lab: Lab, changes: Mapping[str, Any], words: str
) -> None:
    lab.place("words", 3)
    lab.place("other", 2)
    rule(lab, "sale", "v1")
    rule(lab, "elsewhere", "v1", place="other")
    experiment = of_changes(lab, changes)
    with pytest.raises(InvalidExperiment, match=words):
        check_design(experiment)


def test_the_control_changes_nothing_and_no_two_arms_the_same(lab: Lab) -> None:
    experiment = of_changes(lab, {"depth": "none"}, {"depth": "none"})
    with pytest.raises(InvalidExperiment, match="changes the same as"):
        check_design(experiment)
    Arm.objects.filter(experiment=experiment, number=0).update(changes={"depth": "none"})
    with pytest.raises(InvalidExperiment, match="The control changes nothing"):
        check_design(experiment)


def test_arms_show_variants_or_change_and_never_both(lab: Lab) -> None:
    experiment = lab.design()
    Arm.objects.filter(experiment=experiment, number=1).update(variant=None)
    with pytest.raises(InvalidExperiment, match="shows no variant"):
        check_design(experiment)


def test_a_rule_of_an_arm_cannot_be_taken_out_of_what_serves(lab: Lab) -> None:
    lab.place("words", 3)
    rule(lab, "sale", "v1")
    rule(lab, "better-sale", "v2", is_enabled=False)
    experiment = of_changes(lab, {"rules": {"sale": "better-sale"}})
    lab.start(experiment)
    row = lab.placements["words"].rules.get(key="better-sale")
    assert [one.name for one in used_by(lab.site.pk, "rule", row.pk)] == [experiment.name]
    lab.placements["words"].rules.filter(key="sale").update(is_enabled=False)
    with pytest.raises(PublicationRefused):
        lab.world.publish()


def test_changes_are_said_in_words() -> None:
    assert changes_in_words({"rules": {"sale": "better"}, "depth": "rules"}) == [
        "the rule better in the place of sale",
        "no rules that ask a model",
    ]
    assert changes_in_words({"thresholds": [
        {"rule": "cart", "fact": "total", "before": 50, "after": 80}
    ]}) == ["total 80 instead of 50 in the rule cart"]  # fmt: skip
