"""The demo's site as an editor would set it up in the admin, through the services behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final, TypeAlias
from uuid import UUID

from django.db import transaction

from apps.access.selectors import find_site
from apps.access.services import create_site, create_source, issue_key
from apps.content.services import create_block, create_placement, create_variant
from apps.decisions.services import publish
from apps.demo.convert import EVENT_NAME
from apps.demo.models import DemoRun
from apps.demo.seeding import LOCAL_ORIGINS, SITE_KEY
from apps.recommendations.services import ask_training, create_recommender
from apps.segments.services import create_segment, publish_segment

HERO: Final = "home.hero"
ROW: Final = "home.recs"
SENDER: Final = "Clicks of 2008"
RECOMMENDER: Final = "followed-by"
REGIME: Final = "us_opt_out"

# The demo's own sender asks thousands of times a second; the product's limits are for one page.
SENDER_RATE_PER_S: Final = 20_000
SHOP_RATE_PER_S: Final = 1_000

SHORTEST_RETENTION_DAYS: Final = 395
SHORTEST_WINDOW_DAYS: Final = 90

Fields: TypeAlias = dict[str, str]

# What the hero says to somebody who is looking at one category.
HEROES: Final[dict[str, Fields]] = {
    "trousers": {
        "headline": "Trousers that grow with you",
        "text": "Soft waistbands, straight legs, made for all nine months.",
        "cta": "See all trousers",
    },
    "skirts": {
        "headline": "Skirts for light days",
        "text": "Flared, wrapped or straight, with room where you need it.",
        "cta": "See all skirts",
    },
    "blouses": {
        "headline": "Blouses with room to breathe",
        "text": "Cotton and viscose, buttoned for now and for nursing later.",
        "cta": "See all blouses",
    },
    "sale": {
        "headline": "The best of the sale",
        "text": "Last sizes of last season, marked down to stay that way.",
        "cta": "See the whole sale",
    },
}
WELCOME: Final[Fields] = {
    "headline": "Clothes for the months that matter",
    "text": "A small shop for expecting mothers: comfortable, well cut, made to last.",
    "cta": "Look around",
}
HERO_SCHEMA: Final[list[dict[str, str | bool]]] = [
    {"name": "headline", "type": "string", "required": True},
    {"name": "text", "type": "string"},
    {"name": "cta", "type": "string"},
    {"name": "category", "type": "string"},
]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is about to be loaded: see `DemoRun`. The history begins `history_days` ago."""

    name: str
    site_key: str
    clicks_digest: str
    learn_until: date
    sessions: int
    shift_s: float
    history_days: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A site that is ready to be loaded. `sender_key` is secret and known only now."""

    run: DemoRun
    sender_key: str
    ask_training: Callable[..., UUID]  # (now=) -> id of the intent


@transaction.atomic
def set_up(plan: Plan, *, now: datetime) -> Prepared:
    """Make the site with its sources, segments, blocks and placements, and publish it.

    The site that `seed_demo` makes is taken over; any other key must be free.
    """
    site_id = _site(plan, now)
    shop_id = create_source(
        site_id=site_id,
        name="Shop",
        consent_mode="required",
        allowed_origins=LOCAL_ORIGINS,
        rate_per_s=SHOP_RATE_PER_S,
        rate_per_address_s=SHOP_RATE_PER_S,
        now=now,
    ).pk
    issue_key(source_id=shop_id, kind="pk", now=now)
    sender = create_source(
        site_id=site_id,
        name=SENDER,
        kind="server",
        consent_mode="assumed",
        rate_per_s=SENDER_RATE_PER_S,
        now=now,
    )
    _, sender_key = issue_key(source_id=sender.pk, kind="sk", now=now)
    recommender = create_recommender(
        site_id=site_id,
        key=RECOMMENDER,
        name="Followed by",
        event_name=EVENT_NAME,
        window_days=max(SHORTEST_WINDOW_DAYS, plan.history_days + 1),
    )
    _create_segments(site_id, now)
    _create_content(site_id)
    _offer_previews(plan.site_key)
    publish(site_id=site_id, actor=None, note="The shop's hero and its row", now=now)
    run = DemoRun.objects.create(
        site_id=site_id,
        shop_source_id=shop_id,
        name=plan.name,
        clicks_digest=plan.clicks_digest,
        learn_until=plan.learn_until,
        sessions=plan.sessions,
        shift_s=plan.shift_s,
        created_at=now,
    )
    return Prepared(run, sender_key, partial(ask_training, recommender=recommender))


def _site(plan: Plan, now: datetime) -> UUID:
    present = find_site(plan.site_key) if plan.site_key == SITE_KEY else None
    if present is not None:
        return present.pk
    return create_site(
        key=plan.site_key,
        name=plan.site_key.replace("-", " ").capitalize(),
        regime=REGIME,
        retention_days=max(SHORTEST_RETENTION_DAYS, plan.history_days + 30),
        now=now,
    ).pk


def _offer_previews(site_key: str) -> None:
    """Name the shop's front page for the preview desk, where it has no pages yet."""
    site = find_site(site_key)
    assert site is not None
    if not site.preview_pages:
        site.preview_pages = [{"name": "Front page", "url": "/demo/", "placements": [HERO, ROW]}]
        site.save(update_fields=["preview_pages"])


def segment_key(category: str) -> str:
    """Return the key of the segment of visitors who look at a category now."""
    return f"browsing-{category}-now"


def _create_segments(site_id: UUID, now: datetime) -> None:
    for category in HEROES:
        segment = create_segment(
            site_id=site_id,
            key=segment_key(category),
            name=f"Browsing {category} now",
            description=f"The last product they viewed in this session is one of our {category}.",
            condition={
                "v": 1,
                "where": {
                    "kind": "event",
                    "name": EVENT_NAME,
                    "aggregate": "last",
                    "of": "category",
                    "window": "session",
                    "op": "eq",
                    "value": category,
                },
            },
            now=now,
        )
        publish_segment(site_id=site_id, segment_id=segment.pk, actor=None, now=now)


def _create_content(site_id: UUID) -> None:
    hero = create_block(
        site_id=site_id, key="hero", name="Hero", schema=HERO_SCHEMA, is_cacheable=True
    )
    for category, fields in HEROES.items():
        create_variant(
            block=hero,
            key=category,
            name=category.capitalize(),
            segment_keys=[segment_key(category)],
            fields={**fields, "category": category},
        )
    create_variant(block=hero, key="welcome", name="Welcome", is_default=True, fields=WELCOME)
    row = create_block(
        site_id=site_id,
        key="next-products",
        name="What others looked at next",
        kind="recommendations",
        recommender=RECOMMENDER,
        item_limit=10,
    )
    create_variant(block=row, key="row", name="Row", is_default=True)
    create_placement(site_id=site_id, key=HERO, name="Home: hero", block=hero)
    create_placement(site_id=site_id, key=ROW, name="Home: product row", block=row)
