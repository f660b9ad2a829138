"""Many people and conditions in one statement: Postgres, the engine and the oracle.

Needs Django and a database (`django_database`). Every world is stored in a transaction that is
undone. Events arrive in any order, which must not matter.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction

from engine.conditions import evaluate
from engine.conditions.compile import Compiled, compile_condition, forecast
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.scope import inline_segments
from engine.errors import InvalidCondition
from engine.facts import Facts
from tests.apps.segments.asking import sql_verdicts, store_person
from tests.apps.segments.world import make_site
from tests.engine import alphabets, documents, instants, people
from tests.engine.agreement import Disagreement, World
from tests.engine.choices import Choices, Seeded, once_in
from tests.engine.oracle import Undecided, truth
from tests.engine.oracle.aggregates import event_value
from tests.engine.oracle.truth import seen_at
from tests.engine.oracle.values import number
from tests.parity.engine import repro
from tests.parity.report import MOST_FAILURES, Report
from tests.parity.shrink import shrunk
from tests.parity.worlds import aim, asked_for, features

CHUNK = 10  # populations a process asks before it reports
CONDITIONS, PEOPLE, INSTANTS = 24, 8, 5
ALONE = 3  # conditions that are asked alone too

# Context is of a request only, and SQL reads none.
KINDS = tuple(kind for kind in documents.EVERY_KIND if kind not in documents.OF_REQUESTS)
UNSCORED = tuple(kind for kind in KINDS if kind != "score")

_number = itertools.count()


@dataclass
class Population:
    """Conditions, and people in one time zone with the instants at which they are asked.

    The first condition is the segment "vip" of the others.
    """

    where: list[dict[str, Any]]
    people: list[Facts]
    at_ms: list[list[int]]
    arrivals: list[list[int]]


@dataclass
class Answers:
    """What a population gave. `left` are checks that SQL leaves to the live path."""

    checks: int = 0
    left: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    checks_of: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[World, Disagreement]] = field(default_factory=list)


def run_seeds(seeds: range, shrink_s: float) -> Report:
    """Check the population of every seed; failures are shrunk to one person and condition."""
    report = Report(seeds)
    for seed in seeds:
        if len(report.failures) >= (MOST_FAILURES if shrink_s else 1):
            break
        answers = check_population(population_of(seed))
        report.checks += answers.checks
        report.counts.update(answers.verdicts)
        report.counts["left to the live path by SQL"] += answers.left
        report.checks_of.update(answers.checks_of)
        for world, trouble in answers.failures[: 2 if shrink_s else 1]:
            text = f"seed {seed}: {trouble}"
            if shrink_s:
                small = smallest(world, trouble, shrink_s)
                text += f"\n  shrunk: {alone(small)}\n{repro(small)}"
            report.failures.append(text)
    return report


def population_of(seed: int) -> Population:
    choices = Seeded(seed)
    # A score near its threshold leaves the person to the live path, with all other conditions.
    kinds = KINDS if once_in(choices, 2) else UNSCORED
    made = [documents.tree(choices, [k for k in kinds if k != "segment"])]
    for n in range(CONDITIONS - 1):
        made.append(documents.leaf(choices, kinds) if n % 3 else documents.tree(choices, kinds))
    zone = choices.pick(alphabets.ZONES)
    persons, at_ms = [], []
    for _ in range(PEOPLE):
        facts = people.person(choices, 12, *asked_for(choices.pick(made)))
        known = {name: value for name, value in facts.traits.items() if value is not None}
        facts = replace(facts, traits=known, memberships={}, context={}, site_zone=zone)
        persons.append(facts)
        at_ms.append(sorted({_instant(choices, made, facts) for _ in range(INSTANTS)}))
    for leaf in (leaf for where in made for leaf in instants.leaves(where)):
        if leaf["kind"] == "event" and once_in(choices, 2):
            n = choices.whole(0, PEOPLE - 1)
            aim(leaf, persons[n], at_ms[n], choices)
    for where in made[1:]:
        made = made + list(_probes(choices, where, persons, at_ms))
    return Population(made, persons, at_ms, [_shuffled(choices, facts) for facts in persons])


def _probes(
    choices: Choices, where: dict[str, Any], persons: list[Facts], at_ms: list[list[int]]
) -> Iterator[dict[str, Any]]:
    """Its event leaves alone, equal to the very value that somebody has: 2 is told from 3."""
    for leaf in instants.leaves(where):
        if leaf["kind"] != "event":
            continue
        n = choices.whole(0, len(persons) - 1)
        value = event_value(leaf, seen_at(persons[n], choices.pick(at_ms[n])))
        if value is None or (number(value) is not None and abs(value) > 2**53):
            continue
        if leaf["aggregate"] == "recency":
            value = alphabets.duration(value)
        yield {**leaf, "op": "eq", "value": value}


def _instant(choices: Choices, made: Sequence[dict[str, Any]], facts: Facts) -> int:
    edges = instants.edges(choices.pick(made), facts)
    return choices.pick(edges) + choices.pick((0, 0, 1, -1))


def _shuffled(choices: Choices, facts: Facts) -> list[int]:
    places = list(range(len(facts.history)))
    return [places.pop(choices.whole(0, len(places) - 1)) for _ in facts.history]


def check_population(population: Population) -> Answers:
    """Ask all evaluators everything of everybody."""
    answers = Answers()
    vip = parse_condition({"v": 1, "where": population.where[0]})
    parsed = [parse_condition({"v": 1, "where": where}) for where in population.where]
    nodes = [parsed[0], *(inline_segments(node, {"vip": vip}) for node in parsed[1:])]
    compiled = [compile_condition(node) for node in nodes]
    kinds = [features(where) for where in population.where]
    answers.failures += _unwatched(population, nodes, compiled)
    for n, at_ms, found in _asked(population, nodes):
        facts = population.people[n]
        if found.hard:
            answers.left += len(nodes)
            continue
        for place, said in enumerate(found.verdicts):
            where = population.where[place]
            try:
                meant = truth(where, facts, at_ms, {"vip": population.where[0]})
            except Undecided:
                continue
            answers.checks += 1
            answers.checks_of.update(dict.fromkeys(kinds[place], 1))
            answers.verdicts["unknown" if meant is None else "yes" if meant else "no"] += 1
            said_of = {
                "SQL": said,
                "evaluate": evaluate.truth(nodes[place], facts, at_ms),
                "compile": compiled[place](facts, at_ms)[0],
            }
            wrong = [name for name, verdict in said_of.items() if verdict is not meant]
            if wrong:
                trouble = Disagreement(wrong[0], at_ms, said_of[wrong[0]], meant)
                answers.failures.append((World(where, facts, [at_ms]), trouble))
    return answers


def _unwatched(
    population: Population, nodes: Sequence[Node], compiled: Sequence[Compiled]
) -> Iterator[tuple[World, Disagreement]]:
    """What SQL says stays for ever, and does not.

    Asked of some conditions one by one: among many there is always one that may change.
    """
    for place in range(len(nodes))[:ALONE]:
        for n, at_ms, found in _asked(population, nodes[place : place + 1]):
            facts = population.people[n]
            if found.changing or found.hard:
                continue
            future = forecast(compiled[place], facts, at_ms)
            if future.until_ms is not None:
                trouble = Disagreement("SQL says it stays", at_ms, None, future.until_ms)
                yield World(population.where[place], facts, [at_ms]), trouble


def _asked(population: Population, nodes: Sequence[Node]) -> Iterator[tuple[int, int, Any]]:
    """(number of the person, instant, SQL's answer), stored and undone again."""
    with transaction.atomic():
        key = f"parity-{os.getpid()}-{next(_number)}"
        site = make_site(key, zone=population.people[0].site_zone)
        pairs, whose = [], []
        for n, facts in enumerate(population.people):
            profile_id = store_person(site, facts, population.arrivals[n])
            pairs += [(profile_id, at_ms) for at_ms in population.at_ms[n]]
            whose += [(n, at_ms) for at_ms in population.at_ms[n]]
        found = sql_verdicts(site, nodes, pairs)
        transaction.set_rollback(True)
    for (n, at_ms), asked in zip(whose, found, strict=True):
        yield n, at_ms, asked


def alone(world: World) -> Disagreement | None:
    """Ask about one condition, person and instant; the arrival is that of the history."""
    places = list(range(len(world.facts.history)))
    population = Population([dict(world.where)], [world.facts], [list(world.at_ms)], [places])
    try:
        failures = check_population(population).failures
    except InvalidCondition:
        return None
    return failures[0][1] if failures else None


def smallest(world: World, trouble: Disagreement, budget_s: float) -> World:
    """The world made small, when the failure shows with nobody else around."""

    def fails_so(smaller: World) -> bool:
        found = alone(smaller)
        return found is not None and found.what == trouble.what

    return shrunk(world, budget_s, fails_so) if fails_so(world) else world
