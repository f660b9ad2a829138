"""From the drafts of an editor to one numbered, immutable publication, and back to an earlier one.

What is published takes the place of its like in what serves; everything else serves on as it is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from apps.access.selectors import needs_approval
from apps.access.services import record_audit
from apps.content.drafted import colliding_keys
from apps.content.selectors import (
    block_documents,
    cap_documents,
    placement_documents,
    value_paths,
)
from apps.decisions import announcing, freezing, manifests, parts, snapshots, stored
from apps.decisions.errors import (
    ApprovalRequired,
    PublicationRefused,
    Reason,
    UnknownPublication,
)
from apps.decisions.freezing import reason_of
from apps.decisions.manifests import Entry, Manifest, Name
from apps.decisions.models import Publication, Release
from apps.decisions.signals import published
from apps.experiments.publishing import note_holdouts, note_served
from apps.rules.selectors import rule_documents
from apps.segments import live
from apps.segments.selectors import computed_keys_of, computed_keys_read, snapshot_documents
from apps.work.services import record_change
from engine.compiling import compile_snapshot
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.snapshot import CompiledSnapshot, SnapshotDoc

PUBLISHED = "content.published"

Actor = AbstractBaseUser | None


@transaction.atomic
def publish(
    *,
    site_id: UUID,
    actor: Actor,
    note: str = "",
    now: datetime,
    only: Mapping[Name, str] | None = None,
) -> Publication:
    """Freeze drafts as the site's next publication and announce it after the commit.

    An unchanged draft returns the current publication: editors double-click.

    Args:
        actor: None for the system, which asks nobody.
        only: (kind, key) -> the digest that was looked at; None: all that waits. What these need
            comes along: a new block with the placement that it fills.

    Raises:
        ApprovalRequired: at this site an editor publishes by a release.
        PublicationRefused: the drafts contradict themselves; nothing is frozen.
        DraftsMoved: a draft is not what was looked at.
    """
    if actor is not None and needs_approval(site_id):
        raise ApprovalRequired
    latest = lock(site_id)
    if latest is not None and not stored.is_readable(latest):
        if only is not None:
            raise PublicationRefused([_of_another_version(latest.number)])
        parts.start_over(site_id)
    frozen = freezing.freeze(site_id, only, now)
    return put_in_place(
        site_id, latest, frozen.entries, frozen.bodies, actor=actor, note=note, now=now
    )


@transaction.atomic
def rollback(*, site_id: UUID, number: int, actor: Actor, now: datetime) -> Publication:
    """Serve an earlier publication again, under a new number. Drafts stay as they are.

    Bringing back what serves already returns the current publication. Nobody is asked to approve:
    it is for emergencies, and the audit trail names it.

    Raises:
        UnknownPublication: the site has no such number.
        PublicationRefused: this version of the code cannot read it any more.
    """
    latest = lock(site_id)
    wanted = stored.find(site_id, number)
    if latest is None or wanted is None:
        raise UnknownPublication(number)
    if wanted.digest == latest.digest:
        return latest
    try:
        manifest, bodies = stored.opened(wanted)
    except InvalidSnapshot as error:
        raise PublicationRefused([reason_of(error.path, error)]) from error
    if manifest == stored.readable(latest)[0]:
        return latest
    parts.refresh_parts(site_id)
    parts.keep(
        site_id, ((one.kind, one.part, bodies[one.part]) for one in manifest.values() if bodies)
    )
    _, compiled = _compiled(site_id, manifest, {})
    _note_reads(site_id, manifest, compiled, now)
    return _store(
        site_id,
        latest,
        manifest,
        compiled,
        actor=actor,
        note=f"Brings back {number}",
        restores=number,
        now=now,
    )


def lock(site_id: UUID) -> Publication | None:
    """The publication that serves. Locks the site: two editors publish one after the other.

    A lock on the newest publication would not do: who waits for it gets it although there is a
    newer one by then, and the first has none to wait for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM access_site WHERE id = %s FOR NO KEY UPDATE", [str(site_id)])
    return stored.newest(site_id)


