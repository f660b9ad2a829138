"""What an experiment says now, from its sums. Workers only (scipy).

The result is a document that the page shows and that can be downloaded:

    {"participants", "planned", "days", "looking", "alpha",
     "arms": [{"number", "key", "name", "n", "weight", "is_control", "is_stopped"}],
     "health": [{"name", "level", "words"}],
     "metrics": [{"key", "name", "kind", "role", "direction", "margin", "is_late", "left_out",
                  "effects": [Effect as JSON, "bayes": {...} | null],
                  "segments": {"rows": [...], "p_heterogeneity", "i2", "reason"} | null}],
     "verdict": {"kind", "arm", "words"}}
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from apps.experiments.domain.comparing import compare_means, two_sided
from apps.experiments.domain.counts import independence, sample_ratio
from apps.experiments.domain.effects import (
    Effect,
    Looking,
    adjusted,
    effect_of,
    guarded,
    rates_of,
)
from apps.experiments.domain.segments_apart import effects_apart
from apps.experiments.domain.sums import NAMES, Sums, total
from apps.experiments.domain.verdicts import Check, Judged, Standing, Verdict, verdict_of
from apps.experiments.models import DaySum, Goal, Look, Metric, Phase, Result

SMALLEST: Final = 10  # people of a segment in an arm, that something is told of
MIXED_SHARE: Final = 0.02
UNBALANCED_P: Final = 0.001
CAUSES: Final = ("day", "browser", "country", "device")
JSON = Any


def analyse(phase: Phase, *, now: datetime) -> dict[str, JSON]:
    """Work the result of a phase out anew, keep it, and return it. Some ten queries."""
    experiment = phase.experiment
    goals = list(Goal.objects.filter(experiment=experiment).select_related("metric").order_by("pk"))
    sums = _sums(phase)
    people = _people(phase)
    health = _health(phase, people, sums, goals)
    looking = Looking(experiment.looking, experiment.alpha, experiment.per_arm, experiment.looks)
    effects = _effects(phase, goals, sums, looking)
    verdict = _verdict(phase, goals, effects, health, people, now)
    document = {
        "participants": sum(people.values()),
        "planned": experiment.per_arm,
        "days": (now - phase.started_at).days,
        "looking": experiment.looking,
        "alpha": experiment.alpha,
        "arms": [
            {name: arm[name] for name in ("number", "key", "name", "weight", "is_control")}
            | {"n": people[arm["number"]], "is_stopped": arm["key"] in phase.stopped}
            for arm in phase.arms
        ],
        "health": [asdict(check) for check in health],
        "metrics": [_told(phase, goal, effects[goal.metric_id], sums) for goal in goals],
        "verdict": asdict(verdict),
    }
    Result.objects.update_or_create(
        phase=phase, defaults={"worked_out_at": now, "document": document}
    )
    _keep_look(phase, goals, effects, now.date())
    return document


class _Of:
    """The sums of a phase by (metric, arm, segment), all days together."""

    def __init__(self) -> None:
        self.all: dict[tuple[UUID, int, str], Sums] = {}
        self.left_out: Counter[UUID] = Counter()
        self.segments: dict[UUID, set[str]] = {}

    def of(self, metric_id: UUID, arm: int, segment: str = "") -> Sums:
        return self.all.get((metric_id, arm, segment), Sums())


def _sums(phase: Phase) -> _Of:
    found = _Of()
    parts: dict[tuple[UUID, int, str], list[Sums]] = {}
    rows = DaySum.objects.filter(phase=phase).order_by("day", "pk")
    for metric_id, arm, segment, left_out, *numbers in rows.values_list(
        "metric_id", "arm", "segment", "left_out", *NAMES
    ):
        parts.setdefault((metric_id, arm, segment), []).append(Sums(*numbers))
        if segment:
            found.segments.setdefault(metric_id, set()).add(segment)
        else:
            found.left_out[metric_id] += left_out
    found.all = {name: total(one) for name, one in parts.items()}
    return found


def _people(phase: Phase) -> Counter[int]:
    """Participants by arm, without those who were shown several, and bots."""
    rows = phase.participants.filter(is_mixed=False, is_bot=False)
    return Counter(dict(rows.values_list("arm").annotate(n=Count("pk")).order_by()))


def _control(phase: Phase) -> int:
    return next(int(arm["number"]) for arm in phase.arms if arm["is_control"])


def _effects(
    phase: Phase, goals: Sequence[Goal], sums: _Of, looking: Looking
) -> dict[UUID, list[Effect]]:
    """The effects of every metric, adjusted: Holm for what decides, Benjamini-Hochberg else."""
    control = _control(phase)
    found: dict[UUID, list[Effect]] = {}
    for goal in goals:
        metric = goal.metric
        own = [
            effect_of(
                arm["key"],
                sums.of(metric.pk, control),
                sums.of(metric.pk, arm["number"]),
                metric.kind,
                looking,
            )
            for arm in phase.arms
            if not arm["is_control"]
        ]
        if goal.role == Goal.Role.GUARDRAIL and goal.margin:
            own = [guarded(one, goal.margin, metric.direction, looking) for one in own]
        found[metric.pk] = own
    for role, method in ((Goal.Role.GOAL, "holm"), (Goal.Role.WATCHED, "bh")):
        ids = [goal.metric_id for goal in goals if goal.role == role]
        flat = iter(adjusted([one for pk in ids for one in found[pk]], looking.alpha, method))
        for pk in ids:
            found[pk] = [next(flat) for _ in found[pk]]
    return found


def _health(
    phase: Phase, people: Mapping[int, int], sums: _Of, goals: Sequence[Goal]
) -> list[Check]:
    return [
        _split(phase, people),
        _mixed(phase),
        _balance(phase, sums, goals),
        *_late(phase, goals),
        *_goes_by(phase, goals, sums),
        *([_unplanned()] if phase.experiment.is_unplanned else []),
    ]


def _split(phase: Phase, people: Mapping[int, int]) -> Check:
    """Whether the arms got their shares, and if not, where they did not."""
    if phase.experiment.kind == "bandit":
        return Check("split", "fine", "The shares of a bandit move: none is expected.")
    counts = [people.get(arm["number"], 0) for arm in phase.arms]
    found = sample_ratio(counts, [arm["weight"] for arm in phase.arms])
    if found.srm is None:
        return Check("split", "watch", found.reason or "Nobody has been exposed yet.")
    if not found.srm:
        return Check("split", "fine", f"The arms got their shares (p = {found.p:.3g}).")
    planned = ", ".join(f"{arm['weight']:.0%}" for arm in phase.arms)
    got = ", ".join(f"{count:,}" for count in counts)
    words = f"The arms did not get their shares: {got} participants for {planned}."
    return Check("split", "bad", f"{words} {_cause(phase)}".strip())


def _cause(phase: Phase) -> str:
    """What the arms differ by most, of what is known of participants."""
    least: tuple[float, str] | None = None
    for name in CAUSES:
        column = "day" if name == "day" else f"facts__{name}"
        rows = phase.participants.filter(is_mixed=False).values_list(column, "arm")
        table: dict[Any, Counter[int]] = {}
        for value, arm, n in rows.annotate(n=Count("pk")).order_by():
            table.setdefault(value, Counter())[arm] += n
        numbers = [arm["number"] for arm in phase.arms if arm["weight"] > 0]
        cells = [[row[number] for number in numbers] for row in table.values()]
        if len(cells) < 2 or len(numbers) < 2:
            continue
        p = independence([row for row in cells if sum(row)]).p
        if p is not None and (least is None or p < least[0]):
            least = (p, name)
    if least is None or least[0] > UNBALANCED_P:
        return "It is not by one day, browser, country or device: look at how exposures are sent."
    return f"They differ by {least[1]}: look there first."


def _mixed(phase: Phase) -> Check:
    mixed, everybody = (
        phase.participants.filter(is_mixed=True).count(),
        phase.participants.count(),
    )
    share = mixed / everybody if everybody else 0.0
    if share <= MIXED_SHARE:
        return Check("mixed", "fine", f"{share:.1%} were shown several arms, and are left out.")
    if phase.experiment.kind == "bandit":
        return Check("mixed", "watch", f"{share:.0%} were shown several arms, as bandits do.")
    return Check(
        "mixed",
        "bad",
        f"{share:.0%} were shown several arms: people who have several devices, or an id that "
        "changes. Split by who is logged in, or find out why ids change.",
    )


def _balance(phase: Phase, sums: _Of, goals: Sequence[Goal]) -> Check:
    """Whether the arms were alike before they were shown anything."""
    control = _control(phase)
    for goal in goals:
        if goal.metric.kind in (Metric.Kind.RATIO, Metric.Kind.QUANTILE):
            continue
        before = sums.of(goal.metric_id, control)
        for arm in phase.arms:
            own = sums.of(goal.metric_id, arm["number"])
            found = compare_means(_past(before), _past(own))
            if found.diff is None or not found.se:
                continue
            if two_sided(found.diff / found.se) < UNBALANCED_P:
                words = (
                    f"'{arm['name']}' was different in '{goal.metric.name}' before anything was "
                    "shown: the split is not by chance alone."
                )
                return Check("balance", "bad", words)
    return Check("balance", "fine", "The arms were alike before they were shown anything.")


def _past(sums: Sums) -> Any:
    """The moments of what they did before."""
    return Sums(n=sums.n, y=sums.x, yy=sums.xx).moments


def _late(phase: Phase, goals: Sequence[Goal]) -> list[Check]:
    late = [goal.metric.name for goal in goals if goal.added_at > phase.started_at]
    if not late:
        return []
    return [
        Check("late", "watch", f"Added after the start, so it does not decide: {', '.join(late)}.")
    ]


def _goes_by(phase: Phase, goals: Sequence[Goal], sums: _Of) -> list[Check]:
    """Goals that nobody has ever reached: perhaps the event has another name."""
    found = []
    for goal in goals:
        own = [sums.of(goal.metric_id, arm["number"]) for arm in phase.arms]
        if sum(one.n for one in own) >= 100 and not any(one.y for one in own):
            found.append(
                Check(
                    "never",
                    "watch",
                    f"Nobody of {sum(one.n for one in own):,} has come to '{goal.metric.name}': "
                    f"is the event really called '{goal.metric.event}'?",
                )
            )
        if left := sums.left_out[goal.metric_id]:
            words = (
                f"{left:,} events do not count in '{goal.metric.name}': they have another "
                "currency, or not the number that is asked for."
            )
            found.append(Check("left_out", "watch", words))
    return found


def _unplanned() -> Check:
    return Check("unplanned", "watch", "It was started without saying how large it has to be.")


def _verdict(
    phase: Phase,
    goals: Sequence[Goal],
    effects: Mapping[UUID, Sequence[Effect]],
    health: Sequence[Check],
    people: Mapping[int, int],
    now: datetime,
) -> Verdict:
    experiment = phase.experiment

    def judged(role: str) -> list[Judged]:
        return [
            Judged(goal.metric.name, goal.metric.direction, effects[goal.metric_id])
            for goal in goals
            if goal.role == role and goal.added_at <= phase.started_at
        ]

    standing = Standing(
        days=(now - phase.started_at) // timedelta(days=1),
        min_days=experiment.min_days,
        least=min((people.get(arm["number"], 0) for arm in phase.arms), default=0),
        planned=experiment.per_arm,
    )
    return verdict_of(
        judged(Goal.Role.GOAL),
        judged(Goal.Role.GUARDRAIL),
        health,
        standing,
        experiment.alpha,
        {arm["key"]: arm["name"] for arm in phase.arms},
    )


def _told(phase: Phase, goal: Goal, effects: Sequence[Effect], sums: _Of) -> dict[str, JSON]:
    metric, control = goal.metric, _control(phase)
    numbers = {arm["key"]: arm["number"] for arm in phase.arms}
    rows = []
    for effect in effects:
        row = {name: _plain(value) for name, value in asdict(effect).items()}
        row["bayes"] = None
        if metric.kind in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION) and effect.n:
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
        "left_out": sums.left_out[metric.pk],
        "effects": rows,
        "segments": _apart(phase, goal, sums),
    }


def _apart(phase: Phase, goal: Goal, sums: _Of) -> dict[str, JSON] | None:
    """Effects by segment, of the first arm that is not the control, of rates only."""
    metric, control = goal.metric, _control(phase)
    if metric.kind not in (Metric.Kind.CONVERSION, Metric.Kind.RETENTION) or not phase.segments:
        return None
    arm = next(one for one in phase.arms if not one["is_control"])
    rows, cells = [], []
    for key in phase.segments:
        a, b = sums.of(metric.pk, control, key), sums.of(metric.pk, arm["number"], key)
        row: dict[str, JSON] = {"segment": key, "n": None, "reason": "Too small to be told."}
        if min(a.n, b.n) >= SMALLEST:
            cells.append((int(a.y), a.n, int(b.y), b.n))
            row = {"segment": key, "n": a.n + b.n, "place": len(cells) - 1, "reason": None}
        rows.append(row)
    found = effects_apart(cells) if cells else None
    for row in rows:
        place = row.pop("place", None)
        if found is not None and place is not None:
            row |= {"diff": _plain(found.diffs[place]), "p": _plain(found.p_holm[place])}
    return {
        "arm": arm["key"],
        "rows": rows,
        "p_heterogeneity": None if found is None else _plain(found.p_heterogeneity),
        "i2": None if found is None else _plain(found.I2),
        "reason": None if found is None else found.reason,
    }


def _keep_look(
    phase: Phase, goals: Sequence[Goal], effects: Mapping[UUID, Sequence[Effect]], day: date
) -> None:
    figures = [
        [goal.metric.key, one.arm, _plain(one.diff), *(_plain(one.interval) or [None, None])]
        for goal in goals
        for one in effects[goal.metric_id]
    ]
    Look.objects.update_or_create(phase=phase, day=day, defaults={"figures": figures})


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
