"""What an experiment says now, from its sums. Workers only (scipy).

The result is a document that the page shows and that can be downloaded:

    {"participants", "planned", "days", "looking", "alpha",
     "arms": [{"number", "key", "name", "n", "weight", "is_control", "is_stopped"}],
     "health": [one for each check, see `health`],
     "metrics": [{"key", "name", "kind", "role", "direction", "margin", "is_late", "left_out",
                  "effects": [Effect as JSON, "bayes": {...} | null,
                              "post_stratified": {...} | null (see `strata`)],
                  "segments": [one for each arm, see `apart`] | null}],
     "verdict": {"kind", "arm", "words"},
     "currencies": {key of a metric that adds up amounts: those seen} (see `money`),
     "bandit": {...} | null (see `bandit_results.bandit_told`),
     "factorial": {...} | null (see `factors`)}

The figures of a bandit are weighted by the probabilities that were served.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.experiments import money, strata
from apps.experiments.apart import SMALLEST, Apart
from apps.experiments.bandit_counting import COUNTED
from apps.experiments.bandit_results import bandit_told, weighted_sums
from apps.experiments.domain.effects import (
    ANY_TIME,
    PLANNED,
    TOO_LARGE,
    Effect,
    Looking,
    adjusted,
    effect_of,
    guarded,
    quantile_effect,
    rates_of,
)
from apps.experiments.domain.quantiles import Sampled
from apps.experiments.domain.verdicts import Check, Judged, Standing, Verdict, verdict_of
from apps.experiments.factors import factors_told
from apps.experiments.health import health
from apps.experiments.health_reads import Facts, facts_of
from apps.experiments.models import Goal, Look, Metric, Phase, Result
from apps.experiments.phase_sums import (
    Known,
    PhaseSums,
    answers_of,
    look_of,
    open_arms_of,
    samples_of,
    sums_of,
    sums_of_all,
)

TOGETHER: Final = 25  # phases whose results are worked out at once
JSON = Any
NOT_WEIGHTED: Final = (
    "The shares of a bandit move: only shares of people and averages are weighted for that."
)


def analyse(phase: Phase, *, now: datetime) -> dict[str, JSON]:
    """Work the result of a phase out anew, keep it, and return it. Some ten queries."""
    [found] = analyse_all([phase], now=now)
    return found.document


@dataclass(frozen=True, slots=True)
class Analysed:
    """A phase's result, and what it was made of."""

    document: dict[str, JSON]
    known: Known


def analyse_all(phases: Sequence[Phase], *, now: datetime) -> list[Analysed]:
    """Work the results of several phases out anew, keep them, and return them in this order.

    What they are made of is read at once, and written at once: ten queries for all, and a few more
    of bandits, planned looks and bad checks. Give at most `TOGETHER`: all their sums are held at a
    time. Each phase comes with its experiment and its site.
    """
    goals = _goals_of(phases)
    facts = facts_of(phases)
    sums, answers = sums_of_all(phases), answers_of(phases, now)
    quantiles = {
        goal.metric_id
        for own in goals.values()
        for goal in own
        if goal.metric.kind == Metric.Kind.QUANTILE
    }
    for pk, samples in samples_of(phases, quantiles).items():
        sums[pk].samples = samples
    currencies = money.currencies_of(phases, goals)
    found, results, looks = [], [], []
    for phase in phases:
        own, judged_by = facts[phase.pk], goals.get(phase.experiment_id, [])
        known = Known(
            own.people, sums[phase.pk], judged_by, answers[phase.pk], own.resumed_at,
            money.mixed(judged_by, currencies[phase.pk]),
        )  # fmt: skip
        document, effects = _worked_out(phase, own, known, now)
        document["currencies"] = currencies[phase.pk]
        found.append(Analysed(document, known))
        results.append(Result(phase=phase, worked_out_at=now, document=document))
        looks.append(_look(phase, known.goals, effects, now.date()))
    _keep(results, looks)
    return found


def _goals_of(phases: Sequence[Phase]) -> dict[UUID, list[Goal]]:
    found: dict[UUID, list[Goal]] = {}
    rows = Goal.objects.filter(experiment__in={phase.experiment_id for phase in phases})
    for goal in rows.select_related("metric").order_by("pk"):
        found.setdefault(goal.experiment_id, []).append(goal)
    return found


