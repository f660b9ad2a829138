"""Three evaluators, one meaning: the tree walk, the closures and the SQL agree on everything.

One check is one condition, one history and one instant. PARITY_EXAMPLES sets how many random
worlds are made; each holds about forty checks, asked of Postgres in one statement.
"""

import itertools
import json
import os
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.access.models import Site
from apps.events import history as stored
from apps.profiles.models import Profile
from apps.segments.sql import compile_query
from engine.conditions.compile import compile_condition, forecast
from engine.conditions.evaluate import trace, truth
from engine.conditions.nodes import Node, Op
from engine.conditions.parse import parse_condition
from engine.conditions.scope import event_leaves, inline_segments
from engine.facts import SESSION_IDLE_MS, Facts
from tests.apps.segments import trees
from tests.apps.segments.world import NOW_MS, Happened, make_profile, make_site

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "60"))
MAX_PROBES = 40

_PAIRS = """
pair AS (
  SELECT q.n, q.profile_id, q.at_ms,
    timestamptz 'epoch' + (q.at_ms + 1) * interval '1 millisecond' AS at_end, s.unit_id, s.traits
  FROM jsonb_to_recordset(%(pairs)s::jsonb) AS q(n int, profile_id uuid, at_ms bigint)
  JOIN profiles_profilestate s ON s.profile_id = q.profile_id
)"""


# Each has events, traits, and the instants at which they are asked about.
People = list[tuple[list[Happened], dict[str, Any], list[int]]]


