"""Who is meant for which variant of a placement, as far as segments say: the order of decision as
tests of memberships. Pure: a publication in, tests out.

What a request alone can answer (a device, a page, the hour), and what deals visitors into arms, is
no membership: such a step is named and left out, so the steps after it are told for more people
than they get.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.conditions.nodes import All, AnyOf, AtLeast, Nested, Node, NoneOf, Not, SegmentLeaf
from engine.snapshot import CompiledPlacement, CompiledSegment, CompiledSnapshot, CompiledVariant

WORD_BITS: Final = 62  # of a word of the column `inside`
NO_CONSENT: Final = -1  # the place of those who have not agreed


@dataclass(frozen=True, slots=True)
class In:
    """Being in the segment of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Every:
    """All of these; of none: everybody."""

    parts: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """Any of these; of none: nobody."""

    parts: tuple["Test", ...]


@dataclass(frozen=True, slots=True)
class Other:
    """Whoever does not pass."""

    part: "Test"


Test: TypeAlias = In | Every | Some | Other
EVERYBODY: Final = Every(())
NOBODY: Final = Some(())


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the order.

    Attributes:
        kind: "rule", "experiment", "segment" or "default".
        key: of what is asked.
        variant: of what it serves; empty for an experiment, which serves several.
        test: who it is for among those who came so far; None: memberships do not say.
    """

    kind: str
    key: str
    variant: str
    test: Test | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The order of one placement.

    Attributes:
        steps: in order; the last is the default.
        needs_consent: the default is for everyone who has not agreed to personalization.
        is_off: the placement is switched off: everybody gets the default.
    """

    placement: str
    block: str
    steps: tuple[Step, ...]
    needs_consent: bool
    is_off: bool

    @property
    def variants(self) -> list[str]:
        """The keys of all that some step serves, the default last."""
        served = dict.fromkeys(step.variant for step in self.steps if step.variant)
        default = self.steps[-1].variant
        served.pop(default, None)
        return [*served, default]

    @property
    def untold(self) -> list[Step]:
        """The steps that memberships do not answer."""
        return [] if self.is_off else [step for step in self.steps if step.test is None]


def plan_of(
    compiled: CompiledSnapshot,
    placement: CompiledPlacement,
    now_ms: int,
    unrecorded: Collection[int] = frozenset(),
) -> Plan:
    """Return the order of a placement at an instant.

    Args:
        unrecorded: numbers of segments of which nobody is recorded as a member yet.
    """
    steps: list[Step] = []
    asked = _Asked(compiled, unrecorded)
    if placement.choice is not None:
        steps.append(Step("experiment", placement.choice.experiment.key, "", None))
    for rule in placement.rules:
        if not _is_on(rule.starts_at_ms, rule.ends_at_ms, now_ms):
            continue
        if rule.variant is None:
            steps.append(Step("experiment", rule.key, "", None))
        elif _is_on_variant(rule.variant, now_ms):
            steps.append(Step("rule", rule.key, rule.variant.key, asked.of(rule.node)))
    if placement.experiment is not None:
        steps.append(Step("experiment", placement.experiment.key, "", None))
    for segment, variant in placement.block.tagged:
        if _is_on_variant(variant, now_ms):
            test = asked.of_segment(segment)
            steps.append(Step("segment", segment.doc.key, variant.key, test))
    default = placement.block.default.key
    steps.append(Step("default", default, default, EVERYBODY))
    return Plan(
        placement.key,
        placement.block.key,
        tuple(steps),
        placement.block.doc.purpose == "personalization",
        not placement.doc.enabled,
    )


def _is_on(starts_at_ms: int | None, ends_at_ms: int | None, now_ms: int) -> bool:
    return (starts_at_ms is None or starts_at_ms <= now_ms) and (
        ends_at_ms is None or now_ms < ends_at_ms
    )


def _is_on_variant(variant: CompiledVariant, now_ms: int) -> bool:
    return _is_on(variant.doc.starts_at_ms, variant.doc.ends_at_ms, now_ms)


