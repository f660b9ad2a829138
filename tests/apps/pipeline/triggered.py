"""A site with a segment, a trigger on it, and somebody who walks in and out."""

from datetime import datetime, timedelta
from typing import Any

from apps.access import services as access
from apps.pipeline import fold
from apps.pipeline.triggering import Follower
from apps.rules.models import Firing, Trigger
from apps.rules.services import save_trigger
from apps.segments import refresh
from apps.segments import services as segments
from apps.segments.models import Segment
from apps.work import clock
from tests.apps.pipeline.conftest import NOW, World, event

# In it for ten minutes after the second view.
BROWSES: dict[str, Any] = {
    "v": 1,
    "where": {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "count",
        "window": {"last": "10m"},
        "op": "gte",
        "value": 2,
    },
}


class Watched:
    """The world, its segment `browses` and one trigger; `fired` are the profiles, in order."""

    def __init__(self, world: World, **fields: Any) -> None:
        self.world = world
        self.source = access.create_source(
            site_id=world.site.id, name="shop", now=NOW, consent_mode="assumed"
        )
        self.segment = publish(world, "browses", BROWSES)
        given = {"message": {"show": "help"}, "most": None, "is_enabled": True, **fields}
        self.trigger = save_trigger(
            Trigger(
                site_id=world.site.id, key="browsing", name="Browsing", segment=self.segment,
                **given,
            )
        )  # fmt: skip
        self.follower = Follower()
        self.follower.act(NOW)  # the cursor begins here

    def comes_in(self, who: str, at: datetime = NOW, *, read_at: datetime | None = None) -> None:
        """Two views just before `at`; folded and read then, or later."""
        for seconds in (2, 1):
            self.sees(who, at - timedelta(seconds=seconds), folded_at=read_at or at)
        self.act(read_at or at)

    def sees(self, who: str, at: datetime, *, folded_at: datetime | None = None) -> None:
        view = event(0, anonymous_id=who)
        view.occurred_ms = clock.to_ms(at)
        self.world.fold(view, now=folded_at or at)

    def goes_by_itself(self, now: datetime) -> None:
        """Flip what time has changed by now."""
        while fold.fold_due(now=now):
            pass
        self.act(now)

    def act(self, now: datetime) -> int:
        return self.follower.act(now)

    def outcomes(self) -> list[str]:
        return list(Firing.objects.order_by("at", "pk").values_list("outcome", flat=True))


def publish(world: World, key: str, condition: dict[str, Any]) -> Segment:
    segment = segments.create_segment(
        site_id=world.site.id, key=key, name=key.title(), condition=condition, now=NOW
    )
    segments.publish_segment(site_id=world.site.id, segment_id=segment.pk, actor=None, now=NOW)
    refresh.refresh_site(site_id=world.site.id, read_clock=lambda: NOW)
    return segment
