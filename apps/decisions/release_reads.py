"""Publications and releases as pages show them: what differs, and who did it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from apps.decisions import manifests, parts, stored
from apps.decisions.errors import UnknownPublication
from apps.decisions.freezing import picked
from apps.decisions.manifests import Entry, Name
from apps.decisions.models import Part, Publication, Release, ReleaseItem, ReleaseVote
from apps.decisions.release_contents import (
    SEGMENT_DRAFT,
    conflicts,
    contents_of,
    is_approved,
    moved_on,
    own_hand,
    words_serving,
)
from engine.capping import CapDoc
from engine.snapshot import SegmentDoc, SnapshotDoc

__all__ = [
    "SEGMENT_DRAFT",
    "Sides",
    "also_in",
    "clashes_of",
    "contents_of",
    "drafts_beside",
    "is_approved",
    "items_of",
    "moved_on",
    "named_things",
    "own_hand",
    "picked",
    "publication_of",
    "publications_beside",
    "release_beside",
    "release_of",
    "releases_of",
    "segment_sides",
    "to_approve",
    "troubled",
    "votes_on",
    "words_serving",
]


@dataclass(frozen=True, slots=True)
class Sides:
    """What differs, as two snapshots that hold nothing else. `rest`: changes that were left out."""

    before: SnapshotDoc
    after: SnapshotDoc
    rest: int = 0


def drafts_beside(site_id: UUID, rows: Sequence[parts.Waiting]) -> Sides:
    """Return what serves of these, and their drafts. A query for each kind, and one."""
    names = [(row.kind, row.key) for row in rows if row.digest]
    after = [(kind, body) for (kind, _), body in parts.drafted(site_id, names).items()]
    before = _bodies(site_id, [(row.kind, row.served_part) for row in rows if row.served])
    return Sides(_snapshot(site_id, before), _snapshot(site_id, after))


def release_beside(release: Release, items: Sequence[ReleaseItem]) -> Sides:
    """Return what a release replaces, or has replaced, and what it puts there. Three queries."""
    ours = [item for item in items if item.kind != SEGMENT_DRAFT]
    after = _bodies(release.site_id, [(item.kind, item.part) for item in ours if item.digest])
    if release.state == Release.State.PUBLISHED:
        replaced = [(item.kind, item.replaced) for item in ours if item.replaced]
    else:
        rows = Part.objects.filter(site_id=release.site_id).exclude(served_part="")
        rows = rows.filter(key__in=[item.key for item in ours])
        serving = {
            (kind, key): part for kind, key, part in rows.values_list("kind", "key", "served_part")
        }
        replaced = [
            (item.kind, serving[item.kind, item.key])
            for item in ours
            if (item.kind, item.key) in serving
        ]
    before = _bodies(release.site_id, replaced)
    return Sides(_snapshot(release.site_id, before), _snapshot(release.site_id, after))


def publications_beside(site_id: UUID, older: int, newer: int, most: int) -> Sides:
    """Return what differs from one publication to another, of `most` things at the most.

    Args:
        older: a number; 0: nothing.

    Raises:
        UnknownPublication: there is no such number.
        InvalidSnapshot: another version of this code stored one of them.
    """
    manifest, held = _opened(site_id, newer)
    before: tuple[Mapping[Name, Entry], Mapping[str, bytes]] = ({}, {})
    if older:
        before = _opened(site_id, older)
    old, old_held = before
    differing = sorted(
        name
        for name in manifest.keys() | old.keys()
        if _content(manifest.get(name)) != _content(old.get(name))
    )
    shown = differing[:most]
    sides = []
    for lines, bodies in ((old, old_held), (manifest, held)):
        found = [lines[name] for name in shown if name in lines]
        kept = {digest: body.decode() for digest, body in bodies.items()}
        if not kept:
            kept = stored.bodies(site_id, [entry.part for entry in found])
        sides.append([(one.kind, kept[one.part]) for one in found if one.part in kept])
    return Sides(
        _snapshot(site_id, sides[0]), _snapshot(site_id, sides[1]), len(differing) - len(shown)
    )


def named_things(site_id: UUID) -> tuple[list[SegmentDoc], list[CapDoc]]:
    """Return the segments and caps of the drafts, for their names. One query."""
    rows = Part.objects.filter(site_id=site_id, kind__in=["segment", "cap"]).exclude(body="")
    found: dict[str, list[Any]] = {"segment": [], "cap": []}
    for kind, body in rows.values_list("kind", "body"):
        found[kind].append(manifests.document_in(kind, body))
    return found["segment"], found["cap"]


def releases_of(site_id: UUID, most: int = 100) -> list[Release]:
    """Return the newest releases with how much is in them, open ones first. One query."""
    rows = Release.objects.filter(site_id=site_id).select_related("created_by", "submitted_by")
    found = list(rows.annotate(size=Count("items")).order_by("-number")[:most])
    over = {Release.State.PUBLISHED, Release.State.CANCELLED}
    return sorted(found, key=lambda one: (one.state in over, -one.number))


def release_of(site_id: UUID, release_id: UUID) -> Release | None:
    """Return a release of a site. One query."""
    rows = Release.objects.filter(site_id=site_id, pk=release_id)
    return rows.select_related("created_by", "submitted_by").first()


def items_of(release: Release) -> list[ReleaseItem]:
    """Return what is in a release, by kind and key. One query."""
    return list(release.items.order_by("kind", "key"))


def votes_on(release: Release) -> list[ReleaseVote]:
    """Return what was decided about a release, the newest first. One query."""
    return list(release.votes.select_related("by").order_by("-at", "-pk"))


def troubled(site_id: UUID) -> list[Release]:
    """Return the releases that could not be published, or not be taken back. One query."""
    rows = Release.objects.filter(site_id=site_id).exclude(trouble="")
    return list(rows.exclude(state=Release.State.CANCELLED).order_by("-number")[:10])


def to_approve(site_id: UUID, user_id: int) -> int:
    """Return how many releases wait for the approval of somebody else's. One query."""
    rows = Release.objects.filter(site_id=site_id, state=Release.State.SUBMITTED)
    return rows.exclude(submitted_by_id=user_id).count()


