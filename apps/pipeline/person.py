"""One profile's share of a batch: its events folded into its state, its segments evaluated."""

from collections.abc import Mapping, Sequence

from apps.consent.gates import finer_refused, stamp_allows
from apps.consent.types import Purpose
from apps.decisions.hot_state import HotProfile
from apps.events import fold as event_fold
from apps.events import history
from apps.events.history import History
from apps.events.types import Accepted
from apps.pipeline import bought
from apps.pipeline.consent import may_keep_trait
from apps.pipeline.far_histories import FarHistory
from apps.pipeline.hot_copy import hot_of
from apps.profiles.state import (
    MAX_TRAIT_NAME,
    MAX_TRAITS,
    StateRow,
    TraitEntry,
    changed_ms,
    is_newer,
    same_value,
)
from apps.profiles.vault import Keys
from apps.segments import live
from apps.segments.live import (
    Change,
    Definition,
    Evaluated,
    Evaluation,
    LiveDefinitions,
    News,
    Stays,
    decode_section,
    encode_stays,
)
from engine.facts import NO_DEVICE, Facts, Happening

# Traits that only we write: uploaded lists, scores, edges, computed ones. A sender's are left out.
OUR_PREFIXES = ("list.", "score.", "edge.", "computed.")
MEMBER_OF = "edge.member_of"
MAX_GROUPS = 200
COMPUTED = "computed"  # the trait that templates find computed traits in
LIST = "list"  # source of the traits of uploaded lists
_PERSONALIZATION = Purpose.PERSONALIZATION


