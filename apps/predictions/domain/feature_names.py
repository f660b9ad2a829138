"""The features that exist, by name: what each says in plain words, and what it is worked out of.

A feature looks back from one moment. It is finished from merged parts (`feature_parts`); a few come
from the visit under way, from the clock, or from a trait as it had been observed by then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from apps.predictions.domain import feature_conditions as twins
from apps.predictions.domain import feature_sums as sums
from apps.predictions.domain import session_features
from apps.predictions.domain.feature_sums import Column, Words
from apps.predictions.domain.searches import INTENT_WORDS, INTENTS
from apps.predictions.errors import UnknownFeature

MAX_FEATURES: Final = 100

Condition = Callable[[str, float | None, float | None], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Attributes:
        words: what it says, for people.
        column: what works it out, given which words have numbers; raises nothing for its own.
        events, categories: the words that need a number of their own.
        is_online: whether `session_features.session_row` works it out as well.
        condition: (window, low, high) -> a condition for low <= feature < high, where there is one;
            None leaves that side open. A window is a duration such as "60d".
        reads_until_h: how many hours past the moment it reads. More than 0 is never allowed.
    """

    name: str
    words: str
    column: Callable[[Words], Column]
    events: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    is_online: bool = field(default=False)
    condition: Condition | None = None
    reads_until_h: float = 0.0


_DAYS: Final[Mapping[str, int]] = {"events_1d": 1, "events_7d": 7, "events_30d": 30}

_PLAIN: Final[Mapping[str, tuple[str, Column, Condition | None]]] = {
    # name: (words, column, condition twin)
    "events": ("number of events", sums.EVENTS, twins.count_of()),
    "events_1d": ("events in the last 24 hours", sums.events_within(1), twins.count_of(days=1)),
    "events_7d": ("events in the last 7 days", sums.events_within(7), twins.count_of(days=7)),
    "events_30d": ("events in the last 30 days", sums.events_within(30), twins.count_of(days=30)),
    "sessions": ("number of visits", sums.SESSIONS, None),
    "days_active": ("number of days with a visit", sums.DAYS_ACTIVE, twins.days_active),
    "recency_h": ("hours since the last event", sums.RECENCY, twins.recency_of()),
    "tenure_h": ("hours since the first event", sums.TENURE, None),
    "mean_gap_h": ("mean hours between events", sums.MEAN_GAP, None),
    "items": ("number of different items", sums.ITEMS, None),
    "categories": ("number of different categories", sums.CATEGORIES, None),
    "devices": ("number of devices", sums.DEVICES, None),
    "value_sum": ("sum of prices or values", sums.VALUE_SUM, None),
    "value_mean": ("mean price or value", sums.VALUE_MEAN, None),
    "value_max": ("highest price or value", sums.VALUE_MAX, None),
    "orders": ("number of orders", sums.ORDERS, twins.orders),
    "spent": ("money spent, less refunds", sums.SPENT, None),
    "order_mean": ("mean value of an order", sums.ORDER_MEAN, None),
    "order_recency_h": ("hours since the last order", sums.ORDER_RECENCY, None),
    "path_entropy": ("spread over categories (bits)", sums.ENTROPY, None),
    "path_entropy_norm": (
        "evenness over categories, 0 to 1", sums.ENTROPY_NORM, None,
    ),
    "steps": ("steps from one page with a category to the next", sums.STEPS, None),
    "self_loops": ("share of steps that stay in the category", sums.SELF_LOOPS, None),
    "searches": ("number of searches", sums.SEARCHES, None),
    "search_words": ("mean number of words of a search", sums.SEARCH_WORDS, None),
    "search_refined": ("share of searches right after another", sums.SEARCH_REFINED, None),
    "search_nothing": ("share of searches that found nothing", sums.SEARCH_NOTHING, None),
    "weekend_share": ("share of visits at weekends", sums.visit_share("weekends"), None),
    "evening_share": ("share of visits after 6 pm", sums.visit_share("evenings"), None),
    "mobile_share": ("share of visits by phone or tablet", sums.visit_share("mobiles"), None),
    "referred_share": ("share of visits from another site", sums.visit_share("referred"), None),
    "in_session": ("whether a visit is under way", sums.of_visit("is_open"), None),
    "session_events": ("events of the visit under way", sums.of_visit("events"), None),
    "session_minutes": ("minutes of the visit under way", sums.of_visit("minutes"), None),
    "session_categories": (
        "different categories of the visit under way", sums.of_visit("categories"), None,
    ),
    "hour_sin": ("time of day, as a sine", sums.of_clock("hour_sin"), None),
    "hour_cos": ("time of day, as a cosine", sums.of_clock("hour_cos"), None),
    "is_weekend": ("whether it is weekend", sums.of_clock("is_weekend"), None),
}  # fmt: skip
PLAIN: Final[Mapping[str, str]] = {name: words for name, (words, _, _) in _PLAIN.items()}
# What a model is given unless its analyst says otherwise: what says something at any midnight.
DEFAULTS: Final = tuple(
    name for name in PLAIN if not name.startswith(("session_", "in_session", "hour_", "is_weekend"))
)

