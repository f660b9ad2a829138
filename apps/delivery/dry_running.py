"""The decisions of the last days, made again by what serves and by what might serve instead.

A record keeps what the publication of its day could read (`dry_facts`). Decisions of which all is
kept are exact; where a publication reads more, what is known of the person today stands in, and
where nobody can know, the decision is left out and counted. Budgets of frequency caps are taken as
there, on both sides. Nothing is written, recorded or reserved.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from apps.decisions import past
from apps.decisions.past import Record, Unreadable
from apps.decisions.selectors import Served, latest_publication, reads_together, splits_of
from apps.delivery import deciding
from apps.delivery.dry_facts import Known, People
from apps.delivery.replaying import Publications
from apps.segments.studies.standing_then import MOST_PAIRS
from apps.work import clock
from engine.conditions.nodes import (
    All,
    AnyOf,
    ContextLeaf,
    Node,
    NoneOf,
    Not,
    Op,
    SegmentLeaf,
    TraitLeaf,
)
from engine.decide import Decision, Reason, Step, decide_placement
from engine.snapshot import CompiledPlacement, VariantDoc

MOST: Final = 5_000
MOVES: Final = 100  # told one by one
UNKNOWN: Final = "unknown"  # how a step ends whose condition is neither true nor false
_HIDING: Final = "hides the unknown"  # of Served.prepared
_NOTHING: Final[Mapping[int, Node]] = {}

Doc = TypeVar("Doc", bound=msgspec.Struct)

Progress = Callable[[int, int], None]  # records done, of how many


class Move(NamedTuple):
    """How often one placement would have shown another variant; None: nothing."""

    placement: str
    before: str | None
    after: str | None
    decisions: int


class DryRun(NamedTuple):
    """What a change would have done. A decision is one placement of one call.

    Attributes:
        changed, same: decisions that are known; a decision is changed that has another variant.
        estimated: how many of these are known by today's state of a person only.
        unknown: decisions of which it cannot be told.
        moves: the most frequent first.
        reworded: of `same`: the variant is the same and says something else.
        records: calls that were looked at.
        since: of the oldest of them; None without any.
    """

    changed: int = 0
    same: int = 0
    estimated: int = 0
    unknown: int = 0
    moves: Sequence[Move] = ()
    reworded: int = 0
    records: int = 0
    since: datetime | None = None

    @property
    def known(self) -> int:
        """How many decisions can be told."""
        return self.changed + self.same


def run(
    site_id: UUID,
    candidate: Served,
    *,
    since: datetime,
    now: datetime,
    most: int = MOST,
    serving: Served | None = None,
    hidden: Mapping[int, Node] = _NOTHING,
    progress: Progress | None = None,
) -> DryRun:
    """Decide the newest `most` recorded calls since an instant by what serves and by a candidate.

    Args:
        serving: what to compare with; None: what the site serves now.
        hidden: conditions of the candidate's segments of which nobody is recorded as a member, by
            number (see `drafted.with_hidden`).

    Raises:
        Unreadable: what serves was stored by another version of this code.
    """
    against = _serving(site_id) if serving is None else serving
    trial = _Trial(site_id, against, candidate, hidden)
    found = past.records(site_id=site_id, since=since, until=now).order_by("-at", "-pk")
    records = list(found.defer("seal")[:most])
    for begin in range(0, len(records), MOST_PAIRS):
        trial.take(records[begin : begin + MOST_PAIRS])
        if progress is not None:
            progress(min(begin + MOST_PAIRS, len(records)), len(records))
    return trial.result(records)


def _serving(site_id: UUID) -> Served:
    latest = latest_publication(site_id)
    return past.served_then(site_id, 0 if latest is None else latest.number)


class _Trial:
    """One dry run while it counts."""

    def __init__(
        self, site_id: UUID, serving: Served, candidate: Served, hidden: Mapping[int, Node]
    ) -> None:
        self.site_id = site_id
        self.serving = serving
        self.candidate = candidate
        self.hidden = hidden
        self.publications = Publications()
        self.moves: Counter[tuple[str, str | None, str | None]] = Counter()
        self.same = self.estimated = self.unknown = self.reworded = 0
        self._differs: dict[str, bool] = {}
        self._says_else: dict[tuple[str, str | None], bool] = {}

    def result(self, records: Sequence[Record]) -> DryRun:
        ordered = sorted(self.moves.items(), key=lambda move: (-move[1], str(move[0])))
        return DryRun(
            changed=sum(self.moves.values()),
            same=self.same,
            estimated=self.estimated,
            unknown=self.unknown,
            moves=[Move(*move, count) for move, count in ordered[:MOVES]],
            reworded=self.reworded,
            records=len(records),
            since=records[-1].at if records else None,
        )

    def take(self, records: Sequence[Record]) -> None:
        """Count some records; what must be looked up is looked up for all of them at once."""
        pairs = [(one.profile_id, clock.to_ms(one.at)) for one in records if one.profile_id]
        people = People(self.site_id, pairs, self.hidden)
        for record in records:
            self._take(record, people)

    def _take(self, record: Record, people: People) -> None:
        asked = list(self._asked(record))
        differing = [entry for entry in asked if self.differs(entry["placement"])]
        known = known_of(self.publications, record, people) if differing else None
        for entry in asked:
            key = entry["placement"]
            if not self.differs(key):
                # Whatever the visitor was: both decide by the same words.
                self._count_same(key, entry["variant"])
            elif known is None:
                self.unknown += 1
            else:
                self._decide(known, key)

    def _asked(self, record: Record) -> Iterator[Mapping[str, Any]]:
        """The placements of a call that one of the two publications has."""
        for entry in record.placements:
            key = entry["placement"]
            if key in self.serving.compiled.placements or key in self.candidate.compiled.placements:
                yield entry

    def _decide(self, known: Known, key: str) -> None:
        known.begin()
        before = _variant(known, self.serving, key)
        after = _variant(known, self.candidate, key)
        if known.is_unknown:
            self.unknown += 1
            return
        self.estimated += known.is_estimated
        if before == after:
            self._count_same(key, after)
        else:
            self.moves[key, before, after] += 1

    def _count_same(self, key: str, variant: str | None) -> None:
        self.same += 1
        self.reworded += self._is_reworded(key, variant)

    def _is_reworded(self, key: str, variant: str | None) -> bool:
        found = self._says_else.get((key, variant))
        if found is None:
            texts = [says(one, key, variant) for one in (self.serving, self.candidate)]
            found = self._says_else[key, variant] = texts[0] != texts[1]
        return found

    def differs(self, key: str) -> bool:
        """Whether the two publications choose a placement's variant in different ways."""
        found = self._differs.get(key)
        if found is None:
            found = self._differs[key] = choice_of(self.serving, key) != choice_of(
                self.candidate, key
            )
        return found


