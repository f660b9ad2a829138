"""A recorded decision made again from what it read, and compared with what was served.

Nothing of today is asked: not the visitor, not the recommenders, not what is published now. What
cannot be known any more of a past decision is said, and never counts as the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import msgspec

from apps.content.types import SEGMENT_PREFIX
from apps.decisions import past
from apps.decisions.past import Inputs, Record, Unreadable
from apps.decisions.selectors import Arrival, Served
from apps.delivery import deciding, ofrep_wording
from apps.delivery.answers import LEARNED, Listed, Told
from apps.delivery.deciding import Decided, Placed
from apps.delivery.email_places import with_email
from apps.delivery.past_calls import call_of, profile_then
from apps.delivery.previewing.types import place_of
from apps.delivery.request_facts import fact_at
from apps.delivery.reserving import Reserved
from apps.recommendations.selectors import EXPLORING, POPULAR
from engine.capping import CapDoc
from engine.decide import Decision, Reason, Step, decide_in_turn

FACTS: Final = "facts."
COMPARED: Final = (
    "block", "variant", "version", "reason", "rule", "experiment", "arm", "probability",
    "propensity", "content",
)  # fmt: skip


class Outcome(StrEnum):
    """What came of a replay."""

    SAME = "same"
    DIFFERENT = "different"
    BROKEN = "broken seal"
    UNKNOWABLE = "not replayable"


class Difference(NamedTuple):
    """Where a decision made again is another: placement, field, what the record says, what came."""

    placement: str
    field: str
    recorded: Any
    replayed: Any


class Replayed(NamedTuple):
    """What came of one record.

    Attributes:
        why: of a broken seal or of what cannot be replayed, in words.
        placed: what was decided again, placement by placement; with traces when asked for.
        served: the publication that it was decided by.
        decided: the call as it was decided again.
    """

    outcome: Outcome
    why: str = ""
    differences: Sequence[Difference] = ()
    placed: Mapping[str, Placed] = {}
    served: Served | None = None
    decided: Decided | None = None


class Publications:
    """Publications as they served, each loaded once; the newest few are kept."""

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._kept: dict[tuple[UUID, int], Served] = {}

    def served(self, record: Record) -> Served:
        """Return what served when a record was made.

        Raises:
            Unreadable: it is gone, it is not what it was, or this code does not understand it.
        """
        key = (record.site_id, record.snapshot)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            found = self._kept[key] = past.served_then(*key)
        return found


def replay(
    record: Record,
    publications: Publications,
    facts: Mapping[str, Any] | None = None,
    *,
    explain: bool = False,
) -> Replayed:
    """Decide a record again and compare.

    Args:
        facts: the call's own `facts`, which are not kept; None: not known.
        explain: with the trace of each placement.
    """
    if record.format == 0 and not record.seal and record.writer is None:
        return Replayed(Outcome.UNKNOWABLE, "of before records were sealed")
    if record.format not in past.READABLE:
        # The seal covers the format too, as another version of this code would know.
        return Replayed(Outcome.BROKEN, f"of the unknown format {record.format}")
    broken = past.faults(record)
    if broken:
        return Replayed(Outcome.BROKEN, _BROKEN[broken[0]])
    try:
        served = publications.served(record)
    except Unreadable as error:
        return Replayed(Outcome.UNKNOWABLE, str(error))
    if served.digest[: past.DIGEST_LENGTH] != record.digest:
        why = f"publication {record.snapshot} does not say any more what it said"
        return Replayed(Outcome.BROKEN, why)
    if record.inputs is None:
        return Replayed(Outcome.UNKNOWABLE, _without_inputs(record))
    try:
        inputs = past.unpacked(record.inputs, record.format)
    except ValueError:
        return Replayed(Outcome.UNKNOWABLE, "what it read is of another version of this code")
    lacking = _lacking(record, inputs, facts)
    if lacking:
        return Replayed(Outcome.UNKNOWABLE, lacking)
    if any(entry["placement"].startswith(place_of("")) for entry in record.placements):
        served = with_email(served)
    return _Replay(record, inputs, served, facts or {}, is_explained=explain).outcome()


_BROKEN: Final = {
    "key": "sealed with a key that this server does not have",
    "decided": "what was decided has been changed",
    "read": "what was read has been changed",
    "owner": "whose it is has been changed",
}


def _without_inputs(record: Record) -> str:
    if past.INPUTS_LOST in record.missing:
        return "what it read could not be kept"
    if record.profile_id is None and not record.unit_id and not record.facts:
        return "kept without what it read, or its visitor has been erased"
    return "kept without what it read"


def _lacking(record: Record, inputs: Inputs, facts: Mapping[str, Any] | None) -> str:
    """What the decision read that is neither kept nor given; empty: nothing."""
    if past.UNIT in record.missing:
        return "bucketed by an id that may not be kept without consent or a profile"
    names = [name for name in record.missing if name.startswith(FACTS)]
    if not names:
        return ""
    if facts is None:
        return f"read facts of the call, which are not kept: {', '.join(names)}"
    given = {name: _given(facts, name) for name in names}
    if past.hidden(record.site_id, given, record.key_id) != inputs.facts_digest:
        return "the facts that were given are not those of the call"
    return ""


def _given(facts: Mapping[str, Any], name: str) -> object:
    """A fact by the name that a condition or a template calls it by."""
    found = fact_at(facts, name.removeprefix(FACTS))
    if found is None:
        found = facts
        for part in name.split(".")[1:]:
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


class _KeptFacts(Mapping[str, object]):
    """The facts of a past request. What was not looked at then is noted in `unread`."""

    def __init__(self, read: Mapping[str, object], facts: Mapping[str, Any]) -> None:
        self.read = read
        self.unread: set[str] = set()
        self._facts = facts

    def get(self, name: str, default: Any = None) -> Any:
        found = self.read.get(name)
        if found is None and name not in self.read:
            if name.startswith(FACTS) and self._facts:
                found = fact_at(self._facts, name.removeprefix(FACTS))
            else:
                self.unread.add(name)
        return default if found is None else found

    def __getitem__(self, name: str) -> object:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.read)

    def __len__(self) -> int:
        return len(self.read)


class _Replay:
    """One record while it is decided again."""

    def __init__(
        self,
        record: Record,
        inputs: Inputs,
        served: Served,
        facts: Mapping[str, Any],
        *,
        is_explained: bool,
    ) -> None:
        self.record = record
        self.inputs = inputs
        self.is_explained = is_explained
        self.facts = _KeptFacts(inputs.read, facts)
        call = call_of(record, inputs, dict(facts))
        decided = Decided(
            call, Arrival(profile_then(record, inputs), is_away=inputs.is_away), served
        )
        decided.context = cast(Any, self.facts)  # it is asked as a mapping only
        decided.visitor.shown = inputs.shown
        decided.visitor.session_since_ms = inputs.session_since_ms
        decided.kept_lists = _lists_then(inputs.items)
        self.decided = decided

    def outcome(self) -> Replayed:
        differences: list[Difference] = []
        placed: dict[str, Placed] = {}
        for entry in self.record.placements:
            key = entry["placement"]
            found, again = self._again(entry)
            if found is not None:
                placed[key] = found
                if _failed_then(entry, again):
                    why = f"a template of {key} failed then: its limits are of computing time"
                    return Replayed(Outcome.UNKNOWABLE, why, (), placed, self.decided.served)
            differences += [
                Difference(key, name, entry[name], again.get(name))
                for name in COMPARED
                if name in entry and entry[name] != again.get(name)
            ]
        if self.facts.unread:
            names = ", ".join(sorted(self.facts.unread))
            differences.append(Difference("", "request", "not read", names))
        outcome = Outcome.DIFFERENT if differences else Outcome.SAME
        return Replayed(outcome, "", differences, placed, self.decided.served, self.decided)

    def _again(self, entry: Mapping[str, Any]) -> tuple[Placed | None, dict[str, Any]]:
        """Return one placement filled again, and the same as a record says it."""
        key, decided = entry["placement"], self.decided
        compiled = decided.served.compiled
        placement = compiled.placements.get(key)
        name = key.removeprefix(SEGMENT_PREFIX)
        if placement is None and name != key and name in compiled.segments:
            is_inside, reason = ofrep_wording.membership(decided, name)
            variant = ofrep_wording.IN if is_inside else ofrep_wording.OUT
            return None, _said(None, variant, 0, reason)
        if placement is None or not deciding.is_open(placement, decided.call.caller):
            return None, _said(None, None, 0, Reason.ERROR.value)
        decision = self._decision(key, entry)
        intensity = self.inputs.intensities.get(key)
        if intensity is not None:
            decided.reserved[key] = Reserved(b"", intensity)
        placed = deciding.place(decided, placement.form_of(decision.arm), decision, None)
        told, ready = placed.told, placed.ready
        assert ready is not None
        said = _said(ready.block.key, ready.doc.key, ready.doc.version, told.reason, told)
        said["probability"] = placed.decision.probability
        said["propensity"] = placed.decision.propensity
        said["content"] = placed.body.digest.hex()
        return placed, said

    def _decision(self, key: str, entry: Mapping[str, Any]) -> Decision:
        """Which of the turn was served: where caps are drawn on, a store said so, and the record
        is what it said."""
        decided = self.decided
        steps: list[Step] | None = [] if self.is_explained else None
        turn = decide_in_turn(
            decided.served.compiled, key, decided.visitor, self.facts, decided.call.now_ms, steps
        )
        first = next(turn)
        if not first.caps:
            return self._with_chance(entry, first)
        served = (entry["variant"], entry["rule"], entry["experiment"], entry["arm"])
        refused: list[tuple[CapDoc, ...]] = []
        for one in (first, *turn):
            if (one.variant, one.rule, one.experiment, one.arm) == served and (
                one.caps or one.reason != Reason.DEFAULT
            ):
                return self._with_chance(entry, one, refused)
            refused.append(one.caps)
        return first

    def _with_chance(
        self,
        entry: Mapping[str, Any],
        decision: Decision,
        refused: Sequence[tuple[CapDoc, ...]] = (),
    ) -> Decision:
        """The decision with its chance, if the record says one: before, nothing was read for it."""
        if entry.get("propensity") is None:
            return decision
        return deciding.with_chance(self.decided, decision, refused)


def _failed_then(entry: Mapping[str, Any], again: Mapping[str, Any]) -> bool:
    error = Reason.ERROR.value
    return entry["reason"] == error != again["reason"] and entry["block"] is not None


def _said(
    block: str | None, variant: str | None, version: int, reason: str, told: Told | None = None
) -> dict[str, Any]:
    return {
        "block": block,
        "variant": variant,
        "version": version,
        "reason": reason,
        "rule": None if told is None else told.rule,
        "experiment": None if told is None else told.experiment,
        "arm": None if told is None else told.arm,
        "probability": 1.0,
        "propensity": None,
        "content": None,
    }


def _lists_then(kept: Mapping[str, bytes]) -> dict[str, Listed]:
    """The lists of a record by placement, or by "placement#field"."""
    found = {}
    for key, encoded in kept.items():
        if key.endswith(LEARNED):
            continue
        said = kept.get(f"{key}{LEARNED}", kept.get(f"{key}#{LEARNED}"))
        items = msgspec.json.decode(encoded)
        if said is None:  # records of before
            is_personal = bool(items) and items[0]["why"] not in (POPULAR, EXPLORING)
        else:
            is_personal = "isPersonal" in msgspec.json.decode(said)
        found[key] = Listed(None, items, msgspec.Raw(encoded), is_personal)
    return found
