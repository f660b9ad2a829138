"""What a publication would do to people: who would newly see what, counted over everybody known."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from apps.decisions.selectors import Served
from apps.delivery.drafted import with_hidden
from apps.delivery.dry_running import choice_of, says
from apps.segments.errors import StudyTooSlow
from apps.studio import people_meant
from apps.studio.candidates import NoCandidate, drafted_document, serving, why_not
from apps.studio.domain.charts import share_pct
from apps.studio.domain.coverage import Plan, Step, names_of, plan_of, words_of
from apps.studio.people_meant import Moves
from apps.work import clock
from engine.compiling import compile_snapshot
from engine.errors import PersonalizationError
from engine.snapshot import RuleDoc, SnapshotDoc

MOST_PLACEMENTS: Final = 30  # counted; more are named
NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Line:
    """People who are meant for one variant of a placement and would be for another.

    Attributes:
        before, after: keys of variants, the same where only its words change; empty: nothing is
            shown there.
        people: None when they are fewer than ten.
        pct: of everybody known.
        who: whom the variant would be for, in words.
    """

    placement: str
    before: str
    after: str
    people: int | None
    pct: float
    who: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change would do to the people known now, before frequency caps.

    Attributes:
        refused: why nothing can be said; empty: it can.
        everyone: people known.
        moves: who would see another variant, the most first.
        rewords: who would see the same variant saying something else.
        few: moves of fewer than ten people, which are not told one by one.
        untold: what memberships do not say, in sentences.
        more: changed placements beyond those that were counted.
        is_estimated: by a sample of everybody.
        is_slow: there was no time to count.
    """

    refused: str = ""
    everyone: int = 0
    moves: list[Line] = field(default_factory=list)
    rewords: list[Line] = field(default_factory=list)
    few: int = 0
    untold: list[str] = field(default_factory=list)
    more: int = 0
    is_estimated: bool = False
    is_slow: bool = False

    @property
    def is_nothing(self) -> bool:
        """Nobody known would see anything else, as far as can be told."""
        return not (self.refused or self.moves or self.rewords or self.few or self.untold)


def panel(site_id: UUID, candidate: SnapshotDoc | None, now: datetime) -> Effect:
    """Return what publishing a document would do to people; None: all drafts. Never raises."""
    try:
        document = drafted_document(site_id) if candidate is None else candidate
        return between(site_id, serving(site_id).compiled.doc, document, now)
    except (NoCandidate, PersonalizationError) as error:
        return Effect(refused=f"Nothing can be said of it as it is. {why_not(error)}")


def between(site_id: UUID, before: SnapshotDoc, after: SnapshotDoc, now: datetime) -> Effect:
    """Return what changes for people from one document to another. One pass over them.

    Args:
        before, after: they may hold no more than what differs.

    Raises:
        InvalidCondition, InvalidSnapshot: the later one contradicts itself.
    """
    old, new = narrowed(before, after)
    drafted = with_hidden(site_id, new)
    was, will = Served(compile_snapshot(old)), drafted.served
    changed = [
        key
        for key in sorted(was.compiled.placements.keys() | will.compiled.placements.keys())
        if _differs(was, will, key)
    ]
    counted = changed[:MOST_PLACEMENTS]
    now_ms = clock.to_ms(now)
    pairs = [
        (_plan(was, key, now_ms, ()), _plan(will, key, now_ms, drafted.hidden)) for key in counted
    ]
    try:
        found = people_meant.moved(site_id, pairs)
    except StudyTooSlow as error:
        return Effect(refused=f"Counting everybody took too long. {error}", is_slow=True)
    return _worded(was, will, counted, pairs, found, len(changed) - len(counted))


def _differs(was: Served, will: Served, key: str) -> bool:
    if choice_of(was, key) != choice_of(will, key):
        return True
    placement = will.compiled.placements[key]
    return any(says(was, key, one) != says(will, key, one) for one in placement.block.variants)


def _plan(served: Served, key: str, now_ms: int, hidden: Iterable[int]) -> Plan | None:
    placement = served.compiled.placements.get(key)
    if placement is None:
        return None
    return plan_of(served.compiled, placement, now_ms, frozenset(hidden))


def _worded(
    was: Served,
    will: Served,
    keys: Sequence[str],
    pairs: Sequence[tuple[Plan | None, Plan | None]],
    counted: Moves,
    more: int,
) -> Effect:
    found = counted.found
    everyone = sum(one.people for one in found if one.place == 0)
    names = names_of(will.compiled)
    effect = Effect(everyone=everyone, more=more)
    few = 0
    for one in sorted(found, key=lambda one: -one.people):
        key = keys[one.place]
        is_same = one.before == one.after
        if is_same and says(was, key, one.before) == says(will, key, one.after):
            continue
        people = people_meant.told(one.people)
        if people is None:
            few += 1
            continue
        who = _who(pairs[one.place][1], one.after, names)
        line = Line(
            key, one.before or "", one.after or "", people, share_pct(people, everyone), who
        )
        (effect.rewords if is_same else effect.moves).append(line)
    untold = [
        _untold(step, key)
        for key, (_, plan) in zip(keys, pairs, strict=True)
        if plan is not None
        for step in plan.untold
    ]
    is_estimated = counted.sampled < 1.0
    return Effect(
        "", everyone, effect.moves, effect.rewords, few, list(dict.fromkeys(untold)), more,
        is_estimated,
    )  # fmt: skip


