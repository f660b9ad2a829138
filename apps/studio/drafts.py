"""The drafts of a site beside what it serves: what would change, and what stands against it.

What is looked at is what was changed; how much there is besides costs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.urls import reverse

from apps.access.site_time import wall_clock
from apps.content.others_at_work import stands_on, typing_in, writers_of
from apps.decisions import parts, release_reads
from apps.decisions import services as decisions
from apps.decisions.parts import Waiting
from apps.rules.selectors import hidden_parts
from apps.studio.domain.differences import changes_between
from apps.studio.types import Change, Detail
from apps.work import clock
from engine.conditions.parse import parse_condition
from engine.conditions.scope import HIDDEN_PREFIX, segment_keys
from engine.errors import InvalidCondition

DETAILED: Final = 200  # changes that a page tells field by field
TRIGGERS: Final = "trigger:"  # what triggers show is published as rules of such keys
BEHIND: Final = (
    "Very much was changed at once. The drafts are being looked through: what waits to be "
    "published is told in a minute or two."
)
BUSY: Final = "Somebody is publishing at this moment. Look again in a few seconds."
LOOKED_BACK: Final = timedelta(days=7)  # unsaved forms that are older are forgotten ones

# What `differences` calls a kind of part.
WORDS: Final = {
    "placement": "placement",
    "block": "block",
    "rule": "rule",
    "segment": "segment",
    "cap": "frequency cap",
    "experiment": "experiment",
    "holdout": "holdout",
    "segment draft": "segment",
}
_PAGES: Final = {
    "placement": "admin:content_placement_change",
    "block": "admin:content_block_change",
    "rule": "admin:rules_rule_change",
    "cap": "admin:content_cap_change",
    "segment draft": "admin:segments_segment_change",
    "experiment": "admin:experiments_experiment_change",
    "holdout": "admin:experiments_holdout_change",
}


@dataclass(frozen=True, slots=True)
class Drafts:
    """What publishing now would do.

    Attributes:
        changes: what editors know of that would change; empty when the drafts are what serves.
        warnings: sentences about what stands against it, or will not take part.
        token: changes whenever what would be published does; empty when some of it cannot be.
        is_behind: so much was written that a worker is looking through it.
    """

    changes: list[Waiting]
    warnings: list[str]
    token: str
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One change on a page.

    Attributes:
        value: what its tick box sends: kind, key and digest.
        url: where it is edited; empty where there is no such page.
        writers: who saved it since it was published last.
        typing: who else has unsaved changes in it.
    """

    kind: str
    key: str
    verb: str
    words: str
    name: str
    details: list[Detail]
    value: str = ""
    url: str = ""
    writers: list[str] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)


def drafts_of(site_id: UUID) -> Drafts:
    """Compare a site's drafts with what it serves. Four queries, and what was written anew.

    After very many changes at once a worker looks through them, and nothing is told yet.
    """
    if parts.is_behind(site_id):
        decisions.ask_to_refresh(site_id, clock.now())
        return Drafts([], [BEHIND], "", is_behind=True)
    if parts.refresh_parts(site_id, is_patient=False) is None:
        return Drafts([], [BUSY], "", is_behind=True)
    rows = [row for row in parts.waiting(site_id) if row.is_listed]
    found = parts.problems(site_id)
    is_refused = any(refuses for _, refuses in found)
    return Drafts(
        rows, [reason["detail"] for reason, _ in found], "" if is_refused else parts.token_of(rows)
    )


def shown(site_id: UUID, rows: Sequence[Waiting], zone: str, user_id: int) -> list[Shown]:
    """Return changes field by field, with who else is at them. ~13 queries."""
    sides = release_reads.drafts_beside(site_id, rows)
    told = told_by_name(site_id, sides, zone)
    objects = [(row.kind, row.object_id) for row in rows if row.object_id is not None]
    since = clock.now() - LOOKED_BACK
    typing = typing_in(objects, but=user_id, since=since)
    under = stands_on([row.object_id for row in rows if row.object_id])
    serving = release_reads.words_serving(
        site_id, {one for own in under.values() for _, one in own}
    )
    writers = writers_of([(row.object_id, row.served_at) for row in rows if row.object_id], serving)
    found = []
    for row in rows:
        change = told.get((row.kind, row.key))
        object_id = row.object_id
        found.append(
            Shown(
                kind=row.kind,
                key=row.key,
                verb=row.verb,
                words=WORDS.get(row.kind, row.kind),
                name=row.key if change is None else change.name,
                details=[] if change is None else change.details,
                value=value_of(row.kind, row.key, row.digest),
                url=page_of(row.kind, object_id, row.key),
                writers=list(writers.get(object_id, ())) if object_id else [],
                typing=typing.get(object_id, []) if object_id else [],
            )
        )
    return found


def told_by_name(
    site_id: UUID, sides: release_reads.Sides, zone: str
) -> dict[tuple[str, str], Change]:
    """Return what differs in words, by (kind, key). One query, and a few for rules on history."""
    segments, caps = release_reads.named_things(site_id)
    kinds = {words: kind for kind, words in WORDS.items() if kind != "segment draft"}
    asked = {
        key
        for one in (*sides.before.rules, *sides.after.rules)
        for key in _hidden_in(one.condition)
    }
    changes = changes_between(
        sides.before,
        sides.after,
        segments=segments,
        caps=caps,
        show=moment_in(zone),
        hidden=hidden_parts(site_id, asked, [one.key for one in sides.after.rules])
        if asked
        else {},
    )
    return {(kinds[change.kind], change.key): change for change in changes}


def _hidden_in(condition: object) -> set[str]:
    """The hidden segments that a condition names: they are made when it is published first."""
    try:
        keys = segment_keys(parse_condition(condition))
    except InvalidCondition:
        return set()
    return {key for key in keys if key.startswith(HIDDEN_PREFIX)}


def moment_in(zone: str) -> Callable[[int], str]:
    """Return how a site's wall clock shows an instant in ms."""

    def show(at_ms: int) -> str:
        return f"{wall_clock(datetime.fromtimestamp(at_ms / 1000, UTC), zone)} ({zone})"

    return show


def value_of(kind: str, key: str, digest: str) -> str:
    """Return what the tick box of a change sends."""
    return f"{kind}:{key}:{digest}"


def read_values(values: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return (kind, key) -> digest of what was ticked; what is no such thing is left out."""
    found = {}
    for value in values:
        kind, _, rest = value.partition(":")
        key, _, digest = rest.rpartition(":")
        if kind in WORDS and key:
            found[kind, key] = digest
    return found


def page_of(kind: str, object_id: UUID | None, key: str = "") -> str:
    """Return where something is edited; empty where there is no page."""
    if key.startswith(TRIGGERS) and kind == "rule" and object_id is not None:
        return reverse("admin:rules_trigger_change", args=[object_id])
    return reverse(_PAGES[kind], args=[object_id]) if kind in _PAGES and object_id else ""