def publication_of(site_id: UUID, number: int) -> Publication | None:
    """Return a publication without what it holds. One query."""
    rows = Publication.objects.filter(site_id=site_id, number=number)
    rows = rows.select_related("published_by", "release")
    return rows.defer("document", "manifest").first()


def clashes_of(release: Release, items: Sequence[ReleaseItem]) -> list[Name]:
    """Return what was published otherwise since it was frozen in a release. Two queries."""
    latest = stored.newest(release.site_id)
    return conflicts(items, {} if latest is None else stored.readable(latest)[0])


def also_in(release: Release, items: Sequence[ReleaseItem]) -> list[tuple[Release, str]]:
    """Return (release, key) of unfinished releases that change the same things. One query."""
    names = {(item.kind, item.key) for item in items}
    rows = ReleaseItem.objects.filter(
        release__site_id=release.site_id, key__in=[item.key for item in items]
    )
    over = (Release.State.PUBLISHED, Release.State.CANCELLED)
    rows = rows.exclude(release=release).exclude(release__state__in=over)
    found = rows.select_related("release").order_by("release__number", "key")[:20]
    return [(item.release, item.key) for item in found if (item.kind, item.key) in names]


def segment_sides(release: Release, items: Sequence[ReleaseItem]) -> dict[str, dict[str, Any]]:
    """Return {"draft", "serving"} of the segments in a release, by key. One query."""
    wanted = {item.part: item.key for item in items if item.kind == SEGMENT_DRAFT}
    found = stored.bodies(release.site_id, list(wanted))
    return {wanted[digest]: manifests.read_json(body) for digest, body in found.items()}


def _opened(site_id: UUID, number: int) -> tuple[Mapping[Name, Entry], Mapping[str, bytes]]:
    publication = stored.find(site_id, number)
    if publication is None:
        raise UnknownPublication(number)
    return stored.opened(publication)


def _content(entry: Entry | None) -> str:
    return "" if entry is None else entry.content


def _bodies(site_id: UUID, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(kind, body) of parts that are kept, by (kind, digest)."""
    found = stored.bodies(site_id, [digest for _, digest in wanted])
    return [(kind, found[digest]) for kind, digest in wanted if digest in found]


def _snapshot(site_id: UUID, bodies: Iterable[tuple[str, str]]) -> SnapshotDoc:
    docs: dict[str, list[Any]] = {plural: [] for _, plural, _ in manifests.KINDS.values()}
    for kind, body in bodies:
        docs[manifests.KINDS[kind][1]].append(manifests.document_in(kind, body))
    return SnapshotDoc(str(site_id), 0, 0, **docs)