_HELP: Final = (
    "count:EVENT, since_h:EVENT, category:CATEGORY, last_category:CATEGORY, gram:FROM>TO,"
    f" intent:{'|'.join(INTENTS)}, trait:KEY, rfm_r:24,168,720 (hours), rfm_f:2,5 (orders),"
    " rfm_m:50,200 (money)"
)


def feature_of(name: str) -> Feature:
    """Return the feature of this name.

    Raises:
        UnknownFeature: nothing computes it.
    """
    if name in _PLAIN:
        words, column, condition = _PLAIN[name]
        is_online = session_features.is_online(name)
        return Feature(name, words, lambda _: column, is_online=is_online, condition=condition)
    prefix, colon, value = name.partition(":")
    make = _NAMED.get(prefix)
    found = make(name, value) if make is not None and colon and value else None
    if found is None:
        raise UnknownFeature(f"There is no feature '{name}'. There are {', '.join(PLAIN)}, {_HELP}")
    return found


def features_of(names: Sequence[str]) -> list[Feature]:
    """Return the features of these names, in this order.

    Raises:
        UnknownFeature: a name that nothing computes, one that comes twice, or too many.
    """
    if len(names) > MAX_FEATURES:
        raise UnknownFeature(f"At most {MAX_FEATURES} features, not {len(names)}.")
    if len(set(names)) != len(names):
        raise UnknownFeature("A feature comes twice.")
    return [feature_of(name) for name in names]


def _count(name: str, event: str) -> Feature:
    return Feature(
        name, f'number of "{event}"', lambda words: sums.count(words.name_number(event)),
        events=(event,), is_online=True, condition=twins.count_of(event),
    )  # fmt: skip


def _since(name: str, event: str) -> Feature:
    return Feature(
        name, f'hours since the last "{event}"',
        lambda words: sums.since(words.name_number(event)),
        events=(event,), is_online=True, condition=twins.recency_of(event),
    )  # fmt: skip


def _category(name: str, category: str) -> Feature:
    return Feature(
        name, f'events in the category "{category}"',
        lambda words: sums.in_category(words.category_number(category)),
        categories=(category,), is_online=True, condition=twins.count_in(category),
    )  # fmt: skip


def _last_category(name: str, category: str) -> Feature:
    return Feature(
        name, f'whether the visit under way is at "{category}"',
        lambda words: sums.of_visit(f"last_no = {words.category_number(category)}"),
        categories=(category,), is_online=True,
    )  # fmt: skip


def _gram(name: str, pair: str) -> Feature | None:
    before, arrow, after = pair.partition(">")
    if not (before and arrow and after):
        return None
    return Feature(
        name, f'steps from "{before}" to "{after}"',
        lambda words: sums.gram(words.category_number(before), words.category_number(after)),
        categories=(before, after) if before != after else (before,),
    )  # fmt: skip


def _intent(name: str, intent: str) -> Feature | None:
    if intent not in INTENTS:
        return None
    return Feature(name, f"searches with {INTENT_WORDS[intent]}", lambda _: sums.intent(intent))


def _trait(name: str, key: str) -> Feature:
    words = f'the number in the trait "{key}", as observed by then'
    return Feature(name, words, lambda _: sums.of_trait(key))


def _ranked(name: str, edges: str) -> Feature | None:
    try:
        known = [float(edge) for edge in edges.split(",")]
    except ValueError:
        return None
    if sorted(set(known)) != known or not all(abs(edge) < 1e12 for edge in known):
        return None
    kind = name[4]
    said = {"r": "how recently", "f": "how often", "m": "for how much"}[kind]
    words = f"rank of {said} they buy, 1 to {len(known) + 1}; 0 for never"
    return Feature(name, words, lambda _: sums.rank(kind, known))


_NAMED: Final[Mapping[str, Callable[[str, str], Feature | None]]] = {
    "count": _count,
    "since_h": _since,
    "category": _category,
    "last_category": _last_category,
    "gram": _gram,
    "intent": _intent,
    "trait": _trait,
    "rfm_r": _ranked,
    "rfm_f": _ranked,
    "rfm_m": _ranked,
}
