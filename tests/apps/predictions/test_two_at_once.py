"""Two trainings of one question at once: each ends with a version and a file of its own."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from apps.predictions import artifacts, services, tasks, training
from apps.predictions.models import ModelSpec, TrainingRun
from apps.work import performing
from apps.work.models import Intent
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

LATER = NOW + timedelta(minutes=1)
State = TrainingRun.State

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def spec(transactional_db: None) -> ModelSpec:
    site = make_site()
    fill(site, telling=True)
    return make_spec(site)


def test_each_has_a_number_a_file_and_an_outcome_of_its_own(spec: ModelSpec) -> None:
    is_there, may_go_on = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def told(done: int, total: int, note: str = "") -> None:
        is_there.set()
        may_go_on.wait(60)

    def train() -> None:
        try:
            training.train(spec_id=spec.pk, now=NOW, progress=told)
        except BaseException as error:
            failed.append(error)
        finally:
            is_there.set()
            connection.close()

    slow = threading.Thread(target=train)
    slow.start()
    try:
        assert is_there.wait(60)
        quick = training.train(spec_id=spec.pk, now=LATER)
    finally:
        may_go_on.set()
        slow.join()
    assert not failed
    runs = list(spec.runs.select_related("version").order_by("started_at"))
    assert [run.state for run in runs] == [State.READY, State.READY]
    assert runs[1].pk == quick.pk
    versions = [run.version for run in runs]
    assert all(versions)
    assert [one.number for one in versions if one is not None] == [2, 1]  # in the order of ends
    for one in versions:
        assert one is not None
        assert artifacts.load(one)  # whole: hash and signature are those of the row
    assert services.champion_of(spec.pk) is None  # nobody has said yes


def test_what_was_asked_twice_is_learned_once_though_two_workers_take_it(spec: ModelSpec) -> None:
    first = services.ask_training(spec=spec, now=NOW)
    assert services.ask_training(spec=spec, now=NOW) == first
    done: list[bool] = []
    begin = threading.Barrier(2)

    def work() -> None:
        try:
            begin.wait(30)
            done.append(bool(performing.perform(first, now=NOW)))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(done) == [False, True]
    assert Intent.objects.get(kind=tasks.TRAIN).state == Intent.State.DONE
    assert [run.state for run in spec.runs.all()] == [State.READY]
