"""Arms that are stopped without anybody's act: when, once, and what follows."""

import base64
import hashlib
import hmac
import json
import threading
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection

from apps.access import alerts
from apps.access.models import Alert, AlertAddress, AuditEntry
from apps.decisions.models import ArmDay
from apps.experiments import running, stopping
from apps.experiments.analysing import analyse
from apps.experiments.domain.stopping import few_p, more_p, split_p
from apps.experiments.models import (
    Change,
    DaySum,
    Experiment,
    Goal,
    Metric,
    Participant,
    Phase,
)
from apps.experiments.stop_notices import tell
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab
from tests.apps.experiments.test_analysing import did, took_part
from tests.apps.rules.test_webhooks import Receiver, receiver  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(days=3)


def running_with_guardrail(
    lab: Lab, shares: tuple[float, ...] = (0.5, 0.5), **more: Any
) -> tuple[Experiment, Phase, Metric]:
    """An experiment whose guardrail may be 5 % worse; with enough participants to judge it."""
    experiment = lab.design(shares=shares, **{"per_arm": 20_000, **more})
    guard = Metric.objects.create(site=lab.site, key="stays", name="Stays", event="Stayed")
    Goal.objects.create(
        experiment=experiment, metric=guard, role="guardrail", margin=0.05, added_at=NOW
    )
    lab.start(experiment)
    phase = Phase.objects.get()
    for number in range(len(shares)):
        took_part(lab, phase, number, 150)
    return experiment, phase, guard


def harmed(phase: Phase, guard: Metric, n: int = 20_000) -> None:
    did(phase, guard, 0, n, n * 0.5)
    did(phase, guard, 1, n, n * 0.4)


def carry_out(*kinds: str) -> int:
    asked = list(Intent.objects.filter(kind__in=kinds, state="waiting"))
    for intent in asked:
        assert perform(intent.pk, now=intent.run_after)
    return len(asked)


def test_harm_stops_the_arm_shows_the_control_and_tells_everybody(
    lab: Lab,
    receiver: Receiver,  # noqa: F811
) -> None:
    AlertAddress.objects.create(site=lab.site, address=receiver.address)
    experiment, phase, guard = running_with_guardrail(lab)
    assert set(lab.shown(experiment, 40).values()) == {"v0", "v1"}
    harmed(phase, guard)

    [found] = stopping.stop_due(phase, now=LATER)

    assert (found.arm, found.cause) == ("arm1", "harm")
    assert "'Arm 1' is worse in 'Stays', by more than the 5% to be borne: 40.00%" in found.words
    change = Change.objects.get(action="arm_stopped")
    assert change.by_id is None and change.note == found.words
    assert change.detail["cause"] == "harm"
    assert change.detail["figures"]["participants"] == [20_000, 20_000]
    audit = AuditEntry.objects.get(action="experiments.arm_stopped")
    assert audit.actor_label == "system"
    assert carry_out("decisions.publish_experiment") == 1
    assert set(lab.shown(experiment, 40).values()) == {"v0"}
    assert lab.waiting() == []

    assert carry_out(alerts.DELIVER) == 1
    assert Alert.objects.get().state == "delivered"
    ((headers, body),) = receiver.calls
    document = json.loads(body)
    assert document["type"] == "experiment.arm_stopped"
    assert document["data"]["arm"] == "arm1" and document["data"]["words"] == found.words
    assert headers["ce-source"] == f"/sites/{lab.site.key}/experiments/words"
    secret = AlertAddress.objects.get().secret
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"

    [notice] = tell(lab.site.pk, LATER)
    assert notice.level == "bad" and found.words in notice.text
    phase.refresh_from_db()
    assert analyse(phase, now=LATER)["arms"][1]["is_stopped"]
    assert stopping.stop_due(phase, now=LATER) == []


