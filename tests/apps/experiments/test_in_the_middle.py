"""In the middle of an experiment: arms let go on, roll-backs, turns, consent and merges."""

from datetime import timedelta

import pytest
from django.db.models import Sum
from django.urls import reverse

from apps.decisions import records
from apps.decisions import services as decisions
from apps.decisions.holdout_parts import publish_turn
from apps.decisions.models import DecisionRecord, Publication
from apps.experiments import running, tasks
from apps.experiments.asking import publish_part
from apps.experiments.models import DaySum, Experiment, Holdout, Participant
from apps.experiments.rotating import rotate_due
from apps.experiments.types import PUBLISH, PUBLISH_HOLDOUT
from apps.profiles.models import Identity, MergeRecord
from apps.work import clock
from apps.work import services as work
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_sticky import devices
from tests.apps.experiments.test_stopping import carry_out
from tests.apps.profiles.conftest import identify, track
from tests.apps.profiles.test_admin import as_role

pytestmark = pytest.mark.django_db(transaction=True)


def say(lab: Lab, who: str, **purposes: bool) -> None:
    """Let a visitor choose by the banner, a second later than whatever was said before."""
    at = clock.now() + timedelta(seconds=1)
    clock.replace(lambda: at)
    body = {"anonymousId": who, "purposes": purposes, "source": "banner"}
    response = lab.world.post("/v1/consent", body, key=lab.world.sk)
    assert response.status_code == 200, response.content


def stop(experiment: Experiment, arm: str = "arm1") -> None:
    """Stop an arm as a worker does: its part is asked for, and published alone."""
    running.stop_arm(experiment_id=experiment.pk, arm=arm, actor=None, note="harm", now=NOW)
    publish_part(experiment, note="stopped", now=NOW)
    assert carry_out(PUBLISH) == 1


