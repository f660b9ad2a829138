"""The results page of an experiment: its document in words and pictures.

Whatever a document lacks is said to be missing and why; nothing here fails for want of a key.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.studio.domain import experiment_figures as say
from apps.studio.domain.experiment_plots import (
    Looks,
    Panel,
    Scale,
    Whisker,
    panels,
    seen_by_arm,
)

JSON = Any
SHADES: Final = 8
NO_REASON: Final = "It cannot be told from what has been counted so far."
LEVELS: Final[Mapping[str, str]] = {
    "winner": "ok", "unhealthy": "bad", "harm": "bad", "worse": "warn", "early": "info",
    "open": "info", "no_difference": "info",
}  # fmt: skip
HEADINGS: Final[Mapping[str, str]] = {
    "winner": "There is a winner",
    "unhealthy": "The numbers cannot be believed",
    "harm": "An arm does harm",
    "worse": "An arm is worse",
    "early": "Too early to say",
    "open": "Not decided yet",
    "no_difference": "No difference was found",
}
KINDS: Final[Mapping[str, str]] = {
    "conversion": "share of participants who did it",
    "retention": "share of participants who came back",
    "mean": "average for each participant",
    "ratio": "one sum divided by another",
    "quantile": "quantile of single values",
}
ROLES: Final[Mapping[str, str]] = {
    "goal": "Goal", "guardrail": "Guardrail", "watched": "Watched",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One arm in one metric. `mark` is (level, words); all other texts are as they are shown."""

    key: str
    name: str
    shade: int
    is_control: bool
    is_stopped: bool
    people: str
    share: str
    value: str
    difference: str
    interval: str
    relative: str
    relative_interval: str
    p: str
    chance: str
    loss: str
    reduction: str
    post_stratified: str
    whisker: Whisker | None
    mark: tuple[str, str] | None
    reason: str


@dataclass(frozen=True, slots=True)
class MetricView:
    """A metric with its arms. `panels`: over time, of goals and guardrails only."""

    key: str
    name: str
    kind: str
    kind_words: str
    role: str
    role_words: str
    better: str
    margin: str
    is_late: bool
    left_out: int
    rows: tuple[ArmRow, ...]
    panels: tuple[Panel, ...]
    has_chance: bool
    has_p: bool
    unit: str


@dataclass(frozen=True, slots=True)
class Judging:
    """How marks are given: none while the numbers cannot be believed."""

    alpha: float
    is_believed: bool


def metric_views(document: Mapping[str, JSON], looks: Looks) -> list[MetricView]:
    """Return the metrics of a (withheld) document: goals, guardrails, watched."""
    arms = {arm["key"]: _arm(place, arm) for place, arm in enumerate(document.get("arms", []))}
    judging = Judging(float(document.get("alpha") or 0.05), is_believed(document))
    order = {"goal": 0, "guardrail": 1, "watched": 2}
    metrics = sorted(document.get("metrics", []), key=lambda one: order.get(one["role"], 3))
    kept = list(looks)
    return [_metric(metric, arms, judging, kept) for metric in metrics]


def is_believed(document: Mapping[str, JSON]) -> bool:
    """Whether differences may be marked: not while a check is bad."""
    verdict = document.get("verdict") or {}
    return verdict.get("kind") != "unhealthy"


def _arm(place: int, arm: Mapping[str, JSON]) -> dict[str, JSON]:
    return {
        "key": arm["key"],
        "name": arm.get("name") or arm["key"],
        "shade": place % SHADES,
        "is_control": bool(arm.get("is_control")),
        "is_stopped": bool(arm.get("is_stopped")),
        "people": say.people(arm.get("n")),
        "share": say.share_words(arm.get("weight")),
    }


def _metric(
    metric: Mapping[str, JSON],
    arms: Mapping[str, Mapping[str, JSON]],
    judging: Judging,
    looks: Looks,
) -> MetricView:
    kind, role = metric["kind"], metric["role"]
    effects = [one for one in metric.get("effects", []) if one.get("arm") in arms]
    margin = harm_begins(metric)
    scale = Scale.around([one.get("interval") for one in effects], margin)
    of_control = next((one.get("of_control") for one in effects), None)
    rows = [
        _row(arm, {"value": of_control}, kind, None, None)
        for arm in arms.values()
        if arm["is_control"]
    ]
    for effect in effects:
        whisker = scale.whisker(kind, effect.get("diff"), effect.get("interval"))
        rows.append(
            _row(arms[effect["arm"]], effect, kind, whisker, _mark(metric, effect, judging))
        )
    has_plot = role in ("goal", "guardrail")
    names = {key: arm["name"] for key, arm in arms.items()}
    drawn = panels(seen_by_arm(looks, metric["key"]), names, kind, margin) if has_plot else ()
    return MetricView(
        metric["key"],
        metric.get("name") or metric["key"],
        kind,
        KINDS.get(kind, kind),
        role,
        ROLES.get(role, role),
        "less is better" if metric.get("direction") == "down" else "more is better",
        _margin_words(metric, margin),
        bool(metric.get("is_late")),
        int(metric.get("left_out") or 0),
        tuple(rows),
        drawn,
        any(one.get("bayes") for one in effects),
        any(say.number(one.get("p_adjusted")) is not None for one in effects),
        say.unit_words(kind),
    )


def harm_begins(metric: Mapping[str, JSON]) -> float | None:
    """Return the difference at which a guardrail's margin is used up; None without one."""
    margin = say.number(metric.get("margin"))
    if metric.get("role") != "guardrail" or not margin:
        return None
    before = next((say.number(one.get("of_control")) for one in metric.get("effects", [])), None)
    if not before:
        return None
    worse = 1 if metric.get("direction") == "down" else -1
    return worse * margin * abs(before)


