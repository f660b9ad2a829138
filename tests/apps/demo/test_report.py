"""The figures are those that the data's README publishes, by the code that judges Attune too."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

import pytest

from apps.demo.clicks import SHIPPED, Session, read_sessions
from apps.demo.convert import split
from apps.demo.load import Loaded
from apps.demo.replay import Replayed, Step
from apps.demo.report import quantiles_ms, report_of, same_for_everyone, shares, table


@pytest.fixture(scope="module")
def halves() -> tuple[list[Session], list[Session]]:
    return split(read_sessions([SHIPPED]), date(2008, 6, 1))


def followers(sessions: Iterable[Session]) -> dict[str, frozenset[str]]:
    """The README's rule, written out once more: the ten most frequent followers of a product."""
    seen: Counter[str] = Counter()
    after: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        products = [click.product for click in session.clicks]
        seen.update(products)
        for one, other in pairwise(products):
            after[one][other] += 1
    return {
        one: frozenset(sorted(counts, key=lambda p: (-counts[p], -seen[p], p))[:10])
        for one, counts in after.items()
    }


def steps_of(history: list[Session], visits: list[Session]) -> list[Step]:
    """What the simplest personalised rule would show."""
    after = followers(history)
    return [
        Step(click.category, click.product, last.category, after[last.product],
             "TARGETING_MATCH", "TARGETING_MATCH", 0.002, 0.001)
        for session in visits
        for last, click in pairwise(session.clicks)
    ]  # fmt: skip


def test_the_published_figures_come_out(halves: tuple[list[Session], list[Session]]) -> None:
    history, visits = halves
    steps = steps_of(history, visits)
    same = same_for_everyone(history)

    assert (len(visits), len(steps)) == (4_884, 27_358)
    everyone = shares(steps, lambda _: (same.category, same.products))
    assert everyone == {"category": 0.2797, "product": 0.14}
    personal = shares(steps, lambda step: (step.hero, step.row))
    assert personal == {"category": 0.8083, "product": 0.5246}


def test_ties_between_products_go_by_code(halves: tuple[list[Session], list[Session]]) -> None:
    _, visits = halves
    once = [Session(str(n), visits[n].clicks[:1]) for n in range(40)]

    counts = Counter(session.clicks[0].product for session in once)
    expected = sorted(counts, key=lambda product: (-counts[product], product))[:10]

    assert same_for_everyone(once).products == frozenset(expected)


def test_a_default_is_no_hit_and_nothing_asked_is_no_share() -> None:
    step = Step("sale", "P1", "welcome", frozenset(), "DEFAULT", "ERROR", 0.001, None)

    assert shares([step], lambda s: (s.hero, s.row)) == {"category": 0.0, "product": 0.0}
    assert shares([], lambda s: (s.hero, s.row)) == {"category": None, "product": None}


def test_quantiles_are_by_nearest_rank() -> None:
    assert quantiles_ms([n / 1000 for n in range(1, 101)]) == {"p50": 50.0, "p99": 99.0}
    assert quantiles_ms([0.004]) == {"p50": 4.0, "p99": 4.0}
    assert quantiles_ms([]) == {"p50": None, "p99": None}


def test_the_report_is_json_and_a_table(halves: tuple[list[Session], list[Session]]) -> None:
    history, visits = halves
    steps = steps_of(history, visits[:50])
    report = report_of(
        same=same_for_everyone(history),
        loaded=Loaded(1_000, 0.2, 0.5),
        replayed=Replayed(steps, len(steps) + 50, 2.0),
        shift=timedelta(days=6_500, hours=12),
        sessions=50,
    )

    again = json.loads(json.dumps(report))
    assert again["steps"] == len(steps)
    assert again["reasons"]["home.hero"] == {"TARGETING_MATCH": len(steps)}
    assert again["decide_ms"] == {"p50": 2.0, "p99": 2.0}
    assert again["decide_server_ms"] == {"p50": 1.0, "p99": 1.0}
    assert (again["events_per_s"], again["accepted_per_s"]) == (2_000.0, 5_000.0)
    assert again["shift_days"] == 6_500.5
    shown = table(report, site="demo")
    assert "50 sessions" in shown
    assert "6,500.5 days" in shown


def test_a_replay_without_a_step_is_shown_too(
    halves: tuple[list[Session], list[Session]],
) -> None:
    history, _ = halves
    report = report_of(
        same=same_for_everyone(history[:5]),
        loaded=Loaded(10, 0.1, 0.1),
        replayed=Replayed([], 3, 1.0),
        shift=timedelta(days=1),
        sessions=3,
    )

    assert "0 steps" in table(report, site="tiny")
