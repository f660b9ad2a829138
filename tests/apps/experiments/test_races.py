"""Two who act at the same time: what is left is what one after the other would have left."""

import html
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.urls import reverse

from apps.access.models import AuditEntry
from apps.experiments import refreshing, running, stopping
from apps.experiments.errors import InvalidExperiment, NotAsItStands
from apps.experiments.models import Change, DaySum, Experiment, Participant, Phase, Uncounted
from apps.pipeline import fold
from apps.studio.experiments import shipping
from apps.work import clock
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab
from tests.apps.experiments.test_stopping import LATER, harmed, running_with_guardrail
from tests.apps.profiles.test_admin import as_role

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], Any]) -> list[Any]:
    """Do these at the same time, each with a connection of its own: what they return or raise."""
    begin = threading.Barrier(len(works))
    found: list[Any] = [None] * len(works)

    def run(place: int) -> None:
        begin.wait(30)
        try:
            found[place] = works[place]()
        except Exception as error:
            found[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    return found


def meet_after_the_check(monkeypatch: pytest.MonkeyPatch, people: int) -> None:
    """Let nobody go on from the check of a design before all are there, if they get there."""
    real, there = running.check_design, threading.Barrier(people)

    def check(experiment: Experiment) -> Sequence[Any]:
        found = real(experiment)
        with suppress(threading.BrokenBarrierError):
            there.wait(1)
        return found

    monkeypatch.setattr(running, "check_design", check)


def test_an_experiment_begins_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = lab.design()
    meet_after_the_check(monkeypatch, 2)

    def begin() -> Phase:
        return running.start(experiment_id=experiment.pk, actor=None, now=NOW)

    found = together(begin, begin)
    assert sorted(type(one).__name__ for one in found) == ["NotAsItStands", "Phase"]
    [refused] = [one for one in found if isinstance(one, NotAsItStands)]
    assert "it is running now" in str(refused)
    assert Phase.objects.count() == Change.objects.filter(action="started").count() == 1
    assert AuditEntry.objects.filter(action="experiments.started").count() == 1


def test_of_two_designs_for_one_placement_one_begins(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.place("words")
    designs = [lab.design(key="words"), lab.design(key="other")]
    Experiment.objects.filter(key="other").update(placement=lab.placements["words"])
    for arm, variant in zip(designs[1].arms.order_by("number"), lab.variants["words"], strict=True):
        arm.variant = variant
        arm.save()
    meet_after_the_check(monkeypatch, 2)

    found = together(
        *(
            lambda one=one: running.start(experiment_id=one.pk, actor=None, now=NOW)
            for one in designs
        )
    )
    assert sorted(type(one).__name__ for one in found) == ["InvalidExperiment", "Phase"]
    [refused] = [one for one in found if isinstance(one, InvalidExperiment)]
    assert "runs in this placement" in str(refused)
    assert Experiment.objects.filter(state=Experiment.State.RUNNING).count() == 1


def test_what_is_concluded_is_not_stopped_and_the_other_way_round_both_are_told(lab: Lab) -> None:
    experiment, phase, guard = running_with_guardrail(lab)
    harmed(phase, guard)
    own = Phase.objects.select_related("experiment").get()

    def conclude() -> None:
        running.conclude(
            experiment_id=experiment.pk, winner="arm1", learnings="", actor=None, now=LATER
        )

    stopped, concluded = together(lambda: stopping.stop_due(own, now=LATER), conclude)
    assert concluded is None and isinstance(stopped, list)
    done = list(Change.objects.order_by("id").values_list("action", flat=True))
    # Whichever was first: an arm is stopped before the end and never after it, and each is told.
    assert done in (["started", "arm_stopped", "concluded"], ["started", "concluded"])
    assert len(stopped) == ("arm_stopped" in done)
    assert Phase.objects.get().stopped == (["arm1"] if stopped else [])


def test_two_workers_count_everybody_and_everything_once(lab: Lab, audience: Audience) -> None:
    experiment = lab.design()
    lab.start(experiment)
    audience.join(experiment, 12)
    clock.replace(lambda: NOW + timedelta(days=1))
    for arm in ("arm1", "nobody"):
        body = {
            "event": "Experiment Viewed",
            "anonymousId": f"by-{arm}",
            "properties": {"experiment_id": "words", "variation_id": arm},
            "timestamp": (NOW + timedelta(hours=1)).isoformat(),
        }
        assert lab.world.post("/v1/track", body, key=lab.world.sk).status_code == 200
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass
    at = clock.now()
    clock.replace(None)

    def work() -> int:
        return refreshing.refresh(site_id=lab.site.pk, now=at)

    assert all(isinstance(one, int) for one in together(work, work))
    assert Participant.objects.count() == 13
    [(n, rows)] = [
        (sum(one.n for one in sums), len(sums))
        for sums in [list(DaySum.objects.filter(metric=lab.metric, segment=""))]
    ]
    assert (n, rows) == (13, 2)
    assert list(Uncounted.objects.values_list("arm", "n")) == [("nobody", 1)]


def test_who_ships_an_arm_is_told_that_it_was_stopped_meanwhile(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    editor = as_role("editor")
    do = reverse("admin:experiment_do", args=[experiment.pk])

    def page(answer: Any) -> str:
        return html.unescape(answer.content.decode())

    opened = page(editor.get(f"{do}?verb=ship&arm=arm1"))
    assert 'name="stopped"' not in opened and "is stopped" not in opened
    running.stop_arm(
        experiment_id=experiment.pk, arm="arm1", actor=None, note="It sells less.", now=LATER
    )
    sent = {"verb": "ship", "arm": "arm1", "way": "default"}
    again = page(editor.post(do, sent))
    assert "“Arm 1” is stopped. It sells less. That was not known" in again
    assert Experiment.objects.get().state == "running"
    assert '<input type="hidden" name="stopped" value="arm1">' in again
    assert "is what words.place serves" in page(
        editor.post(do, {**sent, "stopped": "arm1"}, follow=True)
    )
    assert Experiment.objects.get().winner == "arm1"


def test_of_two_who_end_an_experiment_the_later_is_told_that_it_is_over(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)

    def ship() -> Any:
        return shipping.ship(
            experiment=Experiment.objects.get(), arm_key="arm1", way="default", learnings="",
            known_stopped=(), actor=None, now=LATER,
        )  # fmt: skip

    def conclude() -> None:
        running.conclude(
            experiment_id=experiment.pk, winner="", learnings="", actor=None, now=LATER
        )

    found = together(ship, ship, conclude)
    assert sum(isinstance(one, NotAsItStands) for one in found) == 2, found
    assert Change.objects.filter(action="concluded").count() == 1


def test_a_double_click_begins_one_phase(lab: Lab) -> None:
    experiment = lab.design()
    lab.start(experiment)
    editor = as_role("editor")
    do = reverse("admin:experiment_do", args=[experiment.pk])
    assert 'name="after" value="1"' in editor.get(f"{do}?verb=new_phase").content.decode()
    sent = {"verb": "new_phase", "note": "Another audience.", "after": "1"}
    said = [editor.post(do, sent, follow=True).content.decode() for _ in range(2)]
    assert "Phase 2 has begun: everybody" in said[0] and "Phase 2 has begun already" in said[1]
    assert Phase.objects.count() == 2


def test_shares_of_what_is_over_are_not_given_to_what_runs_now(lab: Lab) -> None:
    experiment = lab.design(kind="bandit")
    lab.start(experiment)
    shares = {"arm0": 0.1, "arm1": 0.9}

    def set_from(read: Phase) -> bool:
        return running.set_shares(experiment_id=experiment.pk, shares=shares, read=read, now=LATER)

    first = Phase.objects.get()
    running.begin_phase(experiment_id=experiment.pk, actor=None, note="Again.", now=LATER)
    assert not set_from(first)
    second = Phase.objects.get(number=2)
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="", now=LATER)
    assert not set_from(second)
    assert {one["weight"] for one in Phase.objects.get(number=2).arms} == {0.5}
    third = Phase.objects.get(number=2)
    assert set_from(third)
    assert not set_from(third)  # as a second worker with the same figures
