"""Groups side by side, on a field experiment whose disparity is known."""

from uuid import UUID

import numpy as np
import pytest
from django.db import connection

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.predictions.auditing import judge
from apps.predictions.domain import fairness
from apps.predictions.domain.fairness import audit
from apps.predictions.domain.proxies import told_by
from apps.predictions.errors import ModelRefused
from apps.predictions.watched_groups import grouped, groups_of
from apps.profiles import trait_kinds, vault
from apps.profiles.models import TraitKind
from tests.apps.recommendations.world import NOW, make_profile, make_site


def called_back(group: str, letters: int, yes: int) -> list[tuple[int, int, str]]:
    """Résumés of one group: as good as those of the other, some called back."""
    return [(1, int(n < yes), group) for n in range(letters)]


def test_call_backs_by_perceived_race_fail_the_four_fifths_rule() -> None:
    # Bertrand and Mullainathan, American Economic Review 94 (2004), table 1.
    rows = called_back("white", 2_435, 235) + called_back("black", 2_435, 157)
    found = audit(*(list(column) for column in zip(*rows, strict=True)))
    assert found.four_fifths_pass is False
    assert round(found.demographic_parity_ratio or 0, 3) == 0.668
    assert round(found.demographic_parity_difference or 0, 4) == 0.032
    assert round(found.equal_opportunity_difference or 0, 4) == 0.032


def test_equal_groups_pass() -> None:
    rows = called_back("a", 1_000, 100) + called_back("b", 500, 50)
    found = audit(*(list(column) for column in zip(*rows, strict=True)))
    assert found.four_fifths_pass is True
    assert found.demographic_parity_difference == 0.0


def drawn(seed: int, rows: int = 900) -> tuple[list[int], list[int], list[str]]:
    """Outcomes, decisions and groups of three sizes."""
    chance = np.random.default_rng(seed)
    group = chance.choice(["a", "b", "c"], rows, p=[0.6, 0.3, 0.1])
    y = (chance.random(rows) < 0.3).astype(int)
    rate = {"a": 0.5, "b": 0.4, "c": 0.25}
    chosen = (chance.random(rows) < np.array([rate[one] for one in group])).astype(int)
    return y.tolist(), chosen.tolist(), group.tolist()


@pytest.mark.parametrize("seed", range(5), ids=[f"draw-{seed}" for seed in range(5)])
def test_figures_are_those_of_fairlearn(seed: int) -> None:
    metrics = pytest.importorskip("fairlearn.metrics")
    y, chosen, group = drawn(seed)
    found = audit(y, chosen, group)
    given = {"sensitive_features": group}
    assert found.demographic_parity_difference == pytest.approx(
        metrics.demographic_parity_difference(y, chosen, **given)
    )
    assert found.demographic_parity_ratio == pytest.approx(
        metrics.demographic_parity_ratio(y, chosen, **given)
    )
    assert found.equalized_odds_difference == pytest.approx(
        metrics.equalized_odds_difference(y, chosen, **given)
    )
    by_group = metrics.MetricFrame(
        metrics={
            "selected": metrics.selection_rate,
            "hits": metrics.true_positive_rate,
            "alarms": metrics.false_positive_rate,
        },
        y_true=y,
        y_pred=chosen,
        **given,
    ).by_group
    for name, own in fairness.rates(y, chosen, group).items():
        for measure in ("selected", "hits", "alarms"):
            assert own[measure].share == pytest.approx(by_group.loc[name, measure])


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe (1998), table II, method 10: 56/70 less 48/80.
    group = ["a"] * 70 + ["b"] * 80
    chosen = [int(n < 56) for n in range(70)] + [int(n < 48) for n in range(80)]
    (pair,) = fairness.pairs(fairness.rates([0] * 150, chosen, group), fairness.SELECTED)
    assert (pair.low, pair.high) == (
        pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("few", "many", "of", "finding"),
    [(157, 235, 2_435, "unfair"), (6, 9, 93, "unknown"), (85, 100, 1_000, "fine")],
    ids=["surely-less", "may-be-chance", "above-four-fifths"],
)
def test_a_ratio_below_four_fifths_counts_when_it_is_surely_less(
    few: int, many: int, of: int, finding: str
) -> None:
    group = ["few"] * of + ["many"] * of
    chosen = [int(n < few) for n in range(of)] + [int(n < many) for n in range(of)]
    (pair,) = fairness.pairs(fairness.rates([0] * 2 * of, chosen, group), fairness.SELECTED)
    assert (pair.group, pair.most, pair.finding) == ("few", "many", finding)


def test_small_groups_are_not_judged() -> None:
    group = ["a"] * 500 + ["b"] * 29
    assert fairness.pairs(fairness.rates([0] * 529, [1] * 500 + [0] * 29, group), "selected") == []


def test_of_several_groups_chance_alone_rarely_makes_one_look_worse() -> None:
    found = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        group = [f"g{n}" for n in chance.integers(0, 8, 1_600)]
        chosen = (chance.random(1_600) < 0.1).astype(int).tolist()
        pairs = fairness.pairs(fairness.rates([0] * 1_600, chosen, group), fairness.SELECTED)
        found += any(pair.finding == "unfair" for pair in pairs)
    # Each group is held against the one that looks best, which makes it a little more than 5 %.
    assert found <= 20


