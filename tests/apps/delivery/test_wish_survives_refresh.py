"""Who was to be told their computed traits is told, also when a refresh comes before the timer."""

from apps.pipeline import fold
from apps.segments import services as segments
from apps.segments import tasks
from apps.segments.refresh import refresh_site
from apps.segments.request_reads import TELL
from apps.work.models import Intent
from apps.work.types import Work
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.test_computed_in_templates import bought, html, shop, show

__all__ = ["shop"]


def test_a_refresh_does_not_take_back_that_everybody_is_to_be_looked_at(shop: World) -> None:
    bought(shop, 2, total=7)
    show(shop, "<p>{{ traits.computed.ltv }}</p>")
    intent = Intent.objects.get(kind=TELL)
    work = Work(intent.pk, TELL, shop.site.pk, {}, 1, lambda *_: None)
    tasks.tell_computed(work, NOW)

    leaf = {"kind": "event", "name": "Order Completed", "aggregate": "count", "op": "gte",
            "value": 1, "window": "ever"}  # fmt: skip
    made = segments.create_segment(
        site_id=shop.site.pk, key="buyers", name="Buyers", condition={"v": 1, "where": leaf},
        now=NOW,
    )  # fmt: skip
    segments.publish_segment(site_id=shop.site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=shop.site.pk, read_clock=lambda: NOW)

    fold.fold_due(now=NOW)
    assert html(shop) == "<p>7</p>"