class World(NamedTuple):
    """`documents`: the first three nest those before; the rest are single event leaves."""

    documents: list[dict[str, Any]]
    people: People


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A few conditions, and people with a history, traits and a few instants each."""
    alphabet = draw(trees.alphabets())
    # "nobody" is a segment that is not there.
    trio = [("nobody",), ("first", "nobody"), ("first", "second")]
    documents = [draw(alphabet.documents(*keys)) for keys in trio]
    leaves = draw(st.lists(alphabet.event_leaves(), min_size=2, max_size=4))
    documents += [{"v": 1, "where": leaf} for leaf in leaves]
    people = []
    for _ in range(draw(st.integers(1, 4))):
        events = draw(alphabet.histories())
        moments = draw(st.lists(trees.instants(events), min_size=1, max_size=4))
        people.append((events, draw(alphabet.traits()), moments))
    return World(documents, people)


def asked(site: Site, nodes: list[Node], pairs: list[tuple[Any, int]]) -> list[list[bool | None]]:
    """The verdicts by SQL: one row per pair, one entry per condition; no pair may be hard."""
    moments = [at_ms for _, at_ms in pairs]
    query = compile_query(
        nodes,
        watched=nodes,
        site_id=site.pk,
        first_ms=min(moments),
        last_ms=max(moments),
        instants=moments,
    )
    ctes = ",\n".join([_PAIRS, *query.ctes])
    columns = ", ".join([*query.verdicts, f"({query.changing})", f"({query.hard})"])
    rows = [
        {"n": n, "profile_id": str(profile.pk), "at_ms": at_ms}
        for n, (profile, at_ms) in enumerate(pairs)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {ctes} SELECT {columns} FROM pair p {query.joins} ORDER BY p.n",
            {**query.params, "pairs": json.dumps(rows)},
        )
        return [list(row) for row in cursor.fetchall()]


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds())
def test_every_evaluator_gives_the_same_verdict(site: Site, world: World) -> None:
    parsed = [parse_condition(document) for document in world.documents]
    first = parsed[0]
    second = inline_segments(parsed[1], {"first": first})
    third = inline_segments(parsed[2], {"first": first, "second": second})
    with transaction.atomic():
        _agree(site, [first, second, third, *parsed[3:]], world.people)
        transaction.set_rollback(True)


def _agree(site: Site, conditions: list[Node], people: People) -> None:
    """Assert that all evaluators answer these conditions, and probes of them, alike."""
    pairs, facts = _placed(site, people)
    nodes = conditions + _probes(conditions, facts, pairs)
    found = asked(site, nodes, pairs)
    for row, its_facts, (_, at_ms) in zip(found, facts, pairs, strict=True):
        answers = [_by_engine(node, its_facts, at_ms) for node in nodes]
        assert row[:-2] == [verdict for verdict, _ in answers]
        # Too much may be said to change as time passes, but nothing that does may be missed.
        assert row[-2] or not any(flips for _, flips in answers)
        assert row[-1] is False


def _placed(site: Site, people: People) -> tuple[list[tuple[Profile, int]], list[Facts]]:
    """Store the people; return the (profile, instant) pairs and the facts of each, as stored."""
    pairs, facts = [], []
    for n, (events, traits, moments) in enumerate(people):
        profile = make_profile(site, events, traits, unit_id=f"unit-{n}-é🛒")
        wanted = frozenset(trees.PROPERTIES)
        history = stored.load(profile.pk, wanted, since_ms=None, limit=None).happenings
        present = {key: value for key, value in traits.items() if value is not None}
        for at_ms in moments:
            pairs.append((profile, at_ms))
            facts.append(Facts(present, history, unit_id=profile.bucketing_key))
    return pairs, facts


def _probes(nodes: list[Node], facts: list[Facts], pairs: list[tuple[Profile, int]]) -> list[Node]:
    """Each event leaf again, compared for equality with the very value that somebody has.

    A random threshold would rarely tell a wrong count or sum from the right one.
    """
    probes: dict[str, Node] = {}
    for leaf in (leaf for node in nodes for leaf in event_leaves(node)):
        for its_facts, (_, at_ms) in zip(facts, pairs, strict=True):
            value = trace(leaf, its_facts, at_ms).value
            op = Op.IS_MISSING if value is None else Op.EQ
            probe = replace(leaf, op=op, value=value)
            probes[repr(probe)] = probe
    return list(probes.values())[:MAX_PROBES]


def _by_engine(node: Node, facts: Facts, at_ms: int) -> tuple[bool | None, bool]:
    """The verdict, on which the tree walk and the closures agree, and whether it will ever flip."""
    verdict = truth(node, facts, at_ms)
    compiled = compile_condition(node)
    assert compiled(facts, at_ms)[0] is verdict
    return verdict, forecast(compiled, facts, at_ms).until_ms is not None


def _tests_of_values() -> list[tuple[str, Any]]:
    """Every operator with every value that the parser lets it have."""
    scalars = trees.SCALARS
    made: list[tuple[str, Any]] = [("is_set", None), ("is_missing", None)]
    made += [(op, value) for op in ("eq", "ne", "contains") for value in scalars]
    ordered = [value for value in scalars if not isinstance(value, bool)]
    made += [(op, value) for op in ("gt", "gte", "lt", "lte") for value in ordered]
    texts = [value for value in scalars if isinstance(value, str)]
    made += [(op, value) for op in ("starts_with", "ends_with") for value in texts]
    made += [("in", scalars[n : n + 3]) for n in range(len(scalars))]
    numbers = [value for value in ordered if not isinstance(value, str)]
    for kind in (texts, numbers):
        ascending = sorted(kind)
        made += [("between", list(ends)) for ends in itertools.pairwise(ascending)]
        made += [("between", [ascending[0], ascending[-1]])]
    return made


def test_every_operator_agrees_on_every_pair_of_values(site: Site) -> None:
    leaves = []
    for op, value in _tests_of_values():
        test = {"op": op} if value is None else {"op": op, "value": value}
        leaves.append({"kind": "trait", "name": "plan", **test})
        last = {"kind": "event", "name": "Viewed", "aggregate": "last", "of": "price"}
        leaves.append(last | {"window": "ever", **test})
        count = {"kind": "event", "name": "Viewed", "where": [{"property": "price", **test}]}
        leaves.append(count | {"aggregate": "count", "window": "ever", "op": "eq", "value": 1})
    nodes = [parse_condition({"v": 1, "where": leaf}) for leaf in leaves]
    values = [*trees.FOUND, *trees.TWINS, *trees.FLOATS, ["a"], ["ab", 2**53 + 1], [[1]], [None]]
    people = [
        ([Happened(NOW_MS, "Viewed", {"price": value})], {"plan": value}, [NOW_MS])
        for value in values
    ]
    pairs, facts = _placed(site, people)
    for row, its_facts in zip(asked(site, nodes, pairs), facts, strict=True):
        expected = [truth(node, its_facts, NOW_MS) for node in nodes]
        wrong = [leaf for leaf, a, b in zip(leaves, row, expected, strict=False) if a is not b]
        assert not wrong, its_facts.traits


def _leaf(aggregate: str, op: str, value: Any, **more: Any) -> Node:
    leaf = {"kind": "event", "name": "Viewed", "aggregate": aggregate, "window": "ever"}
    test = {"op": op} if value is None else {"op": op, "value": value}
    return parse_condition({"v": 1, "where": leaf | test | more})


def test_sums_are_exact_and_distinct_values_are_told_apart_as_doubles(site: Site) -> None:
    values = [1e16, 1, -1e16, 0.1, 2**53, 2**53 + 1, 1.0, True, "1", "1", None]
    events = [
        Happened(NOW_MS + n, "Viewed", {"price": value, "category": 0.1 if n else 1e22})
        for n, value in enumerate(values)
    ]
    events.append(Happened(NOW_MS + 11, "Viewed", {"category": -1e22}))
    nodes = [_leaf("sum", "eq", 1.0, of="category"), _leaf("distinct", "eq", 7, of="price")]
    _agree(site, nodes, [(events, {}, [NOW_MS + 11])])
    pairs, _ = _placed(site, [(events, {}, [NOW_MS + 11])])
    assert asked(site, nodes, pairs)[0][:2] == [True, True]


def test_events_of_one_instant_are_ordered_by_original_time_and_message_id(site: Site) -> None:
    def event(value: str, original_ms: int | None, message_id: str) -> Happened:
        return Happened(NOW_MS, "Viewed", {"price": value}, 1, original_ms, message_id)

    by_time = [event("later", NOW_MS + 1, "a"), event("earlier", None, "b")]
    by_id = [event("upper", None, "B"), event("lower", None, "a"), event("accent", None, "é")]
    nodes = [_leaf(end, "is_set", None, of="price") for end in ("first", "last")]
    _agree(site, nodes, [(events, {}, [NOW_MS]) for events in (by_time, by_id, by_id[::-1])])
    pairs, _ = _placed(site, [(by_time, {}, [NOW_MS]), (by_id, {}, [NOW_MS])])
    firsts = [_leaf("first", "eq", value, of="price") for value in ("earlier", "upper")]
    rows = [row[:2] for row in asked(site, firsts, pairs)]
    assert rows == [[True, False], [False, True]]


def test_what_must_not_happen_is_looked_for_within_a_millisecond(site: Site) -> None:
    def history(order: str, order_ms: int) -> list[Happened]:
        ids = {"Viewed": "b", "Added": "d", "Ordered": order}
        moments = {"Viewed": NOW_MS, "Added": NOW_MS, "Ordered": order_ms}
        return [Happened(moments[name], name, {}, 1, None, ids[name]) for name in ids]

    steps = [{"name": "Viewed"}, {"name": "Added"}]
    leaf = {"kind": "sequence", "steps": steps, "without": [{"after": 1, "name": "Ordered"}]}
    node = parse_condition({"v": 1, "where": leaf | {"window": "ever"}})
    people = [(history(order, NOW_MS), {}, [NOW_MS]) for order in "ace"]
    people.append((history("c", NOW_MS - 1), {}, [NOW_MS]))
    _agree(site, [node], people)
    pairs, _ = _placed(site, people)
    assert [row[0] for row in asked(site, [node], pairs)] == [True, False, True, True]


@pytest.mark.parametrize("gap_ms", [0, 1])
def test_a_step_is_not_what_must_not_happen_before_it(site: Site, gap_ms: int) -> None:
    """The event of a step meets the forbidden match itself: only others come between."""

    def history(*names: str) -> list[Happened]:
        times = [NOW_MS - gap_ms * place for place in range(len(names))][::-1]
        return [
            Happened(at_ms, name, {}, 1, None, f"m{place}")
            for place, (name, at_ms) in enumerate(zip(names, times, strict=True))
        ]

    leaf: dict[str, Any] = {
        "kind": "sequence",
        "steps": [{"name": "Viewed"}, {"name": "Added"}],
        "without": [{"after": 1, "name": "Added"}],
        "window": "ever",
    }
    nodes = [parse_condition({"v": 1, "where": leaf | {"times": times}}) for times in (1, 2)]
    people = [
        (history(*names), {}, [NOW_MS])
        for names in (("Viewed", "Added"), ("Viewed", "Added", "Added"), ("Added", "Viewed"))
    ]
    _agree(site, nodes, people)
    pairs, _ = _placed(site, people)
    rows = [row[:2] for row in asked(site, nodes, pairs)]
    assert rows == [[True, False], [True, False], [False, False]]


@pytest.mark.parametrize(
    ("op", "value"),
    [
        pytest.param("lt", "1001ms", id="lt"),
        pytest.param("lte", "1s", id="lte"),
        pytest.param("gt", "1s", id="gt"),
        pytest.param("gte", "1001ms", id="gte"),
        pytest.param("between", ["500ms", "1s"], id="between"),
    ],
)
def test_an_age_that_time_will_move_past_its_limit_is_watched(
    site: Site, op: str, value: Any
) -> None:
    """The limit is passed in a moment, in the next millisecond, or has been."""
    events = [Happened(NOW_MS - 1000, "Viewed")]
    pairs, facts = _placed(site, [(events, {}, [NOW_MS - 500, NOW_MS, NOW_MS + 2])])
    node = _leaf("recency", op, value)
    flips = [_by_engine(node, one, at_ms)[1] for one, (_, at_ms) in zip(facts, pairs, strict=True)]
    assert flips == [True, True, False]
    assert [row[1] for row in asked(site, [node], pairs)] == flips


def test_sessions_end_and_break_at_the_very_millisecond(site: Site) -> None:
    def history(gap_ms: int) -> list[Happened]:
        return [Happened(NOW_MS, "Viewed"), Happened(NOW_MS - gap_ms, "Viewed")]

    idle = SESSION_IDLE_MS
    moments = [NOW_MS, NOW_MS + idle - 1, NOW_MS + idle]
    people = [(history(gap_ms), {}, moments) for gap_ms in (idle - 1, idle, idle + 1)]
    other_device = Happened(NOW_MS, "Viewed", device=2)
    people.append(([*history(1), other_device], {}, moments))
    nodes = [_leaf("count", "gte", n, window="session") for n in (1, 2, 3)]
    _agree(site, nodes, people)


def test_a_verdict_that_flips_in_the_next_millisecond_is_watched(site: Site) -> None:
    events = [Happened(NOW_MS - 1000, "Viewed")]
    pairs, _ = _placed(site, [(events, {}, [NOW_MS - 1, NOW_MS, NOW_MS + 1])])
    rows = asked(site, [_leaf("recency", "lte", "1s")], pairs)
    assert [row[:2] for row in rows] == [[True, True], [True, True], [False, False]]


def test_an_age_is_less_or_more_at_the_very_millisecond(site: Site) -> None:
    events = [Happened(NOW_MS - 1000, "Viewed"), Happened(NOW_MS - 1500, "Viewed")]
    asked_of = [("between", ["1s", "2s"]), ("between", ["500ms", "1s"])]
    asked_of += [(op, "1s") for op in ("lt", "lte", "gt", "gte", "eq", "ne")]
    nodes = [_leaf("recency", op, value) for op, value in asked_of]
    _agree(site, nodes, [(events, {}, [NOW_MS - 1, NOW_MS, NOW_MS + 1]), ([], {}, [NOW_MS])])


@pytest.mark.parametrize("value", [10**150, 10**400, -(10**200), [1, 10**160]])
def test_numbers_that_no_sum_could_hold_are_left_to_the_live_path(site: Site, value: Any) -> None:
    trait = {"kind": "trait", "name": "age", "op": "gt", "value": 5}
    total = {"kind": "event", "name": "Page Viewed", "aggregate": "sum", "of": "price"}
    total |= {"window": "ever", "op": "gt", "value": 5}
    nodes = [parse_condition({"v": 1, "where": leaf}) for leaf in (trait, total)]
    at_ms = NOW_MS
    by_trait = make_profile(site, traits={"age": value})
    by_event = make_profile(site, [Happened(at_ms, "Page Viewed", {"price": value})])
    plain = make_profile(site, [Happened(at_ms, "Page Viewed", {"price": 6})], {"age": 10**149})
    rows = asked(site, nodes, [(profile, at_ms) for profile in (by_trait, by_event, plain)])
    is_scalar = not isinstance(value, list)  # a list is no value of a property
    assert [row[-1] for row in rows] == [True, is_scalar, False]
    assert rows[2][:2] == [True, True]