class _Asked:
    """Conditions as tests of memberships."""

    def __init__(self, compiled: CompiledSnapshot, unrecorded: Collection[int]) -> None:
        self._compiled = compiled
        self._unrecorded = unrecorded

    def of_segment(self, segment: CompiledSegment) -> Test | None:
        if segment.request is not None or segment.number in self._unrecorded:
            return None
        return In(segment.number)

    def of(self, node: Node) -> Test | None:
        """None: more than memberships is asked, or it depends on that."""
        match node:
            case SegmentLeaf(key):
                segment = self._compiled.segments.get(key)
                return NOBODY if segment is None else self.of_segment(segment)
            case Nested(_, part):
                return self.of(part)
            case Not(part):
                inner = self.of(part)
                return None if inner is None else Other(inner)
            case All(parts):
                return self._joined(parts, Every, NOBODY)
            case AnyOf(parts):
                return self._joined(parts, Some, EVERYBODY)
            case NoneOf(parts):
                some = self._joined(parts, Some, EVERYBODY)
                return None if some is None else Other(some)
            case AtLeast(1, parts):
                return self._joined(parts, Some, EVERYBODY)
        return None

    def _joined(
        self, parts: Sequence[Node], join: type[Every] | type[Some], settled: Test
    ) -> Test | None:
        found = [self.of(part) for part in parts]
        if settled in found:
            return settled  # whatever the others say
        known = [one for one in found if one is not None]
        return join(tuple(known)) if len(known) == len(found) else None


def sql_of(test: Test, row: str = "s") -> str:
    """Return a test as an expression over the column `inside` of a state row. Numbers only."""
    match test:
        case In(number):
            word, bit = divmod(number, WORD_BITS)
            return f"(coalesce({row}.inside[{word + 1}], 0) & {1 << bit}::bigint) <> 0"
        case Every(parts):
            return " AND ".join(f"({sql_of(one, row)})" for one in parts) or "true"
        case Some(parts):
            return " OR ".join(f"({sql_of(one, row)})" for one in parts) or "false"
        case Other(part):
            return f"NOT ({sql_of(part, row)})"


def choice_sql(plan: Plan, places: Mapping[str, int], row: str = "s") -> str:
    """Return which variant a state row is meant for, as an expression of its place.

    Args:
        places: variant -> a number. Who has not agreed has NO_CONSENT, where that matters.
    """
    default = places[plan.steps[-1].variant]
    if plan.is_off:
        return str(default)
    arms = [f"WHEN NOT {row}.is_allowed THEN {NO_CONSENT}"] if plan.needs_consent else []
    for step in plan.steps[:-1]:
        if step.test is not None and step.test != NOBODY:
            arms.append(f"WHEN {sql_of(step.test, row)} THEN {places[step.variant]}")
    return f"CASE {' '.join(arms)} ELSE {default} END" if arms else str(default)


def is_met(test: Test, inside: Collection[int]) -> bool:
    """The same by the numbers of the segments that somebody is in."""
    match test:
        case In(number):
            return number in inside
        case Every(parts):
            return all(is_met(one, inside) for one in parts)
        case Some(parts):
            return any(is_met(one, inside) for one in parts)
        case Other(part):
            return not is_met(part, inside)


def words_of(test: Test, names: Mapping[int, str]) -> str:
    """Return a test in words."""
    match test:
        case In(number):
            return names.get(number, f"segment {number}")
        case Every(()):
            return "everybody"
        case Some(()):
            return "nobody"
        case Every(parts):
            return " and ".join(_bracketed(one, names) for one in parts)
        case Some(parts):
            return " or ".join(_bracketed(one, names) for one in parts)
        case Other(part):
            return f"not {_bracketed(part, names)}"


def _bracketed(test: Test, names: Mapping[int, str]) -> str:
    said = words_of(test, names)
    is_simple = isinstance(test, In | Other) or len(getattr(test, "parts", ())) < 2
    return said if is_simple else f"({said})"


def names_of(compiled: CompiledSnapshot) -> dict[int, str]:
    """What the segments of a publication are called, by number."""
    return {one.number: one.doc.name or key for key, one in compiled.segments.items()}
