"""What editors find in the demo: drafts, a release, a theme, personas, rules, a trigger, trials.

All of it is made by the services that the admin's pages call. Visitors see what they saw before:
what is published here fills places that the shop does not have, and the rest are drafts.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from apps.content import services as content
from apps.content.revisions import changing
from apps.content.selectors import find_block, find_placement, find_variant
from apps.decisions import parts, releases
from apps.decisions.services import publish
from apps.demo import trials
from apps.demo.models import DemoRun
from apps.demo.setup import HERO, Fields, segment_key
from apps.rules import services as rules
from apps.segments import personas

EDITOR: Final = "editor"  # the role, and the login that `demo_accounts` makes for it
RELEASE: Final = "Autumn hero"
THEME: Final = "summer-wardrobe"
STRIP: Final = "strip"
NOTE: Final = "delivery-note"
CATEGORY: Final = "category-hero"

_MINUTE_MS: Final = 60_000
_AGREED: Final = {"functional": True, "analytics": True, "personalization": True}

SUMMER: Final[Fields] = {
    "headline": "Light things for warm days",
    "text": "Linen, jersey and viscose, with room where you need it.",
}
AUTUMN: Final[Fields] = {
    "headline": "Layers for the first cool days",
    "text": "Knitwear that stretches and coats that close, with room where you need it.",
}
CART: Final[Fields] = {
    "headline": "Your cart is still here",
    "text": "We have kept what you chose. It takes two minutes to finish.",
    "cta": "Back to the cart",
}
NOTE_NOW: Final = "Ordered by noon, sent today. Returns are free for 30 days."
NOTE_IN_AUTUMN: Final = "Ordered by noon, sent today. Returns are free until 31 January."
STRIP_NOW: Final = "New things every Thursday"
STRIP_DRAFT: Final = "New things every Tuesday and Thursday"
MESSAGES: Final = {
    "promise": {"en": "Light fabrics that breathe, and wash at 30 degrees."},
    "cta": {"en": "Put a light look together"},
}


def _count(window: str, least: int) -> dict[str, Any]:
    return {
        "kind": "event",
        "name": "Product Viewed",
        "aggregate": "count",
        "window": {"last": window},
        "op": "gte",
        "value": least,
    }


def _viewed(minutes_ago: int, product: str) -> dict[str, Any]:
    return {
        "name": "Product Viewed",
        "ago_ms": minutes_ago * _MINUTE_MS,
        "properties": {"product_id": product, "category": "blouses"},
    }


# Two that the page of their order shows: (key, name, variant, priority, condition).
RULES: Final[tuple[tuple[str, str, str, int, Mapping[str, Any]], ...]] = (
    (
        "sale-on-phones",
        "Sale on phones",
        "sale",
        30,
        {
            "all": [
                {"kind": "context", "name": "device", "op": "eq", "value": "mobile"},
                _count("10m", 3),
            ]
        },
    ),
    (
        "back-for-skirts",
        "Back for skirts",
        "skirts",
        20,
        {"all": [_count("7d", 10), {"kind": "segment", "key": segment_key("skirts")}]},
    ),
)
# (key, name, description, what they are)
PERSONAS: Final[tuple[tuple[str, str, str, Mapping[str, Any]], ...]] = (
    (
        "new-on-a-phone",
        "New here, on a phone",
        "Has just come for the first time and has looked at nothing yet.",
        {"context": {"device": "mobile", "visitor": "new"}, "consents": _AGREED},
    ),
    (
        "three-blouses",
        "Three blouses in ten minutes",
        "Looks at one blouse after another right now.",
        {
            "events": [_viewed(8, "C14"), _viewed(4, "C5"), _viewed(1, "C10")],
            "context": {"device": "desktop", "visitor": "returning"},
            "consents": _AGREED,
        },
    ),
    (
        "left-a-cart",
        "Left a cart 40 minutes ago",
        "Put a blouse into the cart and went away.",
        {
            "events": [
                _viewed(45, "C14"),
                {**_viewed(40, "C14"), "name": "Product Added"},
            ],
            "context": {"device": "desktop", "visitor": "returning"},
            "consents": _AGREED,
        },
    ),
)


@transaction.atomic
def furnish(run: DemoRun, *, oldest: datetime, now: datetime) -> bool:
    """Make what editors find in the demo; return whether anything was made.

    A site that has the strip, archived too, has all of it. Somebody of the role of editors has
    made it, where there is somebody. Drafts that are there already stay drafts.

    Args:
        run: the load of the site.
        oldest: when the first click of the history happened, as it was moved.

    Raises:
        PersonalizationError, IntegrityError: somebody has made things of the same keys, or the
            drafts contradict themselves; then nothing is made.
    """
    site_id = run.site_id
    if find_block(site_id, STRIP) is not None:
        return False
    before = _waiting(site_id)  # of somebody who is at work already: it stays a draft
    editor = User.objects.filter(groups__name=EDITOR, is_active=True).order_by("pk").first()
    _make_personas(site_id, editor, now)
    content.create_theme(
        site_id=site_id,
        key=THEME,
        name="Summer wardrobe",
        description="For who puts light things together: how they feel comes first.",
        segment_keys=[segment_key("skirts"), segment_key("blouses")],
        messages=MESSAGES,
    )
    _make_places(site_id, now)
    _make_trigger(site_id, editor, now)
    _make_rules(site_id)
    trials.design(site_id, run.site.key, oldest=oldest, editor=editor, now=now)
    publish(
        site_id=site_id,
        actor=None,  # theirs would tick the step of the start tour
        note="Words for categories, products and the strip on top",
        only={name: digest for name, digest in _waiting(site_id).items() if name not in before},
        now=now,
    )
    _make_release(site_id, editor, now + timedelta(milliseconds=1))
    _leave_a_draft(site_id, editor, now + timedelta(milliseconds=2))
    return True


def _make_personas(site_id: UUID, editor: User | None, now: datetime) -> None:
    for key, name, description, document in PERSONAS:
        personas.create_persona(
            site_id=site_id,
            key=key,
            name=name,
            description=description,
            document=document,
            actor=editor,
            now=now,
        )


def _make_places(site_id: UUID, now: datetime) -> None:
    """Three places that the shop does not ask for, and what fills them."""
    for key, name, fields, place, place_name in (
        (CATEGORY, "Category hero", SUMMER, "category.hero", "Category: hero"),
        (NOTE, "Delivery note", {"text": NOTE_NOW}, "product.note", "Product: note"),
        (STRIP, "Strip on top", {"text": STRIP_NOW}, "home.strip", "Home: strip"),
    ):
        block = content.create_block(
            site_id=site_id,
            key=key,
            name=name,
            schema=[{"name": field, "type": "string", "required": True} for field in fields],
        )
        content.create_variant(
            block=block, key="all", name="For everybody", is_default=True, fields=fields
        )
        content.create_placement(site_id=site_id, key=place, name=place_name, block=block)
    strip = find_block(site_id, STRIP)
    assert strip is not None
    morning = (now + timedelta(days=3)).replace(hour=8, minute=0, second=0, microsecond=0)
    content.create_variant(
        block=strip,
        key="last-sizes",
        name="Last sizes",
        segment_keys=[segment_key("sale")],
        fields={"text": "Last sizes of the sale: a week and no longer"},
        starts_at=morning,
        ends_at=morning + timedelta(days=7),
    )


def _make_trigger(site_id: UUID, editor: User | None, now: datetime) -> None:
    """A reminder for who left a cart, switched off: its variant is shown by nothing else."""
    hero = find_block(site_id, "hero")
    assert hero is not None
    variant = content.create_variant(
        block=hero, key="cart-reminder", name="Cart reminder", fields=CART
    )
    trigger = rules.begin_with(site_id=site_id, start_key="cart-left", actor=editor, now=now)
    trigger.placement = find_placement(site_id, HERO)
    trigger.variant = variant
    rules.save_trigger(trigger)


def _make_rules(site_id: UUID) -> None:
    """Two rules, switched off."""
    for key, name, variant, priority, where in RULES:
        rules.create_rule(
            site_id=site_id,
            key=key,
            name=name,
            placement_key=HERO,
            variant_key=variant,
            priority=priority,
            condition={"v": 1, "where": where},
            is_enabled=False,
        )


def _make_release(site_id: UUID, editor: User | None, now: datetime) -> None:
    """Two changes that wait in a release; the shop's own hero is in none of them."""
    _write(site_id, CATEGORY, AUTUMN, editor, now)
    _write(site_id, NOTE, {"text": NOTE_IN_AUTUMN}, editor, now)
    waiting = _waiting(site_id)
    releases.create_release(
        site_id=site_id,
        name=RELEASE,
        note="For the first of September",
        only={name: waiting[name] for name in (("block", CATEGORY), ("block", NOTE))},
        actor=editor,
        now=now,
    )


