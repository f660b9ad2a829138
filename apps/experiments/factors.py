"""What the factors of a factorial do: main effects and interactions of its goals. Workers only.

The intervals and p hold however often it is looked at, as those of the arms do; p is adjusted by
Holm for all effects of a goal. The page shows the first goal; "others" holds the rest.

    {"metric", "p_interaction": that any two factors depend on each other, "reason",
     "effects": [{"kind": "main" | "interaction", "name", "against", "diff", "interval", "p",
                  "reason"}],
     "odds": {"main", "main_p", "interaction_lr", "df", "interaction_p"} | null of a conversion:
        the log-odds model, for a look at the planned end alone,
     "others": [the same without "others", ...]}
"""

from collections.abc import Sequence
from typing import Any, Final

from apps.experiments.domain import factorial
from apps.experiments.domain.effects import (
    ANY_TIME,
    FEW,
    NOT_YET,
    SUPPOSED,
    Effect,
    Looking,
    adjusted,
    at_look,
)
from apps.experiments.domain.sequential import any_time
from apps.experiments.domain.sums import Sums
from apps.experiments.models import Experiment, Goal, Metric, Phase
from apps.experiments.phase_sums import PhaseSums

TOO_FEW: Final = "A combination has fewer than two people: nothing can be told of the factors."
FEW_DID: Final = "Fewer than five did it in a combination: too few to judge."
NOTHING_PER: Final = "In a combination there is nothing to divide by."
NO_SPREAD: Final = "Everybody did the same: there is no spread to judge by."
JSON = Any


def factors_told(
    phase: Phase, goals: Sequence[Goal], sums: PhaseSums, looking: Looking
) -> dict[str, JSON] | None:
    """Return what the factors do to each goal that decides; None: it is no factorial."""
    if phase.experiment.kind != Experiment.Kind.FACTORIAL:
        return None
    deciding = [one.metric for one in goals if one.role == Goal.Role.GOAL]
    told = [_of_metric(phase, metric, sums, looking) for metric in deciding]
    return {**told[0], "others": told[1:]} if told else None


def _of_metric(phase: Phase, metric: Metric, sums: PhaseSums, looking: Looking) -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "metric": metric.key,
        "effects": [],
        "p_interaction": None,
        "reason": None,
        "odds": None,
    }
    cells = [(dict(arm["levels"]), sums.of(metric.pk, arm["number"])) for arm in phase.arms]
    is_rate = metric.kind in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
    reason = _refused(cells, is_rate=is_rate, is_ratio=metric.kind == Metric.Kind.RATIO)
    if reason is not None:
        return found | {"reason": reason}
    points = [
        factorial.Point(levels, *_figure(own, is_ratio=metric.kind == Metric.Kind.RATIO))
        for levels, own in cells
    ]
    control = next(dict(arm["levels"]) for arm in phase.arms if arm["is_control"])
    # In the editor's order, which the levels of an arm do not keep.
    order = [str(one["key"]) for one in phase.experiment.factors]
    base = {key: control[key] for key in order if key in control} or control
    contrasts = factorial.contrasts(points, base)
    effects = [_judged(one, [own.n for _, own in cells], looking) for one in contrasts]
    effects = adjusted(effects, looking.alpha, "holm")
    told = [_told(one, effect) for one, effect in zip(contrasts, effects, strict=True)]
    crossed = [
        effect.p
        for one, effect in zip(contrasts, effects, strict=True)
        if len(one.levels) == 2 and effect.p is not None
    ]
    return found | {
        "effects": told,
        # Bonferroni: it holds at every look, as each of them does.
        "p_interaction": min(1.0, min(crossed) * len(crossed)) if crossed else None,
        "odds": _odds(cells) if is_rate else None,
    }


def _refused(
    cells: Sequence[tuple[dict[str, str], Sums]], *, is_rate: bool, is_ratio: bool
) -> str | None:
    if any(own.n < 2 for _, own in cells):
        return TOO_FEW
    if is_rate and any(own.y < FEW for _, own in cells):
        return FEW_DID
    if is_ratio and any(own.d <= 0 for _, own in cells):
        return NOTHING_PER
    return None


def _figure(own: Sums, *, is_ratio: bool) -> tuple[float, float]:
    """A combination's mean or ratio, and the variance of that."""
    if not is_ratio:
        moments = own.moments
        return moments.mean, moments.var / moments.n
    one = own.ratio
    ratio = one.mean_num / one.mean_den
    # The delta method, as for the arms.
    spread = one.var_num - 2 * ratio * one.cov + ratio * ratio * one.var_den
    return ratio, max(spread, 0.0) / (one.n * one.mean_den**2)


def _judged(one: factorial.Contrast, people: Sequence[int], looking: Looking) -> Effect:
    effect = Effect("", diff=one.diff, se=one.se)
    if not one.se:
        return Effect("", diff=one.diff, reason=NO_SPREAD)
    if looking.way != ANY_TIME:
        return at_look(effect, looking.look(min(people)), looking)
    planned = len(people) * looking.per_arm if looking.per_arm else SUPPOSED
    found = any_time(one.diff, one.se, sum(people), looking.alpha, planned)
    return Effect("", diff=one.diff, se=one.se, interval=found.ci, p=found.p_always_valid)


def _told(one: factorial.Contrast, effect: Effect) -> dict[str, JSON]:
    is_main = len(one.levels) == 1
    return {
        "kind": "main" if is_main else "interaction",
        "name": " and ".join(f"{name}: {level}" for name, level in one.levels),
        "against": one.base[0] if is_main else "",
        "diff": effect.diff if effect.reason != NOT_YET else None,
        "interval": None if effect.interval is None else list(effect.interval),
        "p": effect.p_adjusted,
        "reason": effect.reason,
    }


def _odds(cells: Sequence[tuple[dict[str, str], Sums]]) -> dict[str, JSON] | None:
    """The log-odds model, each level beside the first by the alphabet; None: it has no limit."""
    given = [factorial.Cell(levels, own.n, round(own.y)) for levels, own in cells]
    found = factorial.analyse(given)
    if found.reason is not None:
        return None
    return {
        "main": dict(found.main_effect_logodds),
        "main_p": dict(found.main_effect_p),
        "interaction_lr": found.lr_interaction,
        "df": found.df,
        "interaction_p": found.p_interaction,
    }
