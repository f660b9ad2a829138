"""From the drafts of an editor to one numbered, immutable snapshot, and back to an earlier one."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction

from apps.access.services import record_audit
from apps.content.errors import InvalidContent
from apps.content.selectors import block_documents, cap_documents, placement_documents, value_paths
from apps.content.services import freeze_versions
from apps.decisions import announcing
from apps.decisions.errors import PublicationRefused, Reason, UnknownPublication
from apps.decisions.models import Publication
from apps.decisions.signals import published
from apps.rules.selectors import rule_documents
from apps.rules.services import prepare_rules
from apps.segments import live
from apps.segments.selectors import computed_keys_of, computed_keys_read, snapshot_documents
from apps.work import clock
from apps.work.services import record_change
from engine.compiling import compile_snapshot
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.snapshot import SnapshotDoc, decode_snapshot, encode_snapshot

PUBLISHED = "content.published"

Actor = AbstractBaseUser | None


@transaction.atomic
def publish(*, site_id: UUID, actor: Actor, note: str = "", now: datetime) -> Publication:
    """Freeze the site's drafts as its next publication and announce it after the commit.

    An unchanged draft returns the current publication: editors double-click.

    Raises:
        PublicationRefused: the drafts contradict themselves; nothing is frozen.
    """
    latest = _latest(site_id)
    document = _collected(site_id, now)
    _note_reads(document, now)
    digest = _digest(document)
    if latest is not None and latest.digest == digest:
        return latest
    return _store(document, latest, digest=digest, actor=actor, note=note, restores=None, now=now)


@transaction.atomic
def rollback(*, site_id: UUID, number: int, actor: Actor, now: datetime) -> Publication:
    """Serve an earlier publication again, under a new number. Drafts stay as they are.

    Bringing back what serves already returns the current publication.

    Raises:
        UnknownPublication: the site has no such number.
        PublicationRefused: this version of the code cannot read it any more.
    """
    latest = _latest(site_id)
    wanted = Publication.objects.filter(site_id=site_id, number=number).first()
    if latest is None or wanted is None:
        raise UnknownPublication(number)
    if wanted.digest == latest.digest:
        return latest
    try:
        document = decode_snapshot(msgspec.json.encode(wanted.document))
    except InvalidSnapshot as error:
        raise PublicationRefused([_reason(error.path, error)]) from error
    _note_reads(document, now)
    return _store(
        document,
        latest,
        digest=wanted.digest,
        actor=actor,
        note=f"Brings back {number}",
        restores=number,
        now=now,
    )


def _latest(site_id: UUID) -> Publication | None:
    """The publication that serves. Locks the site: two editors publish one after the other.

    A lock on the newest publication would not do: who waits for it gets it although there is a
    newer one by then, and the first has none to wait for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM access_site WHERE id = %s FOR NO KEY UPDATE", [str(site_id)])
    return Publication.objects.filter(site_id=site_id).order_by("-number").first()


def _collected(site_id: UUID, now: datetime) -> SnapshotDoc:
    """Collect and freeze the drafts; number and time are given when it is stored."""
    try:
        freeze_versions(site_id=site_id, now=now)
        prepare_rules(site_id=site_id, now=now)
        document = draft_document(site_id)
        _refuse_unknown_tags(document)
        _refuse_unknown_computed(document)
        compile_snapshot(document)
    except InvalidContent as error:
        raise PublicationRefused([Reason(**item) for item in error.errors]) from error
    except (InvalidCondition, InvalidSnapshot) as error:
        raise PublicationRefused([_reason(error.path, error)]) from error
    return document


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


def _note_reads(document: SnapshotDoc, now: datetime) -> None:
    """Tell the live path what of a person must go to where the request is answered."""
    paths = [path for own in value_paths(document.blocks).values() for path in own]
    conditions = [rule.condition for rule in document.rules if rule.enabled]
    conditions += [s.request_condition for s in document.segments if s.request_condition]
    nodes = map(parse_condition, conditions)
    live.note_request_reads(UUID(document.site_id), nodes, paths, now=now)


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


def _refuse_unknown_computed(document: SnapshotDoc) -> None:
    """A template that names a computed trait which the site does not define would show nothing."""
    known = computed_keys_of(UUID(document.site_id))
    reasons = [
        Reason(
            pointer=f"/blocks/{place.replace(' / ', '/variants/')}",
            code="computed_trait_not_defined",
            detail=f"{place} shows traits.computed.{key}, but no computed trait has this key.",
        )
        for place, paths in value_paths(document.blocks).items()
        for key in sorted((computed_keys_read(paths) or frozenset()) - known)
    ]
    if reasons:
        raise PublicationRefused(reasons)


def _reason(path: str, error: InvalidCondition | InvalidSnapshot) -> Reason:
    return Reason(pointer="/" + path.replace(".", "/"), code=error.code, detail=f"{error}.")


def _digest(document: SnapshotDoc) -> str:
    """The SHA-256 of what a publication says, apart from its number and its time."""
    bare = msgspec.structs.replace(document, number=0, published_at_ms=0)
    return hashlib.sha256(encode_snapshot(bare)).hexdigest()


def _store(
    document: SnapshotDoc,
    latest: Publication | None,
    *,
    digest: str,
    actor: Actor,
    note: str,
    restores: int | None,
    now: datetime,
) -> Publication:
    site_id = UUID(document.site_id)
    number = 1 if latest is None else latest.number + 1
    document = msgspec.structs.replace(document, number=number, published_at_ms=clock.to_ms(now))
    publication = Publication.objects.create(
        site_id=site_id,
        number=number,
        document=msgspec.to_builtins(document),
        digest=digest,
        note=note[:200],
        published_by_id=None if actor is None else actor.pk,
        published_at=now,
        restores=restores,
    )
    record_change(PUBLISHED, site_id=site_id, payload={"number": number}, now=now)
    record_audit(
        action="decisions.rolled_back" if restores else "decisions.published",
        actor=actor,
        site_id=site_id,
        target_kind="decisions.publication",
        target_id=str(number),
        detail={"restores": restores} if restores else {},
        now=now,
    )
    published.send(Publication, site_id=site_id, number=number, now=now)
    transaction.on_commit(lambda: announcing.announce(site_id, number))
    return publication
