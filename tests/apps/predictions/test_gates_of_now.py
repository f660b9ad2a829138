"""Gates that are asked at the yes: what was measured at the training may not hold any more."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from apps.access.roles import ensure_roles
from apps.predictions import champion_gate, fair_gate, gates, services
from apps.predictions.errors import GateFailed
from apps.predictions.models import FairnessAudit, ModelSpec, ModelVersion
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import make_spec
from tests.apps.recommendations.world import NOW, make_site

DAY = timedelta(days=1)
WHY = "Nobody has told it yet; we look again in May."
BETTER = ["beats_champion", True, "It may serve: it is surely better."]
Verdict = FairnessAudit.Verdict


@pytest.fixture
def spec(db: None) -> ModelSpec:
    return make_spec(make_site())


def someone(role: str) -> User:
    ensure_roles()
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return User.objects.get(pk=user.pk)


def audited(version: ModelVersion, verdict: str, at: Any = NOW) -> FairnessAudit:
    return FairnessAudit.objects.create(
        version=version, audited_at=at, trait="gender", verdict=verdict,
        words="Nothing can be told: two groups of 30 people are needed.",
    )  # fmt: skip


def watched(spec: ModelSpec) -> ModelSpec:
    spec.audited_trait = "gender"
    spec.save()
    return spec


@pytest.mark.parametrize(
    ("verdict", "passes"),
    [(Verdict.FINE, True), (Verdict.UNFAIR, False), (Verdict.UNKNOWN, False)],
    ids=["fine", "unfair", "cannot-be-told"],
)
def test_only_what_was_found_fair_passes(spec, verdict, passes):
    version = keep_version(watched(spec), 1)
    audited(version, verdict)
    gate = fair_gate.check(version, NOW)
    assert gate is not None and gate[1] is passes
    if verdict == Verdict.UNKNOWN:
        assert "cannot be told, and that is no yes" in gate[2] and "Nothing can be told" in gate[2]


def test_what_cannot_be_told_serves_only_with_a_persons_reason_and_can_be_rolled_back_to(spec):
    analyst, boss = someone("analyst"), someone("administrator")
    first = keep_version(watched(spec), 1)
    audited(first, Verdict.UNKNOWN)
    for actor, note in ((analyst, WHY), (boss, ""), (boss, "fine")):
        with pytest.raises(GateFailed, match="that is no yes"):
            services.approve(version=first, actor=actor, note=note, now=NOW)
    services.approve(version=first, actor=boss, note=WHY, now=NOW)
    gate = fair_gate.check(first, NOW)
    assert gate is not None and gate[1] and WHY in gate[2]

    second = keep_version(spec, 2)
    audited(second, Verdict.FINE)
    services.approve(version=second, actor=boss, note=WHY, now=NOW + DAY)
    assert services.roll_back(spec=spec, actor=analyst, now=NOW + 2 * DAY) == first
    # What is found later has to be answered anew.
    first.refresh_from_db()
    audited(first, Verdict.UNKNOWN, NOW + 3 * DAY)
    gate = fair_gate.check(first, NOW + 3 * DAY)
    assert gate is not None and not gate[1]


def test_a_candidate_is_not_better_than_a_champion_it_was_never_held_against(spec):
    analyst = someone("analyst")
    card = {champion_gate.AGAINST: None}
    older, newer = (
        keep_version(spec, number, gates=[BETTER], card=card, trained_at=NOW) for number in (1, 2)
    )
    services.approve(version=newer, actor=analyst, now=NOW + DAY)
    said = {name: (passed, words) for name, passed, words in gates.gates_of(older, now=NOW + DAY)}
    assert said["beats_champion"][0] is False
    assert "never held against version 2, which serves now" in said["beats_champion"][1]
    with pytest.raises(GateFailed, match="has changed since it was trained"):
        services.approve(version=older, actor=analyst, now=NOW + 2 * DAY)
    # What serves passes by what was measured when it was trained.
    assert {n: p for n, p, _ in gates.gates_of(newer, now=NOW)}["beats_champion"] is True


@pytest.mark.parametrize(("gain", "passes"), [(8.0, True), (-8.0, False), (0.01, False)])
def test_what_came_true_beside_the_new_champion_decides(spec, gain, passes):
    older, newer = (keep_version(spec, n, gates=[BETTER], trained_at=NOW) for n in (1, 2))
    services.approve(version=newer, actor=someone("analyst"), now=NOW + DAY)
    older.shadow = {
        "moments": [
            {"champion": 2, "rows": 100, "gain": gain + n / 100, "square": 2.0} for n in range(4)
        ]
        + [{"champion": 1, "rows": 100, "gain": -100.0, "square": 2.0}]
    }
    gate = champion_gate.check(older, NOW + 2 * DAY)
    assert gate is not None and gate[1] is passes and "version 2" in gate[2]


def test_what_was_held_against_the_champion_of_now_keeps_its_verdict(spec):
    first = keep_version(spec, 1, gates=[BETTER], trained_at=NOW)
    services.approve(version=first, actor=someone("analyst"), now=NOW)
    for card in ({champion_gate.AGAINST: 1}, {}):
        number = spec.versions.count() + 1
        second = keep_version(spec, number, gates=[BETTER], card=card, trained_at=NOW + DAY)
        assert champion_gate.check(second, NOW + DAY) == ("beats_champion", True, BETTER[2])
