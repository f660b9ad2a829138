"""Who lets a model serve, what stands in the way, and what the audit trail keeps of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import Group, User

from apps.access.models import AuditEntry
from apps.access.roles import ensure_roles
from apps.predictions import (
    artifacts,
    attention,
    foreseeing,
    gates,
    runs,
    services,
    shadow,
    shadow_gate,
    tasks,
    training,
)
from apps.predictions.errors import GateFailed
from apps.predictions.models import ModelSpec, ModelVersion, Score, TrainingRun
from apps.work import performing
from apps.work.errors import LeaseLost
from apps.work.models import Intent
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site

Version = ModelVersion.State
State = TrainingRun.State
DAY = timedelta(days=1)
RED = [["calibrated", False, "It is off by 9 points."]]
LONG = "We know, it is for one day only"


def _someone(role: str) -> User:
    ensure_roles()
    user = User.objects.create_user(role, f"{role}@shop.example", "x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def spec(db: None) -> ModelSpec:
    return make_spec(make_site())


@pytest.fixture
def analyst(db: None) -> User:
    return _someone("analyst")


@pytest.fixture
def administrator(db: None) -> User:
    return _someone("administrator")


def _trail() -> list[str]:
    found = AuditEntry.objects.filter(action__startswith="predictions.").order_by("at", "id")
    return [entry.action.removeprefix("predictions.") for entry in found]


def test_a_yes_is_kept_with_who_said_it_why_and_what_the_gates_said(spec, analyst):
    version = keep_version(spec, 1)
    services.approve(version=version, actor=analyst, note="held good for a week", now=NOW)
    assert (version.state, version.approved_by, version.approved_at) == (
        Version.CHAMPION, analyst, NOW,
    )  # fmt: skip
    assert version.runs.get().state == State.PROMOTED
    entry = AuditEntry.objects.get(action="predictions.approved")
    assert (entry.actor_id, entry.target_id) == (analyst.pk, str(version.pk))
    assert entry.detail["note"] == "held good for a week"
    assert entry.detail["gates"] == {"beats_plain": True, "fair": True, "whole": True}
    assert Intent.objects.filter(kind="predictions.score").exists()
    services.approve(version=version, actor=analyst, note="twice", now=NOW + DAY)
    assert _trail() == ["approved"]


def test_nobody_else_may_say_yes(spec):
    version = keep_version(spec, 1)
    for nobody in (None, _someone("editor"), _someone("privacy_officer"), _someone("auditor")):
        with pytest.raises(GateFailed, match="Analysts and administrators decide"):
            services.approve(version=version, actor=nobody, note=LONG, now=NOW)
    assert services.champion_of(spec.pk) is None and _trail() == []


def test_a_red_gate_gives_way_to_an_administrator_who_says_why(spec, analyst, administrator):
    version = keep_version(spec, 1, gates=RED)
    with pytest.raises(GateFailed, match="Only an administrator may"):
        services.approve(version=version, actor=analyst, note=LONG, now=NOW)
    with pytest.raises(GateFailed, match="say why in 20 characters"):
        services.approve(version=version, actor=administrator, note="we know", now=NOW)
    services.approve(version=version, actor=administrator, note=LONG, now=NOW)
    assert _trail() == ["overruled"]
    assert AuditEntry.objects.get().detail["gates"]["calibrated"] is False


def test_a_roll_back_leads_to_what_served_before_and_keeps_what_is_broken_out(
    spec, analyst, administrator
):
    one, two, three = (keep_version(spec, number) for number in (1, 2, 3))
    for version, at in ((one, NOW), (two, NOW + DAY), (three, NOW + 2 * DAY)):
        services.approve(version=version, actor=administrator, now=at, note=LONG)
    artifacts.delete(two.pk)
    found = services.roll_back(spec=spec, actor=analyst, note="sales fell", now=NOW + 3 * DAY)
    assert found == one == services.champion_of(spec.pk)
    assert _trail()[-1] == "rolled_back"
    artifacts.delete(three.pk)
    with pytest.raises(GateFailed, match="Nothing that served before can serve again"):
        services.roll_back(spec=spec, actor=analyst, now=NOW + 4 * DAY)
    assert services.champion_of(spec.pk) == one


def test_what_learned_from_somebody_erased_does_not_come_back(spec, analyst, administrator):
    one, two = keep_version(spec, 1), keep_version(spec, 2)
    services.approve(version=one, actor=analyst, now=NOW)
    services.approve(version=two, actor=administrator, now=NOW + DAY, note=LONG)
    ModelVersion.objects.filter(pk=one.pk).update(cut_at=NOW + DAY)
    with pytest.raises(GateFailed, match="Nothing that served before"):
        services.roll_back(spec=spec, actor=analyst, now=NOW + 2 * DAY)
    with pytest.raises(GateFailed, match="was erased: train it again"):
        services.approve(version=one, actor=analyst, note=LONG, now=NOW + 2 * DAY)


def test_after_an_erasure_the_newest_serves_without_a_yes_and_the_trail_says_so(spec, analyst):
    old = keep_version(spec, 1, trained_at=NOW - DAY)
    services.approve(version=old, actor=analyst, now=NOW - DAY)
    services.cut(site_id=spec.site_id, now=NOW)
    later = {"spec_id": spec.pk, "cut_at": NOW, "insist_at": NOW + 20 * DAY}
    assert not services.settle_cut(**later, now=NOW + DAY)
    asked = Intent.objects.get(kind="predictions.train")
    assert asked.payload["cause"] == "erasure"
    newer = keep_version(spec, 2, trained_at=NOW + DAY, gates=RED)
    assert not services.settle_cut(**later, now=NOW + 2 * DAY)  # it waits for a yes as ever
    assert services.settle_cut(**later, now=NOW + 21 * DAY)
    assert services.champion_of(spec.pk) == newer
    entry = AuditEntry.objects.get(action="predictions.replaced_after_erasure")
    assert (entry.actor_id, entry.detail["version"]) == (None, 2)


def test_a_no_is_kept_too_and_one_challenger_foresees_at_a_time(spec, analyst):
    one, two, three = (keep_version(spec, number) for number in (1, 2, 3))
    services.approve(version=one, actor=analyst, now=NOW)
    services.start_shadow(two, NOW)
    services.start_shadow(three, NOW)
    assert list(spec.versions.filter(state=Version.CHALLENGER)) == [three]
    services.refuse(version=three, actor=analyst, note="odd", now=NOW)
    with pytest.raises(GateFailed, match="does not wait"):
        services.refuse(version=three, actor=analyst, now=NOW)
    assert _trail() == ["approved", "refused"]


def test_only_what_is_due_is_learned_anew_at_night(db):
    site = make_site()
    due = {"fresh": "weekly", "old": "weekly", "hand": "by_hand", "drift": "drift",
           "nightly": "nightly", "off": "nightly"}  # fmt: skip
    made = {key: make_spec_with(site, key, retrain) for key, retrain in due.items()}
    ModelSpec.objects.filter(key="off").update(is_enabled=False)
    runs.begin(made["fresh"], now=NOW - 2 * DAY)
    runs.begin(made["old"], now=NOW - 7 * DAY + timedelta(minutes=5))
    assert {spec.key for spec in tasks.due(NOW)} == {"old", "nightly"}
    never = make_spec_with(site, "never", "weekly")
    assert never in tasks.due(NOW)


def make_spec_with(site, key: str, retrain: str) -> ModelSpec:
    return ModelSpec.objects.create(
        site=site, key=key, name=key, target_event="Order Completed", created_at=NOW,
        retrain=retrain,
    )  # fmt: skip


def test_a_challenger_is_judged_where_time_has_told_and_nobody_is_kept(db):
    site = make_site()
    fill(site, telling=True)
    ana = User.objects.create_superuser("ana", "ana@shop.example", "x")
    spec = make_spec(site, feature_names=["count:Order Completed"])
    frozen = NOW - 15 * DAY  # three weeks of moments before, and moments after that came true
    spec.moments, spec.horizon_hours = 3, 96
    spec.save()
    first = services.train_now(spec=spec, now=frozen)
    assert first.version is not None, first.outcome
    services.approve(version=first.version, actor=ana, note=LONG, now=frozen)
    spec.feature_names = []
    spec.save()
    run = services.train_now(spec=spec, now=frozen)
    version = run.version
    assert version is not None, run.outcome
    if version.state != Version.CHALLENGER:
        services.start_shadow(version, frozen)
    version.refresh_from_db()
    gate = shadow_gate.check(version, frozen)
    assert gate is not None and not gate[1] and "not had the time" in gate[2]

    looked = shadow.look(spec, now=NOW, progress=training.silent)
    version.refresh_from_db()
    moments = [datetime.fromisoformat(one["as_of"]) for one in version.shadow["moments"]]
    assert looked == len(moments) >= 5
    assert moments[0] > frozen
    assert all(b - a == DAY and b.astimezone(UTC).hour == 0 for a, b in pairwise(moments))
    assert moments[-1] + timedelta(hours=96) <= NOW
    assert set(version.shadow["moments"][0]) == {
        "as_of", "champion", "rows", "positives", "challenger_log_loss", "champion_log_loss",
        "gain", "square",
    }  # fmt: skip
    assert not Score.objects.exists()
    gate = shadow_gate.check(version, NOW)
    assert gate is not None and gate[1], gate
    assert shadow.look(spec, now=NOW, progress=training.silent) == 0  # a moment counts once


def test_what_does_not_come_true_or_not_needs_no_shadow(spec, analyst):
    ModelSpec.objects.filter(pk=spec.pk).update(kind=ModelSpec.Kind.GROUPS)
    spec.refresh_from_db()
    one, two = keep_version(spec, 1), keep_version(spec, 2)
    services.approve(version=one, actor=analyst, now=NOW)
    services.approve(version=two, actor=analyst, now=NOW + DAY)
    assert services.champion_of(spec.pk) == two


def test_a_challenger_that_is_surely_worse_is_told_so():
    worse = [{"rows": 100, "gain": -5.0 - n, "square": 2.0} for n in range(4)]
    assert shadow_gate.held(worse).is_surely_worse
    luck = [{"rows": 100, "gain": (-1) ** n * 5.0, "square": 2.0} for n in range(4)]
    sums = shadow_gate.held(luck)
    assert not sums.is_surely_worse and not sums.is_surely_better


def test_a_broken_file_leaves_the_scores_and_tells_the_home_page_instead_of_failing_work(
    spec, analyst
):
    version = keep_version(spec, 1)
    services.approve(version=version, actor=analyst, now=NOW)
    artifacts.store(version.pk, "something else")
    intent = Intent.objects.get(kind="predictions.score")
    assert performing.perform(intent.pk, now=NOW)
    intent.refresh_from_db()
    assert intent.state == Intent.State.DONE
    (notice,) = [one for one in attention.tell(spec.site_id, NOW) if one.level == "bad"]
    assert "cannot score" in notice.text and "not the one that was stored" in notice.text


def test_a_training_that_has_lost_its_lease_stops_within_a_tree_and_leaves_nothing(db):
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    told = []

    def progress(done: int, total: int, note: str = "") -> None:
        told.append(note)
        if done > foreseeing.CHOSEN:
            raise LeaseLost("taken over")

    with pytest.raises(LeaseLost):
        training.train(spec_id=spec.pk, now=NOW, progress=progress)
    assert told and not ModelVersion.objects.exists()


def test_gates_are_asked_in_one_order_and_a_registered_one_wins_over_a_frozen_one(spec):
    version = keep_version(spec, 1, gates=[["whole", False, "frozen"], ["own_gate", True, "ours"],
                                           ["beats_plain", True, "yes"]])  # fmt: skip
    found = gates.gates_of(version, now=NOW)
    assert [name for name, _, _ in found] == ["beats_plain", "fair", "whole", "own_gate"]
    assert found[2][1] and gates.title_of("own_gate") == "Own gate"
