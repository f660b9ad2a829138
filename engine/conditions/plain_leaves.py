"""Leaves that need no history: traits, facts of the request, memberships, shares, models."""

from __future__ import annotations

from math import ceil

from engine.bucketing import bucket_of
from engine.conditions.answers import (
    FOREVER,
    NO,
    UNKNOWN,
    YES,
    Answer,
    Builder,
    Finder,
    Finding,
    Moments,
    Part,
    Truth,
    answers,
)
from engine.conditions.nodes import (
    ConsentLeaf,
    ContextLeaf,
    ListLeaf,
    ModelLeaf,
    Op,
    PercentLeaf,
    RelationLeaf,
    SegmentLeaf,
    TraitLeaf,
)
from engine.conditions.operators import PRESENCE, TIMED_OPS, compare, tester, typed
from engine.conditions.timed import timed, timed_moments, timed_test
from engine.facts import Facts

LIST_TRAIT = "list."
MODEL_TRAIT = "score."
EDGE_TRAIT = "edge."


# Traits and the request


def trait_value(leaf: TraitLeaf, facts: Facts) -> object:
    """The value of the trait; None when it is missing or comes from elsewhere than asked."""
    found = facts.traits.get(leaf.name)
    if found is None or (leaf.source is None and leaf.min_confidence is None):
        return found
    meta = facts.trait_meta.get(leaf.name)
    if meta is None or (leaf.source is not None and meta.source != leaf.source):
        return None
    if leaf.min_confidence is None:
        return found
    is_sure = meta.confidence is not None and meta.confidence >= leaf.min_confidence
    return found if is_sure else None


def find_trait(leaf: TraitLeaf, facts: Facts, now_ms: int) -> Finding:
    found = trait_value(leaf, facts)
    if leaf.op in TIMED_OPS:
        meta = facts.trait_meta.get(leaf.name)
        return Finding(found, timed(leaf.op, found, meta, _width(leaf), now_ms))
    return Finding(found, compare(leaf.op, found, leaf.value))


def trait_moments(leaf: TraitLeaf, facts: Facts, now_ms: int) -> set[int]:
    if leaf.op not in TIMED_OPS:
        return set()
    meta = facts.trait_meta.get(leaf.name)
    return timed_moments(leaf.op, trait_value(leaf, facts), meta, _width(leaf), now_ms)


def _width(leaf: TraitLeaf) -> int:
    assert isinstance(leaf.value, int)
    return leaf.value


def trait_part(leaf: TraitLeaf) -> Part:
    name = leaf.name
    anywhere = leaf.source is None and leaf.min_confidence is None
    if leaf.op in TIMED_OPS:
        test = timed_test(leaf.op, _width(leaf))
        return lambda facts, now_ms: test(
            trait_value(leaf, facts), facts.trait_meta.get(name), now_ms
        )
    if anywhere and leaf.op is Op.EQ and isinstance(leaf.value, str):
        wanted = leaf.value

        def equals(facts: Facts, now_ms: int) -> Answer:
            found = facts.traits.get(name)
            return YES if found == wanted else UNKNOWN if found is None else NO

        return equals
    answer = answers(tester(leaf.op, leaf.value))
    if anywhere:
        return lambda facts, now_ms: answer(facts.traits.get(name))
    return lambda facts, now_ms: answer(trait_value(leaf, facts))


def _find_context(leaf: ContextLeaf, facts: Facts, now_ms: int) -> Finding:
    found = facts.context.get(leaf.name)
    return Finding(found, compare(leaf.op, found, leaf.value))


def _context(leaf: ContextLeaf) -> Part:
    name = leaf.name
    answer = answers(tester(leaf.op, leaf.value))
    return lambda facts, now_ms: answer(facts.context.get(name))


# Memberships: always known


def _find_segment(leaf: SegmentLeaf, facts: Facts, now_ms: int) -> Finding:
    member = facts.memberships.get(leaf.key) is True
    return Finding(member, member)


def _segment(leaf: SegmentLeaf) -> Part:
    key = leaf.key
    return lambda facts, now_ms: YES if facts.memberships.get(key) is True else NO


def _find_percent(leaf: PercentLeaf, facts: Facts, now_ms: int) -> Finding:
    position = bucket_of(facts.unit_id, seed=leaf.seed) / 100
    return Finding(position, leaf.start <= position < leaf.end)


def _percent(leaf: PercentLeaf) -> Part:
    seed, start, end = leaf.seed, leaf.start, leaf.end
    name = f"percent|{seed}"

    def share(facts: Facts, now_ms: int) -> Answer:
        position = facts.cache.get(name)
        if position is None:
            position = facts.cache[name] = bucket_of(facts.unit_id, seed=seed) / 100
        return YES if start <= position < end else NO

    return share


def _find_list(leaf: ListLeaf, facts: Facts, now_ms: int) -> Finding:
    entry = facts.traits.get(LIST_TRAIT + leaf.key)
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return Finding(entry, entry is True)
    return Finding(entry, now_ms < entry)


