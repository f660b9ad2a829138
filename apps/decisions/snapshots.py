"""The publication that serves, compiled once per number in each process and swapped whole.

A small one is read by whoever hears of it first. A large one takes a tenth of a second: it is left
to `watch`, where that runs, and requests go on with what they have until it is there.
"""

import logging
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from apps.decisions import manifests, record_reads
from apps.work import clock
from engine.compiling import compile_snapshot
from engine.errors import PersonalizationError
from engine.snapshot import CompiledSnapshot, SnapshotDoc, decode_snapshot

logger = logging.getLogger(__name__)

# Nothing comes back unless there is a newer one: anybody may say that they have heard of it.
_NEWER = """
SELECT number, published_at, manifest IS NOT NULL, coalesce(octet_length(manifest), 0)
FROM decisions_publication WHERE site_id = %s::uuid AND number > %s ORDER BY number DESC LIMIT 1
"""
_MANIFEST = "SELECT manifest FROM decisions_publication WHERE site_id = %s::uuid AND number = %s"
_WHOLE = "SELECT document::text FROM decisions_publication WHERE site_id = %s::uuid AND number = %s"
_PARTS = """
SELECT digest, body FROM decisions_publishedpart
WHERE site_id = %s::uuid AND digest = ANY(%s::text[])
"""
# Of one statement while a publication is loaded: nobody waits for it but the first to ask.
LOAD_BOX_S = 5.0
PARTS_AT_ONCE = 500
# A longer list, of some 1,500 parts, is no request's work.
LONG_BYTES = 200_000
# So many are loaded before somebody asks for them.
_PUBLISHED = "SELECT DISTINCT site_id FROM decisions_publication LIMIT 100"
_NUMBERS = """
SELECT s.id, (SELECT max(p.number) FROM decisions_publication p WHERE p.site_id = s.id)
FROM unnest(%s::uuid[]) AS s(id)
"""


