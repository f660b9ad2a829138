"""What an editor does to the site under load: `python -m tests.faults.site COMMAND`.

Run in a process of its own, with the environment of the stack. The last line is JSON.
"""

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from engine.conditions.parse import MAX_LEAVES
from tests.faults.ledger import CAP, CAP_WINDOW_MS

DEAR, UNREADABLE = "dear", "unreadable"


def make() -> dict[str, Any]:
    """The benchmarks' site: 20 segments, 4 placements; one of them may be shown CAP times."""
    from apps.content import capping
    from apps.content.models import Block
    from apps.decisions import services as decisions
    from bench import world

    site = world.make_site(datetime.now(UTC))
    cap = capping.create_cap(site_id=site.id, key="banner", most=CAP, window_ms=CAP_WINDOW_MS)
    Block.objects.get(site_id=site.id, key="banner").caps.add(cap)
    decisions.publish(site_id=site.id, actor=None, note="capped", now=datetime.now(UTC))
    return {"site": str(site.id), "key": site.key, "placements": list(world.PLACEMENTS)}


def publish(name: str) -> dict[str, Any]:
    """One more block with a placement, published."""
    from apps.content import services as content
    from apps.decisions import services as decisions

    site_id = _site_id()
    block = content.create_block(site_id=site_id, key=f"extra-{name}")
    content.create_variant(
        block=block, key="everyone", segment_keys=[], template=f"<p>{name}</p>", is_default=True
    )
    content.create_placement(site_id=site_id, key=f"extra.{name}", block=block)
    made = decisions.publish(site_id=site_id, actor=None, note=name, now=datetime.now(UTC))
    return {"number": made.number}


def poison() -> dict[str, Any]:
    """Publish the dearest segment that the editor takes, and one that is spoilt afterwards."""
    from apps.segments import services as segments
    from apps.segments.models import LiveSet, SegmentVersion

    site_id = _site_id()
    now = datetime.now(UTC)
    for key, condition in ((DEAR, {"any": _dear_leaves()}), (UNREADABLE, _dear_leaves()[0])):
        made = segments.create_segment(
            site_id=site_id, key=key, name=key, condition={"v": 1, "where": condition}, now=now
        )
        segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=now)
    segments.refresh_site(site_id=site_id)
    # As a later version of this program could leave it for an earlier one.
    SegmentVersion.objects.filter(segment__key=UNREADABLE).update(condition={"v": 99})
    LiveSet.objects.filter(site_id=site_id).update(number=F("number") + 1)
    return {}


def _dear_leaves() -> list[dict[str, Any]]:
    """As many as a condition may have; each looks at every event that a visitor ever had."""
    return [
        {
            "kind": "event",
            "name": "Product Viewed",
            "aggregate": "distinct",
            "of": "product_id",
            "window": "ever",
            "where": [{"property": "price", "op": "gt", "value": number}],
            "op": "gte",
            "value": 1_000_000,
        }
        for number in range(MAX_LEAVES)
    ]


def unpoison() -> dict[str, Any]:
    """Archive them."""
    from apps.segments import services as segments
    from apps.segments.models import Segment

    for segment in Segment.objects.filter(site_id=_site_id(), key__in=(DEAR, UNREADABLE)):
        # Keys are never used again, and this fault may be asked for twice.
        Segment.objects.filter(pk=segment.pk).update(key=f"{segment.key}-{segment.number}")
        segments.archive_segment(
            site_id=segment.site_id, segment_id=segment.pk, actor=None, now=datetime.now(UTC)
        )
    return {}


def check() -> dict[str, Any]:
    """Recompute every membership; how many had to change, and in which segments.

    `stale`: copies of state rows in Valkey that are older than the row.
    """
    from apps.segments.models import Membership
    from apps.segments.services import refresh_site

    def inside() -> set[tuple[str, Any]]:
        kept = Membership.objects.filter(left_at=None)
        return set(kept.values_list("segment__key", "profile_id"))

    stale = _stale()
    before = inside()
    done = refresh_site(site_id=_site_id())
    moved = Counter(key for key, _ in before ^ inside())
    return {
        "moved": done.entered + done.left,
        "segments": dict(moved.most_common(4)),
        "stale": stale,
    }


def _stale() -> int:
    from apps.decisions import generation, hot_state
    from apps.profiles.models import ProfileState
    from apps.work.redis import connection

    rows = dict(
        ProfileState.objects.filter(site_id=_site_id(), merged_into=None).values_list(
            "profile_id", "version"
        )
    )
    prefix = generation.prefix(generation.current())
    copies = connection().mget([hot_state.state_key(prefix, who.hex) for who in rows])
    found = [hot_state.read(copy) for copy in copies]
    return sum(
        copy is not None and copy.version < version
        for copy, version in zip(found, rows.values(), strict=True)
    )


def _site_id() -> UUID:
    from apps.access.models import Site

    site_id: UUID = Site.objects.get(key="bench").pk
    return site_id


COMMANDS = {
    "make": make,
    "publish": publish,
    "poison": poison,
    "unpoison": unpoison,
    "check": check,
}


def main() -> int:
    """Do it."""
    import django

    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))  # type: ignore[operator]
    return 0


if __name__ == "__main__":
    sys.exit(main())
