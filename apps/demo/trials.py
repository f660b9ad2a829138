"""Experiments of the demo: an A/A test over the history, a draft to begin, and a flag.

The A/A test is real: the arms come of the engine's own hash, the sums of the clicks. What is made
up is said where it is shown: the shop of 2008 compared nothing, and both arms are the same.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.contrib.auth.models import User

from apps.content import services as content
from apps.demo.convert import EVENT_NAME, NAMESPACE
from apps.demo.setup import HERO, segment_key
from apps.experiments import services as experiments
from apps.experiments.services import ArmPlan, DesignPlan, GoalPlan, MetricPlan

HISTORY: Final = "history-a-a"
HISTORY_PLACE: Final = "history.a-a"
DRAFT: Final = "sale-first"
FLAG: Final = "shop.gift-note"
CATEGORIES: Final = ("trousers", "skirts", "blouses", "sale")

# So long before the first click of the files: their visits are in the order of days, not of hours.
BEFORE: Final = timedelta(days=1)
A_DAY: Final = 24  # hours: a visit ends on its day

ANOTHER: Final = MetricPlan(
    "another-product", "Looks at another product", EVENT_NAME, window_hours=A_DAY
)
FURTHER: Final = MetricPlan(
    "further-products", "Further products viewed", EVENT_NAME, kind="mean", window_hours=A_DAY,
    most=50.0,
)  # fmt: skip
PRICE: Final = MetricPlan(
    "average-price", "Average price of what is viewed", EVENT_NAME, kind="ratio", of="property",
    property="price", per_event=EVENT_NAME, currency="USD", window_hours=A_DAY,
)  # fmt: skip
PRICES: Final = MetricPlan(
    "prices-together", "Prices of what is viewed, together", EVENT_NAME, kind="mean",
    of="property", property="price", currency="USD", window_hours=A_DAY,
)  # fmt: skip

# Nobody knew a rate before: 50 % is the cautious guess, at which a share varies the most. The sizes
# are those that the page of power works out of it.
BASELINE: Final = 0.5
MARGIN: Final = 0.15  # how much worse the guardrail may get, relatively
HISTORY_CHANGE, HISTORY_SIZE = 0.08, 4_682
DRAFT_CHANGE, DRAFT_SIZE = 0.1, 2_991

A_A: Final = (
    "Demo data. Both arms show the same (an A/A test), so whatever differs here is chance: no "
    "winner is the true answer. Each visit of the history was dealt an arm by the engine's own "
    "hash when the demo was loaded, and is exposed at its first click; the clicks are those of "
    "2008, moved to now."
)
SALE: Final = (
    "Demo data: a draft to begin. Who has looked at nothing yet sees the hero of the sale instead "
    "of the welcome, because a price is a reason to click. The baseline is a guess: nobody has "
    "been shown this yet."
)
BEGUN: Final = "Demo data: dated before the first click of the history, which was moved to now."


# Who is in none of the segments of this session.
NOTHING_YET: Final[dict[str, Any]] = {
    "v": 1,
    "where": {"none": [{"kind": "segment", "key": segment_key(one)} for one in CATEGORIES]},
}


def history_id(site_key: str) -> UUID:
    """Return the id of a site's A/A test: with it, a load deals the same arms again."""
    return uuid5(NAMESPACE, f"{site_key}|{HISTORY}")


def design(
    site_id: UUID, site_key: str, *, oldest: datetime, editor: User | None, now: datetime
) -> None:
    """Make the metrics, the A/A test, which is begun before the history, the draft and the flag.

    Nothing is published here.

    Args:
        oldest: when the first click of the history happened, as it was moved.

    Raises:
        PersonalizationError: the site has things of the same keys.
    """
    another, further, price, prices = (
        experiments.create_metric(site_id=site_id, plan=plan)
        for plan in (ANOTHER, FURTHER, PRICE, PRICES)
    )
    judged = [GoalPlan(another), GoalPlan(further, "guardrail", MARGIN)]
    watched = [GoalPlan(price, "watched"), GoalPlan(prices, "watched")]
    begun = oldest - BEFORE
    _make_place(site_id)
    made = experiments.create_experiment(
        site_id=site_id,
        experiment_id=history_id(site_key),
        plan=_over_history([*judged, *watched]),
        now=begun,
    )
    experiments.start(experiment_id=made.pk, actor=None, note=BEGUN, now=begun)
    experiments.create_experiment(site_id=site_id, plan=_sale(judged), actor=editor, now=now)
    _make_flag(site_id)


def _over_history(goals: Sequence[GoalPlan]) -> DesignPlan:
    return DesignPlan(
        key=HISTORY,
        name="A/A test over the history",
        hypothesis=A_A,
        placement=HISTORY_PLACE,
        arms=[
            ArmPlan("a", "A", "all", 0.5, is_control=True),
            ArmPlan("b", "B, the same as A", "all", 0.5),
        ],
        goals=goals,
        baseline=BASELINE,
        mde_relative=HISTORY_CHANGE,
        per_arm=HISTORY_SIZE,
    )


def _sale(goals: Sequence[GoalPlan]) -> DesignPlan:
    return DesignPlan(
        key=DRAFT,
        name="The sale first",
        hypothesis=SALE,
        placement=HERO,
        arms=[
            ArmPlan("welcome", "Welcome", "welcome", 0.5, is_control=True),
            ArmPlan("sale", "The sale first", "sale", 0.5),
        ],
        goals=goals,
        condition=NOTHING_YET,
        baseline=BASELINE,
        mde_relative=DRAFT_CHANGE,
        per_arm=DRAFT_SIZE,
    )


def _make_place(site_id: UUID) -> None:
    """A place that no page asks for: other tools' splits are measured in one, and this one is."""
    block = content.create_block(
        site_id=site_id,
        key="history-hero",
        name="Hero of the history",
        schema=[{"name": "headline", "type": "string", "required": True}],
    )
    content.create_variant(
        block=block,
        key="all",
        name="For everybody",
        is_default=True,
        fields={"headline": "What the shop of 2008 showed"},
    )
    content.create_placement(
        site_id=site_id, key=HISTORY_PLACE, name="History: no page asks for it", block=block
    )


def _make_flag(site_id: UUID) -> None:
    """A switch that is on for whoever looks at the sale; the shop itself does not read it."""
    flag = content.create_block(
        site_id=site_id,
        key=FLAG,
        name="Offer a gift note (demo)",
        kind="flag",
        value_type="boolean",
        is_client_visible=True,
    )
    content.create_variant(block=flag, key="off", name="Off", is_default=True, value=False)
    content.create_variant(
        block=flag, key="on", name="On", segment_keys=[segment_key("sale")], value=True
    )
    content.create_placement(site_id=site_id, key=FLAG, name="Flag: gift note", block=flag)
