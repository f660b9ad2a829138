"""Conditions on traits that are kept encrypted: whether there is one can be asked, no more."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from apps.profiles import trait_kinds
from apps.segments import unfair_scores
from apps.segments.findings import Finding, Severity
from engine.conditions.nodes import Node, Op, ScoreLeaf, TraitLeaf
from engine.conditions.scope import leaves_of

ANSWERED: Final = frozenset({Op.IS_SET, Op.IS_MISSING, Op.CHANGED_WITHIN})
_WHY: Final = {
    trait_kinds.IDENTIFIER: "it names or reaches a person",
    trait_kinds.SENSITIVE: "the site has marked it as sensitive",
}


class HasNode(Protocol):
    """A rule, as the linter is asked about it."""

    @property
    def key(self) -> str:
        """Its key."""

    @property
    def node(self) -> Node:
        """Its condition."""


def findings_of(site_id: UUID, node: Node) -> list[Finding]:
    """Return what of a condition can never be met because it asks for the value of such a trait.

    One statement at most every two seconds; none where no trait is asked for.
    """
    asked = {leaf.name for leaf in _trait_leaves(node) if leaf.op not in ANSWERED}
    if not asked:
        return []
    kinds = trait_kinds.kinds_of(site_id)
    return [
        Finding("lint_encrypted_trait", Severity.ERROR, "", _text(name, kinds.of(name)))
        for name in sorted(asked)
        if kinds.is_encrypted(name)
    ]


def before_others(
    site_id: UUID,
    placed: Sequence[Sequence[HasNode]],
    found: Sequence[Mapping[str, list[Finding]]],
) -> list[dict[str, list[Finding]]]:
    """Return findings of rules by key, of each placement, with ours first."""
    return [
        {
            rule.key: findings_of(site_id, rule.node)
            + unfair_scores.findings_of(site_id, rule.node)
            + told[rule.key]
            for rule in rules
        }
        for rules, told in zip(placed, found, strict=True)
    ]


def _trait_leaves(node: Node) -> list[TraitLeaf]:
    found: list[TraitLeaf] = []
    for leaf in leaves_of(node):
        if isinstance(leaf, TraitLeaf):
            found.append(leaf)
        elif isinstance(leaf, ScoreLeaf):
            found += [source.test for source in leaf.traits]
    return found


def _text(name: str, kind: str) -> str:
    return (
        f'The trait "{name}" is kept encrypted because {_WHY[kind]}: a condition can ask whether it'
        ' is known or has changed, not what it says. Ask for that ("is set"), upload a list of the'
        " people you mean, or have the site mark the trait as plain if it names nobody."
    )
