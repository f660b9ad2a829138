"""A condition becomes a version in force: checked, frozen, with hidden segments for its parts."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Max

from apps.segments.models import Segment, SegmentVersion
from apps.segments.publication_checks import check
from apps.segments.selectors import hidden_parts, in_force, segment_numbers, with_gates
from apps.segments.tasks import REFRESH
from apps.work import services as work
from engine.conditions.canonical import digest, to_json
from engine.conditions.describe import describe
from engine.conditions.nodes import Node
from engine.conditions.policy import NO_POLICY, Policy, policy_json
from engine.conditions.scope import HIDDEN_PREFIX

Actor = AbstractBaseUser | None


def put_in_force(
    segment: Segment,
    node: Node,
    policy: Policy,
    actor: Actor,
    now: datetime,
    *,
    note: str,
    restored: SegmentVersion | None = None,
) -> tuple[SegmentVersion, bool]:
    """Check and freeze; return (the version, whether it is a new one)."""
    site_id = segment.site_id
    nodes, policies = in_force(site_id)
    nodes, policies = nodes | {segment.key: node}, policies | {segment.key: policy}
    check(segment.key, nodes, policies)
    version, is_new = _add_version(segment, node, actor, now, policy, note, restored)
    if is_new:
        # Parts that the request cannot answer are kept by segments of their own.
        add_hidden(site_id, hidden_parts(with_gates(nodes, policies)), now)
        request_refresh(site_id, now=now)
    return version, is_new


def _add_version(
    segment: Segment,
    node: Node,
    actor: Actor,
    now: datetime,
    policy: Policy = NO_POLICY,
    note: str = "",
    restored: SegmentVersion | None = None,
) -> tuple[SegmentVersion, bool]:
    """Return (the version of this condition and policy, whether it is a new one)."""
    latest = segment.versions.order_by("-number").first()
    document = policy_json(policy)
    meaning = _meaning(node, document)
    is_current = latest is not None and latest.state != SegmentVersion.State.SUPERSEDED
    if latest is not None and is_current and latest.digest == meaning:
        return latest, False
    version = SegmentVersion.objects.create(
        segment=segment,
        number=latest.number + 1 if latest is not None else 1,
        condition=to_json(node),
        policy=document,
        digest=meaning,
        note=note,
        restored_from=restored,
        published_by_id=actor.pk if actor is not None else None,
        published_at=now,
    )
    return version, True


def _meaning(node: Node, policy: Mapping[str, Any]) -> str:
    """The digest of a version: the condition's own where no policy changes what it means."""
    if not policy:
        return digest(node)
    text = json.dumps(policy, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{digest(node)}{text}".encode()).hexdigest()


def add_hidden(site_id: UUID, wanted: Mapping[str, Node], now: datetime) -> int:
    """Create and publish the hidden segments that are missing; return how many."""
    present = segment_numbers(site_id)
    number = next_number(site_id)
    missing = [(key, node) for key, node in wanted.items() if key not in present]
    for key, node in missing:
        assert key.startswith(HIDDEN_PREFIX), "only a split condition has hidden parts"
        segment = Segment.objects.create(
            site_id=site_id,
            number=number,
            key=key,
            name=describe(node)[:120],
            draft=to_json(node),
            is_hidden=True,
            created_at=now,
        )
        _add_version(segment, node, None, now)
        number += 1
    return len(missing)


def next_number(site_id: UUID) -> int:
    """Rows are archived, never deleted, so the greatest number is the last one given."""
    last = Segment.objects.filter(site_id=site_id).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1


def request_refresh(site_id: UUID, *, now: datetime) -> UUID:
    """Ask for all segments of a site to be recomputed, once the transaction has committed.

    Returns the id of the intent, which shows the progress.
    """
    return work.ask(REFRESH, key="all", site_id=site_id, now=now).pk
