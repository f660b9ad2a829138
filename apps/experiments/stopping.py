"""Arms that are stopped without anybody's act: found out, stopped once, published, told. Workers.

A stopped arm shows the control until somebody lets it go on. What stops one is sure however often
it is looked at: a guardrail or the goal is worse than with the control by an any-time-valid p, the
guardrail by more than its margin; the split is wrong by an always valid p; the content of the arm
cannot be made where that of the control can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from apps.access import alerts
from apps.experiments import running
from apps.experiments.asking import publish_part
from apps.experiments.bandit_counting import COUNTED
from apps.experiments.bandit_results import weighted_sums
from apps.experiments.domain.effects import ANY_TIME, Effect, Looking, adjusted, effect_of
from apps.experiments.domain.stopping import ERRORS_ALPHA, SPLIT_ALPHA, few_p, split_p
from apps.experiments.errors import NotAsItStands
from apps.experiments.models import Cause, Change, Experiment, Goal, Metric, Phase
from apps.experiments.phase_sums import Known, PhaseSums, known_of
from apps.experiments.served import Served

AGAIN: Final = (
    "Once somebody lets it go on, it is stopped again only by those who join on later days (UTC): "
    "what was known before has been looked at."
)
FAILED_LEAST: Final = 20
FAILED_SHARE: Final = 0.01
_SHARES: Final = (Metric.Kind.CONVERSION, Metric.Kind.RETENTION)
JSON = Any


@dataclass(frozen=True, slots=True)
class Found:
    """Why an arm is to be stopped, in words and figures."""

    arm: str
    cause: str
    words: str
    figures: Mapping[str, JSON]


def stop_due(phase: Phase, *, now: datetime, known: Known | None = None) -> list[Found]:
    """Stop the arms of a phase that there is cause to stop; return why.

    Each is stopped once, whoever else looks at the same time, and not if somebody has let it go on
    since the figures were read.

    Args:
        known: what this pass has read of the phase already.
    """
    if known is None or known.resumed is None:
        read = _let_go_on(phase)
    else:
        read = {arm: at.date() for arm, at in known.resumed.items()}
    found = causes(phase, read, now=now, known=known)
    if any(one.cause == Cause.SPLIT for one in found):
        # All or none: one arm stopped is cause to stop no other for the split in a later pass.
        with transaction.atomic():
            return [one for one in found if _stop(phase, one, read, now)]
    return [one for one in found if _stop(phase, one, read, now)]


def causes(
    phase: Phase, resumed: Mapping[str, date], *, now: datetime, known: Known | None = None
) -> list[Found]:
    """Return why arms that are open should be stopped, at most one cause each.

    Args:
        resumed: arms that somebody let go on: the day (UTC), which with all before it is left out.
        known: what is known of everybody; who was let go on is judged by what is read anew.
    """
    experiment = phase.experiment
    wanted = set(experiment.stops_for)
    if experiment.state != Experiment.State.RUNNING or phase.ended_at is not None or not wanted:
        return []
    open_arms = [
        arm for arm in phase.arms if not arm["is_control"] and arm["key"] not in phase.stopped
    ]
    if not open_arms:
        return []
    known = known or known_of(phase, now)
    split = _of_split(phase, open_arms, known.people) if Cause.SPLIT in wanted else None
    if split is not None:
        return split
    found: list[Found] = []
    for after in sorted({resumed.get(arm["key"]) for arm in open_arms}, key=str):
        alike = [arm for arm in open_arms if resumed.get(arm["key"]) == after]
        own = known if after is None else known_of(phase, now, after)
        own.sums.forget(known.mixed)
        errors = _of_errors(phase, alike, own.answers) if Cause.ERRORS in wanted else []
        harm = _of_figures(phase, alike, after, wanted, own)
        seen = {one.arm for one in errors}
        found += errors + [one for one in harm if one.arm not in seen]
    return found


def _let_go_on(phase: Phase) -> dict[str, date]:
    """On which day each arm was let go on the last time."""
    rows = Change.objects.filter(
        experiment_id=phase.experiment_id, phase=phase.number, action="arm_resumed"
    )
    return {arm: at.date() for arm, at in rows.order_by("at").values_list("detail__arm", "at")}


@transaction.atomic
def _stop(phase: Phase, found: Found, read: Mapping[str, date], now: datetime) -> bool:
    experiment = Experiment.objects.select_for_update(of=("self",), no_key=True).get(
        pk=phase.experiment_id
    )
    is_same = experiment.phase == phase.number and experiment.state == Experiment.State.RUNNING
    if not is_same or _let_go_on(phase).get(found.arm) != read.get(found.arm):
        return False
    try:
        if not running.stop_arm(
            experiment_id=experiment.pk,
            arm=found.arm,
            actor=None,
            note=found.words,
            cause=found.cause,
            figures=found.figures,
            now=now,
        ):
            return False
    except NotAsItStands:
        return False
    name = _name(phase, found.arm)
    publish_part(experiment, note=f"'{name}' of '{experiment.name}' is stopped", now=now)
    alerts.tell(
        site_id=experiment.site_id,
        kind="experiment.arm_stopped",
        source=f"experiments/{experiment.key}",
        data={
            "experiment": experiment.key,
            "phase": phase.number,
            "arm": found.arm,
            "cause": found.cause,
            "words": found.words,
            "figures": dict(found.figures),
        },
        now=now,
    )
    phase.refresh_from_db(fields=["stopped"])
    return True


def _of_split(
    phase: Phase, open_arms: Sequence[Mapping[str, JSON]], people: Mapping[int, int]
) -> list[Found] | None:
    """Every arm, when the arms do not get their shares: no figure of them can be believed.

    Only while no arm has been stopped yet: nobody joins one that shows the control.
    """
    if phase.bandit:
        return None
    counts = [people.get(arm["number"], 0) for arm in phase.arms]
    if sum(counts) < len(counts) * phase.experiment.stop_least:
        return None
    p = split_p(counts, [arm["weight"] for arm in phase.arms])
    if p is None or p > SPLIT_ALPHA:
        return None
    before = Change.objects.filter(
        experiment_id=phase.experiment_id, phase=phase.number, action="arm_stopped"
    )
    if before.exists():
        return None
    got = ", ".join(f"{count:,}" for count in counts)
    planned = ", ".join(f"{arm['weight']:.0%}" for arm in phase.arms)
    words = f"The arms did not get their shares: {got} participants for {planned}."
    figures = {"participants": counts, "shares": [arm["weight"] for arm in phase.arms], "p": p}
    return [Found(arm["key"], Cause.SPLIT.value, words, figures) for arm in open_arms]


def _of_errors(
    phase: Phase, arms: Sequence[Mapping[str, JSON]], answers: Sequence[Served]
) -> list[Found]:
    """Arms whose content cannot be made, where that of the control can."""
    rows = {one.arm: one for one in answers}
    control = rows.get(next(arm["key"] for arm in phase.arms if arm["is_control"]))
    found = []
    for arm in arms:
        own = rows.get(arm["key"])
        if own is None or control is None or own.failed < FAILED_LEAST:
            continue
        p = few_p(
            own.failed, own.calls, control.failed, control.calls, 0.0, is_more_better=False
        )  # fmt: skip
        if own.failed < FAILED_SHARE * own.calls or p > ERRORS_ALPHA:
            continue
        words = (
            f"'{arm['name']}' could not be made in {own.failed:,} of {own.calls:,} answers, the "
            f"control in {control.failed:,} of {control.calls:,}."
        )
        figures = {
            "failed": [control.failed, own.failed],
            "answers": [control.calls, own.calls],
            "p": p,
        }
        found.append(Found(arm["key"], Cause.ERRORS.value, words, figures))
    return found


def _of_figures(
    phase: Phase,
    arms: Sequence[Mapping[str, JSON]],
    after: date | None,
    wanted: set[str],
    known: Known,
) -> list[Found]:
    """Arms that are worse than may be borne, in a guardrail or in the goal."""
    least, people, sums = phase.experiment.stop_least, known.people, known.sums
    control = next(int(arm["number"]) for arm in phase.arms if arm["is_control"])
    enough = [arm for arm in arms if people.get(arm["number"], 0) >= least]
    if not enough or people.get(control, 0) < least:
        return []
    goals = [goal for goal in known.goals if goal.added_at <= phase.started_at]
    if phase.bandit:
        if after is not None:
            return []  # weighted sums are of everybody; whom a person let go on a person stops
        told = [goal.metric for goal in goals if goal.metric_id not in known.mixed]
        sums.all.update(weighted_sums(phase, told))
    found: dict[str, Found] = {}
    judged = [goal for goal in goals if _stops(goal, phase, wanted)]
    # Any of them may stop an arm: they share what the experiment may be wrong by.
    alpha = phase.experiment.alpha / max(1, len(judged))
    for goal in sorted(judged, key=lambda one: (one.role != Goal.Role.GUARDRAIL, one.pk)):
        cause = _cause_of(goal)
        for arm, figures in _worse(phase, goal, alpha, enough, control, sums):
            words = _words(arm, goal, figures)
            found.setdefault(arm["key"], Found(arm["key"], cause, words, figures))
    return list(found.values())


def _cause_of(goal: Goal) -> str:
    return goal.metric.stands_for or Cause.HARM.value


def _stops(goal: Goal, phase: Phase, wanted: set[str]) -> bool:
    """Whether an arm may be stopped by what this metric says."""
    kind = goal.metric.kind
    is_told = goal.role != Goal.Role.WATCHED and kind != Metric.Kind.QUANTILE
    return is_told and _cause_of(goal) in wanted and (not phase.bandit or kind in COUNTED)


def _worse(
    phase: Phase,
    goal: Goal,
    alpha: float,
    arms: Sequence[Mapping[str, JSON]],
    control: int,
    sums: PhaseSums,
) -> list[tuple[Mapping[str, JSON], dict[str, JSON]]]:
    """The arms that are surely worse in one metric, and by more than its margin as it looks.

    Both bounds surely beyond the margin would take several times as many participants.
    """
    metric, experiment = goal.metric, phase.experiment
    looking = Looking(ANY_TIME, alpha, experiment.per_arm)
    before = sums.of(metric.pk, control)
    margin = (goal.margin or 0.0) if goal.role == Goal.Role.GUARDRAIL else 0.0
    is_more_better = metric.direction == Metric.Direction.UP
    others = [arm for arm in phase.arms if not arm["is_control"]]
    effects = [
        effect_of(arm["key"], before, sums.of(metric.pk, arm["number"]), metric.kind, looking)
        if arm in arms
        else Effect(arm["key"])  # looked at on another day, or once it has enough: of the family
        for arm in others
    ]
    found = []
    for arm, effect in zip(others, adjusted(effects, looking.alpha, "holm"), strict=True):
        if arm not in arms:
            continue
        own = sums.of(metric.pk, arm["number"])
        p = effect.p_adjusted
        if effect.interval is None and metric.kind in _SHARES:
            p = len(others) * few_p(
                own.y, own.n, before.y, before.n, 0.0, is_more_better=is_more_better
            )  # fmt: skip
        if p is None or p > looking.alpha or effect.diff is None:
            continue
        lost = -effect.diff if is_more_better else effect.diff
        if lost <= margin * abs(effect.of_control or 0.0):
            continue
        figures = {name: asdict(effect)[name] for name in ("value", "of_control", "diff")}
        figures |= {
            "metric": metric.key,
            "margin": margin,
            "participants": [before.n, own.n],
            "interval": None if effect.interval is None else list(effect.interval),
            "p": p,
        }
        found.append((arm, figures))
    return found


def _words(arm: Mapping[str, JSON], goal: Goal, figures: Mapping[str, JSON]) -> str:
    metric = goal.metric
    is_share = metric.kind in _SHARES

    def told(value: float | None) -> str:
        return "nothing" if value is None else f"{value:.2%}" if is_share else f"{value:,.4g}"

    by = f", by more than the {figures['margin']:.0%} to be borne" if figures["margin"] else ""
    before, own = figures["participants"]
    return (
        f"'{arm['name']}' is worse in '{metric.name}'{by}: {told(figures['value'])} of {own:,} "
        f"participants, and {told(figures['of_control'])} of {before:,} with the control."
    )


def _name(phase: Phase, key: str) -> str:
    return next((str(arm["name"]) for arm in phase.arms if arm["key"] == key), key)
