"""What a state row tells of a person, with more from the events table where that is not enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.events import history as histories
from apps.events.history import History
from apps.profiles.state import StateRow
from apps.segments import live
from apps.segments.definitions import Definition, Evaluation, Far, LiveDefinitions
from apps.segments.live import News
from apps.segments.past import Past
from apps.segments.stays import Stays
from engine.facts import Facts


@dataclass(frozen=True, slots=True)
class Kept:
    """One person as definitions see them.

    Attributes:
        history: the newest events, with all properties that the definitions read.
        is_read_again: it is not the one in the state row.
        far: facts for those who look further back.
        past: for those who remember; None when nobody asked does.
    """

    history: History
    is_read_again: bool
    facts: Facts
    far: Far | None
    past: Past | None

    def evaluate(
        self,
        definitions: LiveDefinitions,
        before: Stays,
        now_ms: int,
        asked: Sequence[Definition] | None,
    ) -> Evaluation:
        """Answer the definitions that this was made for; `asked` None: all. No statement."""
        return definitions.evaluate(
            self.facts, before, now_ms, asked=asked, far=self.far, past=self.past
        )


def kept_facts(
    row: StateRow,
    definitions: LiveDefinitions,
    asked: Sequence[Definition],
    now_ms: int,
    *,
    from_events: bool = False,
) -> Kept:
    """Return the facts that definitions ask for.

    No statement where the row suffices, else up to three: the history, more of it for those who
    look further back, the observations of traits for those who remember.

    Args:
        from_events: the row's history is not to be trusted: events came past it.
    """
    history = None if from_events else histories.decode(row.history)
    is_read_again = history is None or history.lacks(definitions.properties)
    if history is None or is_read_again:
        history = _newest(row.profile_id, definitions)
    facts = live.near_facts(
        definitions,
        unit_id=row.unit_id,
        traits=row.traits,
        history=history,
        consent=(row.granted, row.denied),
    )
    far = live.far_facts(definitions, asked, facts, profile_id=row.profile_id, now_ms=now_ms)
    past = live.past_of(
        asked,
        facts,
        far,
        profile_id=row.profile_id,
        news=News(),
        is_rewritten=from_events,
        now_ms=now_ms,
    )
    return Kept(history, is_read_again, facts, far, past)


def _newest(profile_id: UUID, definitions: LiveDefinitions) -> History:
    history = histories.load(
        profile_id, definitions.properties, since_ms=None, limit=histories.MAX_HAPPENINGS + 1
    )
    history.trim()
    history.is_shown = definitions.shows_events
    return history
