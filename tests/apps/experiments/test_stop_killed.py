"""A worker that is killed while it stops the arms of a wrong split: the next pass finishes it."""

from datetime import timedelta
from typing import Any

import pytest

from apps.access.models import Alert, AlertAddress
from apps.experiments import running, stopping
from apps.experiments.models import Change, Phase
from apps.experiments.types import PUBLISH
from apps.work.models import Intent
from tests.apps.experiments.conftest import Lab
from tests.apps.experiments.test_analysing import took_part
from tests.apps.experiments.test_stopping import LATER, carry_out, running_with_guardrail

pytestmark = pytest.mark.django_db(transaction=True)


class Killed(BaseException):
    """What no code of ours catches."""


def test_a_second_pass_stops_every_arm_of_a_wrong_split(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    AlertAddress.objects.create(site=lab.site, address="https://example.com/hook")
    experiment, phase, _ = running_with_guardrail(lab, shares=(0.4, 0.3, 0.3))
    took_part(lab, phase, 0, 450)
    real = running.stop_arm

    def until_killed(**said: Any) -> bool:
        if said["arm"] == "arm2":
            raise Killed
        return real(**said)

    with monkeypatch.context() as patch:
        patch.setattr(running, "stop_arm", until_killed)
        with pytest.raises(Killed):
            stopping.stop_due(phase, now=LATER)
    # Nothing of it was said to anybody, and nothing waits to be published.
    assert Phase.objects.get().stopped == [] and not Change.objects.filter(action="arm_stopped")
    assert not Alert.objects.exists() and not Intent.objects.filter(kind=PUBLISH).exists()

    again = Phase.objects.select_related("experiment").get()
    found = stopping.stop_due(again, now=LATER + timedelta(hours=1))

    assert [one.arm for one in found] == ["arm1", "arm2"]
    assert carry_out(PUBLISH) == 1
    assert set(lab.shown(experiment, 30).values()) == {"v0"}
    assert Alert.objects.count() == 2
