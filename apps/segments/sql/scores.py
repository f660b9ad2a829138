"""Scores: weighted sums of events, fading, capped, plus trait tests.

Doubles are added in the order in which the live path adds them: the sources as they are written,
of each the newest event first. Only powers may differ in their last digit, so a pair with a fading
event whose score is closer to a threshold than rounding can tell is hard.
"""

from apps.segments.sql import dialect as sql
from apps.segments.sql.changing import NO, STEADY, either, falling
from apps.segments.sql.comparison import compare_number
from apps.segments.sql.leaves import trait, trait_changing
from apps.segments.sql.statement import PATH, Statement
from engine.conditions.nodes import ScoreEvents, ScoreLeaf, Value

CLOSENESS = 1e-9  # relative: what is closer to a threshold is not decided here
# Half-lives after which an event is left out: its share is below 1e-135. Products with smaller ones
# could leave the doubles, which Postgres refuses. As a size it counts a share of at least 1e-135
# over the closeness, so that a pair that it could decide is hard.
FADED = 450
LEFT_OUT = 1e-126
# Other weights could leave the doubles too: the live path answers.
LEAST_WEIGHT, MOST_WEIGHT = 1e-30, 1e100


def score(statement: Statement, leaf: ScoreLeaf) -> str:
    """The comparison of the score; always known. Close ones make the pair hard."""
    if not all(_is_usual(source.weight) for source in leaf.events):
        statement.is_hard("true")
        return "false"
    value = _value(statement, leaf)
    fading = [source for source in leaf.events if source.half_life_ms]
    if fading and leaf.value is not None:
        statement.is_hard(_is_close(statement, leaf, fading, value))
    return compare_number(statement.bind, leaf.op, value, leaf.value)


def score_changing(statement: Statement, leaf: ScoreLeaf) -> str:
    """While events fade or may leave their windows, or a trait test depends on the time."""
    if not all(_is_usual(source.weight) for source in leaf.events):
        return "true"
    timed = either({trait_changing(statement, weighted.test) for weighted in leaf.traits})
    moving = [s for s in leaf.events if s.half_life_ms or s.window.kind not in STEADY]
    found = either({f"coalesce({_sum(statement, source)}.size > 0, false)" for source in moving})
    if timed == NO and all(_only_falls(source) for source in moving):
        return falling(leaf.op, score(statement, leaf), found)
    return either({timed, found})


def _is_usual(weight: float) -> bool:
    return weight == 0 or LEAST_WEIGHT <= abs(weight) <= MOST_WEIGHT


def _only_falls(source: ScoreEvents) -> bool:
    # What fades has no negative numbers; what leaves a window may have had some.
    return source.weight >= 0 and (source.of is None or source.half_life_ms > 0)


def _value(statement: Statement, leaf: ScoreLeaf) -> str:
    terms = [_capped(statement, source) for source in leaf.events]
    for weighted in leaf.traits:
        weight = statement.bind(float(weighted.weight), "float8")
        terms.append(f"CASE WHEN {trait(statement, weighted.test)} THEN {weight} ELSE 0 END")
    value = " + ".join(terms) or sql.as_double("0")
    return _clamped(statement, f"({value})", leaf.floor, leaf.ceiling)


def _clamped(statement: Statement, value: str, low: float | None, high: float | None) -> str:
    if low is not None:
        value = f"greatest({value}, {statement.bind(float(low), 'float8')})"
    if high is not None:
        value = f"least({value}, {statement.bind(float(high), 'float8')})"
    return value


def _capped(statement: Statement, source: ScoreEvents) -> str:
    value = f"coalesce({_sum(statement, source)}.total, {sql.as_double('0')})"
    cap = source.cap
    return value if cap is None else _clamped(statement, value, -cap, cap)


def _sum(statement: Statement, source: ScoreEvents) -> str:
    """A joined CTE: the total of one source, and the size by which rounding in it is measured."""
    rows = statement.path()
    tests = [rows.meets(source.match), rows.within(source.window)]
    points = statement.bind(float(source.weight), "float8")
    if source.of is not None:
        number = f"coalesce({sql.number(rows.value(source.of))}, 0)"
        if source.half_life_ms:
            number = f"greatest({number}, 0)"
        points = f"({points} * {number})"
    total, size = points, f"abs({points})"
    if source.half_life_ms:
        halved = f"({sql.as_double('(p.at_ms - e.ms)')} / {source.half_life_ms})"
        share, is_left = sql.power_of_half(halved), f"{halved} < {FADED}"
        total = f"CASE WHEN {is_left} THEN {points} * {share} ELSE 0 END"
        size = f"abs({points}) * CASE WHEN {is_left} THEN {share} ELSE {LEFT_OUT} END"
    return statement.part(
        f"""SELECT e.n, sum({total} ORDER BY e.rank DESC) AS total, sum({size}) AS size
FROM {PATH} e JOIN pair p ON p.n = e.n WHERE {" AND ".join(tests)}
GROUP BY e.n""",
        joined=True,
    )


def _is_close(statement: Statement, leaf: ScoreLeaf, fading: list[ScoreEvents], value: str) -> str:
    """Whether rounding could decide the comparison."""
    size = " + ".join(f"coalesce({_sum(statement, source)}.size, 0)" for source in fading)
    bounds = [statement.bind(float(bound), "float8") for bound in _thresholds(leaf.value)]
    close = " OR ".join(
        f"abs({value} - {bound}) <= {CLOSENESS} * ({size} + abs({bound}))" for bound in bounds
    )
    return f"({size} > 0 AND ({close}))"


def _thresholds(value: Value) -> list[float]:
    values = value if isinstance(value, tuple) else (value,)
    return [float(bound) for bound in values if bound is not None]