def _who(plan: Plan | None, variant: str | None, names: Mapping[int, str]) -> str:
    """Whom a variant would be for, in words."""
    if plan is None or variant is None:
        return ""
    if plan.is_off:
        return "everybody: the placement is switched off"
    said = [
        words_of(step.test, names)
        for step in plan.steps[:-1]
        if step.variant == variant and step.test is not None
    ]
    if variant == plan.steps[-1].variant:
        said.append("everybody else" if len(plan.steps) > 1 else "everybody")
    if len(said) > NAMED:
        return f"{', '.join(said[:NAMED])} and {len(said) - NAMED} more"
    return " or ".join(said)


def _untold(step: Step, placement: str) -> str:
    what = {"rule": "The rule", "experiment": "The experiment", "segment": "The segment"}
    return (
        f"{what[step.kind]} “{step.key}” of {placement} is answered while a page is asked for, or "
        "nobody has been asked yet: its people cannot be counted ahead. A dry run asks the "
        "decisions of the last days."
    )


def narrowed(before: SnapshotDoc, after: SnapshotDoc) -> tuple[SnapshotDoc, SnapshotDoc]:
    """Return two documents without the placements that neither changes, nor their blocks.

    Compiling ten thousand blocks takes seconds; most publications change a few.
    """
    old, new = _Parts(before), _Parts(after)
    silent = {
        number
        for number in old.segments.keys() | new.segments.keys()
        if old.segments.get(number) != new.segments.get(number)
    }
    keys = {
        key
        for key in old.places.keys() | new.places.keys()
        if not old.is_same(new, key) or old.asks(key, silent) or new.asks(key, silent)
    }
    if before.holdouts != after.holdouts or before.experiments != after.experiments:
        keys = old.places.keys() | new.places.keys()
    return old.only(keys), new.only(keys)


class _Parts:
    """A document by placement."""

    def __init__(self, document: SnapshotDoc) -> None:
        self.document = document
        self.blocks = {block.key: block for block in document.blocks}
        self.rules: dict[str, list[RuleDoc]] = {}
        for rule in document.rules:
            self.rules.setdefault(rule.placement, []).append(rule)
        self.segments = {
            one.number: msgspec.structs.replace(one, name="") for one in document.segments
        }
        self.places = {one.key: one.block for one in document.placements}
        placed = set(self.places.values())
        # A flag that no placement shows is asked by its own key.
        self.places |= {
            block.key: block.key
            for block in document.blocks
            if block.kind == "flag" and block.key not in placed
        }
        self._docs = {one.key: one for one in document.placements}

    def is_same(self, other: "_Parts", key: str) -> bool:
        """Whether another document says the same of a placement."""
        mine, theirs = self._raw(key), other._raw(key)
        if all(one is that for one, that in zip(mine, theirs, strict=True)):
            return self.rules.get(key, []) == other.rules.get(key, [])
        return self.place(key) == other.place(key)

    def _raw(self, key: str) -> tuple[object, object]:
        return self._docs.get(key), self.blocks.get(self.places.get(key, ""))

    def place(self, key: str) -> object:
        """All that is said of a placement."""
        block = self.blocks.get(self.places.get(key, ""))
        if block is not None:
            block = msgspec.structs.replace(
                block, variants=[msgspec.structs.replace(one, version=0) for one in block.variants]
            )
        splits = [one for one in self.document.experiments if one.placement == key]
        return self._docs.get(key), block, self.rules.get(key, []), splits

    def asks(self, key: str, numbers: set[int]) -> bool:
        """Whether a placement asks for one of these segments."""
        if not numbers:
            return False
        block = self.blocks.get(self.places.get(key, ""))
        tags = {n for one in block.variants for n in one.segments} if block is not None else set()
        if tags & numbers:
            return True
        names = [self.segments[n].key for n in numbers if n in self.segments]
        return any(
            f'"{name}"' in msgspec.json.encode(rule.condition).decode()
            for rule in self.rules.get(key, ())
            for name in names
        )

    def only(self, keys: Iterable[str]) -> SnapshotDoc:
        """The document with these placements and flags only."""
        wanted = set(keys)
        blocks = {self.places[key] for key in wanted if key in self.places}
        return msgspec.structs.replace(
            self.document,
            placements=[one for one in self.document.placements if one.key in wanted],
            blocks=[one for one in self.document.blocks if one.key in blocks],
            rules=[one for one in self.document.rules if one.placement in wanted],
            experiments=[one for one in self.document.experiments if one.placement in wanted],
        )