def put_in_place(
    site_id: UUID,
    latest: Publication | None,
    changes: Mapping[Name, Entry | None],
    bodies: Mapping[str, bytes],
    *,
    actor: Actor,
    note: str,
    now: datetime,
    release: Release | None = None,
) -> Publication:
    """Publish what serves with these changes; what serves already stays. The site is locked.

    Raises:
        PublicationRefused: together they contradict themselves.
    """
    before = {} if latest is None else stored.readable(latest)[0]
    manifest = dict(before)
    for name, entry in changes.items():
        if entry is None:
            manifest.pop(name, None)
        elif name not in before or before[name].content != entry.content:
            manifest[name] = entry
    if latest is not None and manifest == before:
        # What is read of a person may be another thing by now: a computed trait's definition.
        _, compiled = _compiled(site_id, manifest, {})
        _note_reads(site_id, manifest, compiled, now)
        return latest
    changed = [name for name in manifest if manifest[name] != before.get(name)]
    kinds = {entry.part: entry.kind for entry in manifest.values()}
    parts.keep(site_id, ((kinds[one], one, body) for one, body in bodies.items() if one in kinds))
    document, compiled = _compiled(site_id, manifest, bodies)
    _refuse(document, {key for kind, key in changed if kind == "block"})
    _note_reads(site_id, manifest, compiled, now)
    return _store(
        site_id, latest, manifest, compiled, actor=actor, note=note, now=now, release=release
    )


def composed(site_id: UUID, changes: Mapping[Name, Entry | None]) -> SnapshotDoc:
    """Return what serves with these changes, as it would be published. Writes nothing.

    Raises:
        InvalidSnapshot: another version of this code stored a part of it.
    """
    manifest, bodies, number = _changed(site_id, changes)
    return manifests.put_together(
        str(site_id), number, 0, manifest, _documents(site_id, manifest, bodies)
    )


def _changed(
    site_id: UUID, changes: Mapping[Name, Entry | None]
) -> tuple[Manifest, dict[str, bytes], int]:
    """The manifest of what serves with these changes, bodies of it, and the number that serves."""
    latest = stored.newest(site_id)
    manifest, bodies = ({}, {}) if latest is None else stored.readable(latest)
    for name, entry in changes.items():
        if entry is None:
            manifest.pop(name, None)
        else:
            manifest[name] = entry
    return manifest, bodies, 0 if latest is None else latest.number


def check(site_id: UUID, changes: Mapping[Name, Entry | None]) -> None:
    """See that what serves could be published with these changes. Writes nothing.

    Raises:
        PublicationRefused: together they contradict themselves.
    """
    manifest, bodies, _ = _changed(site_id, changes)
    document, _ = _compiled(site_id, manifest, bodies)
    _refuse(document, {key for kind, key in changes if kind == "block"})


def draft_document(site_id: UUID) -> SnapshotDoc:
    """Return the drafts as a publication would hold them, without number and time. ~12 queries.

    Raises:
        InvalidContent, InvalidCondition, InvalidSnapshot: they cannot be read.
    """
    return SnapshotDoc(
        site_id=str(site_id),
        number=0,
        published_at_ms=0,
        placements=placement_documents(site_id),
        blocks=block_documents(site_id),
        segments=snapshot_documents(site_id),
        rules=rule_documents(site_id),
        caps=cap_documents(site_id),
    )


def _documents(site_id: UUID, manifest: Manifest, bodies: Mapping[str, bytes]) -> dict[str, Any]:
    """The documents of a manifest: from memory, from `bodies`, and the rest from Postgres."""
    held = snapshots.held(site_id)
    known: dict[str, Any] = {} if held is None else dict(held.docs)
    for entry in manifest.values():
        if entry.part in bodies and entry.part not in known:
            known[entry.part] = manifests.document_in(entry.kind, bodies[entry.part])
    return stored.documents(site_id, manifest, known)


def _compiled(
    site_id: UUID, manifest: Manifest, bodies: Mapping[str, bytes]
) -> tuple[SnapshotDoc, CompiledSnapshot]:
    """The snapshot of a manifest, and that it can decide.

    Raises:
        PublicationRefused: it contradicts itself.
    """
    held = snapshots.held(site_id)
    try:
        docs = _documents(site_id, manifest, bodies)
        document = manifests.put_together(str(site_id), 0, 0, manifest, docs)
        _refuse_unknown_tags(document)
        return document, compile_snapshot(document, None if held is None else held.compiled)
    except (InvalidCondition, InvalidSnapshot) as error:
        raise PublicationRefused([reason_of(error.path, error)]) from error


