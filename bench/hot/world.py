"""The site of the hot path's bars: rules, experiments and caps beside what `bench.world` makes."""

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.content import capping
from apps.content.models import Block
from apps.decisions import manifests, publishing
from apps.rules import services as rules
from apps.segments import services as segments
from bench import world
from engine.snapshot import ArmDoc, ExperimentDoc

RULES: Final = 20
SEGMENTS: Final = 50
REGULARS: Final = 2_000  # visitors with the whole past of `bench.world`; the others came once
HOUR_MS: Final = 3_600_000

Json = dict[str, Any]


def make_site(now: datetime, segment_count: int = SEGMENTS) -> world.Site:
    """Make and publish: so many segments, 20 rules, 3 experiments, a cap, 4 placements."""
    site = world.make_site(now)
    add_segments(site.id, world.SEGMENTS, segment_count, now)
    for number in range(RULES):
        rules.create_rule(
            site_id=site.id, key=f"rule-{number:02d}", priority=number,
            placement_key=world.PLACEMENTS[number % 4], variant_key="everyone",
            condition={"v": 1, "where": _rare(number)},
        )  # fmt: skip
    cap = capping.create_cap(site_id=site.id, key="banner", most=20, window_ms=HOUR_MS)
    Block.objects.get(site_id=site.id, key="banner").caps.add(cap)
    publish(site.id, now)
    return site


def add_segments(site_id: UUID, first: int, last: int, now: datetime) -> None:
    """Define segments number `first` to `last`, no two alike; some hold many visitors."""
    if last <= first:
        return
    for number in range(first, last):
        made = segments.create_segment(
            site_id=site_id, key=f"more-{number:04d}", name=f"More {number}",
            condition={"v": 1, "where": _more(number)}, now=now,
        )  # fmt: skip
        segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=now)
    segments.refresh_site(site_id=site_id)


@transaction.atomic
def publish(site_id: UUID, now: datetime) -> None:
    """Publish the drafts, and experiments with them: editors have no page for these yet."""
    publishing.publish(site_id=site_id, actor=None, note="Hot", now=now)
    latest = publishing.lock(site_id)
    made = [manifests.entry_of("experiment", one) for one in _experiments()]
    publishing.put_in_place(
        site_id, latest, {("experiment", entry.key): entry for entry, _ in made},
        {entry.part: body for entry, body in made}, actor=None, note="Hot", now=now,
    )  # fmt: skip


def _experiments() -> list[ExperimentDoc]:
    """One in each placement but the row, for a fifth of the visitors."""
    variants = {"home.hero": "sale", "home.banner": "buyer", "home.greeting": "half"}
    return [
        ExperimentDoc(
            key=f"try-{variant}", placement=placement, seed=variant, coverage=0.2,
            arms=[ArmDoc("control", "everyone", 0.5), ArmDoc("shown", variant, 0.5)],
        )
        for placement, variant in variants.items()
    ]  # fmt: skip


def _rare(number: int) -> Json:
    """What holds for next to nobody, and takes three looks to find out for most."""
    return {
        "all": [
            {"kind": "trait", "name": "age", "op": "gte", "value": 18 + number},
            {"any": [
                {"kind": "segment", "key": "buyer"},
                {"kind": "trait", "name": "plan", "op": "in", "value": ["free", "basic", "pro"]},
            ]},
            {"kind": "trait", "name": "city", "op": "eq", "value": f"Nowhere {number}"},
        ]
    }  # fmt: skip


def _more(number: int) -> Json:
    category = world.CATEGORIES[number % len(world.CATEGORIES)]
    viewed: Json = {"kind": "event", "name": "Product Viewed"}
    kinds: tuple[Json, ...] = (
        {**viewed, "aggregate": "count", "window": {"last": f"{1 + number % 60}d"},
         "op": "gte", "value": 1 + number % 9},
        {**viewed, "aggregate": "sum", "of": "price", "window": {"last": "30d"},
         "op": "gt", "value": 50 * (1 + number % 40)},
        {**viewed, "aggregate": "last", "of": "category", "window": "ever",
         "op": "eq", "value": category},
        {"all": [
            {"kind": "trait", "name": "age", "op": "gte", "value": 18 + number % 50},
            {"kind": "segment", "key": f"browsing-{category}"},
        ]},
    )  # fmt: skip
    return kinds[number % len(kinds)]


def past_of(number: int, now_ms: int) -> Iterator[tuple[int, Json]]:
    """A visitor's past: that of `bench.world` for regulars, a name and a view for the others."""
    past = world.past_of(number, now_ms)
    return past if number < REGULARS else itertools.islice(past, 2)
