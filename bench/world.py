"""The site that is measured: 20 segments, 4 placements, visitors with a past.

Made through the product's own services, as an editor would in the admin; the visitors come in
through the public API and are folded by the consumer.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.access import services as access
from apps.content import services as content
from apps.content.domain.templates import parse_template
from apps.content.models import Block
from apps.decisions import services as decisions
from apps.recommendations import services as recommendations
from apps.recommendations.models import Recommender
from apps.segments import services as segments

CATEGORIES: Final = ("blouses", "trousers", "skirts", "shoes", "sale")
PLACEMENTS: Final = ("home.hero", "home.banner", "home.greeting", "home.row")
ITEMS_SHOWN: Final = 6
PRODUCTS: Final = 120
PAST_EVENTS: Final = 12  # of each visitor
SEGMENTS: Final = 20
# No request of a run is refused, and none skips the limiter.
RATE_PER_S: Final = 100_000
ORIGIN: Final = "https://shop.example"

_PLANS: Final = ("free", "basic", "pro", "team")
_CITIES: Final = ("Berlin", "Lyon", "Porto", "Gdańsk", "Turku")
_NAMES: Final = ("Anna", "Ben", "Chloé", "Dana", "Emil", "Fay", "Gustav", "Hana")
_MINUTE_MS: Final = 60_000
_DAY_MS: Final = 86_400_000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """The measured site: its id, a browser's key with raised limits, its recommender."""

    id: UUID
    key: str
    recommender: Recommender


def make_site(now: datetime) -> Site:
    """Make and publish everything that an editor would."""
    site_id = access.create_site(key="bench", name="Bench", regime="us_opt_out", now=now).pk
    source = access.create_source(
        site_id=site_id,
        name="Shop",
        consent_mode="assumed",
        allowed_origins=[ORIGIN],
        rate_per_s=RATE_PER_S,
        rate_per_address_s=RATE_PER_S,
        now=now,
    )
    _, key = access.issue_key(source_id=source.pk, kind="pk", now=now)
    conditions = _conditions()
    assert len(conditions) == SEGMENTS
    for name, condition in conditions.items():
        made = segments.create_segment(
            site_id=site_id, key=name, name=name, condition={"v": 1, "where": condition}, now=now
        )
        segments.publish_segment(site_id=site_id, segment_id=made.pk, actor=None, now=now)
    segments.refresh_site(site_id=site_id)
    recommender = recommendations.create_recommender(
        site_id=site_id, key="followed-by", name="Followed by"
    )
    _create_content(site_id)
    decisions.publish(site_id=site_id, actor=None, note="Bench", now=now)
    return Site(site_id, key, recommender)


def train(site: Site, now: datetime) -> None:
    """Let the recommender learn from what the visitors did."""
    [(_, version)] = recommendations.train_now(recommenders=[site.recommender], now=now)
    assert version is not None, "there were views to learn from"


def _event(aggregate: str, window: Any, op: str, value: Any, **more: Any) -> Json:
    name = more.pop("name", "Product Viewed")
    return {
        "kind": "event", "name": name, "aggregate": aggregate, "window": window, "op": op,
        "value": value, **more,
    }  # fmt: skip


def _trait(name: str, op: str, value: Any) -> Json:
    return {"kind": "trait", "name": name, "op": op, "value": value}


def _conditions() -> dict[str, Json]:
    """Twenty segments of every kind; most visitors are in five to ten of them."""
    bought = {"name": "Order Completed"}
    browsing = {
        f"browsing-{category}": _event("last", "session", "eq", category, of="category")
        for category in CATEGORIES
    }
    return {
        **browsing,
        "keen": _event("count", {"last": "7d"}, "gte", 8),
        "occasional": _event("count", {"last": "30d"}, "between", [2, 7]),
        "compares": _event("distinct", "session", "gte", 3, of="product_id"),
        "looked-at-dear": _event("sum", {"last": "30d"}, "gt", 500, of="price"),
        "buyer": _event("count", "ever", "gte", 1, **bought),
        "big-spender": _event("sum", {"last": "30d"}, "gte", 150, of="revenue", **bought),
        "fresh": _event("recency", "ever", "lt", "30m"),
        "came-for-sale": _event("first", "ever", "eq", "sale", of="category"),
        "pays": _trait("plan", "in", ["pro", "team"]),
        "free-plan": _trait("plan", "eq", "free"),
        "grown-up": _trait("age", "gte", 40),
        "south": _trait("city", "in", ["Lyon", "Porto"]),
        "half": {"kind": "percent", "seed": "half", "from": 0, "to": 50},
        "keen-payer": {"all": [{"kind": "segment", "key": "keen"}, _trait("plan", "eq", "pro")]},
        "only-looks": {
            "all": [
                _event("count", {"last": "7d"}, "gte", 4),
                {"none": [_event("count", {"last": "7d"}, "gte", 1, **bought)]},
            ]
        },
    }


