"""What an arm may change in how its placement decides, and what of it is refused before the start.

A change names what has a version: a rule, a segment, a model or a recommender, and the one that
takes its place for the arm. A number of a rule's condition and the depth of what is personalized
can be changed, too. Both sides stay what they are: nothing is copied, so what an editor publishes
of them meanwhile is what the arm decides by.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from apps.experiments.errors import FieldProblem, problem
from apps.experiments.models import Arm, Experiment
from apps.segments.selectors import gated_in_force
from engine.changing import model_leaves, numbers_in, segment_leaves
from engine.snapshot import ChangesDoc

JSON = Any
NOT_READABLE: Final = "What the arm '{}' changes cannot be read: {}."
DEPTHS: Final = {
    "none": "nothing is personalized",
    "segments": "variants for segments alone, no rules",
    "rules": "no rule that asks a model",
}


def changes_of(document: Mapping[str, JSON]) -> ChangesDoc | None:
    """Return an arm's changes; None: it has none.

    Raises:
        msgspec.ValidationError: they have another shape.
    """
    if not document:
        return None
    return msgspec.convert(document, ChangesDoc)


def is_by_change(arms: Sequence[Arm]) -> bool:
    """Whether arms change how is decided: none of them shows a variant."""
    return bool(arms) and all(arm.variant_id is None for arm in arms)


def problems_of(experiment: Experiment, arms: Sequence[Arm]) -> list[FieldProblem]:
    """Return what stands against the changes of a design's arms. No query without any, else six."""
    if not is_by_change(arms):
        return [
            problem(
                f"arms/{arm.key}",
                f"The arm '{arm.name}' shows no variant: choose one, or let no arm show one.",
            )
            for arm in arms
            if arm.variant_id is None
        ]
    found: list[FieldProblem] = []
    given: dict[str, str] = {}  # what is changed -> the first arm that does
    around = _Around(experiment)
    for arm in arms:
        where = f"arms/{arm.key}"
        try:
            changes = changes_of(arm.changes)
        except msgspec.ValidationError as error:
            found.append(problem(where, NOT_READABLE.format(arm.name, error)))
            continue
        if arm.is_control:
            if changes is not None:
                found.append(problem(where, "The control changes nothing: it is what serves now."))
            continue
        if changes is None or changes == ChangesDoc():
            found.append(problem(where, f"The arm '{arm.name}' shows and changes nothing."))
            continue
        said = msgspec.json.encode(changes, order="deterministic").decode()
        if said in given:
            words = f"The arm '{arm.name}' changes the same as '{given[said]}'."
            found.append(problem(where, words))
        given.setdefault(said, arm.name)
        found += [problem(where, f"'{arm.name}': {words}") for words in around.refused(changes)]
    return found


class _Around:
    """What a placement decides by, as it is drafted and published now."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        placement: Any = experiment.placement  # whose rules, of a later app, are related to it
        self.rules = {rule.key: rule for rule in placement.rules.filter(archived_at=None)}
        self.published = gated_in_force(experiment.site_id)
        site: Any = experiment.site
        self.models = set(site.model_specs.values_list("key", flat=True))
        self.recommenders = set(site.recommenders.values_list("key", flat=True))
        block = placement.block
        variants = [] if block is None else list(block.variants.filter(archived_at=None))
        self.filled = {block.recommender} if block is not None else set()
        self.filled |= {
            stored["recommender"]
            for one in variants
            for stored in one.fields.values()
            if isinstance(stored, dict) and "recommender" in stored
        }
        self.tags = set(site.segments.filter(variants__in=variants).values_list("key", flat=True))

    def refused(self, changes: ChangesDoc) -> Iterator[str]:
        """Why an arm cannot change this, in sentences."""
        yield from self._rules(changes)
        on = self._on(changes)
        conditions = [self.rules[key].condition for key in on]
        asked = {key for one in conditions for key in segment_leaves(one)} | self.tags
        yield from _swaps("segment", changes.segments, asked, self.published)
        models = {key for one in conditions for key in model_leaves(one)}
        yield from _swaps("model", changes.models, models, self.models)
        yield from _swaps("recommender", changes.recommenders, self.filled, self.recommenders)
        for one in changes.thresholds:
            rule = self.rules.get(one.rule)
            if rule is None or one.rule not in on:
                yield f"there is no rule '{one.rule}' in this placement that is on for the arm."
            elif (one.fact, one.before) not in numbers_in(rule.condition):
                yield f"the rule '{one.rule}' compares {one.fact} with no {one.before:g}."
            elif one.before == one.after:
                yield f"{one.fact} stays {one.before:g}."

    def _rules(self, changes: ChangesDoc) -> Iterator[str]:
        for key, other in changes.rules.items():
            for one in (key, other):
                if one is not None and one not in self.rules:
                    yield f"there is no rule '{one}' in this placement."
            rule = self.rules.get(key)
            if rule is None:
                continue
            if not rule.is_enabled and other != key:
                yield f"the rule '{key}' is off: nothing can take its place."
            elif rule.is_enabled and other == key:
                yield f"the rule '{key}' is on for everybody already."
        for other, count in Counter(changes.rules.values()).items():
            if other is not None and count > 1:
                yield f"the rule '{other}' cannot be in two places."
        if changes.depth in ("none", "segments") and (changes.rules or changes.thresholds):
            yield "without rules there is nothing to change in rules."

    def _on(self, changes: ChangesDoc) -> set[str]:
        """The keys of the rules that are on for an arm."""
        if changes.depth in ("none", "segments"):
            return set()
        moved = {other for other in changes.rules.values() if other in self.rules}
        plain = {
            key for key, rule in self.rules.items() if rule.is_enabled and key not in changes.rules
        }
        return plain | {other for other in moved if other is not None}


def _swaps(
    what: str, given: Mapping[str, str], asked: Collection[str], there: Collection[str]
) -> Iterator[str]:
    for key, other in given.items():
        if key == other:
            yield f"the {what} '{key}' is put in its own place."
        elif other not in there:
            state = "published" if what == "segment" else "there"
            yield f"the {what} '{other}' is not {state}."
        elif key not in asked:
            yield f"nothing in this placement asks the {what} '{key}'."