def known_of(publications: Publications, record: Record, people: People) -> Known | None:
    """Return what a record keeps; None: too little to decide anything by it."""
    if record.inputs is None or record.format not in past.READABLE:
        return None
    try:
        then = publications.served(record)
        inputs = past.unpacked(record.inputs, record.format)
    except (Unreadable, ValueError):
        return None
    if then.digest[: past.DIGEST_LENGTH] != record.digest:
        return None
    kept = reads_together(then, [entry["placement"] for entry in record.placements])
    return Known(record, inputs, kept, then, people)


def _variant(known: Known, served: Served, key: str) -> str | None:
    """What a publication shows to the visitor of a record; notes what it had to guess."""
    decision = decided_by(known, served, key)
    return None if decision is None else decision.variant


def decided_by(known: Known, served: Served, key: str) -> Decision | None:
    """Return what a publication decides for the visitor of a record; None: it shows nothing.

    What had to be guessed is noted in `known`.
    """
    placement = served.compiled.placements.get(key)
    if placement is None or not deciding.is_open(placement, known.call.caller):
        return None
    if known.inputs.is_away and placement.doc.enabled:
        default = placement.block.default
        return Decision(key, placement.block.key, default.key, default.version, Reason.DEFAULT)
    reads = reads_together(served, [key])
    known.give_history(reads.history)
    if not _is_unit_known(known, served, placement):
        known.is_unknown = True
    decision = decide_placement(served.compiled, key, known.visitor, known.context, known.at_ms)
    if known.unread and not known.is_unknown:
        known.is_unknown = not _is_certain(known, served, placement)
    known.unread = set()
    return decision


