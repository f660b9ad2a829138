"""A shop in which every kind of decision is made, for visitors of every kind. Seeded."""

from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID, uuid4

import msgspec

from apps.access.types import Caller, Rates
from apps.decisions import cap_counts, services, snapshots
from apps.decisions.cap_counts import Showing
from apps.decisions.models import Publication
from apps.decisions.selectors import Arrival, Served
from apps.decisions.types import HotProfile
from apps.delivery import deciding, wording
from apps.recommendations import selectors as recommendations
from apps.segments.live import encode_stays
from engine.capping import CapDoc, FatigueDoc
from engine.facts import TraitMeta
from engine.snapshot import (
    ArmDoc,
    BlockDoc,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)
from engine.templating import Slot
from tests.apps.delivery.conftest import NOW, NOW_MS, World

LIQUID = (
    "{% if traits.tier == 'gold' %}<b>{{ traits.name }}</b>{% endif %}"
    "{% for c in context.cart %}{{ c.sku | upcase }} {% endfor %}{{ segments.seg1.last }}"
    "{{ intensity }}"
)
DAY_MS = 86_400_000


def where(leaf: dict[str, Any]) -> dict[str, Any]:
    return {"v": 1, "where": leaf}


def trait(name: str, value: object, op: str = "eq") -> dict[str, Any]:
    return {"kind": "trait", "name": name, "op": op, "value": value}


def context(name: str, value: object, op: str = "eq") -> dict[str, Any]:
    return {"kind": "context", "name": name, "op": op, "value": value}


def document(site_id: UUID, number: int) -> SnapshotDoc:
    """Rules, tags, an experiment, a holdout, caps, Liquid, recommendations and flags."""
    name = Slot(("traits", "name"), default="you")
    hero = BlockDoc(
        "hero",
        "content",
        [
            VariantDoc("all", 1, template=["<p>", name, "</p>"], fields={"n": 1.5}),
            VariantDoc(
                "seg", 2, [1, 2], template=["<p>", Slot(("segments", "seg1", "last")), "</p>"]
            ),
            VariantDoc("rich", 3, liquid=LIQUID),
            VariantDoc("cart", 4, template=["<i>", Slot(("context", "page", "title")), "</i>"]),
        ],
        "all",
    )
    promo = BlockDoc(
        "promo",
        "content",
        [VariantDoc("none", 1), VariantDoc("sale", 2, [3], caps=[1], liquid="{{ intensity }}")],
        "none",
    )
    law = BlockDoc("law", "content", [VariantDoc("text", 1)], "text", purpose="necessary")
    recs = BlockDoc(
        "recs", "recommendations", [VariantDoc("list", 1, liquid="{{ items[0].id }}")], "list",
        recommender="next", limit=3,
    )  # fmt: skip
    flag = BlockDoc(
        "dark", "flag", [VariantDoc("off", 1, value=False), VariantDoc("on", 2, value=True)], "off",
        value_type="boolean", client_visible=True,
    )  # fmt: skip
    return SnapshotDoc(
        str(site_id),
        number,
        NOW_MS,
        [PlacementDoc(key, key) for key in ("hero", "promo", "law", "recs")]
        + [PlacementDoc("closed", "law", enabled=False)],
        [hero, promo, law, recs, flag],
        [
            SegmentDoc(1, "seg1", no_profile=True),
            SegmentDoc(2, "seg2", depth=1),
            SegmentDoc(3, "seg3"),
            SegmentDoc(4, "asked", request_condition=where(context("device", "mobile"))),
        ],
        [
            RuleDoc("gold", "hero", "rich", where(trait("tier", "gold")), 9),
            RuleDoc("facts", "hero", "cart", where(context("facts.cart", 100, "gt")), 8),
            RuleDoc(
                "late",
                "hero",
                "seg",
                where(context("query.utm", "mail")),
                7,
                NOW_MS,
                NOW_MS + DAY_MS,
            ),
            RuleDoc(
                "phone", "promo", "sale", where({"kind": "segment", "key": "asked"}), 5, caps=[1]
            ),
        ],
        [CapDoc(1, "twice", 2, DAY_MS, fatigue=FatigueDoc(DAY_MS, 0.3, 0.1))],
        [
            ExperimentDoc(
                "split", "dark", "seed-1", [ArmDoc("a", "off", 0.25), ArmDoc("b", "on", 0.75)], 0.8
            )
        ],
        [HoldoutDoc("out", "seed-2", 0.1)],
    )


