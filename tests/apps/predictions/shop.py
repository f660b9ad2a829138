"""A shop whose visitors give themselves away: who looks at shoes buys much more often."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

from apps.access.models import Site
from apps.predictions import services
from apps.predictions.models import ModelSpec
from tests.apps.recommendations.world import NOW, Seen, make_profile, store

DAYS = 42
VISITORS = 420


def fill(site: Site, *, telling: bool, seed: int = 0) -> None:
    """Six weeks of visits. `telling`: whether what visitors look at has to do with buying."""
    chance = random.Random(seed)
    events = []
    for number in range(VISITORS):
        # Known ids: who is drawn into the sample goes by them, and the evidence by who is drawn.
        profile_id = make_profile(site, id=UUID(int=chance.getrandbits(128), version=4))
        likes_shoes = number % 3 == 0
        for day in range(0, DAYS, 3):
            start = NOW - timedelta(days=DAYS - day, hours=chance.uniform(1, 20))
            category = "shoes" if likes_shoes and chance.random() < 0.8 else "hats"
            events += [
                Seen(profile_id, start + timedelta(minutes=n), f"{category}-{n}",
                     category=category, value=chance.uniform(5, 50), device=number)
                for n in range(chance.randint(1, 3))
            ]  # fmt: skip
            buys = 0.5 if likes_shoes and telling else 0.02 if telling else 0.12
            if chance.random() < buys:
                at = start + timedelta(minutes=10)
                events.append(Seen(profile_id, at, name="Order Completed", device=number))
    store(site, events)


def make_spec(site: Site, **options: Any) -> ModelSpec:
    """Whether a visitor orders within a week; small trees, so that tests are quick."""
    return services.create_spec(
        site_id=site.pk,
        key="order",
        name="Will order",
        now=NOW,
        **{
            "target_event": "Order Completed",
            "horizon_hours": 168,
            "moments": 5,
            "hyperparameters": {"trees": 40, "leaves": 4, "learning_rate": 0.1},
            **options,
        },
    )
