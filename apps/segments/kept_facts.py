"""What a state row tells of a person, with more from the events table where that is not enough."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol
from uuid import UUID

from apps.consent.types import names_of
from apps.events import history as histories
from apps.events.history import History, Properties
from apps.profiles.services import observations_of
from apps.profiles.state import StateRow, meta_of
from apps.segments.definitions import Definition, Evaluation, Far, LiveDefinitions
from apps.segments.past import LATE_MS, Past, late_from, news_of
from apps.segments.remembering import folded_from
from apps.segments.stays import Stays
from engine.conditions.scope import Reach, covers
from engine.facts import Facts, TraitMeta


class News(NamedTuple):
    """What a batch brought of one person: (at ms, event name) and (at ms, trait)."""

    events: Sequence[tuple[int, str]] = ()
    traits: Sequence[tuple[int, str]] = ()


NO_NEWS = News()


class Load(Protocol):
    """As `events.history.load`; it may return more than was asked for."""

    def __call__(
        self,
        profile_id: UUID,
        properties: Properties,
        *,
        since_ms: int | None,
        limit: int | None,
        names: Collection[str] | None = None,
    ) -> History: ...


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
    is_anew: bool = False,
) -> Kept:
    """Return the facts that definitions ask for.

    No statement where the row suffices, else up to three: the history, more of it for those who
    look further back, the observations of traits for those who remember.

    Args:
        from_events: the row's history is not to be trusted: events came past it.
        is_anew: those who remember are folded from the beginning, whatever their stays say.
    """
    history = None if from_events else histories.decode(row.history)
    is_read_again = history is None or history.lacks(definitions.properties)
    if history is None or is_read_again:
        history = _newest(row.profile_id, definitions)
    facts = near_facts(
        definitions,
        unit_id=row.unit_id,
        traits=row.traits,
        history=history,
        consent=(row.granted, row.denied),
    )
    far = far_facts(definitions, asked, facts, profile_id=row.profile_id, now_ms=now_ms)
    past = past_of(
        asked,
        facts,
        far,
        profile_id=row.profile_id,
        news=NO_NEWS,
        is_rewritten=from_events or is_anew,
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


def facts_of(
    live: LiveDefinitions,
    *,
    profile_id: UUID,
    unit_id: str,
    traits: Mapping[str, Sequence[object]],
    history: histories.History,
    now_ms: int,
    consent: tuple[int, int] = (0, 0),
) -> Facts:
    """Return the facts of one profile, with as much history as the live segments look back on.

    No statement when the state row's newest events suffice, else one on (profile_id, occurred_at).

    Args:
        traits: as in the state row (`profiles.state.TraitEntry`).
        consent: purposes with a recorded yes and with a recorded no, as bits.
    """
    facts = near_facts(live, unit_id=unit_id, traits=traits, history=history, consent=consent)
    needed = live.reach
    if history.lacks(live.properties) or not covers(facts, needed, now_ms):
        # A session has no fixed length, so it is read like `ever`.
        is_bounded = not (needed.ever or needed.session)
        since_ms = now_ms - needed.last_ms + 1 if is_bounded else None
        loaded = histories.load(
            profile_id, live.properties, since_ms=since_ms, limit=histories.MAX_FAR
        )
        facts = near_facts(live, unit_id=unit_id, traits=traits, history=loaded, consent=consent)
    return facts


def near_facts(
    live: LiveDefinitions,
    *,
    unit_id: str,
    traits: Mapping[str, Sequence[object]],
    history: histories.History,
    consent: tuple[int, int],
) -> Facts:
    """Return the facts that a state row holds. No statement."""
    return Facts(
        {key: entry[0] for key, entry in traits.items() if entry[0] is not None},
        history.happenings,
        history.complete_from_ms,
        unit_id=unit_id,
        trait_meta=_TraitMeta(traits),
        consents=_consents(*consent),
        site_zone=live.site_zone,
    )


_EVERYTHING = Reach(ever=True)


def far_facts(
    live: LiveDefinitions,
    asked: Iterable[Definition],
    facts: Facts,
    *,
    profile_id: UUID,
    now_ms: int,
    before: Stays | None = None,
    news: News = NO_NEWS,
    is_rewritten: bool = False,
    load: Load = histories.load,
) -> Far | None:
    """Return facts for those who look further back than the state row; None when nobody does.

    One statement at most, for the events that they read: the newest `history.MAX_FAR` of them.

    Args:
        before: with `news` and `is_rewritten` (see `past_of`), tells which of those who remember
            can be folded on. None: all are folded from the first event on.
        load: reads the events, or knows them already.
    """
    if facts.complete_from_ms is None:
        return None
    far = _far_readers(asked, facts, now_ms, before, news, is_rewritten)
    if not far:
        return None
    is_bounded = not any(needed.ever or needed.session for _, needed, _ in far)
    since_ms = min(from_ms - needed.last_ms for _, needed, from_ms in far) + 1
    names: set[str] | None = set()
    for definition, _, _ in far:
        names = None if names is None or definition.reads.any_event else names
        if names is not None:
            names |= definition.reads.names
    loaded = load(
        profile_id,
        live.properties,
        since_ms=since_ms if is_bounded else None,
        limit=histories.MAX_FAR,
        names=names,
    )
    wide = Facts(
        facts.traits,
        loaded.happenings,
        loaded.complete_from_ms,
        unit_id=facts.unit_id,
        trait_meta=facts.trait_meta,
        consents=facts.consents,
        site_zone=facts.site_zone,
    )
    return Far(wide, {definition.number for definition, _, _ in far})


# A segment, how far back it reads, and from when on.
_Reader = tuple[Definition, Reach, int]


def _far_readers(
    asked: Iterable[Definition],
    facts: Facts,
    now_ms: int,
    before: Stays | None,
    news: News,
    is_rewritten: bool,
) -> list[_Reader]:
    """Those who look further back than the facts of the state row do."""
    has_late = _has_late(news, now_ms)
    covered: dict[object, bool] = {}
    near: list[_Reader] = []
    far: list[_Reader] = []
    for definition in asked:
        needed, from_ms = definition.reads.reach, now_ms
        if definition.latched is not None:
            earlier = None if before is None else before.get(definition.number)
            start_ms = folded_from(
                definition, earlier, news.events, news.traits, now_ms, is_rewritten=is_rewritten
            )
            needed, from_ms = (_EVERYTHING, now_ms) if start_ms is None else (needed, start_ms)
        elif has_late:
            late_ms = late_from(news_of(definition.reads, news.events, news.traits), now_ms)
            # When it changes by that is looked for from just before it.
            from_ms = now_ms if late_ms is None else late_ms - 1
        if (needed, from_ms) not in covered:
            covered[needed, from_ms] = covers(facts, needed, from_ms) and covers(
                facts, needed, now_ms
            )
        (near if covered[needed, from_ms] else far).append((definition, needed, from_ms))
    if not far:
        return []
    # Those who remember have one past for all of them.
    return far + [one for one in near if one[0].latched is not None]


def past_of(
    asked: Iterable[Definition],
    facts: Facts,
    far: Far | None,
    *,
    profile_id: UUID,
    news: News,
    is_rewritten: bool,
    now_ms: int,
) -> Past | None:
    """Return what happened when, for those who remember and for what is known late; else None.

    One statement at most, for the observations of traits that those who remember read, and those
    whom something late may change.

    Args:
        news: what the batch brought.
        is_rewritten: the person's events are not just those before and the batch's.
    """
    has_late = _has_late(news, now_ms)
    traits: set[str] = set()
    remembers = False
    for definition in asked:
        if definition.latched is not None:
            remembers = True
            traits |= definition.reads.traits
        elif has_late and news_of(definition.reads, news.events, news.traits):
            traits |= definition.reads.traits
    if not has_late and not remembers:
        return None
    return Past(
        facts if far is None else far.facts,
        observations_of(profile_id, traits) if traits else (),
        is_rewritten=is_rewritten,
        fresh=news.events,
        retold=news.traits,
    )


def _has_late(news: News, now_ms: int) -> bool:
    """Did any of it happen so long ago that what it changes is known late?"""
    return any(now_ms - at_ms > LATE_MS for at_ms, _ in (*news.events, *news.traits))


class _TraitMeta(Mapping[str, TraitMeta]):
    """When and by whom each trait was observed, made of its entry when a condition asks."""

    def __init__(self, traits: Mapping[str, Sequence[object]]) -> None:
        self._traits = traits

    def __getitem__(self, name: str) -> TraitMeta:
        return meta_of(tuple(self._traits[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._traits)

    def __len__(self) -> int:
        return len(self._traits)


@lru_cache(maxsize=4096)
def _consents(granted: int, denied: int) -> Mapping[str, bool]:
    return dict.fromkeys(names_of(granted), True) | dict.fromkeys(names_of(denied), False)
