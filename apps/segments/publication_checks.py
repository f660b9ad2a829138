"""What a condition and its policy must meet before they may serve."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from apps.segments.errors import InvalidTag, SegmentNotPublished
from engine.conditions.nodes import All, Node, SegmentLeaf
from engine.conditions.policy import NO_POLICY, Policy, gates, in_group
from engine.conditions.scope import inline_segments, leaves_of, reads_request, segment_keys
from engine.errors import InvalidCondition

MAX_LEAVES: Final = 1000  # of a condition with its nested segments in place
MAX_GROUP: Final = 32  # segments of one exclusive group: the last asks the conditions of all
MAX_TAGS: Final = 20
TAG_PREFIX: Final = "segment:"  # every segment has the tag segment:<key> by itself
_TAG: Final = re.compile(r"[a-z0-9][a-z0-9:._-]{0,59}")


def with_policy(node: Node, policy: Policy) -> Node:
    """Return everything that a segment stands on as one node: for checks, not to be evaluated."""
    parts = [node]
    if policy.leave is not None:
        parts.append(policy.leave)
    if policy.parent is not None:
        parts.append(SegmentLeaf(policy.parent))
    return node if len(parts) == 1 else All(tuple(parts))


def check(key: str, nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> None:
    """Refuse a segment that stands on what is not published, on itself, or on too much.

    Args:
        key: of the segment to be published, which is in `nodes`.
        nodes: the conditions in force by key, with that of `key` as it shall be.
        policies: the same of policies; absent: none.

    Raises:
        InvalidCondition: it contains itself, is too large, or remembers what a request answers; or
            its exclusive group is too large, or has one that comes after it and would be so.
        SegmentNotPublished: it nests, or has as its parent, a segment that is not published.
    """
    whole = {name: with_policy(node, policies.get(name, NO_POLICY)) for name, node in nodes.items()}
    absent = sorted(segment_keys(whole[key]) - nodes.keys())
    if absent:
        raise SegmentNotPublished(absent[0])
    own = gates(nodes, policies)
    # A parent is in the gate already: what it asks counts once.
    entire = {
        name: All((own[name], with_policy(nodes[name], replace(policies[name], parent=None))))
        if name in own
        else node
        for name, node in whole.items()
    }
    for name in (key, *_after(key, nodes, policies)):
        _check_size(name, entire, policies)


def _after(key: str, nodes: Mapping[str, Node], policies: Mapping[str, Policy]) -> list[str]:
    """Those of its group that ask whether somebody is in it."""
    group = policies.get(key, NO_POLICY).group
    keys = [] if group is None else [name for _, name in in_group(group, nodes, policies)]
    if len(keys) > MAX_GROUP:
        raise InvalidCondition(
            "policy.group", f"expected at most {MAX_GROUP} segments in a group, not {len(keys)}"
        )
    return keys[keys.index(key) + 1 :] if keys else []


def _check_size(key: str, entire: Mapping[str, Node], policies: Mapping[str, Policy]) -> None:
    inlined = inline_segments(SegmentLeaf(key), entire)
    leaves = sum(1 for _ in leaves_of(inlined))
    if leaves > MAX_LEAVES:
        raise InvalidCondition(
            "where",
            f"expected at most {MAX_LEAVES} leaves with the nested segments, not {leaves} in {key}",
        )
    if policies.get(key, NO_POLICY).remembers and reads_request(inlined):
        raise InvalidCondition(
            "policy", "expected a segment without facts of the request: who was in it is not kept"
        )


def clean_tags(tags: Iterable[object], key: str) -> list[str]:
    """Return tags in their order, each once, without the one that every segment has.

    Raises:
        InvalidTag: no slug, too many, or the tag of another segment.
    """
    found: list[str] = []
    for tag in tags:
        if not isinstance(tag, str) or _TAG.fullmatch(tag) is None:
            raise InvalidTag(tag)
        if tag.startswith(TAG_PREFIX) and tag != f"{TAG_PREFIX}{key}":
            raise InvalidTag(tag)
        if tag not in found and not tag.startswith(TAG_PREFIX):
            found.append(tag)
    if len(found) > MAX_TAGS:
        raise InvalidTag(found[MAX_TAGS])
    return found


def offered_tags(key: str, tags: Sequence[str]) -> list[str]:
    """Return the tags that sites may ask for: `segment:<key>` first, then the editor's own."""
    return [f"{TAG_PREFIX}{key}", *tags]
