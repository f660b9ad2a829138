"""The arithmetic of models by name, JSON in and JSON out: what `stat_ops` offers. Workers only."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.predictions.domain import (
    classifying,
    clustering,
    drifting,
    fairness,
    lifetime,
    paths,
)

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _metrics(given: Mapping[str, JSON]) -> JSON:
    return classifying.report(given["y"], given["p"], given.get("threshold", 0.5))


def _ece(given: Mapping[str, JSON]) -> JSON:
    strategy = given.get("strategy", "uniform")
    if strategy not in ("uniform", "quantile"):
        raise ValueError("The strategy is uniform or quantile.")
    return classifying.calibration(given["y"], given["p"], given["bins"], strategy)


def _threshold(given: Mapping[str, JSON]) -> JSON:
    return classifying.best_thresholds(given["y"], given["p"], given["gain_tp"], given["cost_fp"])


def _psi(given: Mapping[str, JSON]) -> JSON:
    return drifting.shift_of_values(
        given["expected"], given["actual"], given["edges"], given["eps"]
    )


def _psi_counts(given: Mapping[str, JSON]) -> JSON:
    return drifting.shift_of_counts(given["expected_counts"], given["actual_counts"], given["eps"])


def _ks(given: Mapping[str, JSON]) -> JSON:
    return drifting.distance(given["expected"], given["actual"])


def _audit(given: Mapping[str, JSON]) -> JSON:
    return fairness.audit(given["y_true"], given["y_pred"], given["group"])


def _indices(given: Mapping[str, JSON]) -> JSON:
    return clustering.indices(given["X"], given["labels"])


def _dbscan(given: Mapping[str, JSON]) -> JSON:
    return clustering.dbscan(given["X"], given["eps"], given["min_samples"])


def _agreement(given: Mapping[str, JSON]) -> JSON:
    return clustering.agreement(given["a"], given["b"])


def _columns(given: Mapping[str, JSON], *names: str) -> list[lifetime.Vector]:
    return [lifetime.as_vector([one[name] for one in given["customers"]]) for name in names]


def _bgnbd(given: Mapping[str, JSON]) -> JSON:
    by = lifetime.Buying(**given["params"])
    x, t_x, age = _columns(given, "x", "t_x", "T")
    foreseen = lifetime.expected_purchases(by, given["horizon"], x, t_x, age)
    alive = lifetime.chance_alive(by, x, t_x, age)
    return {
        "customers": [
            {"expected_purchases": float(purchases), "p_alive": float(chance)}
            for purchases, chance in zip(foreseen, alive, strict=True)
        ]
    }


def _gamma_gamma(given: Mapping[str, JSON]) -> JSON:
    by = lifetime.Spending(**given["params"])
    if by.q <= 1:
        return {"expected_value": None, "reason": "With q at most 1 no mean exists."}
    x, value = _columns(given, "x", "mean_value")
    return {"expected_value": [float(one) for one in lifetime.expected_spending(by, x, value)]}


def _path(given: Mapping[str, JSON]) -> JSON:
    return paths.path_of(given["path"])


OPS: Final[Mapping[str, Op]] = {
    "model.metrics": _metrics,
    "model.ece": _ece,
    "model.threshold": _threshold,
    "drift.psi": _psi,
    "drift.psi_counts": _psi_counts,
    "drift.ks": _ks,
    "fairness.audit": _audit,
    "cluster.indices": _indices,
    "cluster.dbscan": _dbscan,
    "cluster.agreement": _agreement,
    "clv.bgnbd_predict": _bgnbd,
    "clv.gamma_gamma": _gamma_gamma,
    "path.entropy": _path,
}
