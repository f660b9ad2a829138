"""What is seen now is held against what a model learned from; chance alone is not called drift."""

from datetime import timedelta

import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from apps.access.models import Alert, AlertAddress, Site
from apps.predictions import drift_notices, services, tasks, watching
from apps.predictions.domain import drifting
from apps.predictions.models import DriftLook, ModelSpec, TrainingRun
from apps.work import clock
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.predictions.shop import VISITORS, fill, make_spec
from tests.apps.recommendations.world import NOW, Seen, make_site, store

Kind, Level = DriftLook.Kind, DriftLook.Level


def column(seed: int, rows: int = 1_000, shift: float = 0.0, zeros: float = 0.0) -> np.ndarray:
    """Values of a column; some of them zero, as counts are."""
    chance = np.random.default_rng(seed)
    values = chance.lognormal(shift, 1, rows)
    return np.where(chance.random(rows) < zeros, 0.0, values)


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.9], ids=["smooth", "half-zero", "mostly-zero"])
@pytest.mark.parametrize("rows", [200, 2_000], ids=["few", "many"])
def test_two_samples_of_one_world_are_not_called_drift(zeros: float, rows: int) -> None:
    levels = []
    for seed in range(60):
        before = drifting.binned(column(seed, zeros=zeros))
        now = drifting.counted(column(seed + 1_000, rows, zeros=zeros), before["edges"])
        found = drifting.moved(before, now)
        assert found.bound is None or found.expected < found.bound
        levels.append(found.level)
    assert set(levels) <= {"fine", "unknown"}


def test_the_index_expected_of_no_change_is_what_it_is_on_average() -> None:
    indices, expected = [], 0.0
    for seed in range(200):
        before = drifting.binned(column(seed))
        found = drifting.moved(before, drifting.counted(column(seed + 500), before["edges"]))
        indices.append(found.psi)
        expected = found.expected
    assert np.mean(indices) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    ("shift", "level"), [(0.0, "fine"), (0.4, "watch"), (1.0, "drifted")],
    ids=["same", "a-little", "much"],
)  # fmt: skip
def test_a_shift_is_told_by_its_size(shift: float, level: str) -> None:
    before = drifting.binned(column(1))
    now = drifting.counted(column(2, shift=shift), before["edges"])
    assert drifting.moved(before, now).level == level


def test_a_column_that_has_stopped_to_differ_has_drifted() -> None:
    before = drifting.binned(column(1))
    assert drifting.moved(before, drifting.counted(np.zeros(1_000), before["edges"])).level == (
        "drifted"
    )


def test_unknown_and_infinite_values_are_told() -> None:
    values = column(1)
    before = drifting.binned(values)
    holes = values.copy()
    holes[:400] = np.nan
    gone = drifting.known_less(before, drifting.counted(holes, before["edges"]))
    assert (gone.level, gone.psi) == ("drifted", 0.4)
    holes[0] = np.inf
    endless = drifting.known_less(before, drifting.counted(holes, before["edges"]))
    assert (endless.level, endless.psi) == ("drifted", 0.4)
    assert "1 of 1000 values are infinite" in endless.words
    one = values.copy()
    one[0] = np.inf
    single = drifting.known_less(before, drifting.counted(one, before["edges"]))
    assert single.level == "watch" and "1 of 1000 values are infinite" in single.words
    one[:400] = np.inf
    assert drifting.known_less(before, drifting.counted(one, before["edges"])).level == "drifted"
    few = drifting.counted(values[:50], before["edges"])
    assert drifting.known_less(before, few).level == "unknown"


@pytest.mark.parametrize(
    ("factor", "level"), [(1.0, "fine"), (1.6, "drifted"), (0.5, "drifted")],
    ids=["as-foreseen", "more", "fewer"],
)  # fmt: skip
def test_what_came_is_held_against_what_was_foreseen(factor: float, level: str) -> None:
    chance = np.random.default_rng(3)
    foreseen = chance.uniform(0.05, 0.4, 3_000)
    y = (chance.random(3_000) < foreseen * factor).astype(float)
    assert drifting.believed(foreseen, y).level == level


@pytest.fixture
def serving(db: None):
    """A shop whose model serves."""
    site = make_site()
    fill(site, telling=True)
    # A window that was full at every moment: else counts grow as the site does.
    spec = make_spec(site, window_days=18)
    boss = get_user_model().objects.create_superuser("boss")
    run = services.train_now(
        spec=spec, now=NOW, approve_as=boss, note="For the tests of drift alone."
    )
    assert run.version is not None, run.outcome
    return site, run.version


def everything_changes(site: Site, version) -> None:
    """From one day to the next everybody looks at a thousand things nobody has seen before."""
    from apps.profiles.models import Profile

    start = NOW + timedelta(days=1)
    store(
        site,
        [
            Seen(one.pk, start + timedelta(minutes=n), f"new-{n}", category="boots", value=900.0,
                 device=number)
            for number, one in enumerate(Profile.objects.filter(site=site))
            for n in range(20)
        ],
    )  # fmt: skip


