"""Leaves that read no events: traits, shares, lists, models, consent, relations."""

from apps.consent.recorded import sql_said
from apps.consent.types import WIRE_NAMES
from apps.segments.sql import dialect as sql
from apps.segments.sql.comparison import compare, compare_number, compare_timed, member
from apps.segments.sql.statement import Statement
from engine.conditions.nodes import (
    ConsentLeaf,
    ListLeaf,
    ModelLeaf,
    Op,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
)
from engine.conditions.operators import ORDERING, PRESENCE, TIMED_OPS
from engine.conditions.plain_leaves import EDGE_TRAIT, LIST_TRAIT, MODEL_TRAIT, NECESSARY

# Places in the entry of a trait in `profiles_profilestate.traits`.
OBSERVED_MS, CHANGED_MS, SOURCE, CONFIDENCE = 1, 3, 4, 5


def trait(statement: Statement, leaf: TraitLeaf) -> str:
    if _compares_numbers(leaf):
        number = _if_asked(statement, leaf, statement.trait_number(leaf.name))
        return compare_number(statement.bind, leaf.op, number, leaf.value)
    found = _if_asked(statement, leaf, statement.trait(leaf.name))
    if leaf.op in TIMED_OPS:
        changed = _number(statement.trait_entry(leaf.name, CHANGED_MS))
        return compare_timed(leaf.op, found, changed, leaf.value)
    return compare(statement.bind, leaf.op, found, leaf.value)


def _compares_numbers(leaf: TraitLeaf) -> bool:
    """Whether only a number can be known to be more or less than what is asked."""
    bounds = leaf.value if isinstance(leaf.value, tuple) else (leaf.value,)
    return leaf.op in ORDERING and all(isinstance(bound, int | float) for bound in bounds)


def _if_asked(statement: Statement, leaf: TraitLeaf, found: str) -> str:
    """What was found; NULL when it comes from elsewhere than asked, or is less sure."""
    tests = []
    if leaf.source is not None:
        source = statement.trait_entry(leaf.name, SOURCE)
        tests.append(f"{sql.text_of(source)} = {statement.bind(leaf.source, 'text')}")
    if leaf.min_confidence is not None:
        confidence = _number(statement.trait_entry(leaf.name, CONFIDENCE))
        least = statement.bind(float(leaf.min_confidence), "float8")
        tests.append(f"{confidence} >= {least}")
    return f"(CASE WHEN {' AND '.join(tests)} THEN {found} END)" if tests else found


def _number(entry: str) -> str:
    return f"({sql.number(entry)})"


def trait_changing(statement: Statement, leaf: TraitLeaf) -> str:
    """Operators that read the present instant flip by themselves."""
    if leaf.op not in TIMED_OPS:
        return "false"
    return f"({statement.trait(leaf.name)} IS NOT NULL)"


def percent(statement: Statement, leaf: PercentLeaf) -> str:
    bind = statement.bind
    place = sql.bucket("p.unit_id", bind(leaf.seed, "text"))
    share = f"({sql.as_double(place)} / 100)"
    start, end = bind(float(leaf.start), "float8"), bind(float(leaf.end), "float8")
    return f"({share} >= {start} AND {share} < {end})"


def segment(statement: Statement, leaf: SegmentLeaf) -> str:
    """Is a member now. What is not put in place is not live, or remembers: ask who is recorded."""
    key, site = statement.bind(leaf.key, "text"), statement.bind(str(statement.site_id), "uuid")
    return (
        "EXISTS (SELECT FROM segments_membership m JOIN segments_segment g ON g.id = m.segment_id"
        f" WHERE m.profile_id = p.profile_id AND m.left_at IS NULL AND g.site_id = {site}"
        f" AND g.key = {key})"
    )


def listed(statement: Statement, leaf: ListLeaf) -> str:
    """On the list: true, or an instant that has not come."""
    found = statement.trait(LIST_TRAIT + leaf.key)
    return (
        f"(CASE {sql.json_type(found)} WHEN 'boolean' THEN {sql.is_true(found)}"
        f" WHEN 'number' THEN {sql.as_double('p.at_ms')} < {sql.double_of(found)} ELSE false END)"
    )


def listed_changing(statement: Statement, leaf: ListLeaf) -> str:
    found = statement.trait(LIST_TRAIT + leaf.key)
    return f"coalesce({sql.is_number(found)} AND {listed(statement, leaf)}, false)"


def relation(statement: Statement, leaf: RelationLeaf) -> str:
    """An edge to this target, or to any; a single value counts as a list of one."""
    found = statement.trait(EDGE_TRAIT + leaf.type)
    if leaf.to is None:
        inside, single = f"{sql.item_count(found)} > 0", f"{found} IS NOT NULL"
    else:
        inside = member(statement.bind, found, leaf.to)
        single = compare(statement.bind, Op.EQ, found, leaf.to)
    return (
        f"coalesce(CASE WHEN {sql.json_type(found)} = 'array' THEN {inside} ELSE {single} END,"
        " false)"
    )


def model(statement: Statement, leaf: ModelLeaf) -> str:
    found = statement.trait(MODEL_TRAIT + leaf.name)
    fresh = _fresh(statement, leaf, found)
    if leaf.op in PRESENCE:
        return fresh if leaf.op is Op.IS_SET else f"(NOT {fresh})"
    fallback = {None: "CAST(NULL AS boolean)", True: "true", False: "false"}[leaf.fallback]
    test = compare(statement.bind, leaf.op, found, leaf.value)
    return f"(CASE WHEN {fresh} THEN {test} ELSE {fallback} END)"


def _fresh(statement: Statement, leaf: ModelLeaf, found: str) -> str:
    if not leaf.max_age_ms:
        return f"({found} IS NOT NULL)"
    observed = _number(statement.trait_entry(MODEL_TRAIT + leaf.name, OBSERVED_MS))
    return f"({found} IS NOT NULL AND coalesce(p.at_ms < {observed} + {leaf.max_age_ms}, false))"


def model_changing(statement: Statement, leaf: ModelLeaf) -> str:
    if not leaf.max_age_ms:
        return "false"
    return _fresh(statement, leaf, statement.trait(MODEL_TRAIT + leaf.name))


def consent(statement: Statement, leaf: ConsentLeaf) -> str:
    """The recorded choice; a no goes before a yes."""
    if leaf.purpose == NECESSARY:
        return "true"
    return sql_said(statement.consent(), WIRE_NAMES[leaf.purpose])
