"""The statistics of experiments by name, JSON in and JSON out: what `stat_ops` offers."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.experiments.domain import (
    bayes,
    comparing,
    counts,
    cuped,
    factorial,
    multiplicity,
    off_policy,
    other_platforms,
    power,
    segments_apart,
    sequential,
    uplift,
)
from apps.experiments.domain.comparing import Moments, RatioMoments
from engine import allocation, bucketing

JSON = Any
Op = Callable[[Mapping[str, JSON]], JSON]


def _growthbook(given: Mapping[str, JSON]) -> JSON:
    seed, value = str(given["seed"]), str(given["value"])
    if given["version"] == 1:
        return {"n": bucketing.fnv1a32(value + seed) % 1000 / 1000}
    if given["version"] == 2:
        return {"n": allocation.position_of(value, seed=seed)}
    return {"n": None, "reason": "The hash has the versions 1 and 2."}


def _ranges(given: Mapping[str, JSON]) -> JSON:
    n = int(given["num_variations"])
    weights = given.get("weights") or [1 / n] * n
    return {"ranges": [list(one) for one in allocation.ranges(weights, given["coverage"])]}


def _choose(given: Mapping[str, JSON]) -> JSON:
    return {"index": allocation.choose(given["n"], [tuple(one) for one in given["ranges"]])}


def _in_namespace(given: Mapping[str, JSON]) -> JSON:
    layer = allocation.Layer(*given["namespace"])
    return {"inside": allocation.in_layer(str(given["unit"]), layer)}


def _assign(given: Mapping[str, JSON]) -> JSON:
    unit, seed = str(given["unit"]), str(given["seed"])
    named = given.get("namespace")
    layer = allocation.Layer(*named) if named else None
    if layer is not None and not allocation.in_layer(unit, layer):
        return {"variation": -1, "n": None}
    arms = allocation.ranges(given["weights"], given["coverage"])
    position = allocation.position_of(unit, seed=seed)
    return {"variation": allocation.choose(position, arms), "n": position}


def _optimizely(given: Mapping[str, JSON]) -> JSON:
    bucket = other_platforms.optimizely_bucket(str(given["bucketing_id"]), str(given["parent_id"]))
    return {"bucket": bucket}


def _unleash(given: Mapping[str, JSON]) -> JSON:
    return {
        "value": other_platforms.unleash_value(
            str(given["group_id"]), str(given["identifier"]), given.get("normalizer", 100),
            given.get("seed", 0),
        )
    }  # fmt: skip


def _two_proportion(given: Mapping[str, JSON]) -> JSON:
    return comparing.compare_rates(*_arms(given), given.get("alpha", 0.05))


def _arms(given: Mapping[str, JSON]) -> tuple[int, int, int, int]:
    return given["x_a"], given["n_a"], given["x_b"], given["n_b"]


def _welch(given: Mapping[str, JSON]) -> JSON:
    if "a" in given:
        a, b = Moments.of(given["a"]), Moments.of(given["b"])
    else:
        a = Moments(given["n_a"], given["mean_a"], given["var_a"])
        b = Moments(given["n_b"], given["mean_b"], given["var_b"])
    return comparing.compare_means(a, b, given.get("alpha", 0.05))


def _ratio(given: Mapping[str, JSON]) -> JSON:
    a = RatioMoments.of(given["num_a"], given["den_a"])
    b = RatioMoments.of(given["num_b"], given["den_b"])
    return comparing.compare_ratios(a, b, given.get("alpha", 0.05))


def _chi_square(given: Mapping[str, JSON]) -> JSON:
    return counts.independence(given["table"], yates=given.get("yates", False))


def _goodness(given: Mapping[str, JSON]) -> JSON:
    return counts.goodness_of_fit(given["observed"], given.get("expected"))


def _srm(given: Mapping[str, JSON]) -> JSON:
    threshold = given.get("threshold", counts.SRM_THRESHOLD)
    return counts.sample_ratio(given["counts"], given["weights"], threshold)


def _n_two_proportion(given: Mapping[str, JSON]) -> JSON:
    p1 = given["p1"]
    if "p2" in given:
        p2 = given["p2"]
    elif "mde_abs" in given:
        p2 = p1 + given["mde_abs"]
    else:
        p2 = p1 * (1 + given["mde_rel"])
    return power.size_for_rates(p1, p2, given["alpha"], given["power"])


def _n_mean(given: Mapping[str, JSON]) -> JSON:
    return power.size_for_means(given["delta"], given["sd"], given["alpha"], given["power"])


def _mde(given: Mapping[str, JSON]) -> JSON:
    return power.detectable_rise(given["p1"], given["n_per_arm"], given["alpha"], given["power"])


def _achieved(given: Mapping[str, JSON]) -> JSON:
    found = power.achieved_power(given["p1"], given["p2"], given["n_per_arm"], given["alpha"])
    if found is None:
        return {"power_unpooled_two_tails": None, "reason": comparing.NO_VARIANCE}
    return {"power_unpooled_two_tails": found}


def _duration(given: Mapping[str, JSON]) -> JSON:
    found = power.days_to_run(
        given["n_per_arm"], given["arms"], given["eligible_units_per_day"], given["allocation"]
    )
    if found is None:
        return {"days": None, "days_rounded_to_weeks": None, "reason": "Nobody comes in a day."}
    return {"days": found[0], "days_rounded_to_weeks": found[1]}


def _cuped(given: Mapping[str, JSON]) -> JSON:
    return cuped.adjust(
        given["pre_a"], given["post_a"], given["pre_b"], given["post_b"], given.get("alpha", 0.05)
    )


def _any_time(given: Mapping[str, JSON]) -> JSON:
    return sequential.any_time(
        given["estimate"], given["se"], given["n_total"], given["alpha"], given["n_star"]
    )


def _msprt(given: Mapping[str, JSON]) -> JSON:
    ratios, p_values = sequential.mixture_ratios(
        given["estimates"], given["variances"], given["tau2"]
    )
    return {"lambda": ratios, "p_always_valid": p_values}


def _group_bounds(given: Mapping[str, JSON]) -> JSON:
    return sequential.group_bounds(given["t"], given["alpha"], given["spending"])


def _adjust(given: Mapping[str, JSON]) -> JSON:
    return multiplicity.corrected(given["p"], given["alpha"])


def _beta_binomial(given: Mapping[str, JSON]) -> JSON:
    first, second = given.get("prior", [1.0, 1.0])
    return bayes.compare_posteriors(*_arms(given), (first, second))


def _effect_normal(given: Mapping[str, JSON]) -> JSON:
    prior = (given["prior_mean"], given["prior_sd"]) if "prior_sd" in given else None
    return bayes.lift_posterior(*_arms(given), prior)


def _two_way(given: Mapping[str, JSON]) -> JSON:
    return factorial.analyse(
        [factorial.Cell(one["levels"], one["n"], one["x"]) for one in given["cells"]]
    )


def _segments(given: Mapping[str, JSON]) -> JSON:
    return segments_apart.effects_apart([_arms(one) for one in given["segments"]])


def _noninferiority(given: Mapping[str, JSON]) -> JSON:
    direction = given.get("direction", "increase_is_good")
    if direction not in ("increase_is_good", "decrease_is_good"):
        raise ValueError("The direction is increase_is_good or decrease_is_good.")
    return segments_apart.guard(
        given["diff"], given["se"], given["margin"], given["alpha"], direction
    )


def _thompson(given: Mapping[str, JSON]) -> JSON:
    posteriors = [(first, second) for first, second in given["posteriors"]]
    floor = given.get("floor", 0.0)
    if floor < 0 or floor * len(posteriors) > 1:
        raise ValueError("The floors of all arms together are at most 1.")
    best = bayes.chances_to_be_best(posteriors)
    free = 1 - len(best) * floor
    return {"prob_best": best, "weights_with_floor": [floor + free * one for one in best]}


def _off_policy(given: Mapping[str, JSON]) -> JSON:
    log = off_policy.log_of(
        given["reward"], given["action"], given["pscore"], given["pi_e"], given.get("q_hat")
    )
    return off_policy.evaluate(log)


def _uplift(given: Mapping[str, JSON]) -> JSON:
    return uplift.rank_quality(given["y"], given["uplift"], given["treatment"], given["k"])


OPS: Final[Mapping[str, Op]] = {
    "bucket.growthbook": _growthbook,
    "bucket.ranges": _ranges,
    "bucket.choose": _choose,
    "bucket.in_namespace": _in_namespace,
    "bucket.assign": _assign,
    "bucket.optimizely": _optimizely,
    "bucket.unleash": _unleash,
    "test.two_proportion": _two_proportion,
    "test.welch": _welch,
    "test.chi_square": _chi_square,
    "test.goodness_of_fit": _goodness,
    "test.ratio_metric": _ratio,
    "test.srm": _srm,
    "power.n_two_proportion": _n_two_proportion,
    "power.n_mean": _n_mean,
    "power.mde_two_proportion": _mde,
    "power.achieved_two_proportion": _achieved,
    "power.duration": _duration,
    "cuped.adjust": _cuped,
    "seq.asymptotic_cs": _any_time,
    "seq.msprt": _msprt,
    "seq.group_bounds": _group_bounds,
    "mult.adjust": _adjust,
    "bayes.beta_binomial": _beta_binomial,
    "bayes.effect_normal": _effect_normal,
    "factorial.two_way": _two_way,
    "het.segments": _segments,
    "guardrail.noninferiority": _noninferiority,
    "bandit.thompson": _thompson,
    "ope.evaluate": _off_policy,
    "uplift.metrics": _uplift,
}