def _waiting(site_id: UUID) -> dict[tuple[str, str], str]:
    """Return (kind, key) -> digest of the drafts that are not published."""
    parts.refresh_parts(site_id)
    return {(row.kind, row.key): row.digest for row in parts.waiting(site_id) if row.is_listed}


def _write(
    site_id: UUID, block: str, fields: Mapping[str, Any], editor: User | None, now: datetime
) -> None:
    """Save another text for everybody, as a line of the block's history."""
    row = find_variant(site_id, block, "all")
    assert row is not None
    with changing("block", row.block_id, actor=editor, now=now, note="For the first cool days"):
        content.update_variant(variant_id=row.pk, fields=fields)


def _leave_a_draft(site_id: UUID, editor: User | None, now: datetime) -> None:
    """A change that nobody has published yet: other days, and words of the theme."""
    strip = find_block(site_id, STRIP)
    default = find_variant(site_id, STRIP, "all")
    assert strip is not None and default is not None
    with changing("block", strip.pk, actor=editor, now=now, note="Deliveries come twice a week"):
        content.update_variant(variant_id=default.pk, fields={"text": STRIP_DRAFT})
        content.create_variant(
            block=strip,
            key="summer",
            name="Summer wardrobe",
            theme_key=THEME,
            fields={"text": "{{ theme.promise }}"},
        )
