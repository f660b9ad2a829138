"""How merged parts become features: the last of the three steps (counted, merged, finished).

An expression over the rows `d` of one person, one a piece of time, of parts; it binds `as_of_ms`.
Others are of the visit under way (`v`), of the clock, or of a trait (`a` is the person).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from apps.predictions.domain.feature_parts import (
    DAY_MS,
    GRAM_BASE,
    HOUR_MS,
    PARTS,
    RARE,
    UNITS,
    Part,
    category_part,
    last_part,
    name_part,
)

SPLITS: Final = 4  # days that a window of a feature begins in the middle of, at most


@dataclass(frozen=True, slots=True)
class Words:
    """Names of events and categories that have a number: names from 1, categories from 2.

    Attributes:
        own: so many of the categories, the first, are the site's; others count as rare in what is
            said of all categories together.
    """

    names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    own: int = 0

    def name_number(self, name: str) -> int:
        """Return the number of a name.

        Raises:
            ValueError: it has none.
        """
        return self.names.index(name) + 1

    def category_number(self, category: str) -> int:
        """Return the number of a category; see `name_number`."""
        return self.categories.index(category) + RARE + 1


@dataclass(frozen=True, slots=True)
class Column:
    """What works a feature out.

    Attributes:
        sql: an expression; of an aggregate over `d` for "days".
        source: where it is read.
        parts: what the rows `d` must have.
        within_days: the length of a window of its own.
        empty: for whom nothing happened; NaN when None.
        is_spread: whether it needs a part for each category there is.
        bound: what the expression binds besides, by a name that is its own.
    """

    sql: str
    source: Literal["days", "visit", "clock", "trait"] = "days"
    parts: tuple[Part, ...] = ()
    within_days: int | None = None
    empty: float | None = None
    is_spread: bool = False
    bound: str | None = field(default=None)


def _days(sql: str, *keys: str, empty: float | None = None) -> Column:
    return Column(sql, parts=tuple(PARTS[key] for key in keys), empty=empty)


def _sum(key: str) -> str:
    return f"coalesce(sum(d.{key}), 0)"


def _hours(since: str) -> str:
    return f"(%(as_of_ms)s::bigint - {since})::float8 / {HOUR_MS}"


def _distinct(key: str, bits: int) -> str:
    """Of a sketch: how many there are, by how many bits are left free."""
    found = f"bit_count(bit_or(d.{key}))"
    return f"round(-{bits} * ln(greatest({bits} - {found}, 1)::float8 / {bits}))"


def _share(part: str, whole: str) -> str:
    return f"sum(d.{part})::float8 / nullif(sum(d.{whole}), 0)"


_SPLIT: Final = "d.day = (%(split_days)s::int[])[{}]"

EVENTS: Final = _days(_sum("n"), "n", empty=0.0)
SESSIONS: Final = _days(_sum("starts"), "starts", empty=0.0)
# A day that is cut has several pieces.
DAYS_ACTIVE: Final = _days(
    "count(*) FILTER (WHERE d.day <> ALL(%(split_days)s::int[]))"
    + "".join(
        f" + coalesce(max(1) FILTER (WHERE {_SPLIT.format(place)}), 0)"
        for place in range(1, SPLITS + 1)
    ),
    empty=0.0,
)
RECENCY: Final = _days(_hours("max(d.last_ms)"), "last_ms")
TENURE: Final = _days(_hours("min(d.first_ms)"), "first_ms")
MEAN_GAP: Final = _days(
    f"(max(d.last_ms) - min(d.first_ms))::float8 / {HOUR_MS} / nullif(sum(d.n) - 1, 0)",
    "n", "first_ms", "last_ms",
)  # fmt: skip
ITEMS: Final = _days(_distinct("items", 256), "items", empty=0.0)
CATEGORIES: Final = _days(_distinct("kinds", 256), "kinds", empty=0.0)
DEVICES: Final = _days(_distinct("devices", 64), "devices", empty=0.0)
VALUE_SUM: Final = _days(f"{_sum('total')}::float8 / {UNITS}", "total", empty=0.0)
VALUE_MEAN: Final = _days(f"{_share('total', 'numbers')} / {UNITS}", "total", "numbers")
VALUE_MAX: Final = _days("max(d.highest)", "highest")
ORDERS: Final = _days(_sum("orders"), "orders", empty=0.0)
SPENT: Final = _days(f"{_sum('spent')}::float8 / {UNITS}", "spent", empty=0.0)
ORDER_MEAN: Final = _days(f"{_share('spent', 'orders')} / {UNITS}", "spent", "orders")
ORDER_RECENCY: Final = _days(_hours("max(d.ordered_ms)"), "ordered_ms")
STEPS: Final = _days(_sum("steps"), "steps", empty=0.0)
SELF_LOOPS: Final = _days(_share("loops", "steps"), "loops", "steps")
SEARCHES: Final = _days(_sum("searches"), "searches", empty=0.0)
SEARCH_WORDS: Final = _days(_share("search_words", "searches"), "search_words", "searches")
SEARCH_REFINED: Final = _days(_share("search_again", "searches"), "search_again", "searches")
SEARCH_NOTHING: Final = _days(_share("search_empty", "searches"), "search_empty", "searches")
# `categories_of` writes these out, one term a category.
ENTROPY: Final = Column("entropy", is_spread=True, empty=0.0)
ENTROPY_NORM: Final = Column("entropy_norm", is_spread=True, empty=0.0)


def spread(column: Column, words: Words) -> Column:
    """Return the column with its terms written out: in bits, or over what it could be at most."""
    parts = tuple(category_part(n) for n in range(1, len(words.categories) + RARE + 1))
    each = [f"coalesce(sum(d.{part.key}), 0)" for part in parts]
    rare = [each[0], *each[RARE + words.own :]]
    terms = [
        f"({' + '.join(one)})::float8" for one in (rare, *([t] for t in each[1:][: words.own]))
    ]
    total = f"nullif({' + '.join(terms)}, 0)"
    # ln(N) - sum(n ln n) / N is the sum of -p ln p, with a single division.
    logs = " + ".join(f"coalesce({term} * ln(nullif({term}, 0)), 0)" for term in terms)
    entropy = f"greatest(ln({total}) - ({logs}) / {total}, 0)"
    if column is ENTROPY:
        return Column(f"({entropy}) / ln(2::float8)", parts=parts, empty=0.0)
    kinds = " + ".join(f"({term} > 0)::int" for term in terms)
    sql = f"coalesce({entropy} / nullif(ln(nullif({kinds}, 0)::float8), 0), 0)"
    return Column(sql, parts=parts, empty=0.0)


def events_within(days: int) -> Column:
    """Events of the last so many days, to the millisecond."""
    sql = (
        "coalesce(sum(d.n) FILTER (WHERE d.start_ms >="
        f" %(as_of_ms)s::bigint - {days * DAY_MS}::bigint), 0)"
    )
    return Column(sql, parts=(PARTS["n"],), within_days=days, empty=0.0)


def visit_share(key: str) -> Column:
    """The share of visits with something."""
    return _days(_share(key, "starts"), key, "starts")


def of_visit(what: str) -> Column:
    """Of the visit under way; 0 when there is none."""
    return Column(f"(v.{what})::int" if what[:4] == "last" else f"v.{what}", "visit", empty=0.0)


def of_clock(what: str) -> Column:
    """Of the moment itself, on the site's clock."""
    return Column(f"%({what})s", "clock")