def _create_content(site_id: UUID) -> None:
    """Two slot templates, one if/else, one loop of six."""
    hero = _block(site_id, "hero", "<h2>Welcome {{ traits.name }}</h2><p>See what is new.</p>")
    for category in CATEGORIES:
        _variant(
            hero, category, [f"browsing-{category}"],
            f'<h2>More {category}, {{{{ traits.name }}}}</h2><p>Sent to {{{{ traits.city }}}}.</p>'
            f'<a href="/{category}" class="cta">Have a look</a>',
        )  # fmt: skip
    banner = _block(site_id, "banner", "<p>Free returns for {{ traits.city }}.</p>")
    for key in ("big-spender", "buyer", "keen", "free-plan"):
        _variant(
            banner, key, [key],
            f'<p class="{key}">{{{{ traits.name }}}}, your plan is {{{{ traits.plan }}}}.</p>',
        )  # fmt: skip
    greeting = _block(site_id, "greeting", _greeting("Hello"))
    for key in ("keen-payer", "only-looks", "half"):
        _variant(greeting, key, [key], _greeting(f"You are {key}"))
    row = _block(
        site_id, "row",
        '<ul>{% for item in items %}<li><a href="/p/{{ item.id }}">{{ item.id }}</a></li>'
        "{% endfor %}</ul>{{ facts.note }}",
        kind="recommendations", recommender="followed-by", item_limit=ITEMS_SHOWN,
    )  # fmt: skip
    for placement, block in zip(PLACEMENTS, (hero, banner, greeting, row), strict=True):
        content.create_placement(site_id=site_id, key=placement, block=block)


def _greeting(word: str) -> str:
    return (
        f"<p>{word}{{% if traits.plan == 'pro' %}}, dear {{{{ traits.name }}}}"
        "{% else %} and {{ traits.name }}{% endif %}{{ facts.note }}</p>"
    )


def _block(site_id: UUID, key: str, template: str, **more: Any) -> Block:
    block = content.create_block(site_id=site_id, key=key, **more)
    _variant(block, "everyone", [], template, is_default=True)
    return block


def _variant(
    block: Block, key: str, segment_keys: list[str], template: str, *, is_default: bool = False
) -> None:
    is_slots = parse_template(template).parts is not None
    assert is_slots == (block.key in ("hero", "banner")), "two of them are slots, two are Liquid"
    content.create_variant(
        block=block,
        key=key,
        segment_keys=segment_keys,
        template=template,
        is_default=is_default,
    )


def visitor(number: int) -> str:
    """Return a visitor's anonymous id."""
    return f"visitor-{number:06d}"


def name_of(number: int) -> str:
    """Return a visitor's name: no two are the same, so no two see the same page."""
    return f"{_NAMES[number % len(_NAMES)]} {number}"


def past_of(number: int, now_ms: int) -> Iterator[tuple[int, Json]]:
    """Yield (when, event) of a visitor's past: traits, older visits, the session under way."""
    rnd = random.Random(number)  # nosec B311
    traits = {
        "name": name_of(number),
        "plan": rnd.choice(_PLANS),
        "city": rnd.choice(_CITIES),
        "age": rnd.randint(18, 75),
    }
    yield now_ms - 40 * _DAY_MS, {"type": "identify", "traits": traits}
    favourite = rnd.choice(CATEGORIES)
    for step in range(PAST_EVENTS - 1):
        is_now = step >= PAST_EVENTS // 2
        age_ms = (PAST_EVENTS - step) * _MINUTE_MS // 2
        at_ms = now_ms - age_ms - (0 if is_now else rnd.randint(1, 20) * _DAY_MS)
        if rnd.random() < 0.1:
            properties: Json = {"revenue": rnd.randint(20, 200), "order_id": f"{number}-{step}"}
            yield at_ms, {"type": "track", "event": "Order Completed", "properties": properties}
        else:
            category = favourite if rnd.random() < 0.7 else rnd.choice(CATEGORIES)
            yield at_ms, viewed(category, rnd.randrange(PRODUCTS))


def viewed(category: str, product: int) -> Json:
    """Return a view of one product."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "properties": {
            "category": category,
            "product_id": f"P{product:04d}",
            "name": f"A fine thing number {product}",
            "price": 20 + product % 90,
            "currency": "EUR",
        },
    }
