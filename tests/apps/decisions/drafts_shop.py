"""Drafts of every kind at one site: a tagged block in a placement, a rule, a cap, a segment."""

from typing import Any

from django.db import connection

from apps.access.models import Site
from apps.content import services as content
from apps.decisions import services
from apps.decisions.models import Publication
from apps.rules import services as rules
from apps.segments import services as segments
from apps.segments.models import ComputedTrait
from tests.apps.delivery.conftest import LAST_VIEWED, NOW

MOBILE = {
    "v": 1,
    "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"},
}


class Drafts:
    """The rows of one site's drafts, and how tests write them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._steps = 0
        self.segment = segments.create_segment(
            site_id=site.pk, key="blouses", name="Blouses", condition=LAST_VIEWED, now=NOW
        )
        segments.publish_segment(site_id=site.pk, segment_id=self.segment.pk, actor=None, now=NOW)
        self.cap = content.create_cap(site_id=site.pk, key="weekly", most=2)
        self.hero = content.create_block(
            site_id=site.pk, key="hero", schema=[{"name": "headline", "type": "string"}]
        )
        content.create_variant(
            block=self.hero, key="all", is_default=True, fields={"headline": "Welcome"}
        )
        self.tagged = content.create_variant(
            block=self.hero,
            key="blouses",
            segment_keys=["blouses"],
            fields={"headline": "Blouses"},
        )
        self.place = content.create_placement(site_id=site.pk, key="home.hero", block=self.hero)
        self.rule = rules.create_rule(
            site_id=site.pk,
            key="phones",
            placement_key="home.hero",
            variant_key="blouses",
            condition=MOBILE,
        )

    def change(self, row: Any, **fields: Any) -> None:
        """Save fields of a row, as a form does."""
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(update_fields=list(fields))

    def sql(self, statement: str, *values: Any) -> None:
        """Write behind the back of every model."""
        with connection.cursor() as cursor:
            cursor.execute(statement, [str(value) for value in values])

    def redraft(self, category: str = "shirts") -> None:
        """Change a segment's draft without publishing it."""
        where: dict[str, Any] = LAST_VIEWED["where"]  # type: ignore[assignment]  # it is one
        condition = {**LAST_VIEWED, "where": {**where, "value": category}}
        segments.change_draft(
            site_id=self.site.pk,
            segment_id=self.segment.pk,
            condition=condition,
            actor=None,
            now=NOW,
        )

    def computed(self, key: str) -> None:
        """Define a computed trait that counts product views."""
        ComputedTrait.objects.create(
            site_id=self.site.pk,
            key=key,
            name=key,
            definition={
                "kind": "event",
                "name": "Product Viewed",
                "aggregate": "count",
                "window": "ever",
            },
            created_at=NOW,
        )

    def next(self) -> int:
        """A number that was not there before."""
        self._steps += 1
        return self._steps


def publish(site: Site, **more: Any) -> Publication:
    """Publish all drafts, as the system does."""
    return services.publish(site_id=site.pk, actor=None, now=NOW, **more)
