"""The verdict of an experiment in one sentence, and what has to be right before there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from apps.experiments.domain.effects import Effect

Level = Literal["fine", "watch", "bad"]
Kind = Literal["unhealthy", "early", "harm", "winner", "no_difference", "open", "worse"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to be right: the winner of an experiment that is not is hidden.

    Attributes:
        table: {"head": [...], "rows": [[...]]} of the figures that say why; None: there is none.
    """

    name: str
    level: Level
    words: str
    table: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`arm`: the key of the arm that it is about; empty: of none."""

    kind: Kind
    arm: str
    words: str


@dataclass(frozen=True, slots=True)
class Judged:
    """The effects of one metric that decides, or must not suffer."""

    name: str
    direction: str
    effects: Sequence[Effect]

    def good(self, effect: Effect) -> bool:
        """Whether the difference is the wanted way."""
        return effect.diff is not None and (effect.diff > 0) == (self.direction == "up")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an experiment has come. `days`: since the start; `planned`: participants an arm.

    Attributes:
        least: participants of the smallest arm that is still dealt.
        stopped: arms whose visitors see the control: none of them wins.
    """

    days: int
    min_days: int
    least: int
    planned: int | None
    stopped: frozenset[str] = frozenset()


def verdict_of(
    goals: Sequence[Judged],
    guardrails: Sequence[Judged],
    checks: Sequence[Check],
    standing: Standing,
    alpha: float,
    names: dict[str, str],
) -> Verdict:
    """Say what can be said now.

    Args:
        names: of the arms, by key.
    """
    bad = [one for one in checks if one.level == "bad"]
    if bad:
        words = f"Its numbers cannot be believed, so no winner is shown. {bad[0].words}"
        return Verdict("unhealthy", "", words)
    for guardrail in guardrails:
        for effect in guardrail.effects:
            if effect.guarded is not None and effect.guarded.harm_confirmed:
                words = (
                    f"'{names[effect.arm]}' does harm: {guardrail.name} is worse by more than was "
                    "to be borne. Stop this arm."
                )
                return Verdict("harm", effect.arm, words)
    sure = [(goal, effect) for goal in goals for effect in goal.effects if effect.is_sure(alpha)]
    if standing.days < standing.min_days:
        words = (
            f"It runs for {standing.days} of {standing.min_days} days: days differ, so nothing is "
            "decided before."
        )
        return Verdict("early", "", words)
    better = [(goal, effect) for goal, effect in sure if goal.good(effect)]
    worse = {effect.arm for goal, effect in sure if not goal.good(effect)}
    unguarded = _unguarded(guardrails)
    for goal, effect in sorted(better, key=lambda one: -abs(one[1].relative or 0.0)):
        if effect.arm not in worse | standing.stopped:
            return _winner(goal, effect, effect.arm in unguarded, names)
    if worse:
        arm = sorted(worse)[0]
        words = f"'{names[arm]}' is worse than the control. Keep what there was."
        return Verdict("worse", arm, words)
    if standing.planned is not None and standing.least >= standing.planned:
        words = (
            "No difference was found, with as many participants as were planned: if there is one, "
            "it is smaller than what was worth finding."
        )
        return Verdict("no_difference", "", words)
    return Verdict("open", "", _go_on(standing))


def _unguarded(guardrails: Sequence[Judged]) -> set[str]:
    """The arms of which a guardrail does not say yet that they do no harm."""
    return {
        effect.arm
        for guardrail in guardrails
        for effect in guardrail.effects
        if effect.guarded is None or not effect.guarded.noninferior
    }


def _winner(goal: Judged, effect: Effect, is_unguarded: bool, names: dict[str, str]) -> Verdict:
    by = "" if effect.relative is None else f" by {abs(effect.relative):.1%}"
    more = "raises" if (effect.diff or 0.0) > 0 else "lowers"
    words = f"'{names[effect.arm]}' {more} {goal.name}{by}."
    if is_unguarded:
        words += " Whether a guardrail suffers cannot be told yet: go on until it can."
        return Verdict("open", effect.arm, words)
    return Verdict("winner", effect.arm, words)


def _go_on(standing: Standing) -> str:
    if standing.planned is None:
        return "Nothing is sure yet. How many participants it takes was not planned: plan it."
    share = min(1.0, standing.least / standing.planned)
    return f"Nothing is sure yet: {share:.0%} of the planned participants have come."