def _margin_words(metric: Mapping[str, JSON], margin: float | None) -> str:
    share = say.number(metric.get("margin"))
    if metric.get("role") != "guardrail" or not share:
        return ""
    words = f"It may get worse by {say.share_words(share)} of the control"
    if margin is None:
        return f"{words}."
    return f"{words}: {say.difference_words(metric['kind'], margin)} here, the dashed line."


def _row(
    arm: Mapping[str, JSON],
    effect: Mapping[str, JSON],
    kind: str,
    whisker: Whisker | None,
    mark: tuple[str, str] | None,
) -> ArmRow:
    bayes = effect.get("bayes") or {}
    reason = effect.get("reason") or ""
    if not arm["is_control"] and whisker is None and not reason:
        reason = NO_REASON
    return ArmRow(
        **arm,
        value=say.value_words(kind, effect.get("value")),
        difference=say.difference_words(kind, effect.get("diff")),
        interval=say.interval_words(kind, effect.get("interval")),
        relative=say.relative_words(effect.get("relative")),
        relative_interval=say.relative_interval_words(effect.get("relative_interval")),
        p=say.p_words(effect.get("p_adjusted")),
        chance=say.chance_words(bayes.get("chance_to_win")),
        loss=say.value_words(kind, bayes.get("expected_loss")),
        reduction=_reduction(effect.get("reduction")),
        post_stratified=_post_stratified(kind, effect.get("post_stratified")),
        whisker=whisker,
        mark=mark,
        reason=reason,
    )


def _reduction(value: object) -> str:
    found = say.number(value)
    return "" if found is None or found < 0.005 else f"{found:.0%}"


def _post_stratified(kind: str, found: Mapping[str, JSON] | None) -> str:
    if not found or say.number(found.get("diff")) is None:
        return ""
    by = f" by {found['by']}" if found.get("by") else ""
    interval = say.interval_words(kind, found.get("interval"))
    return f"{say.difference_words(kind, found['diff'])} ({interval}){by}"


def _mark(
    metric: Mapping[str, JSON], effect: Mapping[str, JSON], judging: Judging
) -> tuple[str, str] | None:
    """What is said of a difference, in a word or two."""
    if not judging.is_believed:
        return None
    if metric["role"] == "guardrail":
        return _guard_mark(effect.get("guarded"), bool(metric.get("margin")))
    if effect.get("interval") is None:
        return ("plain", "nothing to tell yet")
    p, diff = say.number(effect.get("p_adjusted")), say.number(effect.get("diff")) or 0.0
    if p is None or p > judging.alpha:
        return ("plain", "not sure")
    is_good = (diff > 0) == (metric.get("direction") != "down")
    words = "better" if is_good else "worse"
    if metric.get("is_late") and metric["role"] == "goal":
        return ("info", f"{words}, but added later")
    return ("ok" if is_good else "bad", words)


def _guard_mark(guarded: Mapping[str, JSON] | None, has_margin: bool) -> tuple[str, str]:
    if not has_margin:
        return ("plain", "no margin agreed")
    if not guarded:
        return ("plain", "not known yet")
    if guarded.get("harm_confirmed"):
        return ("bad", "does harm")
    return ("ok", "holds") if guarded.get("noninferior") else ("plain", "not known yet")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed before the start, from the experiment's row."""

    per_arm: int | None
    min_days: int
    looking: str
    looks: int
    arms: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come. `pct` is None where nothing was planned."""

    days: str
    people: str
    pct: float | None
    planned: str
    look: str
    pace: str


def progress(document: Mapping[str, JSON], plan: Plan) -> Progress:
    """Return how far an experiment has come on the way it was planned."""
    counts: Sequence[int | None] = [
        arm.get("n")
        for arm in document.get("arms", [])
        if arm.get("weight") and not arm.get("is_stopped")
    ]
    least = min((count or 0 for count in counts), default=0)
    days = int(document.get("days") or 0)
    said = f"Day {days}" if days >= plan.min_days else f"Day {days} of at least {plan.min_days}"
    total = say.people(document.get("participants"))
    if not plan.per_arm:
        words = "How many it takes was not planned: what it can find is not known."
        return Progress(said, total, None, words, _look(plan, least), "")
    pct = round(min(100.0, 100 * least / plan.per_arm), 1)
    words = f"{say.people(least)} of {plan.per_arm:,} in the smallest arm."
    return Progress(said, total, pct, words, _look(plan, least), _pace(plan, least, days))


def _look(plan: Plan, least: int) -> str:
    if plan.looking != "planned" or not plan.per_arm:
        return "Its numbers may be looked at any time."
    done = min(plan.looks, math.floor(plan.looks * least / plan.per_arm + 1e-9))
    if done >= plan.looks:
        return f"All {plan.looks} planned looks are over."
    due = math.ceil(plan.per_arm * (done + 1) / plan.looks)
    return f"Look {done + 1} of {plan.looks} comes at {due:,} participants in each arm."


def _pace(plan: Plan, least: int, days: int) -> str:
    if plan.is_over or plan.per_arm is None or least < 10 or days < 1:
        return ""
    left = plan.per_arm - least
    if left <= 0:
        return "As many as were planned have come."
    more = math.ceil(left * days / least)
    return f"At the pace so far it takes {more:,} more day{'' if more == 1 else 's'}."