def test_reweighed_rows_make_outcome_and_group_independent() -> None:
    y, _, group = drawn(1)
    y = [int(t or (g == "a" and n % 2)) for n, (t, g) in enumerate(zip(y, group, strict=True))]
    weight = fairness.reweighed(y, group)
    assert sum(weight) == pytest.approx(len(y))
    rates = {
        name: sum(w for w, t, g in zip(weight, y, group, strict=True) if t and g == name)
        / sum(w for w, g in zip(weight, group, strict=True) if g == name)
        for name in "abc"
    }
    assert max(rates.values()) == pytest.approx(min(rates.values()))
    assert fairness.reweighed([1, 0], ["", ""]) == [1.0, 1.0]


def test_a_threshold_of_its_own_selects_as_many_of_each_group() -> None:
    chance = np.random.default_rng(2)
    group = ["a"] * 400 + ["b"] * 200
    scores = [*chance.beta(2, 5, 400), *chance.beta(2, 9, 200)]
    own = fairness.thresholds(scores, group, 0.25)
    assert own["a"] > own["b"]
    for name, size in (("a", 400), ("b", 200)):
        reached = sum(s >= own[name] for s, g in zip(scores, group, strict=True) if g == name)
        assert reached == size // 4


def people(rows: int = 1_200) -> tuple[np.ndarray, list[str]]:
    """A column that tells the group, one that has nothing to do with it, one of a single person."""
    chance = np.random.default_rng(4)
    group = np.where(chance.random(rows) < 0.5, "a", "b")
    telling = chance.normal(0, 1, rows) + np.where(group == "a", 1.6, 0.0)
    rare = np.zeros(rows)
    rare[np.argmax(group == "a")] = 1.0
    return np.column_stack([telling, chance.normal(0, 1, rows), rare]), group.tolist()


def test_a_feature_that_tells_the_group_is_named_and_one_of_a_single_person_never() -> None:
    x, group = people()
    found = told_by(["visits", "noise", "category:my own name"], x, group, seed=0)
    assert [(one.name, one.alone) for one in found.proxies] == [("visits", True)]
    assert found.proxies[0].auc == pytest.approx(0.87, abs=0.03)
    assert found.rest is not None and found.rest <= 0.55


def test_features_that_tell_the_group_only_together_are_found() -> None:
    chance = np.random.default_rng(5)
    group = np.where(chance.random(2_000) < 0.5, "a", "b")
    x = chance.normal(0, 1, (2_000, 12)) + np.where(group == "a", 0.45, 0.0)[:, None]
    x[:, 10:] = chance.normal(0, 1, (2_000, 2))
    names = [f"f{n}" for n in range(12)]
    found = told_by(names, x, group.tolist(), seed=0)
    assert found.together is not None and found.together > 0.7
    assert found.rest is not None and found.rest <= 0.55
    assert not any(one.alone for one in found.proxies)
    assert not {"f10", "f11"} & {one.name for one in found.proxies}


def test_groups_are_made_of_values_as_they_come() -> None:
    assert grouped(["f", None, "m ", True, ["x"]]) == ["f", "", "m", "yes", ""]
    ages = grouped([*range(20, 60), None, "old"])
    assert ages[0] == "below 30" and ages[39] == "50 or more" and ages[40:] == ["", ""]
    many = grouped([f"city-{n % 40}" for n in range(400)])
    assert len(set(many)) == 13 and "other" in many


def test_nobody_reaches_the_threshold_of_a_rare_event_so_the_likeliest_are_taken() -> None:
    chance = np.random.default_rng(6)
    foreseen = chance.beta(1, 20, 2_000)
    y = (chance.random(2_000) < foreseen).astype(float)
    found = judge("", foreseen, y, ["a", "b"] * 1_000, 0.75)
    assert found.cut_words.startswith("the likeliest")
    chosen = sum(one["selected"].yes for one in found.rates.values())
    assert chosen == int(y.sum())


def with_trait(site: Site, value: object, *, granted: int = 0) -> UUID:
    """Somebody who has told something about themselves, kept as the site keeps it."""
    profile_id = make_profile(site)
    kept = value if value is None else vault.seal_value(site.pk, profile_id, "belief", value)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE profiles_profilestate SET granted = %s,"
            " traits = jsonb_build_object('belief', jsonb_build_array(%s::text, 0, 'm', 0))"
            " WHERE profile_id = %s",
            [granted, kept, str(profile_id)],
        )
    return profile_id


def test_a_sensitive_trait_is_opened_only_for_who_agreed_to_that(db: None) -> None:
    site = make_site()
    TraitKind.objects.create(site=site, key="belief", kind="sensitive")
    trait_kinds.forget_kept()
    said_yes = with_trait(site, "a", granted=int(Purpose.SENSITIVE))
    said_nothing = with_trait(site, "a")
    assert groups_of(site.pk, [said_nothing, said_yes], "belief", now=NOW) == ["", "a"]


def test_a_trait_that_names_people_makes_no_groups(db: None) -> None:
    with pytest.raises(ModelRefused, match="names or reaches a person"):
        groups_of(make_site().pk, [], "email", now=NOW)
