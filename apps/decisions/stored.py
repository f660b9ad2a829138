"""Publications as they lie in Postgres: by parts, or whole where an earlier version made them."""

import logging
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.decisions import manifests
from apps.decisions.manifests import Manifest
from apps.decisions.models import Publication, PublishedPart
from apps.work import clock
from engine.errors import InvalidSnapshot
from engine.snapshot import SnapshotDoc, decode_snapshot

logger = logging.getLogger(__name__)

BATCH: Final = 500


def newest(site_id: UUID) -> Publication | None:
    """Return the publication that serves, without what it holds. One query."""
    rows = Publication.objects.filter(site_id=site_id).order_by("-number")
    return rows.defer("document", "manifest").first()


def find(site_id: UUID, number: int) -> Publication | None:
    """Return a publication, without what it holds. One query."""
    rows = Publication.objects.filter(site_id=site_id, number=number)
    return rows.defer("document", "manifest").first()


def opened(publication: Publication) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a publication; of one that is stored whole, the bodies too.

    Raises:
        InvalidSnapshot: another version of this code stored it.
    """
    if publication.manifest is not None:
        return manifests.decoded(publication.manifest), {}
    return manifests.taken_apart(_whole(publication))


def readable(publication: Publication) -> tuple[Manifest, dict[str, bytes]]:
    """As `opened`; nothing at all of one that this version of the code cannot read."""
    try:
        return opened(publication)
    except InvalidSnapshot:
        logger.exception("decisions.publication_unreadable", extra={"number": publication.number})
        return {}, {}


def is_readable(publication: Publication) -> bool:
    """Tell whether this version of the code can read what a publication holds."""
    try:
        opened(publication)
    except InvalidSnapshot:
        return False
    return True


def documents(
    site_id: UUID, manifest: Manifest, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the documents of a manifest by their digests; what is not kept is left out.

    One query for every 500 that are not in `known`.

    Raises:
        InvalidSnapshot: another version of this code stored one of them.
    """
    have = known or {}
    kinds = {entry.part: entry.kind for entry in manifest.values()}
    found = {digest: have[digest] for digest in kinds if digest in have}
    missing = [digest for digest in kinds if digest not in found]
    for digest, body in bodies(site_id, missing).items():
        found[digest] = manifests.document_in(kinds[digest], body)
    return found


def bodies(site_id: UUID, digests: list[str]) -> dict[str, str]:
    """Return the bodies of parts by their digests. One query for every 500."""
    found: dict[str, str] = {}
    for begin in range(0, len(digests), BATCH):
        rows = PublishedPart.objects.filter(
            site_id=site_id, digest__in=digests[begin : begin + BATCH]
        )
        found.update(dict(rows.values_list("digest", "body")))
    return found


def document_of(publication: Publication, known: Mapping[str, Any] | None = None) -> SnapshotDoc:
    """Return what a publication says.

    Raises:
        InvalidSnapshot: another version of this code stored it, or a part of it is gone.
    """
    if publication.manifest is None:
        return _whole(publication)
    manifest = manifests.decoded(publication.manifest)
    return manifests.put_together(
        str(publication.site_id),
        publication.number,
        clock.to_ms(publication.published_at),
        manifest,
        documents(publication.site_id, manifest, known),
    )


def as_it_is(publication: Publication) -> tuple[SnapshotDoc, str]:
    """Return what a publication says, and its digest computed anew from every byte of it.

    The digest is what decision records name; another one means that somebody has changed it since.

    Raises:
        InvalidSnapshot: as `document_of`.
    """
    if publication.manifest is None:
        document = _whole(publication)
        return document, manifests.whole_digest(document)
    manifest = manifests.decoded(publication.manifest)
    at_ms = clock.to_ms(publication.published_at)
    stored = bodies(publication.site_id, [entry.part for entry in manifest.values()])
    docs, found = {}, {}
    for name, entry in manifest.items():
        body = stored.get(entry.part)
        if body is None:
            raise InvalidSnapshot("manifest", f"names a {entry.kind} '{entry.key}' that is gone")
        docs[entry.part] = manifests.document_in(entry.kind, body)
        found[name] = entry._replace(part=manifests.digest_of(entry.kind, body.encode()))
    site = str(publication.site_id)
    document = manifests.put_together(site, publication.number, at_ms, manifest, docs)
    return document, manifests.served_digest(site, publication.number, at_ms, found)


def _whole(publication: Publication) -> SnapshotDoc:
    return decode_snapshot(msgspec.json.encode(publication.document))


def as_stored_whole(document: SnapshotDoc) -> Any:
    """Return a document as earlier versions of this code stored it, for who stores one by hand."""
    return msgspec.to_builtins(document)
