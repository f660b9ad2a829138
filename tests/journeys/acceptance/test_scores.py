"""Offers by numbers: what a model foresees, what weighs more, and what fades."""

import math

from apps.predictions import services as predictions
from apps.predictions import writing
from apps.predictions.models import ModelSpec, ModelVersion
from apps.segments import fallbacks
from apps.segments import services as segments
from apps.segments.refresh import refresh_site
from engine.conditions.parse import parse_condition
from tests.journeys.acceptance import cases
from tests.journeys.acceptance.shop import DAY, HOUR, MINUTE, Shop, count, inside


class Model:
    """A model in service. What it says is given; that it is written is what a worker does."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.spec: ModelSpec = predictions.create_spec(
            site_id=shop.site_id,
            key="buys",
            name="Buys",
            target_event="Order Completed",
            now=shop.now(),
        )
        self.version = ModelVersion.objects.create(
            spec=self.spec,
            number=1,
            state=ModelVersion.State.CHAMPION,
            trained_at=shop.now(),
            artifact_sha256="0" * 64,
            feature_names=[],
            calibration={},
            lineage={},
            card={},
        )

    def says(self, value: float | None) -> None:
        """The score of the visitor is written, and whoever waits for news is woken."""
        outputs = {"": {self.shop.profile_id(): value}}
        writing.write(self.spec, self.version, outputs, self.shop.now())
        self.shop.wake()


def test_a_propensity_above_a_threshold_is_offered_until_it_is_too_old(shop: Shop) -> None:
    model = Model(shop)
    shop.case(cases.LIKELY)
    shop.show("likely")
    shop.track("Product Viewed")
    assert not shop.is_offered()

    model.says(0.75)
    assert not shop.is_offered()
    shop.after(HOUR)
    model.says(0.7501)
    assert shop.is_offered()
    scored = shop.at_ms
    # The same again, once it has half of the age that it is asked for: younger, no less likely.
    shop.after(4 * DAY)
    model.says(0.7501)
    assert shop.is_offered()
    shop.assert_flips(scored + 4 * DAY + 7 * DAY, to=False)


def test_between_two_thresholds_whoever_is_in_stays_and_whoever_is_out_stays_out(
    shop: Shop,
) -> None:
    model = Model(shop)
    shop.case(cases.LIKELY_UNTIL)
    shop.show("likely")
    shop.track("Product Viewed")

    said = [(0.6, False), (0.75, True), (0.5, True), (0.4999, False), (0.74, False), (0.8, True)]
    for value, is_offered in said:
        shop.after(MINUTE)
        model.says(value)
        assert shop.is_offered() is is_offered, value
    scored = shop.at_ms
    shop.assert_flips(scored + 7 * DAY, to=False)


def test_where_the_model_is_stale_its_fallback_segment_takes_over(shop: Shop) -> None:
    model = Model(shop)
    likely = shop.case(cases.LIKELY)
    made = fallbacks.create_fallback(
        site_id=shop.site_id, segment_id=likely.pk, actor=None, now=shop.now()
    )
    segments.publish_segment(site_id=shop.site_id, segment_id=made.pk, actor=None, now=shop.now())
    refresh_site(site_id=shop.site_id, read_clock=shop.now)
    asked = {"v": 1, "where": cases.NOT_SCORED.where}
    assert parse_condition(made.draft) == parse_condition(asked)
    shop.show(made.key)
    shop.track("Product Viewed")
    assert shop.is_offered(), "nobody has a score yet"

    model.says(0.9)
    assert not shop.is_offered()
    assert set(shop.memberships()) == {"likely"}
    scored = shop.at_ms
    shop.assert_flips(scored + 7 * DAY, to=True)
    assert set(shop.memberships()) == {made.key}
    model.says(0.2)
    assert shop.memberships() == {}


def test_the_intensity_of_offers_decays_with_time(shop: Shop) -> None:
    """Three offers at once weigh three; after one half-life a half of that, and so on."""
    shop.case(cases.RESTED)
    shop.show("rested")
    shop.track("Page Viewed", page_view_id="p1")
    assert shop.is_offered()
    decision = shop.decide()
    shop.seen(decision)
    seen = shop.at_ms
    shop.seen(shop.decide())
    assert not shop.is_offered()

    # Two of them weigh exactly 2 at the same instant, and less a millisecond later.
    shop.assert_flips(seen + 1, to=True)
    shop.seen(shop.decide())
    # Two that are older by a millisecond and one: a * h + 1 = 2 where h is their decay.
    crossing = _crossing([(seen, 2), (shop.at_ms, 1)], 20 * MINUTE, 2.0)
    shop.assert_flips(crossing, to=True)
    assert 11 * MINUTE < crossing - seen < 12 * MINUTE


def _crossing(weights: list[tuple[int, float]], half_life_ms: int, threshold: float) -> int:
    """The first whole millisecond at which a fading sum is less than the threshold."""
    last = max(at for at, _ in weights)
    whole = sum(weight * 2 ** ((at - last) / half_life_ms) for at, weight in weights)
    return last + math.floor(half_life_ms * math.log2(whole / threshold)) + 1


def test_recent_purchases_and_engagement_outweigh_static_demographics(shop: Shop) -> None:
    shop.case(cases.VALUABLE)
    shop.show("valuable")
    demographic = {"age": 30, "region": "urban"}
    shop.send({"type": "identify", "userId": "u2", "anonymousId": "a2", "traits": demographic})
    assert "valuable" not in shop.memberships("a2")

    for number in range(40):
        shop.track("Article Viewed", article_id=str(number))
    assert not shop.is_offered(), "engagement alone is capped at five"
    bought = shop.at_ms
    shop.track("Order Completed", value=30)
    assert shop.is_offered()

    # The cap holds for a while: 40 articles weigh more than five until they have halved thrice.
    crossing = _first(bought, lambda ms: 10 * 2 ** (-ms / (7 * DAY)) + _articles(ms) < 12)
    shop.assert_flips(crossing, to=False)


def _articles(ms: int) -> float:
    return float(min(5.0, 40 * 2 ** (-ms / DAY)))


def _first(start: int, is_below: object) -> int:
    """The first whole millisecond after `start` at which a falling score is below."""
    assert callable(is_below)
    low, high = 0, 60 * DAY
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_below(middle) else (middle, high)
    return start + high


def test_a_score_that_a_segment_nests_flips_what_nests_it(shop: Shop) -> None:
    shop.segment(
        "warm",
        {
            "kind": "score",
            "events": [{"name": "Product Viewed", "weight": 4, "half_life": "10m"}],
            "op": "gte",
            "value": 1,
        },
    )
    shop.segment("bought", count("Order Completed", "ever", "gte", 1))
    shop.segment(
        "warm-here",
        {"all": [inside("warm"), {"not": inside("bought")}]},
    )
    shop.show("warm-here")
    shop.track("Product Viewed")
    viewed = shop.at_ms
    shop.assert_flips(viewed + 20 * MINUTE + 1, to=False)