def of_trait(key: str) -> Column:
    """The newest number that had been observed."""
    return Column("", "trait", bound=key)


def count(number: int) -> Column:
    """Events of a name."""
    part = name_part(number)
    return Column(_sum(part.key), parts=(part,), empty=0.0)


def since(number: int) -> Column:
    """Hours since the last of a name."""
    part = last_part(number)
    return Column(_hours(f"max(d.{part.key})"), parts=(part,))


def in_category(number: int) -> Column:
    """Events of a category."""
    part = category_part(number)
    return Column(_sum(part.key), parts=(part,), empty=0.0)


def gram(before: int, after: int) -> Column:
    """Steps from one category to another."""
    code = before * GRAM_BASE + after
    sql = f"coalesce(sum(cardinality(array_positions(d.grams, {code}::smallint))), 0)"
    return Column(sql, parts=(PARTS["grams"],), empty=0.0)


def intent(name: str) -> Column:
    """Searches of an intent."""
    return _days(_sum(f"intent_{name}"), f"intent_{name}", empty=0.0)


def rank(kind: str, edges: Sequence[float]) -> Column:
    """The place among edges of recency (fewer hours are better), orders or money; 0 for none."""
    listed = f"ARRAY[{', '.join(repr(edge) for edge in edges)}]::float8[]"
    if kind == "r":
        found = f"{len(edges) + 1} - width_bucket({ORDER_RECENCY.sql}, {listed})"
    else:
        measured = ORDERS.sql if kind == "f" else SPENT.sql
        found = f"1 + width_bucket(({measured})::float8, {listed})"
    sql = f"CASE WHEN sum(d.orders) > 0 THEN {found} ELSE 0 END"
    keys = {"r": ("ordered_ms",), "f": (), "m": ("spent",)}[kind]
    return _days(sql, "orders", *keys, empty=0.0)
