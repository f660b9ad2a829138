"""Effects in each segment, of every arm and every metric that has them. Workers only (scipy).

In the result's document, one for each arm:

    {"arm", "rows": [{"segment", "n", "value", "of_control", "diff", "interval", "p", "is_small",
     "reason"}], "Q", "df", "p_heterogeneity", "i2", "reason"}

Intervals may be looked at any time, whatever the experiment itself was planned with: nobody plans
looks for a segment. `p` is adjusted for the segments of its arm (Holm).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.experiments.domain.effects import ANY_TIME, Effect, Looking, effect_of
from apps.experiments.domain.segments_apart import heterogeneity
from apps.experiments.domain.sums import Sums

SMALLEST: Final = 10  # people of a segment in an arm, that something is told of
FEW: Final = "Too small to be told: fewer than ten people in an arm."
OF_SUMS: Final = frozenset({"conversion", "retention", "mean", "ratio"})
JSON = Any
SumsOf = Callable[[int, str], Sums]  # of (arm, segment)


@dataclass(frozen=True, slots=True)
class Apart:
    """What effects by segment are worked out from.

    Attributes:
        arms, segments: as the phase has them; control: the control's number.
        kind: of the metric; sums: of (arm's number, segment's key).
    """

    arms: Sequence[Mapping[str, JSON]]
    segments: Sequence[str]
    control: int
    kind: str
    looking: Looking
    sums: SumsOf

    def told(self) -> list[dict[str, JSON]] | None:
        """Return the effects by segment of each arm; None where there is nothing to tell apart."""
        if self.kind not in OF_SUMS or not self.segments:
            return None
        return [self._of(arm) for arm in self.arms if not arm["is_control"]]

    def _of(self, arm: Mapping[str, JSON]) -> dict[str, JSON]:
        looking = Looking(ANY_TIME, self.looking.alpha, self.looking.per_arm)
        effects = []
        for key in self.segments:
            before, own = self.sums(self.control, key), self.sums(arm["number"], key)
            is_told = min(before.n, own.n) >= SMALLEST
            effects.append(effect_of(key, before, own, self.kind, looking) if is_told else None)
        found = heterogeneity(
            [_difference(one) for one in effects],
            [None if one is None else one.p for one in effects],
        )
        rows = [
            _row(key, effect, p)
            for key, effect, p in zip(self.segments, effects, found.p_holm, strict=True)
        ]
        return {
            "arm": arm["key"],
            "rows": rows,
            "Q": found.Q,
            "df": found.df,
            "p_heterogeneity": found.p_heterogeneity,
            "i2": found.I2,
            "reason": found.reason,
        }


def _difference(effect: Effect | None) -> tuple[float | None, float | None]:
    """Of those that an interval can be told of: others are too small to compare with."""
    if effect is None or effect.interval is None:
        return None, None
    return effect.diff, effect.se


def _row(key: str, effect: Effect | None, p: float | None) -> dict[str, JSON]:
    if effect is None:
        return {"segment": key, "n": None, "is_small": True, "reason": FEW}
    return {
        "segment": key,
        "n": effect.n + effect.n_control,
        "value": effect.value,
        "of_control": effect.of_control,
        "diff": effect.diff,
        "interval": effect.interval,
        "p": p,
        "is_small": effect.interval is None,
        "reason": effect.reason,
    }
