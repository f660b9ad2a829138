"""The steps of an erasure, in their order. Each can be repeated, and is, after a crash.

What a step removes from the database is counted in the transaction that removes it, so that a
certificate says the same whether the erasure ran through or was killed at any point. What lies
outside the database is counted by how many things are found there before they are removed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from apps.consent import holds, tombstones
from apps.privacy import model_cuts, scanning, telling
from apps.privacy.errors import ErasureIncomplete
from apps.privacy.models.erasures import Erasure, ErasureStep
from apps.privacy.sought import Sought, collected, people_behind, sealed, subject_of
from apps.profiles import vault
from apps.profiles.holders import Stage, Subject, holders
from apps.profiles.models import ProfileState
from apps.work import clock

# (step, moment, store): a test ends the process there. "begun" is before anything was done,
# "committing" the last moment of a transaction, "committed" before what follows its commit.
Between = Callable[[str, str, str], None]
MOST_REPAIRS: Final = 3
WAIT_FOR_JOURNALS_S: Final = 10.0


def nothing(step: str, moment: str, store: str) -> None:
    """Nobody interferes."""


@dataclass(frozen=True, slots=True)
class Case:
    """An erasure in the hands of one of its steps."""

    erasure: Erasure
    step: ErasureStep
    sought: Sought
    subject: Subject
    now: datetime
    between: Between

    @contextmanager
    def store(self, name: str) -> Iterator["Count"]:
        """One store in a transaction of its own, with its count; may be nested in none."""
        count = Count()
        with transaction.atomic():
            transaction.on_commit(lambda: self.between(self.step.name, "committed", name))
            yield count
            self._note(name, count)
            self.between(self.step.name, "committing", name)

    def _note(self, name: str, count: "Count") -> None:
        fresh = ErasureStep.objects.select_for_update().get(pk=self.step.pk)
        before = fresh.stores.get(name, 0)
        fresh.stores[name] = max(before, count.seen) + count.removed
        fresh.save(update_fields=["stores"])
        self.step.stores = fresh.stores


@dataclass(slots=True)
class Count:
    """What was removed of a store: rows of the database, and things found outside of it."""

    removed: int = 0
    seen: int = 0


def _tombstone(case: Case) -> None:
    """Bar every identity, then hold the profiles, and wait for who has not seen that yet."""
    erasure, sought = case.erasure, case.sought
    intervals: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for kind, value, since, until in sought.shared:
        # Not from ever: that would bar the events of the other's login as well.
        since = since or 1 - tombstones.ALWAYS_MS
        span = (since, until or clock.to_ms(erasure.started_at))
        intervals.setdefault((kind, value), []).append(span)
    with case.store("tombstones") as count:
        telling.list_recipients(erasure, sought.profiles, now=case.now)
        at = erasure.started_at
        tombstones.write(case.subject, erased_at=at, intervals=intervals, now=at)
        there = ProfileState.objects.filter(pk__in=sought.profiles, merged_into=None)
        for profile_id in sorted(there.values_list("pk", flat=True)):
            holds.put(
                erasure.site_id,
                profile_id,
                "erasing",
                actor=None,
                reason_code="erasure",
                now=case.now,
            )
        count.seen = len(sought.names) + len(sought.shared)
    if not tombstones.wait_until_seen():
        raise ErasureIncomplete("Somebody has been writing for very long.")
    with transaction.atomic():
        widen(erasure, sought)


def widen(erasure: Erasure, sought: Sought) -> None:
    """Add what a writer who had not seen the tombstones has made of the person's identities."""
    late = [
        one for one in people_behind(erasure.site_id, sought.names) if one not in sought.profiles
    ]
    if not late:
        return
    more = collected(erasure.site_id, [*sought.profiles, *late], sought.names)
    for name in ("profiles", "names", "shared"):
        setattr(sought, name, getattr(more, name))
    sought.values = list(dict.fromkeys([*sought.values, *more.values]))
    Erasure.objects.filter(pk=erasure.pk).update(
        profile_ids=sought.profiles, sought=sealed(erasure.pk, sought)
    )


def _holders_of(stage: Stage) -> Callable[[Case], None]:
    def work(case: Case) -> None:
        subject = subject_of(case.erasure.site_id, case.sought)
        for holder in reversed(holders()):
            if holder.stage != stage:
                continue
            with case.store(holder.name) as count:
                count.removed = sum(holder.erase(one) for one in subject.profile_ids)
                if holder.is_outside:
                    count.seen = holder.erase_named(subject)
                else:
                    count.removed += holder.erase_named(subject)

    return work


def _models(case: Case) -> None:
    _holders_of("models")(case)
    with case.store("models to train again") as count:
        count.seen = model_cuts.cut(case.erasure, now=case.now)


def _keys(case: Case) -> None:
    with case.store("keys") as count:
        count.removed = vault.destroy(case.subject.profile_ids)


def _recipients(case: Case) -> None:
    with case.store("recipients") as count:
        count.seen = telling.tell_all(case.erasure, now=case.now)


def _planner(case: Case) -> None:
    """Statistics keep values of rows that are gone until a table is looked at again."""
    scanning.refresh_statistics(scanning.needles_in(case.sought))


def _scan(case: Case) -> None:
    """Look through every index for what may be left; what is found is erased again.

    Tables may have been counted since the last look, with rows that went meanwhile.
    """
    _planner(case)
    for _ in range(MOST_REPAIRS):
        found = scanning.indexed(case.erasure.site_id, case.sought)
        if not found:
            return
        for stage in STAGES:
            _holders_of(stage)(case)
        _planner(case)
    found = scanning.indexed(case.erasure.site_id, case.sought)
    if found:
        places = ", ".join(sorted({trace.place for trace in found}))
        raise ErasureIncomplete(f"Something is left in {places}: it is tried again.")


STAGES: Final[tuple[Stage, ...]] = ("use", "intake", "live", "derived", "files", "models")
STEPS: Final[tuple[tuple[str, str, Callable[[Case], None]], ...]] = (
    ("tombstone", "Later events are barred", _tombstone),
    ("use", "Nothing is decided by it any more", _holders_of("use")),
    ("intake", "What waits to be stored", _holders_of("intake")),
    ("keys", "The person's keys", _keys),
    ("live", "Profile, events, consent", _holders_of("live")),
    ("derived", "What was derived from it", _holders_of("derived")),
    ("files", "Files and sessions", _holders_of("files")),
    ("models", "Models", _models),
    ("recipients", "Recipients are told", _recipients),
    ("planner", "Statistics of the database", _planner),
    ("scan", "Search for what is left", _scan),
)
TITLES: Final = {name: title for name, title, _ in STEPS} | {"certificate": "Certificate"}


def case_of(
    erasure: Erasure, step: ErasureStep, sought: Sought, now: datetime, between: Between
) -> Case:
    """Return what a step works on."""
    return Case(erasure, step, sought, subject_of(erasure.site_id, sought), now, between)
