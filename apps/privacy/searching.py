"""The search of all stores: every table, key and file, for everybody erased since the last one.

It reads all there is, so it is no part of an erasure, which must not take longer the more people
there are. One pass looks for many. Of whom nothing is found beside the written exceptions, there is
a second certificate; of others the page of the erasure says where something is left.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.events import services as events
from apps.events.models import Event
from apps.privacy import sought, store_readers
from apps.privacy.models.erasures import Erasure
from apps.privacy.needles import Needle, Needles
from apps.privacy.scanning import KEPT_IDS, needles_in, refresh_statistics, statistics_with
from apps.privacy.store_readers import Piece
from apps.profiles.models import Identity, Profile
from apps.recommendations import services as recommendations

logger = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 200  # people
MOST_WORDS: Final = 50_000  # longer ones than a name, kept until it is asked whose they are
# What is to be looked for is kept no longer, whether it has been looked for or not.
KEPT: Final = timedelta(days=3)

Progress = Callable[[str], None]


def silent(store: str) -> None:
    """Nobody watches."""


@dataclass(slots=True)
class Found:
    """What a search has found.

    Attributes:
        pieces, read: how much it has looked at, in pieces and bytes.
        hits: by (store, kind of needle), of what should not be there.
        allowed: the same of written exceptions, by store.
        owners: the erasures of which something was found, and in which stores.
    """

    pieces: int = 0
    read: int = 0
    stores: set[str] = field(default_factory=set)
    hits: Counter[tuple[str, str]] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    owners: dict[str, set[str]] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Nothing was found but written exceptions."""
        return not self.hits

    def stores_of(self, owner: str) -> list[str]:
        """Where something of one person is left."""
        return sorted(self.owners.get(owner, ()))

    def without_hits(self) -> dict[str, Any]:
        """The same for somebody of whom nothing was found."""
        return self.as_json() | {"found": []}

    def as_json(self) -> dict[str, Any]:
        """What a certificate, a page and the command say of it."""
        return {
            "stores": len(self.stores),
            "bytes": self.read,
            "found": [
                {"store": store, "kind": kind, "count": count}
                for (store, kind), count in sorted(self.hits.items())
            ],
            "exceptions": [
                {"store": store, "count": count, "why": KEPT_IDS[store]}
                for store, count in sorted(self.allowed.items())
            ],
        }


@dataclass(slots=True)
class Unsure:
    """What may be somebody else's: asked for many at once.

    Attributes:
        values: of a trait, and whose row it was found in.
        names: and the longer words that they are a part of.
    """

    values: list[tuple[str, Needle, UUID]] = field(default_factory=list)
    names: dict[tuple[str, Needle], set[str]] = field(default_factory=dict)
    words: int = 0  # in `names`

    def add(self, store: str, needle: Needle, words: set[str]) -> None:
        """Note longer words."""
        known = self.names.setdefault((store, needle), set())
        before = len(known)
        known |= words
        self.words += len(known) - before


def search(needles: Needles, *, progress: Progress = silent) -> Found:
    """Look through everything for prepared needles. Minutes where there is much: reads it all."""
    found = Found()
    unsure = Unsure()
    see = partial(_see, found, unsure, needles, progress)
    store_readers.tables(see)
    with connection.cursor() as cursor:
        for one in statistics_with(cursor, needles):
            # A value that others have as well is among the most common ones because of them.
            if one.needle.kind != "value":
                place = "table" if one.is_kept else "pg_statistic of"
                _hit_or_longer(found, unsure, f"{place} {one.table}", one.needle, one.words)
    store_readers.sessions(see)
    store_readers.redis_keys(see)
    store_readers.files(see, needles.longest)
    living = _living({profile_id for *_, profile_id in unsure.values})
    for store, needle, profile_id in unsure.values:
        if profile_id not in living:
            _hit(found, store, needle)
    _settle(found, unsure)
    return found


def _settle(found: Found, unsure: Unsure) -> None:
    """Ask whose the longer words are, and let go of them."""
    known = _known(set().union(*unsure.names.values()))
    for (store, needle), words in unsure.names.items():
        if not words <= known:
            _hit(found, store, needle)
    unsure.names.clear()
    unsure.words = 0


def _see(
    found: Found,
    unsure: Unsure,
    needles: Needles,
    progress: Progress,
    piece: Piece,
) -> None:
    if piece.store not in found.stores:
        found.stores.add(piece.store)
        progress(piece.store)
    found.pieces += 1
    found.read += len(piece.content)
    for at, needle, form in needles.in_bytes(piece.content):
        owner = piece.profile_of(at) if needle.kind == "value" else None
        if owner is not None:
            unsure.values.append((piece.store, needle, owner))
        else:
            words = needles.longer_words(piece.content, form)
            _hit_or_longer(found, unsure, piece.store, needle, words)


def _hit_or_longer(
    found: Found, unsure: Unsure, store: str, needle: Needle, words: set[str] | None
) -> None:
    if words is None:
        _hit(found, store, needle)
    else:
        unsure.add(store, needle, words)
        if unsure.words >= MOST_WORDS:
            _settle(found, unsure)


def _hit(found: Found, store: str, needle: Needle) -> None:
    if needle.kind == "id" and store in KEPT_IDS:
        found.allowed[store] += 1
    else:
        found.hits[store, needle.kind] += 1
        found.owners.setdefault(needle.owner, set()).add(store)


def _living(profile_ids: Iterable[UUID]) -> set[UUID]:
    wanted = list(profile_ids)
    living: set[UUID] = set()
    for start in range(0, len(wanted), 5_000):
        some = Profile.objects.filter(pk__in=wanted[start : start + 5_000])
        living.update(some.values_list("pk", flat=True))
    return living


def _known(words: set[str]) -> set[str]:
    """Those that are whole names of somebody who is there, or ids of messages that are.

    No index leads to either by its value alone: each question reads all of them once.
    """
    if not words:
        return set()
    named = set(Identity.objects.filter(value__in=words).values_list("value", flat=True))
    if rest := words - named:
        events = Event.objects.filter(message_id__in=rest)
        named.update(events.values_list("message_id", flat=True).distinct())
    return named


def waiting(now: datetime) -> list[Erasure]:
    """Return completed erasures that have not been looked for yet, the oldest first."""
    rows = Erasure.objects.filter(state=Erasure.State.COMPLETED, checked_at=None)
    return list(rows.exclude(sought=b"").order_by("pk")[:MOST_AT_ONCE])


def search_for(erasures: Sequence[Erasure], *, progress: Progress = silent) -> Found:
    """Look for these people everywhere.

    Before, the vocabulary is cleaned of what only they brought, and the planner's statistics of
    what it kept of rows that are gone: it may have counted while an erasure went on.
    """
    needles = Needles()
    for erasure in erasures:
        person = sought.opened(erasure.pk, bytes(erasure.sought))
        if person is not None:
            needles_in(person, into=needles, owner=str(erasure.pk))
    progress("vocabulary")
    for site_id in {erasure.site_id for erasure in erasures}:
        events.forget_unused_names(site_id)
        recommendations.forget_unused_items(site_id)
    refresh_statistics(needles.prepare())
    return search(needles, progress=progress)


def forget_overdue(now: datetime) -> int:
    """Let go of what should have been looked for by now; return of how many erasures. Logged."""
    late = Erasure.objects.filter(
        state=Erasure.State.COMPLETED, checked_at=None, completed_at__lt=now - KEPT
    ).exclude(sought=b"")
    count = late.update(sought=b"")
    if count:
        logger.error("privacy.search_overdue", extra={"erasures": count})
    return count
