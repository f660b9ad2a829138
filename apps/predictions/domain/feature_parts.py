"""The sums that features are made of: one definition each, counted over events, kept by day.

A part is counted over the rows `e` of one person within a piece of time (a closed day as it is
kept, or what is left of a day). Parts of several pieces are merged by sums, minima, maxima and
unions only, so it does not matter where a past is cut. A step, and the beginning of a visit, belong
to the piece of the later event: the piece before is looked at for as long as a visit may pause.

Rows `e`: at_ms, start_ms, day, name, name_no, category, category_no, item, value, device,
occurred_at, received_at, gap_ms (to the event before, NULL when that was a visit ago),
before_category_no, known_at, context, is_search, query, results, again (the one before was a
search, too). The site's time zone is bound as `zone`.
"""

from dataclasses import dataclass
from typing import Final

from apps.predictions.domain.searches import INTENTS, PATTERNS

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MAX_GRAMS: Final = 1_000  # steps of a day that are kept one by one
RARE: Final = 1  # the number of all categories that have none of their own
GRAM_BASE: Final = 150  # a step from the category a to b is a * 150 + b
BOUGHT: Final = ("Order Completed", "Purchase")
REFUNDED: Final = "Order Refunded"
UNITS: Final = 10_000  # of a value: sums are exact to a ten-thousandth
LARGEST_VALUE: Final = 1e12  # what is more, in either direction, counts as this


@dataclass(frozen=True, slots=True)
class Part:
    """One sum.

    Attributes:
        key: its column, a plain identifier.
        kind: the type of the column.
        counted: an aggregate over the rows `e` of a piece.
        stored: the same as kept in a row `d` of a day.
    """

    key: str
    kind: str
    counted: str
    stored: str


def _quoted(*texts: str) -> str:
    return ", ".join("'" + text.replace("'", "''").replace("%", "%%") + "'" for text in texts)


def _plain(key: str, kind: str, counted: str) -> Part:
    return Part(key, kind, counted, f"d.{key}")


def _exact(value: str) -> str:
    """A value as a whole number of UNITS: sums of these do not depend on their order."""
    return f"round({value} * {UNITS})::bigint"


def _many(test: str) -> str:
    return f"count(*) FILTER (WHERE {test})"


_IS_ORDER = f"e.name IN ({_quoted(*BOUGHT)})"
_IS_REFUND = f"e.name = {_quoted(REFUNDED)}"
_STARTS = "e.gap_ms IS NULL"
_IS_STEP = "e.gap_ms IS NOT NULL AND e.category_no > 0 AND e.before_category_no > 0"
# Who came from another site: the host of the referrer is not that of the page.
_HOST = "split_part(e.context #>> '{{page,{}}}', '/', 3)"
_REFERRED = (
    f"{_HOST.format('referrer')} <> ''"
    f" AND {_HOST.format('referrer')} IS DISTINCT FROM {_HOST.format('url')}"
)
_LOCAL = "e.occurred_at AT TIME ZONE %(zone)s"
_MOBILE = "e.context #>> '{device,type}' IN ('mobile', 'tablet')"