class Served:
    """One site's publication as this process serves it.

    Attributes:
        token: the number as Redis carries it, empty for a site that has published nothing.
        digest: of what the publication says as it was read back, in hex; empty as the token.
        prepared: what the door has made ready of its variants; dies with the publication.
        docs: its documents by the digests of their parts: the next publication shares most.
    """

    __slots__ = ("compiled", "digest", "docs", "number", "prepared", "token")

    def __init__(
        self,
        compiled: CompiledSnapshot,
        digest: str = "",
        docs: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.compiled = compiled
        self.digest = digest
        self.docs = docs
        self.number = compiled.number
        self.token = b"%d" % compiled.number if compiled.number else b""
        self.prepared: dict[Any, Any] = {}


_served: dict[UUID, Served] = {}  # one entry a site
_refused: dict[UUID, int] = {}  # site -> the number that this code could not read
_coming: dict[UUID, int] = {}  # site -> the number that was left to `watch`
_loading = threading.Lock()
watched = threading.Event()  # set while a thread beside the requests reads what is left to it
wanted = threading.Event()  # set when something is


def current(site_id: UUID, announced: bytes | None) -> Served | None:
    """Return what the site serves; None when nothing is in memory and Postgres is away.

    Args:
        announced: the number in Redis, None when it is not known there.
    """
    served = _served.get(site_id)
    if served is not None and (announced is None or announced == served.token):
        return served
    return _newer(site_id, served, announced)


def _newer(site_id: UUID, served: Served | None, announced: bytes | None) -> Served | None:
    if served is not None and announced is not None:
        number = int(announced)
        known = max(_refused.get(site_id, 0), _coming.get(site_id, 0))
        if number <= max(served.number, known):
            return served
    # While one thread loads, the others go on with what they have.
    if not _loading.acquire(blocking=served is None):
        return served
    try:
        again = _served.get(site_id)
        if again is not None and again is not served:
            return again
        most = LONG_BYTES if served is not None and watched.is_set() else None
        return _load(site_id, served, most) or served
    finally:
        _loading.release()


def _load(site_id: UUID, old: Served | None, most: int | None = None) -> Served | None:
    """Read what serves, unless its list has more bytes than `most`: that is left to `watch`."""
    known = (str(site_id), -1 if old is None else old.number)
    try:
        rows = record_reads.rows(_NEWER, known, box_s=record_reads.LONGEST_BOX_S)
        if not rows:
            if old is None:
                _served[site_id] = old = nothing(site_id)
            return old
        number, published_at, has_parts, size = rows[0]
        if most is not None and size > most:
            _coming[site_id] = number
            wanted.set()
            return old
        served = _read(site_id, number, clock.to_ms(published_at), has_parts, old)
    except record_reads.RecordAway:
        return None
    except PersonalizationError:
        # Stored by another version of this code. What served goes on serving.
        logger.exception("decisions.publication_unreadable", extra={"number": number})
        _refused[site_id] = number
        return None
    _served[site_id] = served
    return served


def _read(site_id: UUID, number: int, at_ms: int, has_parts: bool, old: Served | None) -> Served:
    """Read a publication; of one in parts, only what this process has not got yet.

    Raises:
        RecordAway: Postgres did not answer.
        InvalidSnapshot: as `opened`.
    """
    place, site = (str(site_id), number), str(site_id)
    if not has_parts:
        [(text,)] = record_reads.rows(_WHOLE, place, box_s=LOAD_BOX_S)
        return opened(decode_snapshot(text))
    [(text,)] = record_reads.rows(_MANIFEST, place, box_s=LOAD_BOX_S)
    manifest = manifests.decoded(text)
    held: Mapping[str, Any] = {} if old is None else old.docs
    missing = [one.part for one in manifest.values() if one.part not in held]
    bodies: dict[str, str] = {}
    for begin in range(0, len(missing), PARTS_AT_ONCE):
        some = missing[begin : begin + PARTS_AT_ONCE]
        bodies.update(record_reads.rows(_PARTS, (site, some), box_s=LOAD_BOX_S))
    docs: dict[str, Any] = {}
    altered: manifests.Manifest = {}
    for name, entry in manifest.items():
        part = entry.part
        if part in held:
            docs[part] = held[part]
        elif part in bodies:
            docs[part] = manifests.document_in(entry.kind, bodies[part])
            digest = manifests.digest_of(entry.kind, bodies[part].encode())
            if digest != part:
                altered[name] = entry._replace(part=digest)
    document = manifests.put_together(site, number, at_ms, manifest, docs)
    compiled = compile_snapshot(document, previous=None if old is None else old.compiled)
    digest = manifests.served_digest(site, number, at_ms, manifest | altered)
    return Served(compiled, digest, docs)


def opened(document: SnapshotDoc, digest: str | None = None) -> Served:
    """Return a stored publication as it serves.

    Args:
        digest: of all that is stored; None: of a document that is stored whole.

    Raises:
        InvalidSnapshot: it contradicts itself, or this version of the code does not understand it.
    """
    return Served(
        compile_snapshot(document),
        manifests.whole_digest(document) if digest is None else digest,
    )


def held(site_id: UUID) -> Served | None:
    """Return what this process has in memory of a site, however old: its parts never change."""
    return _served.get(site_id)


def nothing(site_id: UUID) -> Served:
    """What a site serves that has published nothing."""
    return Served(compile_snapshot(SnapshotDoc(str(site_id), 0, 0)))


def numbers() -> dict[UUID, int]:
    """The number in force of each site that this process serves. One statement.

    Raises:
        RecordAway: Postgres did not answer.
    """
    sites = "{" + ",".join(map(str, _served)) + "}"
    if sites == "{}":
        return {}
    return {UUID(str(site)): number or 0 for site, number in record_reads.rows(_NUMBERS, (sites,))}


def load_all() -> None:
    """Load what sites serve, so that nobody's first request waits for it.

    Raises:
        RecordAway: Postgres did not answer.
    """
    for (site,) in record_reads.rows(_PUBLISHED, box_s=LOAD_BOX_S):
        current(UUID(str(site)), None)


def catch_up(site_id: UUID, number: int) -> None:
    """Load a publication that this process has not heard of, however large."""
    served = _served.get(site_id)
    if served is not None and number > max(served.number, _refused.get(site_id, 0)):
        with _loading:
            if _served.get(site_id) is served:
                _load(site_id, served)


def is_loaded() -> bool:
    """Whether this process can decide for some site."""
    return bool(_served)


def forget() -> None:
    """Serve nothing until it is loaded again (tests)."""
    _served.clear()
    _refused.clear()
    _coming.clear()
    wanted.clear()