@transaction.atomic
def _keep(results: Sequence[Result], looks: Sequence[Look]) -> None:
    Result.objects.bulk_create(
        results,
        update_conflicts=True,
        unique_fields=["phase"],
        update_fields=["worked_out_at", "document"],
    )
    Look.objects.bulk_create(
        looks, update_conflicts=True, unique_fields=["phase", "day"], update_fields=["figures"]
    )


def _worked_out(
    phase: Phase, facts: Facts, known: Known, now: datetime
) -> tuple[dict[str, JSON], Mapping[UUID, Sequence[Effect]]]:
    """The document of one phase, and its effects by metric."""
    experiment, people = phase.experiment, known.people
    goals, sums = known.goals, known.sums
    sums.all.update(weighted_sums(phase, [goal.metric for goal in goals]))
    checks = health(phase, facts, known)
    judged, looking = _judged(phase, goals, sums, now.date())
    sums.forget(known.mixed)
    judged.forget(known.mixed)
    effects = _effects(phase, goals, judged, looking)
    for metric_id, why in known.mixed.items():
        effects[metric_id] = [replace(one, reason=why) for one in effects[metric_id]]
    verdict = _verdict(phase, goals, effects, checks, (people, looking), now)
    document = {
        "participants": sum(people.values()),
        "planned": experiment.per_arm,
        "days": _days(phase, now),
        "looking": experiment.looking,
        "alpha": experiment.alpha,
        "arms": [
            {name: arm[name] for name in ("number", "key", "name", "weight", "is_control")}
            | {"n": people.get(arm["number"], 0), "is_stopped": arm["key"] in phase.stopped}
            for arm in phase.arms
        ],
        "health": [asdict(check) for check in checks],
        "metrics": [
            _told(phase, goal, effects[goal.metric_id], judged, looking)
            | {"left_out": sums.left_out[goal.metric_id]}
            for goal in goals
        ],
        "verdict": asdict(verdict),
        "bandit": bandit_told(phase, known.mixed, now=now),
        "factorial": factors_told(phase, goals, judged, looking),
    }
    return document, effects


def _judged(
    phase: Phase, goals: Sequence[Goal], sums: PhaseSums, today: date
) -> tuple[PhaseSums, Looking]:
    """The sums that may be looked at, and how: a planned look sees nothing of what came after."""
    experiment = phase.experiment
    looking = Looking(ANY_TIME, experiment.alpha, experiment.per_arm, experiment.looks)
    decides = next((one for one in goals if one.role == Goal.Role.GOAL), None)
    planned = experiment.per_arm
    if experiment.looking != PLANNED or not planned or phase.bandit or decides is None:
        return sums, looking
    reached, day = look_of(phase, sums, decides.metric_id, (planned, experiment.looks), today)
    judged = sums if day is None else sums_of(phase, upto=day)
    return judged, replace(looking, way=PLANNED, reached=reached)


def _control(phase: Phase) -> int:
    return next(int(arm["number"]) for arm in phase.arms if arm["is_control"])


def _effects(
    phase: Phase, goals: Sequence[Goal], sums: PhaseSums, looking: Looking
) -> dict[UUID, list[Effect]]:
    """The effects of every metric, adjusted: Holm for what decides, Benjamini-Hochberg else."""
    control = _control(phase)
    found: dict[UUID, list[Effect]] = {}
    for goal in goals:
        metric = goal.metric
        own = [
            _effect(phase, metric, control, arm, sums, looking)
            for arm in phase.arms
            if not arm["is_control"]
        ]
        if goal.role == Goal.Role.GUARDRAIL and goal.margin:
            own = [guarded(one, goal.margin, metric.direction, looking) for one in own]
        found[metric.pk] = own
    # What was added after the start decides nothing, and takes nothing from what does.
    decide = [one for one in goals if one.role == "goal" and one.added_at <= phase.started_at]
    others = [one for one in goals if one.role != "guardrail" and one not in decide]
    for chosen, method in ((decide, "holm"), (others, "bh")):
        ids = [goal.metric_id for goal in chosen]
        flat = iter(adjusted([one for pk in ids for one in found[pk]], looking.alpha, method))
        for pk in ids:
            found[pk] = [next(flat) for _ in found[pk]]
    return found


