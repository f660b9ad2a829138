"""docs/conditions.md: computed traits are worked out again "at each deadline of the person"."""

from datetime import timedelta

from apps.pipeline import fold
from apps.segments import services as segments
from apps.segments.refresh import refresh_site
from tests.apps.delivery.conftest import NOW, World
from tests.apps.delivery.test_computed_in_templates import bought, html, shop, show

__all__ = ["shop"]


def test_who_leaves_a_segment_at_its_deadline_reads_the_count_of_then(shop: World) -> None:
    show(shop, "<p>{{ traits.computed.lately }}</p>")
    leaf = {"kind": "event", "name": "Order Completed", "aggregate": "count", "op": "gte",
            "value": 1, "window": {"last": "2d"}}  # fmt: skip
    made = segments.create_segment(
        site_id=shop.site.pk, key="lately", name="Lately", condition={"v": 1, "where": leaf},
        now=NOW,
    )  # fmt: skip
    segments.publish_segment(site_id=shop.site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=shop.site.pk, read_clock=lambda: NOW)
    bought(shop, 1.99)  # in the window for another 14.4 minutes
    assert html(shop) == "<p>1</p>"
    assert fold.fold_due(now=NOW + timedelta(minutes=20)) == 1
    assert html(shop) == "<p>0</p>"