def test_it_is_stopped_again_only_by_those_who_came_after_a_person_let_it_go_on(
    lab: Lab,
) -> None:
    experiment, phase, guard = running_with_guardrail(lab)
    harmed(phase, guard)
    assert stopping.stop_due(phase, now=LATER)
    running.let_go_on(
        experiment_id=experiment.pk, arm="arm1", actor=None, note="We know why.", now=LATER
    )
    phase.refresh_from_db()
    assert stopping.stop_due(phase, now=LATER + timedelta(hours=1)) == []
    assert list(tell(lab.site.pk, LATER)) == []

    after = LATER + timedelta(days=2)
    for number in (0, 1):
        took_part(lab, phase, number, 150)
    newest = Participant.objects.order_by("-pk")[:300]
    Participant.objects.filter(pk__in=[one.pk for one in newest]).update(
        first_at=after, day=after.date()
    )
    for number, y in ((0, 10_000.0), (1, 8_000.0)):
        DaySum.objects.create(
            phase=phase, metric=guard, arm=number, day=after.date(), n=20_000, y=y, yy=y,
            counted_at=after,
        )  # fmt: skip
    [found] = stopping.stop_due(phase, now=after)
    assert found.figures["participants"] == [20_000, 20_000]  # those of before are not among them


def test_nobody_is_judged_by_a_few(lab: Lab) -> None:
    _, phase, guard = running_with_guardrail(lab, stop_least=151)
    harmed(phase, guard)
    assert stopping.stop_due(phase, now=LATER) == []
    Experiment.objects.update(stop_least=150)
    assert stopping.stop_due(Phase.objects.get(), now=LATER)


def test_what_stops_by_itself_is_chosen(lab: Lab) -> None:
    _, phase, guard = running_with_guardrail(lab, stops_for=["split"])
    harmed(phase, guard)
    assert stopping.stop_due(phase, now=LATER) == []
    Experiment.objects.update(stops_for=["latency"])
    assert stopping.stop_due(Phase.objects.get(), now=LATER) == []
    Metric.objects.filter(pk=guard.pk).update(stands_for="latency")
    [found] = stopping.stop_due(Phase.objects.get(), now=LATER)
    assert found.cause == "latency"


def test_a_goal_that_is_surely_worse_stops_its_arm_and_one_that_is_better_does_not(
    lab: Lab,
) -> None:
    _, phase, _ = running_with_guardrail(lab, shares=(0.4, 0.3, 0.3))
    took_part(lab, phase, 0, 50)
    for number, (n, y) in enumerate(((20_000, 2_000), (15_000, 1_100), (15_000, 1_900))):
        did(phase, lab.metric, number, n, y)
    assert [one.arm for one in stopping.stop_due(phase, now=LATER)] == ["arm1"]


def test_an_arm_in_which_nobody_buys_any_more_is_stopped_though_intervals_say_nothing(
    lab: Lab,
) -> None:
    _, phase, _ = running_with_guardrail(lab)
    did(phase, lab.metric, 0, 400, 30)
    did(phase, lab.metric, 1, 400, 1)
    [found] = stopping.stop_due(phase, now=LATER)
    assert found.figures["interval"] is None and found.figures["p"] < 0.05


def test_a_wrong_split_stops_all_arms_once_and_health_judges_those_of_before(lab: Lab) -> None:
    experiment, phase, _ = running_with_guardrail(lab, shares=(0.4, 0.3, 0.3))
    took_part(lab, phase, 0, 450)
    found = stopping.stop_due(phase, now=LATER)
    assert [(one.arm, one.cause) for one in found] == [("arm1", "split"), ("arm2", "split")]
    assert carry_out("decisions.publish_experiment") == 1
    assert set(lab.shown(experiment, 30).values()) == {"v0"}
    took_part(lab, phase, 0, 5)
    Participant.objects.filter(pk=Participant.objects.latest("pk").pk).update(
        first_at=LATER + timedelta(days=1)
    )
    phase.refresh_from_db()
    [check] = [one for one in analyse(phase, now=LATER)["health"] if one["name"] == "split"]
    assert check["level"] == "bad" and "before an arm was stopped" in check["words"]
    running.let_go_on(experiment_id=experiment.pk, arm="arm1", actor=None, note="x", now=LATER)
    phase.refresh_from_db()
    assert stopping.stop_due(phase, now=LATER + timedelta(days=1)) == []


def test_content_that_cannot_be_made_stops_its_arm(lab: Lab) -> None:
    _, phase, _ = running_with_guardrail(lab)
    for arm, failed in (("arm0", 0), ("arm1", 30)):
        ArmDay.objects.create(
            site=lab.site, day=LATER.date(), experiment="words", arm=arm, calls=500,
            failed=failed, shown=0,
        )  # fmt: skip
    [found] = stopping.stop_due(phase, now=LATER)
    assert (found.arm, found.cause) == ("arm1", "errors")
    assert "could not be made in 30 of 500 answers" in found.words