def publish(world: World, number: int = 1) -> Served:
    """Store the document as a publication, and open it as a web process does."""
    doc = document(world.site.pk, number)
    Publication.objects.create(
        site_id=world.site.pk, number=number, document=msgspec.to_builtins(doc), digest="0" * 64,
        published_at=NOW,
    )  # fmt: skip
    recommend(world, "X1")
    snapshots.forget()
    served = snapshots.current(world.site.pk, None)
    assert served is not None
    return served


def recommend(world: World, first: str) -> None:
    """Put another version of the lists in force."""
    table = recommendations.Table(
        uuid4(), {"A1": [(first, 0.9), ("B2", 1 / 3)]}, [("P1", 0.5), ("B1", 0.4), ("P2", 0.1)]
    )
    recommendations._tables[world.site.pk] = {"next": table}


ASKED = ["hero", "promo", "law", "recs", "dark", "closed", "nowhere"]


def decide_many(world: World, served: Served, count: int, seed: int = 1) -> Iterator[deciding.Call]:
    """Decide and record calls of random visitors; yield each call."""
    random = Random(seed)
    for index in range(count):
        call, arrival = _call(world, random, index)
        decided = deciding.decide(call, arrival, served)
        services.record(wording.record_of(decided, 0.001))
        yield call


def _call(world: World, random: Random, index: int) -> tuple[deciding.Call, Arrival]:
    mode = "required" if random.random() < 0.05 else "assumed"
    caller = Caller(
        world.site.pk, world.site.key, world.source.pk, UUID(int=1), random.choice(["pk", "sk"]),
        "browser", mode, "us_opt_out", Rates(9, 9, 9), False, 30,
        random.choice(["UTC", "Europe/Zurich"]), False, "", world.site.pk.hex, "", None, None,
        random.random() < 0.05,
    )  # fmt: skip
    facts = {"cart": random.choice([10, 150.5])} if random.random() < 0.1 else {}
    asked = random.sample(ASKED, random.randint(1, 5))
    kept = {
        "page": {
            "url": f"https://shop.example/?utm={random.choice(['mail', 'ad'])}",
            "title": random.choice(["Shoes & <more>", "B\u00f6rse", "", 1e22, 3, None]),
        },
        "cart": [{"sku": f"s{n}"} for n in range(random.randint(0, 3))],
        "timezone": random.choice(["Asia/Tokyo", None]),
        "userAgent": random.choice(["Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)", "curl", None]),
    }
    call = deciding.Call(
        caller, f"req_{_token(random)}", f"anonymous_id:u{index}", f"u{index}",
        [(key, random.choice([None, 2])) for key in asked], kept, facts, {}, False,
        NOW_MS + index,
    )  # fmt: skip
    kind = random.random()
    if kind < 0.2:
        return call, Arrival(None, is_away=kind < 0.02)
    return call, Arrival(_profile(random, index, call.now_ms))


def _token(random: Random) -> str:
    return f"{random.getrandbits(64):016x}"


def _profile(random: Random, index: int, now_ms: int) -> HotProfile:
    stays: dict[int, Any] = {}
    for number in (1, 2, 3, 77):
        until_ms = random.choice([None, now_ms - 5, now_ms + 5])
        then = random.choice([True, False, None])
        stay = (random.random() < 0.5, until_ms, then, None, 0)
        stays[number] = (*stay, {"last": random.choice(["blouses", 1 / 3, 7])})
    traits = {
        "name": random.choice(["Ann", "B\u00e9a <3", 12.5, None]),
        "tier": random.choice(["gold", "silver"]),
        "secret": "never read, never kept",
    }
    shown = sorted(now_ms - random.randint(0, 2 * DAY_MS) for _ in range(random.randint(0, 3)))
    caps = cap_counts.added(b"", [Showing(at_ms, random.randbytes(8), [1]) for at_ms in shown])
    return HotProfile(
        UUID(int=index + 1, version=4).bytes, f"u{index}", 0, 0, random.choice([0, 0, 31]),
        random.choice([0] * 19 + [31]), encode_stays(stays), traits, random.choice([["A1"], []]),
        now_ms - 1000, [f"anonymous_id:u{index}"], {}, b"",
        {"tier": TraitMeta(now_ms - 1, None, "api", 0.5)}, caps,
    )  # fmt: skip