class Person:
    """A locked state row with its sections unpacked, worked on and packed again.

    Attributes:
        row: the state row; `finish` puts the packed sections back into it.
        trait_changes: (key, value, the identify event) of this batch.
        enlisted: traits that this batch's new identities have from uploaded lists -> since when.
        retold: traits of which all observations must be asked since when they are as they are.
        changes: membership changes of this batch.
        due_ms: the next instant at which something changes without an event.
        far: reads the events that the row has no longer.
        due_moved: whether that differs from what the due table says.
        keys: of the encrypted traits of the row; None: it has none, or they are not read yet.
        is_found_anew: their address or number may be another one: the blind index is brought up
            to date when the row is written.
        has_only_stays: nothing else of the row is another one since it was read and evaluated.
    """

    def __init__(self, row: StateRow, definitions: LiveDefinitions) -> None:
        self.row = row
        self.definitions = definitions
        self.history = history.decode(row.history)
        self.placed: list[event_fold.Placed] = []
        self.trait_changes: list[tuple[str, object, event_fold.Placed]] = []
        self.retold: set[str] = set()
        self.enlisted: dict[str, int] = {}
        self.changes: list[Change] = []
        self.due_ms: int | None = None
        self.due_moved = False
        self.has_only_stays = False
        self.keys: Keys | None = None
        self.is_found_anew = False
        self._must_reload = False
        self._must_recount = False
        self.far = FarHistory(row.profile_id, row.version)
        self._names: set[str] = set()  # of the events of this batch
        self._traits: set[str] = set()  # that have a new observation
        self._asks_all = False
        self._is_rewritten = False  # the history is not the one of the row any more
        self._has_new_value = False  # of a trait

    def take(self, placed: Sequence[event_fold.Placed]) -> None:
        """Fold events into counters, traits and history, each at its own time.

        What may not serve personalization is stored and counted, and leaves no other trace.
        """
        row = self.row
        row.last_message_id = placed[-1].event.message_id
        if not self._must_recount:
            self._count(placed)
        placed = [one for one in placed if stamp_allows(one.event.purposes, _PERSONALIZATION)]
        if not placed:
            return
        self.placed.extend(placed)
        ordered = sorted(placed, key=lambda one: one.order)
        self._names.update(one.event.name for one in ordered)
        for one in ordered:
            if one.event.traits is not None or one.event.type == "group":
                self._take_traits(one)
        self._has_new_value |= bought.take(row, ordered)
        if self._must_reload:
            self.far.is_extended = False
        else:
            self._take_history(ordered)

    def _count(self, placed: Sequence[event_fold.Placed]) -> None:
        row = self.row
        row.event_count += len(placed)
        moments = [one.event.occurred_ms for one in placed]
        row.first_seen_ms = min(filter(None, (*moments, row.first_seen_ms)))
        row.last_seen_ms = max(filter(None, (*moments, row.last_seen_ms)))

    def _take_history(self, ordered: Sequence[event_fold.Placed]) -> None:
        kept = self.history
        self._is_rewritten = True
        wanted = self.definitions.properties
        kept.want(wanted)
        happenings = [
            Happening(
                one.event.occurred_ms,
                one.event.name,
                NO_DEVICE if one.event.anonymous_id is None else one.identity_id,
                history.kept_properties(one.event.properties, wanted.of(one.event.name)),
            )
            for one in ordered
        ]
        self.far.news += happenings
        if not kept.add(happenings):
            self._must_reload = True
        for one in ordered:
            kept.note_refused(one.event.occurred_ms, finer_refused(one.event.purposes))
            item = event_fold.item_of(one.event)
            if item is not None:
                kept.saw_item(one.event.occurred_ms, item)

    def _take_traits(self, placed: event_fold.Placed) -> None:
        event: Accepted = placed.event
        for key, value in event_fold.traits_of(event).items():
            if key.startswith(OUR_PREFIXES) or key == COMPUTED or len(key) > MAX_TRAIT_NAME:
                continue
            if not may_keep_trait(self.row.site_id, key, event.purposes):
                continue
            self._observe(key, value, placed)
        if event.type == "group" and event.group_id:
            self._observe(MEMBER_OF, self._with_group(event.group_id), placed)

    def _with_group(self, group_id: str) -> list[str]:
        """The groups of this person and one more: sorted, so that no order of arrival shows."""
        known = self.row.traits.get(MEMBER_OF)
        groups = known[0] if known is not None and isinstance(known[0], list) else []
        return sorted({*groups, group_id})[:MAX_GROUPS]

    def _observe(self, key: str, value: object, placed: event_fold.Placed) -> None:
        """Take one observation of a trait: the newest stands, and says since when it is so."""
        event, traits = placed.event, self.row.traits
        known = traits.get(key)
        if known is None and len(traits) >= MAX_TRAITS:
            return
        self.trait_changes.append((key, value, placed))
        entry: TraitEntry = (value, event.occurred_ms, event.message_id, event.occurred_ms)
        if is_newer(entry, known):
            if known is not None and same_value(known[0], value):
                entry = (*entry[:3], changed_ms(known))
                if entry[3] is None:
                    self.retold.add(key)
            else:
                self._has_new_value = True
            traits[key] = (*entry, *(event_fold.origin_of(event.context) or (event.type, None)))
        elif key == MEMBER_OF:
            assert known is not None
            traits[key] = (value, *known[1:])
        else:
            # It may be the first of those that said the same as the newest, or part them.
            self.retold.add(key)
        self._traits.add(key)

    def enlist(self, traits: Mapping[str, int | bool], now_ms: int) -> None:
        """Take traits from uploaded lists: of two entries, the one that lasts longer."""
        for key, value in traits.items():
            known = self.row.traits.get(key)
            before = None if known is None else known[0]
            if before is True or (
                isinstance(before, int) and value is not True and before >= value
            ):
                continue
            self.row.traits[key] = (value, now_ms, LIST, now_ms, LIST)
            self.enlisted[key] = now_ms
            self._traits.add(key)

    def has_newest(self, key: str, event: Accepted) -> bool:
        """Whether this event's observation of a trait is the one that stands."""
        entry = self.row.traits.get(key)
        return entry is not None and entry[1:3] == (event.occurred_ms, event.message_id)

    def settle_trait(self, key: str, since_ms: int) -> None:
        """Say since when a trait has had its value, as all its observations together tell."""
        entry = self.row.traits.get(key)
        if entry is not None:
            source = entry[4:6] if len(entry) > 4 else (None, None)
            self.row.traits[key] = (*entry[:3], since_ms, *source)

    def reload(self, *, recount: bool = False) -> None:
        """Have the history (and the counters) read again from the events table before their use.

        For what this batch's events do not tell: events came to this person, or left them.
        """
        self._must_reload = True
        self._must_recount = self._must_recount or recount
        self._asks_all = True
        self.far.is_extended = False

    def joined(self) -> None:
        """Another person's traits and events have become this one's: ask every segment."""
        self._asks_all = self._is_rewritten = True
        self.far.is_extended = False

    def evaluate(self, now_ms: int, due_ms: int | None = None) -> None:
        """Evaluate the live segments that can have changed; note what did and when to look again.

        Args:
            due_ms: what the due table said, when this is a timer. A time that nobody here has set
                means that somebody wrote the row and wants all of it looked at.
        """
        row, definitions = self.row, self.definitions
        if not live.may_be_placed(row, definitions, now_ms):
            self._leave_all(now_ms)
            return
        computed = row.traits.get(COMPUTED)
        evaluated, before = decode_section(row.memberships)
        kept = self._settled_history()
        # An event may have come in after `now` was read: it has happened all the same.
        now_ms = live.as_of(now_ms, row.last_seen_ms)
        self._asks_all |= live.is_of_the_future(evaluated.at_ms, now_ms)
        due_before = min((stay[1] for stay in before.values() if stay[1] is not None), default=None)
        asks_everyone = (
            self._asks_all
            or not evaluated.is_of(definitions.number, row.version)
            or (due_ms is not None and due_ms != due_before)
        )
        asked = None if asks_everyone else self._touched(before, now_ms)
        facts = live.near_facts(
            definitions,
            unit_id=row.unit_id,
            traits=row.traits,
            history=kept,
            consent=(row.granted, row.denied),
        )
        verdict = self._verdict(facts, before, asked, now_ms)
        self._keep_computed(facts, now_ms, is_due=due_ms is not None)
        row.memberships = encode_stays(
            verdict.stays, Evaluated(definitions.number, row.version + 1, now_ms)
        )
        if self._is_rewritten or kept.is_shown is not definitions.shows_events:
            kept.is_shown = definitions.shows_events
            row.history = history.encode(kept)
        kept.let_go()
        self.has_only_stays = (
            not (self.placed or self._traits or self._asks_all)
            and row.history is row.stored_history
            and row.traits.get(COMPUTED) is computed
        )
        self.due_ms, self.due_moved = verdict.due_ms, verdict.due_ms != due_before
        self.changes = live.changes_of(
            row.site_id, row.profile_id, verdict, before, now_ms, is_quiet=self._asks_all
        )

    def _leave_all(self, now_ms: int) -> None:
        """Out of every segment: who does not allow it is in none, and nothing is kept ready.

        The history is read from the events again once it is allowed, as far as these allow it.
        """
        row = self.row
        before = decode_section(row.memberships)[1]
        if self._must_recount:
            self._recount()
        row.traits.pop(COMPUTED, None)
        row.memberships = b""
        if row.history or self.history.times or self.history.items:
            row.history = history.UNREAD
        self.history = history.decode(row.history)
        left = [number for number, stay in before.items() if stay[0]]
        due_before = min((stay[1] for stay in before.values() if stay[1] is not None), default=None)
        self.has_only_stays = False
        self.due_ms, self.due_moved = None, due_before is not None
        self.changes = live.changes_of(
            row.site_id, row.profile_id, Evaluation({}, [], left, None), {}, now_ms, is_quiet=True
        )

    def _verdict(
        self, facts: Facts, before: Stays, asked: Sequence[Definition] | None, now_ms: int
    ) -> Evaluation:
        """Answer the segments that are asked, with what reaches further back than the row."""
        definitions, profile_id = self.definitions, self.row.profile_id
        those = definitions.definitions if asked is None else asked
        news = self._news(now_ms)
        far = live.far_facts(
            definitions,
            those,
            facts,
            profile_id=profile_id,
            now_ms=now_ms,
            before=before,
            news=news,
            is_rewritten=self._asks_all,
            load=self.far.load,
        )
        past = live.past_of(
            those,
            facts,
            far,
            profile_id=profile_id,
            news=news,
            is_rewritten=self._asks_all,
            now_ms=now_ms,
        )
        return definitions.evaluate(facts, before, now_ms, asked=asked, far=far, past=past)

    @property
    def looks_different(self) -> bool:
        """Whether this batch can have changed what they are shown: a stay, hidden ones included,
        a trait, or who they are. A mere event that no segment asks for changes nothing."""
        return bool(self.changes or self._has_new_value or self.enlisted or self._asks_all)

    def _keep_computed(self, facts: Facts, now_ms: int, *, is_due: bool) -> None:
        """Work out again what templates read of computed traits, where it can have changed."""
        row, kept = self.row, self.definitions.computed
        if kept is None:
            row.traits.pop(COMPUTED, None)
            return
        known = None if self._asks_all else row.traits.get(COMPUTED)
        behind = kept.behind(known, self._names, now_ms, is_due=is_due)
        if behind:
            properties = self.definitions.properties
            found = kept.entry(known, behind, facts, properties, row.profile_id, now_ms)
            # The same again is not written: most timers move no window over an event.
            if known is None or not is_due or (found[0], found[2]) != (known[0], known[2]):
                row.traits[COMPUTED] = found

    def _touched(self, before: Stays, now_ms: int) -> Sequence[Definition]:
        """The segments that this batch, or the time that has passed, can have changed."""
        definitions = self.definitions
        touched = definitions.touched(frozenset(self._names), frozenset(self._traits))
        due = definitions.due(before, now_ms)
        if not due:
            return touched
        known = {definition.number for definition in touched}
        more = [one for one in due if one.number not in known]
        # What is touched again and again is one and the same tuple: it is asked faster.
        return [*touched, *more] if more else touched

    def _news(self, now_ms: int) -> News:
        events = ((one.event.occurred_ms, one.event.name) for one in self.placed)
        traits = ((one.event.occurred_ms, key) for key, _, one in self.trait_changes)
        lists = ((at_ms, key) for key, at_ms in self.enlisted.items())
        return News(
            [(at_ms, name) for at_ms, name in events if at_ms <= now_ms],
            [(at_ms, key) for at_ms, key in (*traits, *lists) if at_ms <= now_ms],
        )

    def _settled_history(self) -> History:
        """The history up to this batch, with all that the definitions read.

        Asked every time: a merge brings in what was settled under other definitions.
        """
        wanted = self.definitions.properties
        if self._must_recount:
            self._recount()
        if self._must_reload or self.history.lacks(wanted):
            self.history = history.load(
                self.row.profile_id, wanted, since_ms=None, limit=history.MAX_HAPPENINGS + 1
            )
            self._must_reload, self._is_rewritten = False, True
            bought.reload(self.row)
        self.history.trim()
        return self.history

    def _recount(self) -> None:
        row = self.row
        row.event_count, row.first_seen_ms, row.last_seen_ms = event_fold.count(row.profile_id)
        self._must_recount = False

    def hot(self) -> HotProfile:
        """The copy of the (saved) state that decisions read."""
        keys = () if self.keys is None else self.keys.packed
        return hot_of(self.row, self.history, self.definitions, keys)
