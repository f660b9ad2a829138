"""What `engine.decide` itself takes: no server, no store, no rendering."""

import statistics
import time
from collections.abc import Sequence

from apps.access.models import Site
from apps.decisions import hot_state, snapshots
from apps.decisions.visitor_facts import visitor_of
from apps.profiles.models import Identity
from apps.work import clock
from bench import world
from engine.decide import decide_placement
from engine.members import Visitor

VISITORS = 500
ROUNDS = 7


def decide_us(site: world.Site) -> list[float]:
    """Return, for each of some rounds, the median microseconds of four placements of a visitor."""
    served = snapshots.current(site.id, None)
    assert served is not None
    now_ms = clock.now_ms()
    visitors = _visitors(site, now_ms)
    context: dict[str, object] = {"context.page.url": "https://shop.example/women/blouses"}
    rounds = []
    for _ in range(ROUNDS):
        took = []
        for visitor in visitors:
            start = time.perf_counter()
            for placement in world.PLACEMENTS:
                decide_placement(served.compiled, placement, visitor, context, now_ms)
            took.append((time.perf_counter() - start) * 1e6)
        rounds.append(statistics.median(took))
    return rounds


def _visitors(site: world.Site, now_ms: int) -> Sequence[Visitor]:
    names = [world.visitor(number) for number in range(VISITORS)]
    ids = Identity.objects.filter(site_id=site.id, kind="anonymous_id", value__in=names)
    zone = Site.objects.get(pk=site.id).time_zone
    return [
        visitor_of(profile, is_allowed=True, site_zone=zone, now_ms=now_ms)
        for profile in hot_state.hot_profiles_of(list(ids.values_list("profile_id", flat=True)))
    ]
