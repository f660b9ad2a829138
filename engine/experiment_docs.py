"""What a publication says of experiments and holdouts: plain JSON both ways."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

JSON: TypeAlias = Any  # whatever a JSON document can hold


class ThresholdDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another number in a rule's condition: `after` where `fact` was compared with `before`."""

    rule: str
    fact: str
    before: int | float
    after: int | float


class ChangesDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an arm changes in how its placement decides (see `engine.changing`).

    Attributes:
        rules: a rule -> the one in its place, which may be switched off otherwise; None: none.
        segments: a segment -> the one that is asked instead, by rules and variants here.
        models: a model -> the one whose score rules ask instead.
        recommenders: a recommender -> the one that fills its lists.
        thresholds: numbers of conditions.
        depth: what is personalized at all. Each has what those before it have: "none", "segments"
            (tagged variants), "rules" (that ask no model), "all".
    """

    rules: dict[str, str | None] = {}
    segments: dict[str, str] = {}
    models: dict[str, str] = {}
    recommenders: dict[str, str] = {}
    thresholds: list[ThresholdDoc] = []
    depth: Literal["none", "segments", "rules", "all"] = "all"


class ArmDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """One arm of an experiment: the variant that it shows, and its share of the experiment.

    Attributes:
        variant: empty in an experiment by change.
        changes: there, what is otherwise; None: nothing, as for the control.
        stopped: there, its visitors take no part for a while; another arm shows the control then.
    """

    key: str
    variant: str
    weight: float
    changes: ChangesDoc | None = None
    stopped: bool = False


class ContextDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Other shares of an experiment's arms, in their order, for who is in a segment (its key)."""

    segment: str
    weights: list[float]


class ExperimentDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Visitors split over the variants of one placement, by hash (see `engine.allocation`).

    Attributes:
        seed: of this experiment and phase; another one deals everybody anew.
        coverage: the share of visitors who take part, 0 to 1.
        layer: (key, start, end); experiments of one layer have no visitor in common.
        condition: who takes part at all; it holds no events. None: everybody.
        by_rule: a rule runs it; else the placement does, after its rules.
        contexts: shares of their own for some; the first whose segment somebody is in counts.
        by_change: its arms show no variant of theirs, but change how the placement decides; it
            comes before the placement's rules, and no other experiment runs there.
    """

    key: str
    placement: str
    seed: str
    arms: list[ArmDoc]
    coverage: float = 1.0
    layer: tuple[str, float, float] | None = None
    condition: dict[str, JSON] | None = None
    by_rule: bool = False
    enabled: bool = True
    contexts: list[ContextDoc] = []
    by_change: bool = False


class HoldoutDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A share of the visitors (0 to 1) for whom nothing is personalized: what does it earn?

    Attributes:
        placements: keys of those that it is about; empty: of all.
    """

    key: str
    seed: str
    share: float
    placements: list[str] = []

    def is_about(self, placement: str) -> bool:
        """Whether it holds anybody out of a placement."""
        return not self.placements or placement in self.placements