def test_an_arm_that_a_worker_stopped_waits_to_be_published_when_it_goes_on(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    before = lab.shown(experiment, 60)
    stop(experiment)
    assert set(lab.shown(experiment, 60).values()) == {"v0"} and lab.waiting() == []

    running.let_go_on(experiment_id=experiment.pk, arm="arm1", actor=None, note="x", now=NOW)
    # What a worker may publish shows no arm that serves not: a person's publication does.
    assert lab.waiting() == [("changed", "experiment", "words")]
    publish_part(experiment, note="again", now=NOW)
    assert carry_out(PUBLISH) == 1
    assert set(lab.shown(experiment, 60).values()) == {"v0"}
    lab.world.publish()
    assert lab.shown(experiment, 60) == before


def test_a_publication_that_is_brought_back_keeps_everybodys_arm_and_a_stop_goes_over_it(
    lab: Lab,
) -> None:
    experiment = lab.design(shares=(0.4, 0.3, 0.3))
    lab.start(experiment)
    number = Publication.objects.latest("number").number
    before = lab.shown(experiment, 60)
    stop(experiment)
    decisions.rollback(site_id=lab.site.pk, number=number, actor=None, now=NOW)
    assert lab.shown(experiment, 60) == before  # health says that a stopped arm is shown

    stop(experiment, "arm2")
    assert set(lab.shown(experiment, 60).values()) == {"v0"}


def test_a_turn_holds_others_out_and_leaves_waiting_drafts_where_they_are(lab: Lab) -> None:
    holdout = Holdout.objects.create(
        site=lab.site, key="all", name="All", share=0.5, seed="h.1", started_at=NOW, rotates_days=7
    )
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    before = lab.shown(experiment, 60)
    Holdout.objects.filter(pk=holdout.pk).update(share=0.9)
    later = NOW + timedelta(days=8)
    clock.replace(lambda: later)
    assert (rotate_due(later), rotate_due(later)) == (1, 0)
    assert carry_out(PUBLISH_HOLDOUT) == 1

    after = lab.shown(experiment, 60)
    moved = sum(after[one] != before[one] for one in before)
    assert 15 < moved < 45  # half of them change sides, and 0.9 waits
    assert 15 < list(after.values()).count("v0") < 45
    holdout.refresh_from_db()
    assert publish_turn(site_id=lab.site.pk, key="all", seed=holdout.seed, now=later) is None


def test_who_agrees_again_has_the_same_arm_and_counts_from_then_on(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design(shares=(0.0, 1.0))
    lab.start(experiment)
    audience.expose(audience.look(experiment, "ann"))
    audience.refresh()
    assert Participant.objects.count() == 1

    say(lab, "ann", experiments=False)
    refused = audience.look(experiment, "ann")
    assert refused.variant == "v0"
    audience.expose(refused)
    audience.refresh()
    assert not Participant.objects.exists()

    say(lab, "ann", experiments=True)
    visit = audience.look(experiment, "ann")
    assert visit.variant == "v1"
    audience.expose(visit)
    audience.refresh()
    [person] = Participant.objects.all()
    assert person.arm == 1 and not person.is_mixed and person.first_at > NOW


def test_a_withdrawal_takes_a_person_out_of_every_figure_and_a_later_yes_brings_nothing_back(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.shop.send(identify("user-0", anonymousId="visitor-0"))  # the log names who is known
    shown = audience.join(experiment, 40)
    assert 10 < list(shown.values()).count("v1") < 30  # of fewer than ten nothing is told
    page = reverse("admin:experiment_download", args=[experiment.pk, "json"])
    analyst = as_role("analyst")

    def told() -> tuple[int, float]:
        """Participants on the page and in its files, and how many of them ordered."""
        work_out(lab)
        document = analyst.get(page).json()
        result, [day] = document["result"], {one["day"] for one in document["days"]}
        rows = [one for one in document["days"] if one["day"] == day]
        assert result["participants"] == sum(arm["n"] for arm in result["arms"])
        assert result["participants"] == sum(one["participants"] for one in rows)
        return result["participants"], sum(one["y"] for one in rows)

    ann = "visitor-0"
    order(audience, ann, *(f"visitor-{n}" for n in range(1, 8)))
    assert told() == (40, 8.0)
    records.flush()
    kept = log_of(ann)
    assert kept == [(f"arm{shown[ann][1]}", shown[ann])]

    say(lab, ann, experiments=False)
    assert not Participant.objects.filter(profile__identities__value=ann).exists()
    order(audience, ann)  # what is done after a no counts never
    assert told() == (39, 7.0)
    assert log_of(ann) == kept  # the log says what was served, as before

    say(lab, ann, experiments=True)
    assert told() == (39, 7.0)
    visit = audience.look(experiment, ann)
    assert visit.variant == shown[ann]
    clock.replace(lambda: NOW + timedelta(hours=2))
    audience.expose(visit)
    assert told() == (40, 7.0)
    assert DaySum.objects.aggregate(x=Sum("x"))["x"] == 0  # nor is it what was done before
    order(audience, ann)
    assert told() == (40, 8.0)


def order(audience: Audience, *who: str) -> None:
    """Let visitors order something now, a minute after what was before."""
    at = clock.now() + timedelta(minutes=1)
    clock.replace(lambda: at)
    audience.shop.send(
        *(track("Order Completed", anonymousId=one, timestamp=at.isoformat()) for one in who)
    )


def work_out(lab: Lab) -> None:
    """A pass of the worker, a minute later."""
    at = clock.now() + timedelta(minutes=1)
    clock.replace(lambda: at)
    asked = work.ask(tasks.REFRESH, key="site", site_id=lab.site.pk, now=at)
    assert perform(asked.pk, now=at)


def log_of(who: str) -> list[tuple[str, str]]:
    """The arms and variants that the decision log says somebody was given, the oldest first."""
    profile_id = Identity.objects.get(kind="anonymous_id", value=who).profile_id
    rows = DecisionRecord.objects.filter(profile_id=profile_id).order_by("at")
    return [(one["arm"], one["variant"]) for row in rows for one in row.placements]


def test_a_merge_that_is_undone_leaves_two_who_saw_one_arm_each(
    lab: Lab, audience: Audience
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    phone, laptop = devices(lab, audience, experiment)
    audience.shop.send(identify("ann", anonymousId=laptop))
    audience.expose(audience.look(experiment, laptop))
    audience.expose(audience.look(experiment, phone))
    audience.refresh()
    before = sorted(Participant.objects.values_list("profile_id", "arm", "is_mixed"))
    assert [mixed for _, _, mixed in before] == [False, False]
    audience.shop.send(identify("ann", anonymousId=phone))
    audience.refresh()
    assert [one.is_mixed for one in Participant.objects.all()] == [True]

    record = MergeRecord.objects.get()
    done = as_role("privacy_officer").post(
        f"/admin/merges/{record.pk}/undo/", {"reason": "Two people."}
    )
    assert done.status_code == 302
    audience.refresh()
    assert sorted(Participant.objects.values_list("profile_id", "arm", "is_mixed")) == before