_LISTED: Final = (
    _plain("known_at", "timestamp with time zone", "max(e.known_at)"),
    _plain("n", "integer", "count(*)"),
    _plain("late", "integer", _many("e.received_at > e.occurred_at + interval '1 day'")),
    _plain("starts", "integer", _many(_STARTS)),
    _plain("first_ms", "bigint", "min(e.at_ms)"),
    _plain("last_ms", "bigint", "max(e.at_ms)"),
    _plain("numbers", "integer", "count(e.value)"),
    _plain("total", "numeric", f"sum({_exact('e.value')})"),
    _plain("highest", "double precision", "max(e.value)"),
    _plain("orders", "integer", _many(_IS_ORDER)),
    _plain("ordered_ms", "bigint", f"max(e.at_ms) FILTER (WHERE {_IS_ORDER})"),
    _plain(
        "spent",
        "numeric",
        f"sum(CASE WHEN {_IS_ORDER} THEN {_exact('e.value')}"
        f" WHEN {_IS_REFUND} THEN -abs({_exact('e.value')}) END)",
    ),
    _plain("items", "bit(256)", "bit_or(1::bit(256) << (hashtext(e.item) & 255))"),
    _plain("kinds", "bit(256)", "bit_or(1::bit(256) << (hashtext(e.category) & 255))"),
    _plain("devices", "bit(64)", "bit_or(1::bit(64) << (e.device & 63)::int)"),
    _plain("steps", "integer", _many(_IS_STEP)),
    _plain("loops", "integer", _many(f"{_IS_STEP} AND e.category_no = e.before_category_no")),
    _plain(
        "grams",
        "smallint[]",
        # In the order of the rows `e`, which is that of time.
        f"(array_agg((e.before_category_no * {GRAM_BASE} + e.category_no)::smallint)"
        f" FILTER (WHERE {_IS_STEP}))[1:{MAX_GRAMS}]",
    ),
    _plain("searches", "integer", _many("e.is_search")),
    _plain(
        "search_words",
        "bigint",
        "sum(CASE WHEN e.is_search AND e.query <> ''"
        " THEN array_length(regexp_split_to_array(e.query, '[ \\t\\n\\r]+'), 1) END)",
    ),
    _plain("search_again", "integer", _many("e.is_search AND e.gap_ms IS NOT NULL AND e.again")),
    _plain("search_empty", "integer", _many("e.is_search AND e.results = 0")),
    *(
        _plain(
            f"intent_{intent}",
            "integer",
            _many(f"e.is_search AND lower(e.query) ~ {_quoted(PATTERNS[intent])}"),
        )
        for intent in INTENTS
    ),
    _plain("evenings", "integer", _many(f"{_STARTS} AND date_part('hour', {_LOCAL}) >= 18")),
    _plain("weekends", "integer", _many(f"{_STARTS} AND date_part('isodow', {_LOCAL}) >= 6")),
    _plain("mobiles", "integer", _many(f"{_STARTS} AND {_MOBILE}")),
    _plain("referred", "integer", _many(f"{_STARTS} AND {_REFERRED}")),
)
PARTS: Final = {part.key: part for part in _LISTED}


def name_part(number: int) -> Part:
    """How often the name with this number came; numbers begin with 1."""
    return Part(
        f"name_{number}",
        "integer",
        _many(f"e.name_no = {number}"),
        f"coalesce(d.names[{number}], 0)",
    )


def last_part(number: int) -> Part:
    """When the name with this number came last, ms since 1970."""
    return Part(
        f"last_{number}",
        "bigint",
        f"max(e.at_ms) FILTER (WHERE e.name_no = {number})",
        f"d.day * {DAY_MS}::bigint + nullif(d.lasts[{number}], -1)",
    )


def category_part(number: int) -> Part:
    """How many events were of the category with this number; RARE: of all without one."""
    return Part(
        f"category_{number}",
        "integer",
        _many(f"e.category_no = {number}"),
        f"coalesce(d.categories[{number}], 0)",
    )


def kept_columns(names: int, categories: int) -> list[tuple[str, str]]:
    """Return (column, aggregate over `e`) of all that is kept of a day, besides whose and when.

    Args:
        names, categories: how many have a number of their own.
    """
    numbers = range(1, names + 1)
    since = f"coalesce(max(e.at_ms - e.day * {DAY_MS}::bigint) FILTER (WHERE e.name_no = {{}}), -1)"
    # Categories: number 1 is that of the rare ones.
    counted = [category_part(number).counted for number in range(1, categories + 2)]
    return [
        *((part.key, part.counted) for part in _LISTED),
        ("names", _array([name_part(number).counted for number in numbers])),
        ("lasts", _array([since.format(number) for number in numbers])),
        ("categories", _array(counted)),
    ]


def _array(items: list[str]) -> str:
    return f"ARRAY[{', '.join(items)}]::integer[]"
