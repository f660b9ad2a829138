"""A training that is killed begins again by itself, and leaves nothing half done behind."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from apps.predictions import artifacts, foreseeing, runs, services, tasks
from apps.predictions.models import ModelVersion, TrainingRun
from apps.work import clock, performing
from apps.work.models import Intent
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site
from tests.faults.training_kills import MOMENTS, killed_at

State = TrainingRun.State
LEASE_OVER = performing.LEASE + timedelta(seconds=5)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.slow
def test_killed_at_every_stage_it_begins_again_and_ends_with_one_version_that_waits(
    artifact_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert foreseeing.train is not None  # what a child would import is here already
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    services.ask_training(spec=spec, now=NOW)
    intent = Intent.objects.get(kind=tasks.TRAIN)
    moments = iter(MOMENTS)
    now = NOW
    for count, moment in enumerate(moments, start=1):
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        killed_at(intent.pk, moment, now=now)
        assert TrainingRun.objects.filter(state=State.RUNNING).count() == 1, moment
        assert TrainingRun.objects.count() == count
        now += LEASE_OVER
    monkeypatch.setattr(clock, "now", lambda: now)
    assert performing.perform(intent.pk, now=now)
    intent.refresh_from_db()
    assert intent.state == Intent.State.DONE

    last = TrainingRun.objects.order_by("-started_at").first()
    assert last is not None and last.state == State.READY, last
    others = TrainingRun.objects.exclude(pk=last.pk)
    assert {(run.state, run.outcome) for run in others} == {(State.FAILED, runs.DIED)}
    assert all(run.finished_at is not None for run in others)
    assert services.champion_of(spec.pk) is None
    # Whoever died after the row was written left a version that waits as well: whole and signed.
    numbers = [version.number for version in ModelVersion.objects.order_by("number")]
    assert numbers == [1, 2] and all(artifacts.load(one) for one in ModelVersion.objects.all())

    folder = artifact_dir / "predictions"
    assert len(list(folder.glob("*.draft"))) == 1 and len(list(folder.glob("*.txt"))) == 3
    late = (NOW - timedelta(days=1)).timestamp()
    for path in folder.iterdir():
        os.utime(path, (late, late))
    assert runs.close_abandoned(now=NOW) == 0
    known = {f"{one.pk.hex}.txt" for one in ModelVersion.objects.all()}
    assert {path.name for path in folder.iterdir()} == known


def test_a_run_whose_work_is_in_nobodys_hands_is_closed_and_one_in_hand_is_not() -> None:
    spec = make_spec(make_site())
    services.ask_training(spec=spec, now=NOW)
    intent = Intent.objects.get(kind=tasks.TRAIN)
    Intent.objects.update(state="running", leased_until=NOW + timedelta(seconds=30))
    leased = runs.begin(spec, now=NOW, intent_id=intent.pk)
    by_command = runs.begin(spec, now=NOW - timedelta(hours=1))
    forgotten = runs.begin(spec, now=NOW - timedelta(hours=13))
    assert runs.close_abandoned(now=NOW) == 1
    forgotten.refresh_from_db()
    assert (forgotten.state, forgotten.outcome) == (State.FAILED, runs.DIED)
    assert runs.close_abandoned(now=NOW + timedelta(minutes=2)) == 1
    leased.refresh_from_db()
    by_command.refresh_from_db()
    assert (leased.state, by_command.state) == (State.FAILED, State.RUNNING)