def _note_reads(
    site_id: UUID, manifest: Manifest, compiled: CompiledSnapshot, now: datetime
) -> None:
    """Tell the live path what of a person must go to where the request is answered."""
    nodes = [
        rule.node
        for place in compiled.placements.values()
        for form in place.forms
        for rule in form.rules
    ]
    nodes += [
        parse_condition(segment.request_condition)
        for segment in compiled.doc.segments
        if segment.request_condition
    ]
    live.note_request_reads(site_id, nodes, parts.reads_of(site_id, manifest), now=now)


def _refuse(document: SnapshotDoc, changed: set[str]) -> None:
    """Say in an editor's words what would be wrong with it, in the changed blocks above all."""
    collisions = colliding_keys(
        [(place.key, place.block) for place in document.placements],
        {block.key for block in document.blocks if block.kind == "flag"},
    )
    if collisions:
        raise PublicationRefused([Reason(**error) for error in collisions])
    _refuse_unknown_computed(document, changed)


def _refuse_unknown_tags(document: SnapshotDoc) -> None:
    """Say in an editor's words what the compiler would say in numbers."""
    known = {segment.number for segment in document.segments}
    reasons = [
        Reason(
            pointer=f"/blocks/{block.key}/variants/{variant.key}",
            code="segment_not_published",
            detail=f"{block.key} / {variant.key} is tagged with a segment that is not published.",
        )
        for block in document.blocks
        for variant in block.variants
        if not known.issuperset(variant.segments)
    ]
    if reasons:
        raise PublicationRefused(reasons)


def _refuse_unknown_computed(document: SnapshotDoc, changed: set[str]) -> None:
    """A template that names a computed trait which the site does not define would show nothing."""
    blocks = [block for block in document.blocks if block.key in changed]
    known = computed_keys_of(UUID(document.site_id)) if blocks else frozenset()
    reasons = [
        Reason(
            pointer=f"/blocks/{place.replace(' / ', '/variants/')}",
            code="computed_trait_not_defined",
            detail=f"{place} shows traits.computed.{key}, but no computed trait has this key.",
        )
        for place, paths in value_paths(blocks).items()
        for key in sorted((computed_keys_read(paths) or frozenset()) - known)
    ]
    if reasons:
        raise PublicationRefused(reasons)


def _of_another_version(number: int) -> Reason:
    detail = (
        f"Publication {number}, which serves, was stored by another version of this program: "
        "publish all changes at once."
    )
    return Reason(pointer="", code="publication_refused", detail=detail)


def _store(
    site_id: UUID,
    latest: Publication | None,
    manifest: Manifest,
    compiled: CompiledSnapshot,
    *,
    actor: Actor,
    note: str,
    now: datetime,
    restores: int | None = None,
    release: Release | None = None,
) -> Publication:
    number = 1 if latest is None else latest.number + 1
    hidden = [segment.key for segment in compiled.doc.segments if segment.hidden]
    publication = Publication.objects.create(
        site_id=site_id,
        number=number,
        manifest=manifests.encoded(manifest),
        counts=manifests.counted(manifest.values(), frozenset(hidden)),
        digest=manifests.content_digest(manifest),
        note=note[:200],
        published_by_id=None if actor is None else actor.pk,
        published_at=now,
        restores=restores,
        release=release,
    )
    if compiled.doc.experiments:
        seeds = [one.seed for one in compiled.doc.experiments]
        note_served(site_id=site_id, publication=number, seeds=seeds)
    note_holdouts(site_id=site_id, publication=number, docs=compiled.doc.holdouts)
    parts.refresh_parts(site_id)  # what serves stands beside the drafts from now on
    record_change(PUBLISHED, site_id=site_id, payload={"number": number}, now=now)
    record_audit(
        action="decisions.rolled_back" if restores else "decisions.published",
        actor=actor,
        site_id=site_id,
        target_kind="decisions.publication",
        target_id=str(number),
        detail=_detail(site_id, restores, release, actor),
        now=now,
    )
    published.send(Publication, site_id=site_id, number=number, now=now)
    transaction.on_commit(lambda: announcing.announce(site_id, number))
    return publication


def _detail(
    site_id: UUID, restores: int | None, release: Release | None, actor: Actor
) -> dict[str, object]:
    detail: dict[str, object] = {}
    if restores:
        detail["restores"] = restores
        if actor is not None and needs_approval(site_id):
            detail["without_approval"] = True
    if release is not None:
        detail["release"] = release.number
    return detail
