"""What is in a release: drafts frozen when it was made, compared with what serves by now."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.contrib.auth.models import AbstractBaseUser

from apps.content.others_at_work import blocks_on, showed, stands_on
from apps.content.revisions import revisions_of
from apps.decisions import freezing, manifests, parts, stored
from apps.decisions.errors import (
    DraftsMoved,
    PublicationRefused,
    Reason,
    ReleaseConflict,
    ReleaseRefused,
)
from apps.decisions.manifests import Entry, Name
from apps.decisions.models import Part, Release, ReleaseItem, ReleaseVote
from apps.rules.types import TRIGGER_RULE
from apps.segments.awaiting import AwaitingSegment, awaiting_segments, publish_as_looked_at
from engine.errors import PersonalizationError

LOOKED_AT: Final = 20  # blocks of one theme, of which it is asked whether they serve its words
SEGMENT_DRAFT: Final = "segment draft"  # what an item of a segment is: it is published on its own

Actor = AbstractBaseUser | None


def contents_of(release: Release) -> str:
    """Return the digest of all that a release says, and of when."""
    items = release.items.order_by("kind", "key").values_list(
        "kind", "key", "base", "digest", "part"
    )
    said = [list(items), str(release.starts_at), str(release.ends_at)]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def conflicts(items: Sequence[ReleaseItem], serving: Mapping[Name, Entry]) -> list[Name]:
    """Return what was published otherwise since it was frozen."""
    return [
        (item.kind, item.key)
        for item in items
        if item.kind != SEGMENT_DRAFT and content_in(serving, item) not in {item.base, item.digest}
    ]


def moved_on(release: Release) -> list[Name]:
    """Return what has another draft by now than the one that is frozen in a release."""
    parts.refresh_parts(release.site_id, is_patient=False)
    now = {(row.kind, row.key): row.digest for row in parts.waiting(release.site_id)}
    return [
        (item.kind, item.key)
        for item in release.items.exclude(kind=SEGMENT_DRAFT)
        if now.get((item.kind, item.key), item.digest) != item.digest
    ]


def release_changes(release: Release) -> dict[Name, Entry | None]:
    """Return what a release puts in the place of what serves, segments in force included."""
    items = release.items.exclude(kind=SEGMENT_DRAFT)
    return with_segments(release.site_id, {(one.kind, one.key): entry_in(one) for one in items})


def fill(release: Release, only: Mapping[Name, str], now: datetime) -> None:
    """Freeze the drafts of these names into the release's items."""
    site_id = release.site_id
    drafts = {key: digest for (kind, key), digest in only.items() if kind == SEGMENT_DRAFT}
    rest = {name: digest for name, digest in only.items() if name[0] != SEGMENT_DRAFT}
    rows = []
    if rest:
        frozen = freezing.freeze(site_id, rest, now)
        known = {one.part: one.kind for one in frozen.entries.values() if one is not None}
        blocks = [row.object_id for row in frozen.looked_at.values() if row.kind == "block"]
        under = stands_on([one for one in blocks if one is not None])
        serving = words_serving(site_id, {one for own in under.values() for _, one in own})
        parts.keep(site_id, ((known[d], d, body) for d, body in frozen.bodies.items()))
        for name, entry in frozen.entries.items():
            row = frozen.looked_at[name]
            if row.is_listed and row.kind != "segment":
                shared = under.get(row.object_id, []) if row.object_id is not None else []
                rows.append(_item(release, row, entry, shared, serving))
    if drafts:
        waiting = {one.key: one for one in awaiting_segments(site_id)}
        for key, digest in drafts.items():
            if key not in waiting or waiting[key].digest != digest:
                raise DraftsMoved
            rows.append(_segment_item(release, waiting[key]))
    ReleaseItem.objects.bulk_create(rows)


def _item(
    release: Release,
    row: parts.Waiting,
    entry: Entry | None,
    shared: Sequence[tuple[str, UUID]],
    serving: Mapping[UUID, datetime],
) -> ReleaseItem:
    """One thing of a release, with who wrote it, or its theme or type, since it was published."""
    authors: set[int] = set()
    revision = 0
    if row.object_id is not None:
        # What a trigger shows is a rule, whose history is that of the trigger.
        kind = "trigger" if row.key.startswith(TRIGGER_RULE) else row.kind
        for saved, object_id in ((kind, row.object_id), *shared):
            found = revisions_of(saved, object_id, limit=200)
            since = row.served_at
            if object_id == row.object_id:
                revision = found[0].number if found else 0
            else:
                since = serving.get(object_id)
            later = [one for one in found if since is None or one.at > since]
            authors |= {one.by_id for one in later if one.by_id}
    return ReleaseItem(
        release=release,
        kind=row.kind,
        key=row.key,
        object_id=row.object_id,
        base=row.served,
        digest=row.digest,
        part="" if entry is None else entry.part,
        revision=revision,
        authors=sorted(authors),
    )


