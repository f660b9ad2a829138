"""Look a segment over: what is proved about its condition, its size, its cost. Nothing is written.

Proofs come from `engine.conditions.lint`: what it says is so for everybody, and where nothing is
proved nothing is said. A segment whose policy remembers is more than its condition, so it is never
called the same as another, or part of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from apps.segments import encrypted_traits, unfair_scores
from apps.segments.cost import DAY_MS, cost_of, looks_beyond, raw_leaves
from apps.segments.findings import Finding, Severity
from apps.segments.models import Segment, SegmentBaseline, SegmentVersion
from apps.segments.selectors import in_force, meant, with_gates
from engine.conditions.lint import (
    Relation,
    excludes,
    implies,
    never_true,
    relation,
    shadowed,
    subjects,
)
from engine.conditions.lint_parts import Flaw, Trouble, flaws_of
from engine.conditions.lint_search import OverBudget
from engine.conditions.nodes import All, Node, SegmentLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.policy import NO_POLICY, Policy, gates, parse_policy
from engine.conditions.scope import inline_segments, reads_request, segment_keys
from engine.errors import InvalidCondition

__all__ = ["Finding", "RuleAsked", "Severity", "findings_for_draft", "findings_for_placements"]
__all__ += ["findings_for_rules", "findings_of_site"]

MOST_COMPARED: Final = 40  # other segments, those with most in common first
STEPS: Final = 3_000  # of the search that compares two segments
TOO_BROAD: Final = 0.8  # of everyone who was here
TOO_SMALL: Final = 0.001
FEWEST: Final = 10  # people


def findings_for_draft(
    site_id: UUID,
    key: str,
    draft: Mapping[str, Any],
    policy: Mapping[str, Any] | None = None,
    *,
    most_compared: int | None = MOST_COMPARED,
) -> list[Finding]:
    """Return what there is to say about a draft, errors first. Five queries at most.

    Args:
        key: of the segment; one that does not exist yet may have any.
        draft: the condition document; one that is refused gives one finding, with its place.
        most_compared: with so many other segments at most; None: with all.
    """
    try:
        node = meant(site_id, parse_condition(draft))
        parsed = parse_policy(policy or {})
        site = _Site(site_id, key, node, parsed)
        return site.findings(most_compared)
    except InvalidCondition as error:
        text = f"This is refused: {error.problem}. Correct it, then look again."
        return [Finding("lint_invalid", Severity.ERROR, error.path, text)]


def findings_of_site(site_id: UUID) -> dict[str, list[Finding]]:
    """Return the findings of the draft of every visible segment by key."""
    rows = Segment.objects.filter(site_id=site_id, is_hidden=False, is_archived=False)
    return {
        key: findings_for_draft(site_id, key, draft, policy, most_compared=None)
        for key, draft, policy in rows.order_by("key").values_list("key", "draft", "draft_policy")
        if draft
    }


class _Site:
    """A draft among the published segments of its site, nested ones put in their place."""

    def __init__(self, site_id: UUID, key: str, node: Node, policy: Policy) -> None:
        self.site_id, self.key, self.node, self.policy = site_id, key, node, policy
        published, kept = in_force(site_id)
        nodes, policies = published | {key: node}, kept | {key: policy}
        self.gates = gates(nodes, policies)
        self.plain = _told_by_conditions(nodes, policies)
        self.others = {
            name: inline_segments(SegmentLeaf(name), self.plain)
            for name in self.plain
            if name != key and not name.startswith("auto:")
        }
        self.inlined = self.put_in_place(node)

    def put_in_place(self, node: Node) -> Node:
        known = {name: each for name, each in self.plain.items() if name != self.key}
        return inline_segments(node, known)

    def findings(self, most_compared: int | None) -> list[Finding]:
        found = self.of_condition()
        is_empty = any(each.severity is Severity.ERROR for each in found)
        if not is_empty and not self.policy.remembers:
            found += self.of_others(most_compared)
        found += _of_size(self.site_id, self.key)
        found += _of_cost(self.inlined)
        found += _of_answers(self.site_id, self.inlined)
        return sorted(found, key=lambda each: list(Severity).index(each.severity))

    # The condition itself

    def of_condition(self) -> list[Finding]:
        alone = flaws_of(self.node)
        found = encrypted_traits.findings_of(self.site_id, self.node)
        found += unfair_scores.findings_of(self.site_id, self.inlined)
        found += map(_of_flaw, alone.found)
        if any(flaw.trouble is Trouble.NEVER and not flaw.path for flaw in alone.found):
            return found
        found += self.of_surroundings()
        found += self.of_leaving()
        if not alone.is_complete:
            text = "This condition is too large to be looked over whole. Nothing is known wrong."
            found.append(Finding("lint_not_checked", Severity.INFO, "", text))
        return found

    def of_surroundings(self) -> list[Finding]:
        """Segments it names, its parent and its group may leave nobody."""
        if never_true(self.inlined):
            return [self.of_nesting()]
        gate = self.gates.get(self.key)
        if gate is None:
            return []
        parent = self.policy.parent
        if parent and excludes(self.put_in_place(SegmentLeaf(parent)), self.inlined):
            return [_unreachable(parent, "its parent is")]
        if excludes(self.put_in_place(gate), self.inlined):
            text = (
                "Nobody can be in it: whoever meets its condition is in a segment of the same"
                " group that comes first. Change the priority or one of the conditions."
            )
            return [Finding("lint_unreachable", Severity.ERROR, "", text)]
        return []

    def of_nesting(self) -> Finding:
        """What it says contradicts the segments it names: one of them alone, or together."""
        keys = sorted(segment_keys(self.node) & self.plain.keys())
        for other in keys:
            alone = inline_segments(self.node, {other: self.put_in_place(self.plain[other])})
            if never_true(alone):
                return _unreachable(other, "it names")
        named = ", ".join(f'"{other}"' for other in keys)
        text = (
            f"Nobody can be in it: what it asks for contradicts the segments it names ({named})."
            " Read their conditions, then change this one."
        )
        return Finding("lint_unreachable", Severity.ERROR, "", text)

    def of_leaving(self) -> list[Finding]:
        if self.policy.leave is None:
            return []
        leave = self.put_in_place(self.policy.leave)
        if implies(self.inlined, leave):
            text = (
                "Nobody can come in: whoever meets the condition also meets the condition to"
                " leave. Make the one to leave narrower."
            )
            return [Finding("lint_never_enters", Severity.ERROR, "", text)]
        if never_true(leave):
            text = "Nobody leaves again: the condition to leave can never be met. Change it."
            return [Finding("lint_never_leaves", Severity.WARNING, "", text)]
        return []

    # Beside the other segments

    def of_others(self, most_compared: int | None) -> list[Finding]:
        own = All((self.gates[self.key], self.node)) if self.key in self.gates else self.node
        whole = self.put_in_place(own)
        about = subjects(whole)
        near = {
            name: len(about & subjects(each))
            for name, each in self.others.items()
            if not about.isdisjoint(subjects(each))
        }
        ranked = sorted(near, key=lambda name: (-near[name], name))
        found: list[Finding] = []
        given_up = ranked[most_compared:] if most_compared is not None else []
        for name in ranked[:most_compared]:
            try:
                said = relation(whole, self.others[name], STEPS)
            except OverBudget:
                given_up.append(name)
                continue
            finding = self.beside(name, said)
            if finding is not None:
                found.append(finding)
        if given_up:
            text = f"Not compared with {len(given_up)} other segments about the same things."
            found.append(Finding("lint_not_checked", Severity.INFO, "", text))
        return found

    def beside(self, other: str, said: Relation | None) -> Finding | None:
        if said is Relation.SAME:
            text = (
                f'The same people are in the segment "{other}". Use that one, or make this one'
                " different."
            )
            return Finding("lint_duplicate", Severity.WARNING, "", text, other)
        # That a part of it is a segment that it names is what the editor said.
        if said is Relation.WITHIN and other not in self.stands_on():
            text = (
                f'Everybody in it is in the segment "{other}" too. If that is meant, make it the'
                " parent, so that everybody sees it."
            )
            return Finding("lint_contained", Severity.INFO, "", text, other)
        if said is Relation.AROUND and self.key not in segment_keys(self.others[other]):
            text = f'Everybody in the segment "{other}" is in this one too.'
            return Finding("lint_contains", Severity.INFO, "", text, other)
        return None

    def stands_on(self) -> frozenset[str]:
        keys = segment_keys(self.inlined)
        return keys if self.policy.parent is None else keys | {self.policy.parent}


def _told_by_conditions(
    nodes: Mapping[str, Node], policies: Mapping[str, Policy]
) -> dict[str, Node]:
    """The conditions of segments, with their gates, that say who is in. Not so where they
    remember: such a segment stays a name."""
    whole = with_gates(nodes, policies)
    return {
        name: each for name, each in whole.items() if not policies.get(name, NO_POLICY).remembers
    }


def _unreachable(other: str, how: str) -> Finding:
    text = (
        f'Nobody can be in it: {how} the segment "{other}", whose condition excludes this one.'
        " Change one of the two."
    )
    return Finding("lint_unreachable", Severity.ERROR, "", text, other)


def _of_flaw(flaw: Flaw) -> Finding:
    because = f" because of {flaw.because}" if flaw.because is not None else ""
    match flaw.trouble, flaw.path:
        case Trouble.NEVER, "":
            clash = f": {flaw.because} contradicts the rest" if flaw.because is not None else ""
            text = f"Nobody can ever meet this{clash}. Change or remove one of the conditions."
            return Finding("lint_unsatisfiable", Severity.ERROR, "", text)
        case Trouble.ALWAYS, "":
            text = "Everybody always meets this. Ask for something that not everybody has."
            return Finding("lint_always_true", Severity.WARNING, "", text)
        case Trouble.NEVER, path:
            text = f"This part can never be true{because}. Correct it or take it out."
            return Finding("lint_dead_part", Severity.WARNING, path, text)
        case Trouble.ALWAYS, path:
            text = "This part is true of everybody. Correct it or take it out."
            return Finding("lint_always_part", Severity.WARNING, path, text)
    text = f"This part changes nothing{because}: the same people are in without it. Take it out."
    return Finding("lint_redundant", Severity.WARNING, flaw.path, text)


# Size and cost


def _of_size(site_id: UUID, key: str) -> list[Finding]:
    """Too broad or too small to matter, by what was measured of the version that serves."""
    row = (
        SegmentVersion.objects.filter(
            segment__site_id=site_id, segment__key=key, state=SegmentVersion.State.LIVE
        )
        .values_list("pk", "size")
        .first()
    )
    if row is None or row[1] is None:
        return []
    pk, size = row[0], int(row[1])
    measured = SegmentBaseline.objects.filter(pk=pk).values_list("members", "everyone").first()
    share = None
    if measured is not None and measured[1] >= FEWEST:
        share = measured[0] / measured[1]
    if share is not None and share > TOO_BROAD:
        text = (
            f"{share:.0%} of all visitors of the last weeks are in the published version: what is"
            " shown to them is shown to nearly everybody. Narrow it."
        )
        return [Finding("lint_too_broad", Severity.WARNING, "", text)]
    if size < FEWEST:
        text = "Fewer than 10 people are in the published version: too few to learn from. Widen it."
        return [Finding("lint_too_small", Severity.WARNING, "", text)]
    if share is not None and share < TOO_SMALL:
        text = (
            "Fewer than 0.1 % of all visitors of the last weeks are in the published version: too"
            " few to matter. Widen it."
        )
        return [Finding("lint_too_small", Severity.WARNING, "", text)]
    return []


def _of_cost(node: Node) -> list[Finding]:
    cost = cost_of(node)
    found = []
    if cost.any_event_leaves:
        what = "1 part is" if cost.any_event_leaves == 1 else f"{cost.any_event_leaves} parts are"
        text = f"{what} asked again after every event, whatever its name: sessions cost most."
        found.append(Finding("lint_any_event", Severity.INFO, "", text))
    if cost.slow_leaves:
        text = (
            "It looks for a sequence further back than 7 days, event by event. Shorten the window,"
            " or let it be refreshed less often (refresh every)."
        )
        found.append(Finding("lint_slow", Severity.WARNING, "", text))
    if cost.is_over_budget:
        text = (
            f"A refresh costs {cost.refresh_points} points, more than is good for one segment."
            " Ask for fewer sequences, distinct values and days, or let it be refreshed less often."
        )
        found.append(Finding("lint_cost", Severity.WARNING, "", text))
    return found


def _of_answers(site_id: UUID, node: Node) -> list[Finding]:
    """Where parts of it are not answered, or not as far back as they ask."""
    found = []
    if reads_request(node):
        text = (
            "It depends on the page that is asked for: it works in rules and variants, but nobody"
            " is kept as a member, so it cannot be counted or exported."
        )
        found.append(Finding("lint_request", Severity.INFO, "", text))
    leaves = list(raw_leaves(node))
    row = Segment.objects.filter(site_id=site_id).values_list("site__retention_days").first()
    if row is not None and any(looks_beyond(leaf, row[0] * DAY_MS) for leaf in leaves):
        text = (
            "Sequences, absences, distinct values, favourites and days are looked up in events"
            f" as they came; the site keeps these for {row[0]} days, so no further back."
        )
        found.append(Finding("lint_retention", Severity.INFO, "", text))
    return found


# Rules


@dataclass(frozen=True, slots=True)
class RuleAsked:
    """One rule of a placement. `is_always` False: it has a beginning or an end in time."""

    key: str
    node: Node
    is_always: bool = True


def findings_for_rules(site_id: UUID, rules: Sequence[RuleAsked]) -> dict[str, list[Finding]]:
    """Return what there is to say about the rules of one placement by key. One query.

    Args:
        rules: in the order in which they are asked.
    """
    return findings_for_placements(site_id, [rules])[0]


def findings_for_placements(
    site_id: UUID, placed: Sequence[Sequence[RuleAsked]]
) -> list[dict[str, list[Finding]]]:
    """As `findings_for_rules`, of the rules of each placement. One query for all of them."""
    plain = _told_by_conditions(*in_force(site_id))
    return encrypted_traits.before_others(site_id, placed, [_of_rules(r, plain) for r in placed])


def _of_rules(rules: Sequence[RuleAsked], plain: Mapping[str, Node]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    before: list[RuleAsked] = []
    for rule in rules:
        whole = RuleAsked(rule.key, inline_segments(rule.node, plain), rule.is_always)
        found[rule.key] = _of_rule(whole, before)
        if rule.is_always:
            before.append(whole)
    return found


def _of_rule(rule: RuleAsked, before: Sequence[RuleAsked]) -> list[Finding]:
    found = [_of_flaw(flaw) for flaw in flaws_of(rule.node).found]
    if any(each.severity is Severity.ERROR for each in found):
        return found
    for other in before:
        if implies(rule.node, other.node):
            text = (
                f'It never serves: whoever meets it meets the rule "{other.key}", which is asked'
                " first. Give it a greater priority, or change one of the two."
            )
            return [*found, Finding("lint_unreachable", Severity.ERROR, "", text, other.key)]
    if before and shadowed([*(each.node for each in before), rule.node]):
        text = (
            "It never serves: whoever meets it meets one of the rules that are asked first. Give it"
            " a greater priority, or change a condition."
        )
        found.append(Finding("lint_unreachable", Severity.ERROR, "", text))
    return found
