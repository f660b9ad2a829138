"""The figures of a demo, defined as in data/README.md, and their table. Pure.

A step is a click with a predecessor in its session. Asked before it: which category, which ten
products? "The same for everyone" is the best single answer that the training clicks give; it is
counted over the same steps by the same function as what Attune served.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from apps.demo.clicks import Click, Session
from apps.demo.load import Loaded
from apps.demo.replay import SHOWN, Replayed, Step
from apps.demo.setup import HERO, ROW

DIGITS: Final = 4

Answer = Callable[[Step], tuple[str | None, Collection[str]]]


@dataclass(frozen=True, slots=True)
class Same:
    """The best answer that does not look at the visitor: one category, the most viewed products."""

    category: str
    products: frozenset[str]


def same_for_everyone(sessions: Iterable[Session]) -> Same:
    """Return what the sessions to learn from show to be most viewed. Ties: by code."""
    clicks: list[Click] = [click for session in sessions for click in session.clicks]
    categories = Counter(click.category for click in clicks)
    products = Counter(click.product for click in clicks)
    return Same(_most(categories, 1)[0], frozenset(_most(products, SHOWN)))


def _most(counts: Counter[str], many: int) -> list[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))[:many]


def shares(steps: Sequence[Step], answer: Answer) -> dict[str, float | None]:
    """Return the share of steps whose category, and whose product, an answer had. None: no step."""
    category = product = 0
    for step in steps:
        shown, row = answer(step)
        category += step.category == shown
        product += step.product in row
    if not steps:
        return {"category": None, "product": None}
    count = len(steps)
    return {
        "category": round(category / count, DIGITS),
        "product": round(product / count, DIGITS),
    }


def report_of(
    *, same: Same, loaded: Loaded, replayed: Replayed, shift: timedelta, sessions: int
) -> dict[str, Any]:
    """Return the whole report as JSON. Times in ms, rates per second, shares in [0, 1]."""
    steps = replayed.steps
    served_s = [step.served_s for step in steps if step.served_s is not None]
    return {
        "same_for_everyone": shares(steps, lambda _: (same.category, same.products)),
        "attune": shares(steps, lambda step: (step.hero, step.row)),
        "steps": len(steps),
        "sessions": sessions,
        "reasons": {
            HERO: dict(Counter(step.hero_reason for step in steps).most_common()),
            ROW: dict(Counter(step.row_reason for step in steps).most_common()),
        },
        "decide_ms": quantiles_ms([step.took_s for step in steps]),
        "decide_server_ms": quantiles_ms(served_s),
        "events_per_s": _rate(loaded.events, loaded.folded_s),
        "accepted_per_s": _rate(loaded.events, loaded.accepted_s),
        "clicks_per_s": _rate(replayed.clicks, replayed.took_s),
        "history_events": loaded.events,
        "replayed_events": replayed.clicks,
        "shift_days": round(shift / timedelta(days=1), 3),
    }


def quantiles_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return the median and the 99th percentile (nearest rank) in ms; None without a value."""
    if not seconds:
        return {"p50": None, "p99": None}
    ordered = sorted(seconds)

    def at(percent: int) -> float:
        rank = -(-percent * len(ordered) // 100)  # rounded up
        return round(1000 * ordered[max(rank, 1) - 1], 2)

    return {"p50": at(50), "p99": at(99)}


def _rate(count: int, seconds: float) -> float | None:
    return round(count / seconds, 1) if seconds > 0 else None


def table(report: dict[str, Any], *, site: str) -> str:
    """Return the report for people."""
    same, attune = report["same_for_everyone"], report["attune"]
    decide, server = report["decide_ms"], report["decide_server_ms"]
    rows = [
        f"Site '{site}': {report['sessions']:,} sessions replayed, {report['steps']:,} steps",
        "",
        f"{'':34}{'same for everyone':>18}{'Attune':>10}",
        _row("Category of the next click", same["category"], attune["category"]),
        _row("Next product among the ten shown", same["product"], attune["product"]),
        "",
        *(
            f"{f'Served in {placement}':34}"
            + ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
            for placement, reasons in report["reasons"].items()
        ),
        f"{'Decision, p50 and p99':34}{_pair(decide)} at the client, {_pair(server)} in the server",
        f"{'History':34}{report['history_events']:,} events, "
        f"{report['events_per_s'] or 0:,.0f}/s until folded",
        f"{'Replay':34}{report['replayed_events']:,} clicks, "
        f"{report['clicks_per_s'] or 0:,.0f}/s with a decision before and a wait after",
        f"{'Time':34}history moved by {report['shift_days']:,.1f} days; replayed clicks happened "
        "when they were sent",
    ]
    return "\n".join(rows)


def _row(label: str, same: float | None, attune: float | None) -> str:
    return f"{label:34}{_percent(same):>18}{_percent(attune):>10}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _pair(quantiles: dict[str, float | None]) -> str:
    low, high = quantiles["p50"], quantiles["p99"]
    return "-" if low is None or high is None else f"{low:.1f} and {high:.1f} ms"