def words_serving(site_id: UUID, shared_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return since when the words of themes and types serve in some block, as far as they do.

    Three queries, and one for each block that is looked at: mostly one for each theme or type.
    """
    blocks = blocks_on(shared_ids)
    ids = {one for own in blocks.values() for one in own}
    rows = Part.objects.filter(site_id=site_id, kind="block", object_id__in=ids)
    rows = rows.exclude(served="").exclude(served_at=None)
    at = {one: moment for one, moment in rows.values_list("object_id", "served_at") if moment}
    found: dict[UUID, datetime] = {}
    for shared, own in blocks.items():
        newest = sorted((one for one in own if one in at), key=lambda one: at[one], reverse=True)
        for block in newest[:LOOKED_AT]:
            # A draft may have taken the theme since: then its words were in nothing that serves.
            if showed(block, shared, at[block]):
                found[shared] = at[block]
                break
    return found


def _segment_item(release: Release, waiting: AwaitingSegment) -> ReleaseItem:
    authors = {
        one.by_id
        for one in revisions_of("segment", waiting.segment_id, limit=200)
        if one.by_id and (waiting.since is None or one.at > waiting.since)
    }
    body = msgspec.json.encode({"draft": waiting.document, "serving": waiting.serving})
    parts.keep(release.site_id, [(SEGMENT_DRAFT, waiting.digest, body)])
    return ReleaseItem(
        release=release,
        kind=SEGMENT_DRAFT,
        key=waiting.key,
        object_id=waiting.segment_id,
        base=waiting.base,
        digest=waiting.digest,
        part=waiting.digest,
        authors=sorted(authors),
    )


def publish_segments(
    release: Release, items: Sequence[ReleaseItem], actor: Actor, now: datetime
) -> None:
    moved: list[Name] = []
    for item in items:
        if item.kind != SEGMENT_DRAFT or item.object_id is None:
            continue
        try:
            is_done = publish_as_looked_at(
                site_id=release.site_id,
                segment_id=item.object_id,
                looked_at=item.digest,
                base=item.base,
                actor=actor,
                note=release.note or release.name,
                now=now,
            )
        except PersonalizationError as error:
            reason = Reason(
                pointer=f"/segments/{item.key}",
                code=error.code,
                detail=f"The segment '{item.key}': {error}",
            )
            raise PublicationRefused([reason]) from error
        if not is_done:
            moved.append((item.kind, item.key))
    if moved:
        raise ReleaseConflict(moved)


def with_segments(site_id: UUID, changes: Mapping[Name, Entry | None]) -> dict[Name, Entry | None]:
    """The changes, and the segments as they are in force: those are not kept back."""
    rows = [row for row in parts.waiting(site_id) if row.kind == "segment"]
    bodies = parts.drafted(site_id, [(row.kind, row.key) for row in rows if row.digest])
    parts.keep(
        site_id, (("segment", manifests.digest_of("segment", body.encode()), body.encode())
                  for body in bodies.values()),
    )  # fmt: skip
    found: dict[Name, Entry | None] = {
        (row.kind, row.key): Entry(row.kind, row.key, row.digest, row.digest)
        if row.digest
        else None
        for row in rows
    }
    return found | dict(changes)


def entry_in(item: ReleaseItem) -> Entry | None:
    return Entry(item.kind, item.key, item.digest, item.part) if item.digest else None


def content_in(serving: Mapping[Name, Entry], item: ReleaseItem) -> str:
    found = serving.get((item.kind, item.key))
    return "" if found is None else found.content


def serving_of(site_id: UUID) -> dict[Name, Entry]:
    latest = stored.newest(site_id)
    return {} if latest is None else stored.readable(latest)[0]


def own_hand(release: Release, user_id: int) -> str:
    """Return in words what part somebody had in a release; empty: none, so they may approve it."""
    if user_id == release.submitted_by_id or user_id == release.created_by_id:
        return "You put this release together: somebody else has to approve it."
    for item in release.items.all():
        if user_id in item.authors:
            some = f"some of the {item.kind} '{item.key}'"
            if item.kind == "block":
                some += ", or of its theme or type"
            return f"You wrote {some}: somebody else has to approve it."
    return ""


def refuse_unseen(release: Release, looked_at: str | None) -> None:
    """Refuse to decide on a release by a page that is older than what it says. One query.

    Raises:
        ReleaseRefused: it is.
    """
    if looked_at is not None and looked_at != contents_of(release):
        raise ReleaseRefused("It has changed since you looked at it: look again, then decide.")


def is_approved(release: Release) -> bool:
    """Tell whether the newest vote approves exactly what the release says now. Two queries."""
    vote = release.votes.order_by("-at", "-pk").first()
    return (
        vote is not None
        and vote.verdict == ReleaseVote.Verdict.APPROVED
        and vote.contents == contents_of(release)
    )
