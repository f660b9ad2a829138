"""A group of visitors as a segment that an editor owns: a rule that comes near it, or its label.

How near a rule comes is measured with the condition itself, over everyone: features are summed by
days, and a condition looks back from the moment it is asked.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.predictions import found_groups
from apps.predictions.found_groups import Found, Model
from apps.segments import services
from apps.segments.errors import InvalidStudy, SegmentKeyTaken
from apps.segments.studies.counting import everyone_and_counts
from engine.conditions.parse import parse_condition

JSON = dict[str, Any]

FIDELITY: Final = 0.85  # below it a rule is another group than the one it is meant to be


class NotFaithful(InvalidStudy):
    """A rule that is another group than the one it is meant to be."""

    def __init__(self, name: str, fidelity: float | None) -> None:
        if fidelity is None:
            super().__init__(f"No condition can be made of what {name} is known by.")
        else:
            super().__init__(
                f"The rule of {name} fits by {fidelity:.0%}, and {FIDELITY:.0%} are needed. Make a"
                " segment that follows the model instead."
            )


@dataclass(frozen=True, slots=True)
class Measured:
    """How near a condition comes to a group, over everyone who may be counted.

    Attributes:
        inside: whom the condition takes; members: who is in the group; both: who is in both.
    """

    inside: int
    members: int
    both: int

    @property
    def precision(self) -> float:
        """Of those whom it takes, the share in the group."""
        return self.both / self.inside if self.inside else 0.0

    @property
    def recall(self) -> float:
        """Of those in the group, the share that it takes."""
        return self.both / self.members if self.members else 0.0

    @property
    def fidelity(self) -> float:
        """The harmonic mean of the two."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def is_faithful(self) -> bool:
        """Whether the condition may stand for the group."""
        return self.fidelity >= FIDELITY


def condition_of(group: Found, window_days: int) -> JSON | None:
    """Return the condition that comes nearest to a group; None where there is none."""
    boxes = found_groups.condition_parts(group.boxes, window_days)
    if boxes is None:
        return None
    each = [parts[0] if len(parts) == 1 else {"all": parts} for parts in boxes]
    return {"v": 1, "where": each[0] if len(each) == 1 else {"any": each}}


def label_of(model: Model, group: Found) -> JSON:
    """Return the condition that asks for the group's own label."""
    leaf = {"kind": "model", "name": model.key, "op": "eq", "value": group.key}
    return {"v": 1, "where": leaf}


def measured(
    site_id: UUID, model: Model, groups: Sequence[Found], *, now: datetime
) -> Mapping[str, Measured]:
    """Measure the rule of each group against its people, by key. One statement.

    Groups without a rule are left out.

    Raises:
        StudyTooSlow: it took more than five seconds.
    """
    asked: list[tuple[str, JSON, JSON]] = []
    for group in groups:
        rule = condition_of(group, model.window_days)
        if rule is not None:
            asked.append((group.key, rule, label_of(model, group)))
    if not asked:
        return {}
    nodes = [
        parse_condition(document)
        for _, rule, label in asked
        for document in (rule, label, {"v": 1, "where": {"all": [rule["where"], label["where"]]}})
    ]
    _, counts = everyone_and_counts(site_id, nodes, now=now)
    return {
        key: Measured(*counts[3 * place : 3 * place + 3]) for place, (key, _, _) in enumerate(asked)
    }


def sentence(group: Found) -> list[str]:
    """Return the rule in words, one sentence for each way into the group."""
    return [" and ".join(_said(*bound) for bound in box) for box in group.boxes]


def make_segment(
    site_id: UUID, model: Model, group: Found, *, by_rule: bool, actor: Any, now: datetime
) -> UUID:
    """Make a draft of a group, of its rule or of its label, which follows the model; return its id.

    Raises:
        InvalidCondition: the rule asks for something that there is not.
        SegmentKeyTaken: not even a numbered key is free.
    """
    condition = condition_of(group, model.window_days) if by_rule else label_of(model, group)
    assert condition is not None, "the page offers no rule where there is none"
    key = _free(group)
    for number in range(1, 10):
        try:
            made = services.create_segment(
                site_id=site_id,
                key=key if number == 1 else f"{key}-{number}",
                name=group.name[:120],
                condition=condition,
                description=_about(model, group, by_rule=by_rule),
                actor=actor,
                now=now,
            )
        except SegmentKeyTaken:
            if number == 9:
                raise
        else:
            break
    found_groups.became_segment(
        model=model, key=group.key, segment_key=made.key, actor=actor, now=now
    )
    return made.pk


def _free(group: Found) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", group.name.lower()).strip("-")[:50].strip("-")
    return f"{name}-{group.key}" if name != group.key else name


def _about(model: Model, group: Found, *, by_rule: bool) -> str:
    if by_rule:
        return f'A rule that comes near {group.key} of "{model.name}". Yours to change.'
    return f'{group.key} of "{model.name}", as the model sees it: it changes with the model.'


def _said(name: str, low: float | None, high: float | None) -> str:
    words = found_groups.words_of(name)
    if low is not None and high is not None:
        return f"{words}: {_number(low)} to less than {_number(high)}"
    if low is not None:
        return f"{words}: {_number(low)} or more"
    return f"{words}: less than {_number(high or 0.0)}"


def _number(value: float) -> str:
    return f"{value:,.4g}"
