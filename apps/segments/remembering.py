"""Stays of segments that remember: folded on with what is new, or again with what came late.

And when somebody came into another segment, or left it, by what came late.
"""

from collections.abc import Iterable, Sequence

from apps.segments.past import Past, is_late, late_from, news_of
from apps.segments.stays import FOLDED, LEFT, MARK, Stay
from apps.segments.touching import Definition
from engine.conditions.policy import OUTSIDE, Latch, Latched, fold

# What a person did is folded at most so often; of a longer past, the newest. Each may cost a look
# at all events before it.
MAX_FOLDED = 2_000
MAX_LOOKS = MAX_FOLDED * 2_000  # instants, times the events of the person


def folded_from(
    definition: Definition,
    earlier: Stay | None,
    fresh: Iterable[tuple[int, str]],
    retold: Iterable[tuple[int, str]],
    now_ms: int,
    *,
    is_rewritten: bool,
) -> int | None:
    """The instant from which a stay that remembers is folded on; None: from the beginning.

    Args:
        fresh, retold, is_rewritten: see `Past`.
    """
    if is_rewritten or not _is_known(definition, earlier):
        return None
    assert earlier is not None
    news = news_of(definition.reads, fresh, retold)
    folded_ms, until_ms = earlier[FOLDED], earlier[1]
    if folded_ms is not None and is_late(news, folded_ms):
        return None
    due_ms = now_ms if until_ms is None else min(until_ms, now_ms)
    return min(due_ms, *news) if news else due_ms


def _is_known(definition: Definition, earlier: Stay | None) -> bool:
    """Was the stay folded by this very version?"""
    return earlier is not None and len(earlier) > MARK and earlier[MARK] == definition.mark


def remembered(definition: Definition, past: Past, earlier: Stay | None, now_ms: int) -> Stay:
    """The stay of a segment that remembers: folded on, or again when something came late."""
    latched = definition.latched
    assert latched is not None
    fresh = _news(definition, past, earlier, now_ms)
    start, folded_ms, instants = _to_fold(definition, past, earlier, now_ms, fresh)
    news = set(fresh).union(() if folded_ms is not None else instants)
    folded = fold(latched, start, instants, past.at, now_ms)
    facts = past.at(now_ms)
    latch, until_ms = latched.step(folded.latch, facts, now_ms)
    if latch.inside is not folded.latch.inside:
        folded_ms = now_ms
    else:
        # Not a deadline at which nothing changed: what came before it would be late for nothing.
        decisive = {at for _, at in folded.changes}.union(news.intersection(instants))
        folded_ms = max(decisive, default=folded_ms)
    forecast_ = latched.forecast(latch, facts, until_ms)
    bound = None
    if definition.binder is not None and latch.inside:
        bound = definition.binder(facts, now_ms)
    return (*forecast_, latch.since_ms, bound, latch.left_ms, folded_ms, definition.mark)


def _news(definition: Definition, past: Past, earlier: Stay | None, now_ms: int) -> list[int]:
    """When something happened that a stay does not know of: in this batch, or after its deadline.

    The latter came in ahead of its time; a timer that is late finds several of them.
    """
    news = past.news(definition.reads)
    until_ms = earlier[1] if earlier is not None else None
    if until_ms is None or until_ms > now_ms:
        return news
    return sorted({*news, *past.come_of_age(definition.reads, until_ms - 1, now_ms)})


def _to_fold(
    definition: Definition, past: Past, earlier: Stay | None, now_ms: int, news: Sequence[int]
) -> tuple[Latch, int | None, list[int]]:
    """Where a stay is folded on from: the latch, up to when it was folded, the instants to come.

    From the beginning when it was not folded yet, or something came late. Of who has done too much
    for that, what comes late counts from now on only.
    """
    is_known = not past.is_rewritten and _is_known(definition, earlier)
    if is_known:
        assert earlier is not None
        latch, folded_ms = Latch(earlier[0], earlier[4], earlier[LEFT]), earlier[FOLDED]
        until_ms = earlier[1]
        due = {until_ms} if until_ms is not None and until_ms <= now_ms else set()
        if folded_ms is None or not is_late(news, folded_ms):
            return latch, folded_ms, sorted(due.union(news))
        instants = past.instants(definition.reads, now_ms)
        if len(instants) > _most(past):
            return latch, folded_ms, sorted(due.union(at for at in news if at > folded_ms))
        return OUTSIDE, None, instants
    return OUTSIDE, None, past.instants(definition.reads, now_ms)[-_most(past) :]


def changed_late(definition: Definition, inside: bool, past: Past, now_ms: int) -> int | None:
    """When a segment without memory became what it is now, by what came late.

    None: that did not change it; it has changed as it was forecast, or just now. Of who has done
    too much to be followed from there, at the latest when this says.
    """
    late_ms = late_from(past.news(definition.reads), now_ms)
    if late_ms is None:
        return None
    start_ms = late_ms - 1
    instants = past.instants(definition.reads, now_ms)
    later = [at for at in instants if at > start_ms]
    followed = later[-_most(past) :]
    if len(followed) == len(later) and (len(later) < len(instants) or not past.is_from_birth):
        followed = [start_ms, *later]
    plain = Latched(definition.compiled, None, None, 0, 0, once=False)
    folded = fold(plain, OUTSIDE, followed, past.at, now_ms)
    found = [at for entered, at in folded.changes if entered is inside]
    # What was so before the first of it came is not its doing.
    return found[-1] if found and found[-1] > start_ms else None


def _most(past: Past) -> int:
    """How many instants of this past are folded at most."""
    return max(1, min(MAX_FOLDED, MAX_LOOKS // max(1, len(past.facts.history))))