def _effect(
    phase: Phase,
    metric: Metric,
    control: int,
    arm: Mapping[str, JSON],
    sums: PhaseSums,
    looking: Looking,
) -> Effect:
    if metric.kind == Metric.Kind.QUANTILE:
        own = sums.sampled(phase, metric.pk)
        before, after = own.get(control, Sampled()), own.get(arm["number"], Sampled())
        return quantile_effect(arm["key"], before, after, metric.quantile, looking)
    if phase.bandit and metric.kind not in COUNTED:
        return Effect(arm["key"], reason=NOT_WEIGHTED)
    return effect_of(
        arm["key"],
        sums.of(metric.pk, control),
        sums.of(metric.pk, arm["number"]),
        metric.kind,
        looking,
    )


def _days(phase: Phase, now: datetime) -> int:
    """How many whole days it ran, or has run: what is late adds no time to what is over."""
    return (min(now, phase.ended_at or now) - phase.started_at) // timedelta(days=1)


def _verdict(
    phase: Phase,
    goals: Sequence[Goal],
    effects: Mapping[UUID, Sequence[Effect]],
    checks: Sequence[Check],
    seen: tuple[Mapping[int, int], Looking],
    now: datetime,
) -> Verdict:
    experiment, (people, looking) = phase.experiment, seen

    def judged(role: str) -> list[Judged]:
        return [
            Judged(goal.metric.name, goal.metric.direction, effects[goal.metric_id])
            for goal in goals
            if goal.role == role and goal.added_at <= phase.started_at
        ]

    least = min((people.get(arm["number"], 0) for arm in open_arms_of(phase)), default=0)
    if looking.reached is not None and looking.reached < looking.looks and experiment.per_arm:
        least = min(least, experiment.per_arm - 1)  # the last look has not been made
    standing = Standing(
        days=_days(phase, now),
        min_days=experiment.min_days,
        least=least,
        planned=experiment.per_arm,
        stopped=frozenset(phase.stopped),
    )
    return verdict_of(
        judged(Goal.Role.GOAL),
        judged(Goal.Role.GUARDRAIL),
        checks,
        standing,
        experiment.alpha,
        {arm["key"]: arm["name"] for arm in phase.arms},
    )


def _told(
    phase: Phase, goal: Goal, effects: Sequence[Effect], sums: PhaseSums, looking: Looking
) -> dict[str, JSON]:
    metric, control = goal.metric, _control(phase)
    numbers = {arm["key"]: arm["number"] for arm in phase.arms}
    apart = Apart(
        phase.arms,
        phase.segments,
        control,
        metric.kind,
        looking,
        lambda arm, segment: sums.of(metric.pk, arm, segment),
    )
    rows = []
    for effect in effects:
        row = {name: _plain(value) for name, value in asdict(effect).items()}
        if row["interval"] is None and not row["reason"]:
            row["reason"] = TOO_LARGE
        row["bayes"] = None
        row["post_stratified"] = _plain(
            strata.told(
                phase, metric.pk, metric.kind, sums, effect, (control, numbers[effect.arm]),
                looking,
            )
        )  # fmt: skip
        is_share = metric.kind in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
        if is_share and effect.n and not phase.bandit:
            own = sums.of(metric.pk, numbers[effect.arm])
            row["bayes"] = _plain(dict(rates_of(sums.of(metric.pk, control), own)))
        rows.append(row)
    return {
        "key": metric.key,
        "name": metric.name,
        "kind": metric.kind,
        "role": goal.role,
        "direction": metric.direction,
        "margin": goal.margin,
        "is_late": goal.added_at > phase.started_at,
        "effects": rows,
        "segments": None if phase.bandit else _plain(apart.told()),
    }


def _look(
    phase: Phase, goals: Sequence[Goal], effects: Mapping[UUID, Sequence[Effect]], day: date
) -> Look:
    figures = [
        [goal.metric.key, one.arm, _plain(one.diff), *(_plain(one.interval) or [None, None])]
        for goal in goals
        for one in effects[goal.metric_id]
        if min(one.n, one.n_control) >= SMALLEST  # a day that is kept is told later
    ]
    return Look(phase=phase, day=day, figures=figures)


def _plain(value: JSON) -> JSON:
    """The same without numbers that JSON has not."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
    return value
