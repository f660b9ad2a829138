"""Drafts frozen as they are: with versions, and with what they cannot be published without."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from apps.content.drafted import versions_of
from apps.content.errors import InvalidContent
from apps.content.services import freeze_versions
from apps.decisions import manifests, needing, parts
from apps.decisions.errors import DraftsMoved, PublicationRefused, Reason
from apps.decisions.manifests import Entry, Name
from apps.experiments.publishing import prepare_experiments
from apps.rules.services import prepare_rules
from engine.errors import InvalidCondition, InvalidSnapshot
from engine.snapshot import BlockDoc


@dataclass(frozen=True, slots=True)
class Frozen:
    """Changes as they will be published: None takes something out. `bodies` are by their digests.

    `looked_at`: the drafts they were made of, where they were (kind, key) -> digest.
    """

    entries: dict[Name, Entry | None]
    bodies: dict[str, bytes] = field(default_factory=dict)
    looked_at: dict[Name, parts.Waiting] = field(default_factory=dict)


def freeze(site_id: UUID, only: Mapping[Name, str] | None, now: datetime) -> Frozen:
    """Freeze drafts as they are now: give versions, and make what rules need. See `publish`.

    Call it inside a transaction.

    Raises:
        PublicationRefused, DraftsMoved: as `publish`.
    """
    try:
        parts.refresh_parts(site_id)
        kinds = {row.kind for row in parts.waiting(site_id)}
        if "rule" in kinds:
            prepare_rules(site_id=site_id, now=now)
        if "experiment" in kinds:
            prepare_experiments(site_id=site_id, now=now)
        if kinds & {"rule", "experiment"}:
            parts.refresh_parts(site_id)
    except InvalidContent as error:
        raise PublicationRefused([Reason(**item) for item in error.errors]) from error
    except (InvalidCondition, InvalidSnapshot) as error:
        raise PublicationRefused([reason_of(error.path, error)]) from error
    chosen = _with_versions(site_id, only, now)
    versions = versions_of(
        site_id, [row.key for row in chosen.values() if row.kind == "block" and row.digest]
    )
    entries: dict[Name, Entry | None] = {}
    bodies: dict[str, bytes] = {}
    for name, text in parts.drafted(
        site_id, [n for n, row in chosen.items() if row.digest]
    ).items():
        if text:
            document = manifests.document_in(name[0], text)
            entry, body = manifests.entry_of(name[0], _numbered(document, versions))
            entries[name], bodies[entry.part] = entry, body
    for name, row in chosen.items():
        found = entries.setdefault(name, None)
        if only is not None and ("" if found is None else found.content) != row.digest:
            raise DraftsMoved  # saved by somebody in this very moment
    return Frozen(entries, bodies, chosen)


def _with_versions(
    site_id: UUID, only: Mapping[Name, str] | None, now: datetime
) -> dict[Name, parts.Waiting]:
    """What is to be published, once all its variants have versions and nothing has moved since."""
    done: set[UUID] = set()
    while True:
        chosen = picked(site_id, only)
        blocks = {row.object_id for row in chosen.values() if row.kind == "block" and row.digest}
        todo = {one for one in blocks if one is not None} - done
        if not todo:
            return chosen
        freeze_versions(site_id=site_id, now=now, block_ids=todo)
        done |= todo
        parts.refresh_parts(site_id)  # a save that came before the variants were locked


def _numbered(document: manifests.Doc, versions: Mapping[str, Mapping[str, int]]) -> manifests.Doc:
    """The document with the versions of its variants, where it has some."""
    if not isinstance(document, BlockDoc):
        return document
    own = versions.get(document.key, {})
    variants = [
        msgspec.structs.replace(one, version=own.get(one.key, 0)) for one in document.variants
    ]
    return msgspec.structs.replace(document, variants=variants)


def picked(site_id: UUID, only: Mapping[Name, str] | None) -> dict[Name, parts.Waiting]:
    """Return what is published of what waits, with what that needs. See `publishing.publish`.

    Segments come along: they are in force already.

    Raises:
        PublicationRefused: all is asked for, and some of it cannot be published.
        DraftsMoved: a draft is not what was looked at.
    """
    rows = {(row.kind, row.key): row for row in parts.waiting(site_id)}
    if only is None:
        refused = [reason for reason, is_refused in parts.problems(site_id) if is_refused]
        if refused:
            raise PublicationRefused(refused)
        return rows
    for name, digest in only.items():
        if name not in rows or rows[name].digest != digest:
            raise DraftsMoved
    found = {name: row for name, row in rows.items() if name in only or row.kind == "segment"}
    return found | {name: rows[name] for name in needing.needed(site_id, found, rows)}


def reason_of(path: str, error: InvalidCondition | InvalidSnapshot) -> Reason:
    """Return a refusal of the engine as one of publishing."""
    return Reason(pointer="/" + path.replace(".", "/"), code=error.code, detail=f"{error}.")
