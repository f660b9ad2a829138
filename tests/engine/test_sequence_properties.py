"""Sequences at random: an exhaustive search as the third opinion, and honest instants."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.conditions import evaluate
from engine.conditions.chains import Chain, Searched, chain_search, plain_chains
from engine.conditions.nodes import Gap, Match, SequenceLeaf, Step, WindowKind
from engine.conditions.sequences import sequence_bindings
from engine.conditions.windows import meets
from engine.facts import SESSION_IDLE_MS, Facts, Happening
from tests.engine.paths import (
    MINUTE_MS,
    ZONE,
    check,
    checks,
    equals,
    histories,
    windows,
)

NAMES = ("A", "B", "C")
KEY = st.sampled_from(["x", "x", "x", "y", 1, True])
KEYS = st.fixed_dictionaries({}, optional={"k": KEY, "j": KEY, "page_view_id": KEY})
WINDOW_KINDS = tuple(kind for kind in WindowKind if kind is not WindowKind.BETWEEN_AGO)
matches = st.one_of(
    st.sampled_from([*NAMES, "*"]).map(Match),
    st.sampled_from(NAMES).map(lambda name: Match(name, (equals("k", "x"),))),
)


@st.composite
def leaves(draw: st.DrawFn) -> SequenceLeaf:
    limits = st.sampled_from([0, 0, 0, 1, 1000, MINUTE_MS, SESSION_IDLE_MS])
    count = draw(st.sampled_from([1, 2, 2, 2, 3, 4]))
    steps = [Step(draw(matches), draw(limits) if i else 0) for i in range(count)]
    gaps = st.builds(Gap, st.integers(1, max(count - 1, 1)), matches)
    return SequenceLeaf(
        tuple(steps),
        draw(windows(names=NAMES, kinds=WINDOW_KINDS)),
        within_ms=draw(limits),
        by=draw(st.sampled_from([(), (), (), ("k",), ("k", "j")])),
        without=tuple(draw(st.lists(gaps, max_size=2))) if count > 1 else (),
        is_strict=draw(st.sampled_from([False, False, False, True])),
        in_session=draw(st.sampled_from([False, False, False, True])),
        times=draw(st.sampled_from([1, 1, 2, 3])),
        bind=tuple((f"b{i}", i, "k") for i in range(1, count + 1)),
    )


def exhaustive(leaf: SequenceLeaf, facts: Facts, allowed: set[int]) -> list[Chain]:
    """Every combination of events, each rule of the page asked of the whole combination."""
    history = facts.history
    greatest: dict[int, Chain] = {}
    for chain in combinations(sorted(allowed), len(leaf.steps)):
        events = [history[i] for i in chain]
        pairs = list(pairwise(chain))
        rules = [
            all(meets(s.match, e, {}) for s, e in zip(leaf.steps, events, strict=True)),
            all(
                not step.within_ms or history[b].at_ms - history[a].at_ms <= step.within_ms
                for step, (a, b) in zip(leaf.steps[1:], pairs, strict=True)
            ),
            not leaf.within_ms or events[-1].at_ms - events[0].at_ms <= leaf.within_ms,
            all(
                None not in found and len(found) == 1
                for name in leaf.by
                for found in [{_typed(e.properties.get(name)) for e in events}]
            ),
            not leaf.is_strict or all(b == a + 1 for a, b in pairs),
            not leaf.in_session or _is_one_session(chain, history),
            not any(
                meets(gap.match, history[k], {})
                for gap in leaf.without
                for k in range(chain[gap.after - 1] + 1, chain[gap.after])
            ),
        ]
        if all(rules):
            greatest[chain[-1]] = max(chain, greatest.get(chain[-1], chain))
    return [greatest[end] for end in sorted(greatest)]


def _typed(found: object) -> object:
    return None if found is None else (isinstance(found, bool), found)


def _is_one_session(chain: Chain, history: Sequence[Happening]) -> bool:
    device = history[chain[0]].device
    between = [history[i] for i in range(chain[0], chain[-1] + 1) if history[i].device == device]
    pairs = pairwise(between)
    return all(history[i].device == device for i in chain) and all(
        b.at_ms - a.at_ms < SESSION_IDLE_MS for a, b in pairs
    )


@checks
@given(leaves(), histories(NAMES, KEYS), st.data())
def test_three_searches_find_the_same_matches(
    leaf: SequenceLeaf, history: list[Happening], data: st.DataObject
) -> None:
    everything = set(range(len(history)))
    chosen = st.sets(st.integers(0, max(len(history) - 1, 0)))
    among = everything & data.draw(st.one_of(st.just(everything), chosen))
    facts = Facts(history=history)

    expected = exhaustive(leaf, facts, among)

    assert plain_chains(leaf, facts, among) == expected
    search = chain_search(leaf)
    found = search(facts, lambda occurrences: occurrences.among(among), Searched(leaf))
    assert [completion.chain for completion in found] == expected


@checks
@given(leaves(), histories(NAMES, KEYS))
def test_a_sequence_answers_alike_and_honestly(
    leaf: SequenceLeaf, history: list[Happening]
) -> None:
    check(leaf, Facts(history=history, site_zone=ZONE, traits={"timezone": "America/New_York"}))


@checks
@given(leaves(), histories(NAMES, KEYS))
def test_a_sequence_binds_exactly_while_it_is_true(
    leaf: SequenceLeaf, history: list[Happening]
) -> None:
    keyed = [Happening(e.at_ms, e.name, e.device, {"k": "x", **e.properties}) for e in history]
    facts = Facts(history=keyed, site_zone=ZONE)
    for now_ms in {e.at_ms + step for e in keyed for step in (0, 1, 1000)}:
        bound = sequence_bindings(leaf, facts, now_ms)
        assert bool(bound) is evaluate.truth(leaf, facts, now_ms)