def _list_moments(leaf: ListLeaf, facts: Facts, now_ms: int) -> set[int]:
    entry = facts.traits.get(LIST_TRAIT + leaf.key)
    if isinstance(entry, bool) or not isinstance(entry, int | float):
        return set()
    return {ceil(entry)} if now_ms < entry < FOREVER else set()


def _listed(leaf: ListLeaf) -> Part:
    name = LIST_TRAIT + leaf.key

    def listed(facts: Facts, now_ms: int) -> Answer:
        entry = facts.traits.get(name)
        if entry is True:
            return YES
        if type(entry) is not int and type(entry) is not float:
            return NO
        if not now_ms < entry:
            return NO
        return (True, ceil(entry)) if entry < FOREVER else YES

    return listed


def _find_relation(leaf: RelationLeaf, facts: Facts, now_ms: int) -> Finding:
    found = facts.traits.get(EDGE_TRAIT + leaf.type)
    targets = found if isinstance(found, list | tuple) else [] if found is None else [found]
    if leaf.to is None:
        return Finding(found, len(targets) > 0)
    return Finding(found, any(typed(target) == leaf.to for target in targets))


def _relation(leaf: RelationLeaf) -> Part:
    name, to = EDGE_TRAIT + leaf.type, leaf.to

    def related(facts: Facts, now_ms: int) -> Answer:
        found = facts.traits.get(name)
        if isinstance(found, list | tuple):
            return YES if (len(found) > 0 if to is None else to in found) else NO
        return NO if found is None or (to is not None and found != to) else YES

    return related


# What a model said


def _find_model(leaf: ModelLeaf, facts: Facts, now_ms: int) -> Finding:
    name = MODEL_TRAIT + leaf.name
    found = facts.traits.get(name)
    fresh = found is not None and now_ms < _stale_at(leaf, facts)
    if leaf.op in PRESENCE:
        return Finding(found, fresh is (leaf.op is Op.IS_SET))
    return Finding(found, compare(leaf.op, found, leaf.value) if fresh else leaf.fallback)


def _stale_at(leaf: ModelLeaf, facts: Facts) -> int:
    """The instant from which a score that is there counts no more."""
    if not leaf.max_age_ms:
        return FOREVER
    meta = facts.trait_meta.get(MODEL_TRAIT + leaf.name)
    if meta is None or meta.observed_ms is None:
        return -FOREVER
    return meta.observed_ms + leaf.max_age_ms


def _model_moments(leaf: ModelLeaf, facts: Facts, now_ms: int) -> set[int]:
    if facts.traits.get(MODEL_TRAIT + leaf.name) is None:
        return set()
    stale_at = _stale_at(leaf, facts)
    return {stale_at} if now_ms < stale_at < FOREVER else set()


def _model(leaf: ModelLeaf) -> Part:
    name = MODEL_TRAIT + leaf.name
    test = tester(leaf.op, leaf.value)
    absent: Truth = test(None) if leaf.op in PRESENCE else leaf.fallback

    def model(facts: Facts, now_ms: int) -> Answer:
        found = facts.traits.get(name)
        stale_at = FOREVER if found is None else _stale_at(leaf, facts)
        if found is None or stale_at <= now_ms:
            return absent, FOREVER
        verdict = test(found)
        return verdict, FOREVER if verdict is absent else stale_at

    return model


# Consent


def _find_consent(leaf: ConsentLeaf, facts: Facts, now_ms: int) -> Finding:
    choice = facts.consents.get(leaf.purpose)
    return Finding(choice, True if leaf.purpose == NECESSARY else choice)


def _consent(leaf: ConsentLeaf) -> Part:
    purpose = leaf.purpose
    if purpose == NECESSARY:
        return lambda facts, now_ms: YES

    def consent(facts: Facts, now_ms: int) -> Answer:
        choice = facts.consents.get(purpose)
        return UNKNOWN if choice is None else YES if choice else NO

    return consent


NECESSARY = "necessary"  # needs nobody's consent

FINDERS: dict[type, Finder] = {
    TraitLeaf: find_trait,
    ContextLeaf: _find_context,
    SegmentLeaf: _find_segment,
    PercentLeaf: _find_percent,
    ListLeaf: _find_list,
    RelationLeaf: _find_relation,
    ModelLeaf: _find_model,
    ConsentLeaf: _find_consent,
}
MOMENTS: dict[type, Moments] = {
    TraitLeaf: trait_moments,
    ListLeaf: _list_moments,
    ModelLeaf: _model_moments,
}
BUILDERS: dict[type, Builder] = {
    TraitLeaf: trait_part,
    ContextLeaf: _context,
    SegmentLeaf: _segment,
    PercentLeaf: _percent,
    ListLeaf: _listed,
    RelationLeaf: _relation,
    ModelLeaf: _model,
    ConsentLeaf: _consent,
}
