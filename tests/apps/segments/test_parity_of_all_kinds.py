"""Every kind of leaf, window and aggregate: the tree walk, the closures and the SQL agree.

PARITY_WORLDS sets how many worlds are made, PARITY_SEED which is the first. Each world is some
conditions and people asked at instants around every edge, in one statement.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil, floor
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction

from engine.conditions.compile import compile_condition, forecast
from engine.conditions.evaluate import trace, truth
from engine.conditions.lower import lowered
from engine.conditions.nodes import DwellLeaf, EventLeaf, Leaf, Node, Op, ScoreLeaf
from engine.conditions.parse import parse_condition
from engine.conditions.scope import leaves_of
from engine.facts import Facts, Happening
from tests.apps.segments import dense
from tests.apps.segments.asking import sql_verdicts, store_person
from tests.apps.segments.world import NOW_MS, Happened, make_site, store_events
from tests.engine import alphabets, documents, people
from tests.engine.choices import Choices, Seeded, once_in, some
from tests.engine.instants import edges

WORLDS = int(os.environ.get("PARITY_WORLDS", "25"))
FIRST = int(os.environ.get("PARITY_SEED", "0"))
CONDITIONS, PEOPLE, INSTANTS = 12, 6, 5  # of one world, at most

MOST_PROBES = 40

# The rest is asked of a request, or is put in place before SQL sees it.
KINDS = tuple(kind for kind in documents.EVERY_KIND if kind not in ("context", "segment"))


class World(NamedTuple):
    """Conditions, and pairs of a person and an instant. All people know the same time zone."""

    documents: list[dict[str, Any]]
    people: list[Facts]
    moments: list[list[int]]


def world_of(choices: Choices) -> World:
    # A pair that one fading score makes hard says nothing about the other conditions.
    kinds = KINDS if once_in(choices, 4) else tuple(kind for kind in KINDS if kind != "score")
    made = [
        documents.leaf(choices, kinds) if choices.whole(0, 3) else documents.tree(choices, kinds)
        for _ in range(CONDITIONS)
    ]
    zone = choices.pick(alphabets.ZONES)
    persons, moments = [], []
    for _ in range(PEOPLE):
        facts = replace(people.person(choices), memberships={}, context={}, site_zone=zone)
        persons.append(facts)
        moments.append(
            sorted(set(some(choices, list(_moments(made, facts, choices)), INSTANTS, 1)))
        )
    return World(made, persons, moments)


def dense_world_of(choices: Choices) -> World:
    """Paths only, of people who go them."""
    made = [dense.path(choices) for _ in range(CONDITIONS)]
    persons = [dense.person(choices) for _ in range(PEOPLE)]
    moments = [
        sorted(set(some(choices, list(_moments(made, facts, choices)), INSTANTS, 1)))
        for facts in persons
    ]
    return World(made, persons, moments)


def _moments(made: list[dict[str, Any]], facts: Facts, choices: Choices) -> Iterator[int]:
    for where in some(choices, made, 3, least=1):
        edge = choices.pick(edges(where, facts))
        yield from (edge - 1, edge, edge + 1)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(FIRST, FIRST + WORLDS))
def test_every_evaluator_gives_the_same_verdict(seed: int) -> None:
    with transaction.atomic():
        wrong = list(disagreements(world_of(Seeded(seed))))
        transaction.set_rollback(True)
    assert not wrong, "\n".join(map(str, wrong[:3]))


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(FIRST, FIRST + WORLDS))
def test_every_evaluator_gives_the_same_verdict_on_paths(seed: int) -> None:
    with transaction.atomic():
        wrong = list(disagreements(dense_world_of(Seeded(seed))))
        transaction.set_rollback(True)
    assert not wrong, "\n".join(map(str, wrong[:3]))


class Disagreement(NamedTuple):
    """What a failure shows: enough to ask again."""

    condition: Node
    at_ms: int
    engine: bool | None
    sql: bool | None
    what: str
    facts: Facts


def disagreements(world: World) -> Iterator[Disagreement]:
    """Ask every evaluator everything of a world."""
    nodes = [parse_condition({"v": 1, "where": where}) for where in world.documents]
    nodes += probes(nodes, world)
    site = make_site(zone=world.people[0].site_zone)
    pairs, asked_of = [], []
    for facts, moments in zip(world.people, world.moments, strict=True):
        # The latest first: no order of arrival counts.
        profile_id = store_person(site, facts, arrival=range(len(facts.history))[::-1])
        pairs += [(profile_id, at_ms) for at_ms in moments]
        asked_of += [(facts, at_ms) for at_ms in moments]
    for found, (facts, at_ms) in zip(sql_verdicts(site, nodes, pairs), asked_of, strict=True):
        known = replace(facts, traits=_present(facts), cache={})
        for node, verdict in zip(nodes, found.verdicts, strict=True):
            expected, flips = by_engine(node, known, at_ms)
            if verdict is not expected and not found.hard:
                yield Disagreement(node, at_ms, expected, verdict, "verdict", facts)
            if flips and not found.changing:
                yield Disagreement(node, at_ms, expected, verdict, "changing", facts)


def probes(nodes: Sequence[Node], world: World) -> list[Node]:
    """Each event, dwell and score leaf again, compared with the very value that somebody has.

    A random threshold would rarely tell a wrong count or sum from the right one.
    """
    made: dict[str, Node] = {}
    for leaf in {repr(leaf): leaf for node in nodes for leaf in leaves_of(node)}.values():
        for facts, moments in zip(world.people, world.moments, strict=True):
            for at_ms in moments[:2]:
                probe = _probe(leaf, replace(facts, traits=_present(facts), cache={}), at_ms)
                if probe is not None:
                    made[repr(probe)] = probe
    return list(made.values())[:MOST_PROBES]


def _probe(leaf: Leaf, facts: Facts, at_ms: int) -> Node | None:
    meant = lowered(leaf)
    if not isinstance(meant, EventLeaf | DwellLeaf | ScoreLeaf):
        return None
    if isinstance(meant, ScoreLeaf) and any(source.half_life_ms for source in meant.events):
        return None
    value = trace(meant, facts, at_ms).value
    if value is None:
        return replace(meant, op=Op.IS_MISSING, value=None)
    if not isinstance(meant, EventLeaf):
        assert isinstance(value, int | float)
        # Durations are whole.
        ends = (value, value) if isinstance(meant, ScoreLeaf) else (floor(value), ceil(value))
        return replace(meant, op=Op.BETWEEN, value=ends)
    assert isinstance(value, str | int | float)
    return replace(meant, op=Op.EQ, value=value)


def _present(facts: Facts) -> dict[str, object]:
    return {name: value for name, value in facts.traits.items() if value is not None}


def by_engine(node: Node, facts: Facts, at_ms: int) -> tuple[bool | None, bool]:
    """The verdict, on which the tree walk and the closures agree, and whether it will ever flip."""
    verdict = truth(node, facts, at_ms)
    compiled = compile_condition(node)
    assert compiled(facts, at_ms)[0] is verdict
    return verdict, forecast(compiled, facts, at_ms).until_ms is not None


@pytest.mark.django_db
def test_times_finer_than_milliseconds_count_by_their_milliseconds() -> None:
    site = make_site()
    profile_id = store_person(site, Facts(unit_id="unit"))
    micros = [NOW_MS * 1000 + 999, (NOW_MS - 1000) * 1000 + 500]
    store_events(site, profile_id, [Happened(at // 1000, "Viewed") for at in micros])
    with connection.cursor() as cursor:
        for at in micros:
            cursor.execute(
                "UPDATE events_event SET occurred_at = occurred_at + interval '1 us' * %s"
                " WHERE profile_id = %s AND extract(epoch FROM occurred_at) * 1000 = %s",
                [at % 1000, str(profile_id), at // 1000],
            )
    leaf = {"kind": "event", "name": "Viewed", "aggregate": "count", "op": "eq"}
    aged = {**leaf, "aggregate": "recency", "window": "ever", "value": "0ms"}
    before = {"between_ago": {"from": "1001ms", "to": "1s"}}
    from_now = {"absolute": {"from": "2026-03-02T12:00:00Z"}}
    since = {"since": {"name": "Viewed"}}
    documents_of_it: list[dict[str, Any]] = [
        {**leaf, "window": {"last": "1s"}, "value": 1},
        {**leaf, "window": {"last": "1001ms"}, "value": 2},
        {**leaf, "window": before, "value": 1},
        {**leaf, "window": from_now, "value": 1},
        {**leaf, "window": since, "value": 0},
        {**leaf, "window": {"session": "1s"}, "value": 1},
        aged,
    ]
    nodes = [parse_condition({"v": 1, "where": where}) for where in documents_of_it]
    (found,) = sql_verdicts(site, nodes, [(profile_id, NOW_MS)])
    assert found.verdicts == [True] * len(nodes)


@pytest.mark.django_db
@pytest.mark.parametrize("weight", [1, 1e-30, 1e100, 1e-31, 1e300])
@pytest.mark.parametrize("value", [1, 1e-140, 1e140])
def test_scores_beyond_all_doubles_are_left_to_the_live_path(weight: float, value: float) -> None:
    site = make_site()
    source = {"name": "Viewed", "of": "price", "weight": weight, "half_life": "1s"}
    leaf = {"kind": "score", "events": [source], "op": "gt"}
    documents_of_it = [{**leaf, "value": limit} for limit in (0, 1, 1e-300)]
    nodes = [parse_condition({"v": 1, "where": where}) for where in documents_of_it]
    history = [Happening(NOW_MS - 10_000, "Viewed", 1, {"price": value})] * 3
    facts = Facts(history=history, unit_id="unit")
    profile_id = store_person(site, facts)
    ages_s = (0, 1, 449, 450, 451, 1064, 1085, 1101, 10_000_000)
    moments = [NOW_MS + second * 1000 for second in ages_s]
    rows = sql_verdicts(site, nodes, [(profile_id, at_ms) for at_ms in moments])
    for at_ms, found in zip(moments, rows, strict=True):
        expected = [truth(node, replace(facts, cache={}), at_ms) for node in nodes]
        assert found.hard or found.verdicts == expected
    is_usual = 1e-30 <= weight <= 1e100
    assert any(not found.hard for found in rows) is is_usual


@pytest.mark.django_db
def test_a_thousand_conditions_with_windows_and_filters_of_their_own_are_one_statement() -> None:
    site = make_site()
    history = [Happening(NOW_MS - 60_000 * n, "Viewed", 1, {"price": n}) for n in range(8)]
    profile_id = store_person(site, Facts(history=history, unit_id="unit"))
    leaf = {"kind": "event", "name": "Viewed", "aggregate": "count", "op": "gte", "value": 1}
    nodes = [
        parse_condition(
            {
                "v": 1,
                "where": leaf
                | {
                    "where": [{"property": "price", "op": "eq", "value": n}],
                    "window": {"last": f"{n + 1}m"},
                },
            }
        )
        for n in range(1000)
    ]
    (found,) = sql_verdicts(site, nodes, [(profile_id, NOW_MS)])
    assert found.verdicts == [True] * 8 + [False] * 992


@pytest.mark.django_db
def test_no_event_equals_a_fact_of_a_request_that_is_not_there() -> None:
    site = make_site()
    viewed = Happening(NOW_MS, "Viewed", 1, {"product_id": "p"})
    profile_id = store_person(site, Facts(history=[viewed], unit_id="unit"))
    same = {"property": "product_id", "op": "eq", "fact": "page.product_id"}
    leaf = {"kind": "event", "name": "Viewed", "where": [same], "window": "ever"}
    node = parse_condition({"v": 1, "where": leaf | {"aggregate": "count", "op": "eq", "value": 0}})
    (found,) = sql_verdicts(site, [node], [(profile_id, NOW_MS)])
    assert found.verdicts == [True]