def test_two_workers_stop_an_arm_once(lab: Lab) -> None:
    AlertAddress.objects.create(site=lab.site, address="https://example.com/hook")
    _, phase, guard = running_with_guardrail(lab)
    harmed(phase, guard)
    found: list[int] = []
    start = threading.Barrier(2)

    def work() -> None:
        own = Phase.objects.select_related("experiment").get()
        start.wait()
        found.append(len(stopping.stop_due(own, now=LATER)))
        connection.close()

    both = [threading.Thread(target=work) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(found) == [0, 1]
    assert Change.objects.filter(action="arm_stopped").count() == 1
    assert Alert.objects.count() == 1


def test_what_a_person_did_in_between_is_respected(lab: Lab) -> None:
    experiment, phase, guard = running_with_guardrail(lab)
    harmed(phase, guard)
    read: dict[str, Any] = {}
    [found] = stopping.causes(phase, read, now=LATER)
    running.stop_arm(experiment_id=experiment.pk, arm="arm1", actor=None, note="", now=LATER)
    running.let_go_on(experiment_id=experiment.pk, arm="arm1", actor=None, note="", now=LATER)
    assert not stopping._stop(phase, found, read, LATER)
    running.pause(experiment_id=experiment.pk, actor=None, now=LATER)
    assert stopping.stop_due(Phase.objects.get(), now=LATER + timedelta(days=9)) == []


def test_planted_harm_is_stopped_by_the_worker_and_no_harm_is_not(lab: Lab) -> None:
    """Real rows and the worker's own function: ten looks at each of 50 experiments."""
    _, phase, guard = running_with_guardrail(lab)
    rng = np.random.default_rng(7)
    stopped = {0.45: 0, 0.5: 0}
    looks, per_look = 10, 900
    for rate in stopped:
        for _ in range(30 if rate < 0.5 else 20):
            phase.sums.all().delete()
            Change.objects.all().delete()
            Phase.objects.update(stopped=[])
            Experiment.objects.update(state="running", per_arm=looks * per_look)
            phase = Phase.objects.select_related("experiment").get()
            for look in range(looks):
                day = NOW + timedelta(days=look)
                for number, one in ((0, 0.5), (1, rate)):
                    y = int(rng.binomial(per_look, one))
                    phase.sums.create(
                        metric=guard, arm=number, day=day.date(), n=per_look, y=y, yy=y,
                        counted_at=day,
                    )  # fmt: skip
                if stopping.stop_due(phase, now=day):
                    stopped[rate] += 1
                    break
    assert stopped[0.45] >= 28, stopped
    assert stopped[0.5] <= 2, stopped


def test_the_split_may_be_looked_at_any_time() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        arm = rng.random(5_000) < 0.5
        ones = np.cumsum(arm)[99::50]
        for at, one in zip(range(100, 5_001, 50), ones, strict=False):
            if (split_p([int(one), at - int(one)], [0.5, 0.5]) or 0) <= 0.01:
                alarms += 1
                break
    assert alarms <= 10  # 1 % of 400, and what chance adds
    assert (split_p([5_400, 4_600], [0.5, 0.5]) or 0) < 0.001
    assert split_p([0, 0], [0.5, 0.5]) is None
    assert split_p([10, 1], [1.0, 0.0]) == 0.0


def test_few_events_may_be_looked_at_any_time() -> None:
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(1_000):
        mine = np.cumsum(rng.random(200) < 0.5)
        alarms += any(more_p(int(m), n - int(m), 0.5) <= 0.05 for n, m in enumerate(mine, 1))
    assert alarms <= 70  # 5 % of 1,000, and what chance adds
    assert few_p(0, 500, 12, 500, 0.0, is_more_better=True) < 0.05
    assert few_p(12, 500, 0, 500, 0.0, is_more_better=False) < 0.05
    assert few_p(0, 500, 12, 500, 0.0, is_more_better=False) == 1.0
    assert few_p(0, 0, 0, 0, 0.0, is_more_better=True) == 1.0
    with pytest.raises(ValueError, match="share"):
        more_p(1, 1, 1.0)