def test_visitors_who_do_as_they_did_have_not_drifted(serving) -> None:
    _, version = serving
    assert version.reference["rows"] > 300
    # They come every third day: six days after it was judged they are where they were.
    looks = watching.look(version, now=NOW - timedelta(days=2))
    features = {one.name for one in looks if one.kind == Kind.FEATURE}
    assert features >= set(version.feature_names)
    assert [(one.name, one.words) for one in looks if one.level == Level.DRIFTED] == []
    assert list(drift_notices.tell(version.spec.site_id, NOW)) == []


def test_changed_visitors_are_told_at_home_and_ask_for_a_training(serving) -> None:
    site, version = serving
    spec = version.spec
    spec.retrain = ModelSpec.Retrain.DRIFT
    spec.save()
    everything_changes(site, version)
    later = NOW + timedelta(days=3)
    looks = watching.watch(now=later, progress=lambda *_: None)
    drifted = {one.name for one in looks if one.level == Level.DRIFTED}
    assert {"value_max", "category:shoes"} & drifted
    (notice,) = drift_notices.tell(site.pk, later)
    assert "Visitors have changed for the model Will order" in notice.text
    asked = Intent.objects.get(kind="predictions.train")
    assert asked.payload["cause"] == TrainingRun.Cause.DRIFT
    # Once a day is enough, however often beat asks.
    assert watching.watch(now=later + timedelta(hours=1), progress=lambda *_: None) == []


def test_a_model_that_is_trained_by_hand_asks_for_nothing(serving) -> None:
    _, version = serving
    version.spec.retrain = ModelSpec.Retrain.BY_HAND
    assert watching.ask_retraining(version.spec, now=NOW + timedelta(days=3)) is None
    assert not Intent.objects.filter(kind="predictions.train").exists()


def test_what_was_foreseen_is_judged_once_its_time_is_over(serving) -> None:
    _, version = serving
    week = timedelta(days=9)
    at_once = watching.look(version, now=NOW)
    assert not [one for one in at_once if one.kind == Kind.CALIBRATION]
    # Nobody came back after the model was trained: much less came than was foreseen.
    (told,) = [one for one in watching.look(version, now=NOW + week) if one.kind == "calibration"]
    assert told.level == Level.DRIFTED
    assert told.value == 0


def test_a_reference_holds_counts_and_nobody(serving) -> None:
    _, version = serving
    for name, one in version.reference["features"].items():
        assert set(one) == {"edges", "counts", "missing", "infinite"}, name
        assert sum(one["counts"]) + one["missing"] + one["infinite"] <= VISITORS
    with connection.cursor() as cursor:
        cursor.execute("SELECT reference::text FROM predictions_modelversion")
        ((text,),) = cursor.fetchall()
    from apps.profiles.models import Profile

    assert not any(str(one.pk) in text for one in Profile.objects.all()[:50])


def test_beat_asks_for_a_look_a_day_and_a_person_for_one_now(serving) -> None:
    _, version = serving
    tasks.watch_models()
    asked = Intent.objects.get(kind=tasks.WATCH)
    assert perform(asked.pk, now=clock.now())
    seen = version.looks.count()
    assert seen > 0
    tasks.watch_models()
    assert perform(Intent.objects.get(kind=tasks.WATCH, finished_at=None).pk, now=clock.now())
    assert version.looks.count() == seen
    tasks.ask(tasks.WATCH, tasks.TRAIN_QUEUE, version.spec, clock.now())
    assert perform(Intent.objects.get(kind=tasks.WATCH, finished_at=None).pk, now=clock.now())
    assert version.looks.count() == 2 * seen


def test_the_page_tells_what_has_changed_and_lets_it_be_looked_at(serving, client) -> None:
    site, version = serving
    client.force_login(get_user_model().objects.get(username="boss"))
    address = drift_notices.address(version.pk)
    assert "Not looked at yet" in client.get(address).content.decode()
    everything_changes(site, version)
    watching.look(version, now=NOW + timedelta(days=3))
    page = client.get(address).content.decode()
    assert "Drifted" in page and "<svg" in page and "style=" not in page.split("<main")[-1]
    assert client.post(address).status_code == 302
    assert Intent.objects.filter(kind=tasks.WATCH).exists()


def test_the_sites_address_is_told_once_of_what_has_drifted(serving) -> None:
    site, version = serving
    AlertAddress.objects.create(site=site, address="https://alerts.shop.example/", is_enabled=True)
    watching.look(version, now=NOW - timedelta(days=2))
    assert not Alert.objects.exists()
    everything_changes(site, version)
    looks = watching.look(version, now=NOW + timedelta(days=3))
    alert = Alert.objects.get()
    assert (alert.kind, alert.source) == ("model.drifted", f"models/{version.spec.key}")
    drifted = {(one.kind, one.name) for one in looks if one.level == "drifted"}
    assert {(one["kind"], one["name"]) for one in alert.data["drifted"]} == drifted
    assert alert.data["isSerious"] and alert.data["version"] == version.number
    watching.look(version, now=NOW + timedelta(days=3, hours=1))
    assert Alert.objects.count() == 1
