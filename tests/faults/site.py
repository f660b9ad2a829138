"""What an editor does to the site under load: `python -m tests.faults.site COMMAND`.

Run in a process of its own, with the environment of the stack. The last line is JSON.
"""

import json
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tests.faults.ledger import CAP


def make() -> dict[str, Any]:
    """The benchmarks' site: 20 segments, 4 placements; one of them may be shown twice an hour."""
    from apps.content import capping
    from apps.content.models import Block
    from apps.decisions import services as decisions
    from bench import world

    site = world.make_site(datetime.now(UTC))
    cap = capping.create_cap(site_id=site.id, key="banner", most=CAP, window_ms=3_600_000)
    Block.objects.get(site_id=site.id, key="banner").caps.add(cap)
    decisions.publish(site_id=site.id, actor=None, note="capped", now=datetime.now(UTC))
    return {"site": str(site.id), "key": site.key, "placements": list(world.PLACEMENTS)}


def publish(name: str) -> dict[str, Any]:
    """One more block with a placement, published."""
    from apps.access.models import Site
    from apps.content import services as content
    from apps.decisions import services as decisions

    site = Site.objects.get(key="bench")
    block = content.create_block(site_id=site.pk, key=f"extra-{name}")
    content.create_variant(
        block=block, key="everyone", segment_keys=[], template=f"<p>{name}</p>", is_default=True
    )
    content.create_placement(site_id=site.pk, key=f"extra.{name}", block=block)
    made = decisions.publish(site_id=site.pk, actor=None, note=name, now=datetime.now(UTC))
    return {"number": made.number}


def check() -> dict[str, Any]:
    """Recompute every membership; how many had to change, and in which segments."""
    from apps.access.models import Site
    from apps.segments.models import Membership
    from apps.segments.services import refresh_site

    def inside() -> set[tuple[str, Any]]:
        kept = Membership.objects.filter(left_at=None)
        return set(kept.values_list("segment__key", "profile_id"))

    before = inside()
    done = refresh_site(site_id=Site.objects.get(key="bench").pk)
    moved = Counter(key for key, _ in before ^ inside())
    return {"moved": done.entered + done.left, "segments": dict(moved.most_common(4))}


COMMANDS = {"make": make, "publish": publish, "check": check}


def main() -> int:
    """Do it."""
    import django

    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))  # type: ignore[operator]
    return 0


if __name__ == "__main__":
    sys.exit(main())
