"""Every statistic gives the published answers, and never NaN, infinity or an exception."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.insights import stat_ops

CASES = json.loads(Path("tests/vectors/statistics.json").read_text("utf-8"))["cases"]
BY_OP: dict[str, dict[str, Any]] = {case["op"]: case["input"] for case in CASES}


def differences(got: Any, wanted: Any, tolerance: dict[str, float], path: str = "") -> list[str]:
    if isinstance(wanted, dict):
        lacks = not isinstance(got, dict)
        return [
            line
            for key, value in wanted.items()
            for line in differences(
                None if lacks else got.get(key), value, tolerance, f"{path}/{key}"
            )
        ]
    if isinstance(wanted, list):
        if not isinstance(got, list) or len(got) != len(wanted):
            return [f"{path}: {got} is not {wanted}"]
        pairs = enumerate(zip(got, wanted, strict=True))
        return [line for i, (g, w) in pairs for line in differences(g, w, tolerance, f"{path}/{i}")]
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        is_number = isinstance(got, int | float) and not isinstance(got, bool)
        near = tolerance["abs"] + tolerance["rel"] * abs(wanted)
        return [] if is_number and abs(got - wanted) <= near else [f"{path}: {got} is not {wanted}"]
    return [] if got == wanted else [f"{path}: {got} is not {wanted}"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_worked_cases(case: dict[str, Any]) -> None:
    got = stat_ops.answer(case["op"], case["input"])
    assert differences(got, case["expected"], case["tolerance"]) == []


def test_every_statistic_has_a_worked_case() -> None:
    assert set(stat_ops.names()) == set(BY_OP)


NOTHING: list[tuple[str, dict[str, Any]]] = [
    ("test.two_proportion", {"x_a": 0, "n_a": 100, "x_b": 5, "n_b": 100}),
    ("test.two_proportion", {"x_a": 0, "n_a": 0, "x_b": 5, "n_b": 100}),
    ("test.two_proportion", {"x_a": 0, "n_a": 9, "x_b": 0, "n_b": 9}),
    ("test.two_proportion", {"x_a": 12, "n_a": 9, "x_b": 0, "n_b": 9}),
    ("test.welch", {"a": [1, 1, 1], "b": [1, 1]}),
    ("test.welch", {"a": [1], "b": [1, 2]}),
    ("test.welch", {"a": [], "b": []}),
    ("test.chi_square", {"table": [[0, 0], [1, 2]]}),
    ("test.chi_square", {"table": [[1]]}),
    ("test.goodness_of_fit", {"observed": [0, 0]}),
    ("test.ratio_metric", {"num_a": [0, 0], "den_a": [0, 0], "num_b": [1, 2], "den_b": [1, 1]}),
    ("test.srm", {"counts": [0, 0], "weights": [0.5, 0.5]}),
    ("test.srm", {"counts": [5, 5], "weights": [1.0]}),
    ("power.n_two_proportion", {"p1": 0.1, "mde_rel": 0, "alpha": 0.05, "power": 0.8}),
    ("power.n_two_proportion", {"p1": 0, "p2": 0.1, "alpha": 0.05, "power": 0.8}),
    ("power.n_mean", {"delta": 0, "sd": 1, "alpha": 0.05, "power": 0.8}),
    ("power.mde_two_proportion", {"p1": 0.5, "n_per_arm": 3, "alpha": 0.05, "power": 0.8}),
    ("power.duration", {"n_per_arm": 9, "arms": 2, "eligible_units_per_day": 0, "allocation": 1}),
    ("cuped.adjust", {"pre_a": [1, 1], "post_a": [1, 2], "pre_b": [1, 1], "post_b": [3, 4]}),
    ("seq.asymptotic_cs", {"estimate": 1, "se": 0, "n_total": 9, "alpha": 0.05, "n_star": 9}),
    ("seq.msprt", {"estimates": [1], "variances": [0], "tau2": 1}),
    ("seq.group_bounds", {"t": [0.5, 0.5], "alpha": 0.05, "spending": "pocock_ld"}),
    ("seq.group_bounds", {"t": [1], "alpha": 0.05, "spending": "all at once"}),
    ("mult.adjust", {"p": [1.5], "alpha": 0.05}),
    ("bayes.effect_normal", {"x_a": 0, "n_a": 10, "x_b": 1, "n_b": 10}),
    ("factorial.two_way", {"cells": [
        {"levels": {"a": x, "b": y}, "n": 10, "x": 0} for x in "01" for y in "01"
    ]}),
    ("het.segments", {"segments": [{"x_a": 0, "n_a": 1, "x_b": 0, "n_b": 1}]}),
    ("guardrail.noninferiority", {"diff": 0, "se": 0, "margin": 0.1, "alpha": 0.05}),
    ("ope.evaluate", {"reward": [1], "action": [0], "pscore": [0.5], "pi_e": [[0.0, 1.0]]}),
    ("ope.evaluate", {"reward": [1], "action": [0], "pscore": [0], "pi_e": [[1.0]]}),
    ("uplift.metrics", {"y": [1, 0], "uplift": [1, 2], "treatment": [1, 1], "k": 0.5}),
    ("model.metrics", {"y": [1, 1], "p": [0.2, 0.3]}),
    ("model.metrics", {"y": [], "p": []}),
    ("model.ece", {"y": [1], "p": [float("inf")], "bins": 3, "strategy": "uniform"}),
    ("drift.psi_counts", {"expected_counts": [0, 0], "actual_counts": [1, 2], "eps": 0.001}),
    ("drift.ks", {"expected": [], "actual": [1]}),
    ("fairness.audit", {"y_true": [1, 0], "y_pred": [0, 0], "group": ["a", "b"]}),
    ("cluster.indices", {"X": [[0], [1]], "labels": [0, 0]}),
    ("clv.gamma_gamma", {"params": {"p": 6, "q": 1, "v": 15}, "customers": []}),
    ("spc.individuals", {"x": [1]}),
    ("spc.p_chart", {"events": [0, 0], "n": [10, 10]}),
    ("spc.cusum", {"x": [1], "target": 1, "sigma": 0, "k": 1, "h": 1}),
    ("rank.metrics", {"recommended": [[1]], "relevant": [[]], "k": 1}),
    ("path.entropy", {"path": []}),
    ("no.such", {}),
    ("test.srm", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "asked"), NOTHING, ids=[f"{n}-{op}" for n, (op, _) in enumerate(NOTHING)]
)
def test_what_cannot_be_answered_says_why(op: str, asked: dict[str, Any]) -> None:
    got = stat_ops.answer(op, asked)
    assert got["reason"]
    json.dumps(got, allow_nan=False)


NUMBERS = st.one_of(
    st.integers(-3, 10_000),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0, 1, 0.5, -1, 1e300, 1e-300]),
)


def changed(value: Any, draw: Any) -> Any:
    """The input of a worked case with some of its numbers, and lengths, others."""
    if isinstance(value, dict):
        return {key: changed(one, draw) for key, one in value.items()}
    if isinstance(value, list):
        kept = value[: draw(st.integers(0, len(value)))] if draw(st.integers(0, 9)) == 0 else value
        return [changed(one, draw) for one in kept]
    if isinstance(value, int | float) and draw(st.integers(0, 3)) == 0:
        return draw(NUMBERS)
    return value


# Whose work grows with a number that is asked for: a million bins, a million looks.
BOUNDED = sorted(set(BY_OP) - {"model.ece", "rfm.score"})


@settings(max_examples=600, deadline=None)
@given(data=st.data(), op=st.sampled_from(BOUNDED))
@pytest.mark.filterwarnings("ignore")
def test_no_input_makes_an_exception_or_a_number_without_end(data: Any, op: str) -> None:
    got = stat_ops.answer(op, changed(BY_OP[op], data.draw))
    json.dumps(got, allow_nan=False)


def test_the_command_answers_line_by_line(tmp_path: Path, capsys: Any) -> None:
    asked = tmp_path / "asked.jsonl"
    lines = [{"id": case["id"], "op": case["op"], "input": case["input"]} for case in CASES[:20]]
    asked.write_text("\n".join([*map(json.dumps, lines), "", "not json"]), "utf-8")
    call_command("stats_eval", str(asked))
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in answers] == [*(case["id"] for case in CASES[:20]), None]
    assert answers[-1]["output"]["reason"]
    for case, one in zip(CASES[:20], answers[:20], strict=True):
        assert differences(one["output"], case["expected"], case["tolerance"]) == []
