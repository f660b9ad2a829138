"""One profile's share of a batch: its events folded into its state, its segments evaluated."""

from collections.abc import Sequence

from apps.decisions.hot_state import HotProfile
from apps.events import fold as event_fold
from apps.events import history
from apps.events.history import History
from apps.events.types import Accepted
from apps.profiles.state import MAX_TRAIT_NAME, MAX_TRAITS, StateRow, TraitEntry
from apps.segments import live
from apps.segments.live import Change, LiveDefinitions
from engine.facts import Happening

SCORE_PREFIX = "score."


class Person:
    """A locked state row with its sections unpacked, worked on and packed again.

    Attributes:
        row: the state row; `finish` puts the packed sections back into it.
        trait_changes: (key, value, the identify event) of this batch.
        changes: membership changes of this batch.
        due_ms: the next instant at which something changes without an event.
        due_moved: whether that differs from what the due table says.
    """

    def __init__(self, row: StateRow, definitions: LiveDefinitions) -> None:
        self.row = row
        self.definitions = definitions
        self.history = history.decode(row.history)
        self.placed: list[event_fold.Placed] = []
        self.trait_changes: list[tuple[str, object, event_fold.Placed]] = []
        self.changes: list[Change] = []
        self.due_ms: int | None = None
        self.due_moved = False
        self._must_reload = False
        self._must_recount = False

    def take(self, placed: Sequence[event_fold.Placed]) -> None:
        """Fold events into counters, traits and history, each at its own time."""
        self.placed.extend(placed)
        row = self.row
        row.last_message_id = placed[-1].event.message_id
        if not self._must_recount:
            self._count(placed)
        ordered = sorted(placed, key=lambda one: one.order)
        for one in ordered:
            self._take_traits(one)
        if not self._must_reload:
            self._take_history(ordered)

    def _count(self, placed: Sequence[event_fold.Placed]) -> None:
        row = self.row
        row.event_count += len(placed)
        moments = [one.event.occurred_ms for one in placed]
        row.first_seen_ms = min(filter(None, (*moments, row.first_seen_ms)))
        row.last_seen_ms = max(filter(None, (*moments, row.last_seen_ms)))

    def _take_history(self, ordered: Sequence[event_fold.Placed]) -> None:
        kept = self.history
        if not kept.happenings and kept.complete_from_ms is None:
            kept.properties = self.definitions.properties
        happenings = [
            Happening(
                one.event.occurred_ms,
                one.event.name,
                one.identity_id,
                history.kept_properties(one.event.properties, kept.properties),
            )
            for one in ordered
        ]
        if not kept.add(happenings):
            self._must_reload = True
        for one in ordered:
            item = event_fold.item_of(one.event)
            if item is not None:
                kept.saw_item(one.event.occurred_ms, item)

    def _take_traits(self, placed: event_fold.Placed) -> None:
        event: Accepted = placed.event
        for key, value in event_fold.traits_of(event).items():
            if key.startswith(SCORE_PREFIX) or len(key) > MAX_TRAIT_NAME:
                continue  # only a model of ours says what a score is; intake refuses the others
            entry: TraitEntry = (value, event.occurred_ms, event.message_id)
            known = self.row.traits.get(key)
            if known is None and len(self.row.traits) >= MAX_TRAITS:
                continue
            self.trait_changes.append((key, value, placed))
            if known is None or entry[1:] > known[1:]:
                self.row.traits[key] = entry

    def has_newest(self, key: str, event: Accepted) -> bool:
        """Whether this event's observation of a trait is the one that stands."""
        entry = self.row.traits.get(key)
        return entry is not None and entry[1:] == (event.occurred_ms, event.message_id)

    def reload(self, *, recount: bool = False) -> None:
        """Have the history (and the counters) read again from the events table before their use."""
        self._must_reload = True
        self._must_recount = self._must_recount or recount

    def evaluate(self, now_ms: int) -> None:
        """Evaluate the site's live segments and note what changed and when to look again."""
        row, definitions = self.row, self.definitions
        kept = self._settled_history()
        # An event may have come in after `now` was read, or under a clock ahead of ours. It has
        # happened all the same, and a condition does not look at events of the future.
        now_ms = max(now_ms, row.last_seen_ms or 0)
        facts = live.facts_of(
            definitions,
            profile_id=row.profile_id,
            unit_id=row.unit_id,
            traits=row.traits,
            history=kept,
            now_ms=now_ms,
        )
        before = live.decode_stays(row.memberships)
        verdict = definitions.evaluate(facts, before, now_ms)
        row.memberships = live.encode_stays(verdict.stays)
        row.history = history.encode(kept)
        due_before = min((stay[1] for stay in before.values() if stay[1] is not None), default=None)
        self.due_ms, self.due_moved = verdict.due_ms, verdict.due_ms != due_before
        self.changes = live.changes_of(row.site_id, row.profile_id, verdict, before, now_ms)

    def _settled_history(self) -> History:
        wanted = self.definitions.properties
        if self._must_recount:
            row = self.row
            row.event_count, row.first_seen_ms, row.last_seen_ms = event_fold.count(row.profile_id)
            self._must_recount = False
        if self._must_reload or self.history.lacks(wanted):
            self.history = history.load(
                self.row.profile_id, wanted, since_ms=None, limit=history.MAX_HAPPENINGS + 1
            )
            self._must_reload = False
        self.history.trim()
        return self.history

    def hot(self) -> HotProfile:
        """The copy of the (saved) state that decisions read."""
        row = self.row
        return HotProfile(
            profile_id=row.profile_id.bytes,
            unit_id=row.unit_id,
            epoch=row.consent_epoch,
            version=row.version,
            granted=row.granted,
            denied=row.denied,
            memberships=row.memberships,
            traits=row.trait_values(),
            last_items=[item for _, item in self.history.items],
            last_seen_ms=row.last_seen_ms or 0,
            identities=row.identities[::-1],
        )
