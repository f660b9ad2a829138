"""People who do everything a feature can see: at all hours, out of order, on several devices."""

import json
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from apps.access.models import Site
from tests.apps.recommendations.world import NOW, make_profile

CATEGORIES = ("shoes", "hats", "coats", "bags", "belts")
QUERIES = ("cheap red shoes", "how to clean hats", "hat", "best coat 42", "", "bags  vs\tbelts")
NAMES = ("Product Viewed", "Page Viewed", "Products Searched", "Order Completed", "Order Refunded")
EVERY_PURPOSE, NO_MODELS, NECESSARY = 63, 63 | 256, 1

# One of each kind of feature there is.
EVERYTHING = (
    "events", "events_1d", "events_7d", "events_30d", "sessions", "days_active", "recency_h",
    "tenure_h", "mean_gap_h", "items", "categories", "devices", "value_sum", "value_mean",
    "value_max", "orders", "spent", "order_mean", "order_recency_h", "path_entropy",
    "path_entropy_norm", "steps", "self_loops", "searches", "search_words", "search_refined",
    "search_nothing", "weekend_share", "evening_share", "mobile_share", "referred_share",
    "in_session", "session_events", "session_minutes", "session_categories", "hour_sin",
    "hour_cos", "is_weekend", "count:Product Viewed", "since_h:Order Completed",
    "category:shoes", "last_category:hats", "gram:shoes>hats", "gram:hats>hats", "intent:price",
    "intent:compare", "intent:question", "intent:exact", "rfm_r:24,168", "rfm_f:2,3",
    "rfm_m:50,200",
)  # fmt: skip

_STORE = """
INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name, category, item,
  value, message_id, occurred_at, received_at, properties, context, consent_epoch, purposes)
SELECT %s, profile_id, device, %s, kind, name, category, item, value, message_id, at, received,
  properties, context, 0, purposes
FROM jsonb_to_recordset(%s::jsonb) AS e(profile_id uuid, device bigint, kind int2, name text,
  category text, item text, value float8, message_id text, at timestamptz, received timestamptz,
  properties jsonb, context jsonb, purposes int2)
"""


@dataclass(slots=True)
class Crowd:
    """People of a site, and the means to let more happen to them."""

    site: Site
    chance: random.Random
    people: list[UUID]
    number: int = 0

    @classmethod
    def gathered(cls, site: Site, size: int, *, seed: int = 1) -> "Crowd":
        """Make people who have done nothing yet."""
        chance = random.Random(seed)
        ids = [UUID(int=chance.getrandbits(128), version=4) for _ in range(size)]
        return cls(site, chance, [make_profile(site, id=one) for one in ids])

    def live(self, *, days: int = 40, until: datetime = NOW, who: list[UUID] | None = None) -> None:
        """Let everybody come a few times, in visits that may go on over midnight."""
        events: list[dict[str, Any]] = []
        for profile_id in who or self.people:
            for _ in range(self.chance.randint(1, 8)):
                at = until - timedelta(seconds=round(self.chance.random() * days * 86_400, 3))
                if self.chance.random() < 0.3:
                    at = at.replace(hour=23, minute=self.chance.randint(40, 59))
                events += self._visit(profile_id, at, until)
        self.store(events)

    def _visit(self, profile_id: UUID, at: datetime, until: datetime) -> list[dict[str, Any]]:
        events = []
        for _ in range(self.chance.randint(1, 7)):
            if at > until:
                break
            events.append(self.event(profile_id, at))
            # At times the same instant, at times as long as a visit may pause.
            pause = self.chance.choice((0, 0.25, 61, 400, 1_799.999, 1_800, 4_000))
            at += timedelta(seconds=pause)
        return events

    def event(self, profile_id: UUID, at: datetime, **more: Any) -> dict[str, Any]:
        """Return one event at random; `more` says what of it is not left to chance."""
        self.number += 1
        name = self.chance.choice(NAMES)
        late = self.chance.choice((0.08, 0.08, 0.08, 0.08, 40, 4_000, 200_000))
        properties: dict[str, Any] = {}
        if name == "Products Searched":
            properties = {"query": self.chance.choice(QUERIES), "results": self.chance.choice(
                (0, 3, [], ["x"], "no", None))}  # fmt: skip
        return {
            "profile_id": str(profile_id),
            "device": self.chance.randint(1, 3),
            "kind": 7 if self.chance.random() < 0.05 else 1,
            "name": name,
            "category": self.chance.choice((None, *CATEGORIES)),
            "item": self.chance.choice((None, *(f"I{n}" for n in range(30)))),
            "value": self.chance.choice((None, 0.1, 0.2, 19.99, 1e13, 7, -3.5)),
            "message_id": f"busy-{self.chance.random()}-{self.number}",
            "at": at.isoformat(),
            "received": (at + timedelta(seconds=late)).isoformat(),
            "properties": properties,
            "context": self.chance.choice((
                {}, {"device": {"type": "mobile"}}, {"device": {"type": "desktop"}, "page": {
                    "url": "https://shop.example/a", "referrer": "https://search.example/"}},
                {"page": {"url": "https://shop.example/a", "referrer": "https://shop.example/b"}},
            )),
            "purposes": self.chance.choice((*([EVERY_PURPOSE] * 8), NO_MODELS, NECESSARY)),
            **more,
        }  # fmt: skip

    def store(self, events: list[dict[str, Any]]) -> None:
        """Store events as the consumer would."""
        site = str(self.site.pk)
        with connection.cursor() as cursor:
            cursor.execute(_STORE, [site, site, json.dumps(events)])
