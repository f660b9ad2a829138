"""What stands in the way of the rules of a site: dead ones, shadowed ones, ones that overlap."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.rules.findings import written
from apps.rules.models import Rule
from apps.segments.linter import Finding, RuleAsked, Severity, findings_for_placements
from apps.segments.selectors import freshness, meaning
from engine.conditions.lint import excludes, implies
from engine.conditions.nodes import All, Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import segment_keys
from engine.conditions.sentences import people
from engine.errors import InvalidCondition

PLACEMENTS: Final = 20  # on one page
COMPARED: Final = 30  # rules of one placement that are compared pair by pair
STEPS: Final = 2_000  # of the search that compares two


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to look at. `level` as findings have it; `other` the other rule, if there is one.

    `witness`: a visitor whom both rules mean, in words.
    """

    level: str
    rule: Rule
    text: str
    other: Rule | None = None
    witness: str = ""


@dataclass(slots=True)
class OfPlacement:
    """What is said of the rules of one placement, in their order."""

    placement: Any
    rules: list[Rule]
    said: list[Said] = field(default_factory=list)
    not_compared: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """A page of the report: placements with two rules or more, or with something to say."""

    placements: list[OfPlacement]
    page: int
    pages: int
    rules: int


def report(site_id: UUID, *, page: int, now: datetime) -> Report:
    """Look the rules of a site over, some placements a page. Nothing is written.

    Five queries at most.
    """
    rows = Rule.objects.filter(site_id=site_id, archived_at=None).select_related(
        "site", "placement__block", "variant"
    )
    by_placement: dict[Any, list[Rule]] = {}
    for rule in rows.order_by("placement__key", "-priority", "key"):
        by_placement.setdefault(rule.placement_id, []).append(rule)
    placed = list(by_placement.values())
    pages = max(1, -(-len(placed) // PLACEMENTS))
    page = min(max(page, 1), pages)
    empty = _empty_segments(site_id)
    some = placed[(page - 1) * PLACEMENTS : page * PLACEMENTS]
    meant = meaning(site_id)
    read = [_read(rules, meant, empty, now) for rules in some]
    against = findings_for_placements(site_id, [one.asked for one in read])
    found = [_of_placement(*pair) for pair in zip(read, against, strict=True)]
    return Report(found, page, pages, sum(map(len, placed)))


@dataclass(slots=True)
class _Read:
    """The rules of a placement, as far as they can be read.

    Attributes:
        asking: those that take part, in order; `asked` the same for the linter.
        nodes: what they mean, by key.
    """

    found: OfPlacement
    asking: list[Rule]
    asked: list[RuleAsked]
    nodes: dict[str, Node]


def _read(
    rules: list[Rule], meant: Callable[[Node], Node], empty: dict[str, str], now: datetime
) -> _Read:
    found = OfPlacement(rules[0].placement, rules)
    nodes: dict[str, Node] = {}
    for rule in rules:
        try:
            nodes[rule.key] = meant(parse_condition(rule.condition))
        except InvalidCondition as error:
            found.said.append(Said("error", rule, f"Its condition is refused at {error}."))
            continue
        found.said += _of_one(rule, nodes[rule.key], empty, now)
    asking = [one for one in rules if one.key in nodes and _takes_part(one, now)]
    asked = [RuleAsked(one.key, nodes[one.key], written(one).is_always) for one in asking]
    return _Read(found, asking, asked, nodes)


def _of_placement(read: _Read, against: Mapping[str, Sequence[Finding]]) -> OfPlacement:
    found, asking, nodes = read.found, read.asking, read.nodes
    by_key = {one.key: one for one in asking}
    shadowed = set()
    for key, own in against.items():
        for one in own:
            if one.severity is Severity.ERROR:
                shadowed.add(key)
            other = by_key.get(one.other) if one.other else None
            found.said.append(Said(one.severity.value, by_key[key], one.text, other))
    compared = [one for one in asking if one.key not in shadowed][:COMPARED]
    found.not_compared = len(asking) - len(shadowed) - len(compared)
    found.said += _overlaps(compared, nodes)
    return found


def _takes_part(rule: Rule, now: datetime) -> bool:
    return rule.is_enabled and (rule.ends_at is None or rule.ends_at > now)


def _of_one(rule: Rule, node: Node, empty: dict[str, str], now: datetime) -> list[Said]:
    said = []
    placement = rule.placement
    if not rule.is_enabled:
        said.append(Said("info", rule, "It is switched off."))
    elif rule.ends_at is not None and rule.ends_at <= now:
        said.append(Said("warning", rule, "Its time is over: archive it, or give it another end."))
    if placement.block_id is None:
        said.append(Said("warning", rule, "It waits: no block fills its placement."))
    elif rule.variant.block_id != placement.block_id:
        text = "It serves a variant of a block that does not fill its placement any more."
        said.append(Said("error", rule, text))
    elif rule.variant.archived_at is not None:
        said.append(Said("error", rule, "It serves a variant that is archived."))
    for key in sorted(segment_keys(node)):
        if key in empty:
            said.append(Said("warning", rule, empty[key]))
    return said


def _empty_segments(site_id: UUID) -> dict[str, str]:
    """Segments that nobody is in, by key, with a sentence."""
    found = {}
    for one in freshness(site_id):
        if one.state == "draft":
            found[one.key] = f"It asks for the segment “{one.name}”, which is not published."
        elif one.size == 0 and not one.depends_on_request:
            found[one.key] = f"It asks for the segment “{one.name}”, which nobody is in."
    return found


def _overlaps(rules: Sequence[Rule], nodes: dict[str, Node]) -> list[Said]:
    """Pairs of which the first takes some visitors of the second: that may be meant so."""
    said = []
    for place, rule in enumerate(rules):
        for first in rules[:place]:
            if first.variant_id == rule.variant_id:
                continue  # whichever is asked first shows the same
            a, b = nodes[first.key], nodes[rule.key]
            if excludes(a, b, STEPS) is True or implies(a, b, STEPS) is True:
                continue  # nobody is meant by both, or the first is the special case of this one
            text = f"Some of its visitors get “{first.variant.name}” by the rule before it."
            said.append(Said("info", rule, text, first, _witness(a, b)))
    return said


def _witness(a: Node, b: Node) -> str:
    """Whom both mean, in words."""
    parts = [part for node in (a, b) for part in (node.parts if isinstance(node, All) else (node,))]
    return people(All(tuple(dict.fromkeys(parts))), "a visitor")