def _is_certain(known: Known, served: Served, placement: CompiledPlacement) -> bool:
    """Whether a decision would be the same whatever the facts were that nobody can know.

    An unknown fact makes a comparison unknown, and unknown goes up a condition as in Kleene's
    logic: "a phone, and in this segment" does not hold for who is not in it, phone or not. So a
    decision is certain where every condition that it asked was true or false.
    """
    if _hides_the_unknown(served, placement):
        return False
    noted = known.is_estimated, set(known.unread)
    steps: list[Step] = []
    decide_placement(
        served.compiled, placement.key, known.visitor, known.context, known.at_ms, steps
    )
    known.is_estimated, known.unread = noted  # a trace looks at more than the decision did
    known.is_unknown = False
    return not any(step.outcome == UNKNOWN for step in steps)


def _hides_the_unknown(served: Served, placement: CompiledPlacement) -> bool:
    """Whether a placement asks conditions that are true or false although a fact is unknown.

    Being in a segment, or in an experiment, is never unknown; nor is whether a fact is there.
    """
    kept: dict[str, bool] = served.prepared.setdefault(_HIDING, {})
    found = kept.get(placement.key)
    if found is None:
        asked = reads_together(served, [placement.key]).segments
        by_number = served.compiled.segments_by_number
        splits = splits_of(placement)
        found = kept[placement.key] = (
            any(by_number[n].request is not None for n in asked if n in by_number)
            or any(split is not None and split.condition is not None for split in splits)
            or any(not _is_plain(rule.node) for form in placement.forms for rule in form.rules)
        )
    return found


def _is_plain(node: Node) -> bool:
    """Whether a condition is unknown wherever a fact of the request that matters is."""
    match node:
        case ContextLeaf():
            return node.op not in (Op.IS_SET, Op.IS_MISSING)
        case TraitLeaf() | SegmentLeaf():
            return True
        case All(parts) | AnyOf(parts) | NoneOf(parts):
            return all(_is_plain(part) for part in parts)
        case Not(part):
            return _is_plain(part)
    return False


def _is_unit_known(known: Known, served: Served, placement: CompiledPlacement) -> bool:
    """Whether the unit that was kept is dealt as the visitor's own would be.

    It is the own one of who is known and has consented; of others a stand-in is kept, which is
    dealt the same by the publication of its day only.
    """
    visitor = known.visitor
    if known.has_person:
        return bool(known.record.unit_id)
    if not visitor.allowed and placement.block.doc.purpose == "personalization":
        return True  # the default, before anything is dealt
    deals, holdouts = reads_together(served, [placement.key]).deals, served.compiled.holdouts
    if not deals and not holdouts:
        return True
    if not known.record.unit_id or holdouts != known.holdouts:
        return False
    return deals <= known.kept.deals if visitor.allowed else not deals


def choice_of(served: Served, key: str) -> tuple[object, ...]:
    """Return all that decides which variant a placement shows, and nothing of what it says.

    To be compared with that of another publication, stored or not.
    """
    compiled = served.compiled
    placement = compiled.placements.get(key)
    if placement is None:
        return ()
    block = placement.block.doc
    numbers = reads_together(served, [key]).segments
    segments = [
        msgspec.structs.replace(one.doc, name="")
        for number, one in sorted(compiled.segments_by_number.items())
        if number in numbers
    ]
    splits = splits_of(placement)
    docs: list[msgspec.Struct] = [
        placement.doc,
        msgspec.structs.replace(block, variants=[_chosen_by(one) for one in block.variants]),
        *(rule.doc for form in placement.forms for rule in form.rules),
        *(split.doc for split in splits if split is not None),
        *segments,
        *(cap for _, cap in sorted(compiled.caps.items())),
        *compiled.holdouts,
    ]
    return tuple(_stored(doc) for doc in docs)


def _chosen_by(variant: VariantDoc) -> VariantDoc:
    """A variant without its content."""
    return msgspec.structs.replace(variant, version=0, **_silent())


def _silent() -> dict[str, Any]:
    return {"fields": {}, "template": None, "liquid": None, "value": None, "locales": {}}


def says(served: Served, key: str, variant: str | None) -> VariantDoc | None:
    """Return all that a variant of a placement says, and nothing of for whom; None: it is absent.

    To be compared with that of another publication, stored or not.
    """
    placement = served.compiled.placements.get(key)
    found = None if placement is None else placement.block.variants.get(variant or "")
    if found is None:
        return None
    return _stored(VariantDoc("", 0, **{name: getattr(found.doc, name) for name in _silent()}))


def _stored(doc: Doc) -> Doc:
    """A document as it is read back: drafts have tuples where stored ones have lists."""
    return msgspec.json.decode(msgspec.json.encode(doc), type=type(doc))
