"""A publication taken apart into parts known by their digests, and put together again. Pure.

The manifest names every part: [kind, key, content, part]. `content` is the digest without the
versions of variants, which only publishing gives: by it a draft is compared with what serves. The
SHA-256 of the manifest stands for all that a publication says, because a part is its digest.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec

from engine.capping import CapDoc
from engine.errors import InvalidSnapshot
from engine.snapshot import (
    BlockDoc,
    ExperimentDoc,
    HoldoutDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    encode_snapshot,
)

Doc: TypeAlias = (
    PlacementDoc | BlockDoc | RuleDoc | CapDoc | SegmentDoc | ExperimentDoc | HoldoutDoc
)
Name: TypeAlias = tuple[str, str]  # (kind, key)

# kind -> (its documents, where they stand in a snapshot, what they are sorted by there)
KINDS: Final[Mapping[str, tuple[type[Any], str, str]]] = {
    "placement": (PlacementDoc, "placements", "key"),
    "block": (BlockDoc, "blocks", "key"),
    "rule": (RuleDoc, "rules", "key"),
    "segment": (SegmentDoc, "segments", "number"),
    "cap": (CapDoc, "caps", "number"),
    "experiment": (ExperimentDoc, "experiments", "key"),
    "holdout": (HoldoutDoc, "holdouts", "key"),
}


class Entry(NamedTuple):
    """One line of a manifest."""

    kind: str
    key: str
    content: str
    part: str


Manifest: TypeAlias = dict[Name, Entry]

_lines: Final = msgspec.json.Decoder(list[Entry])
_docs: Final = {kind: msgspec.json.Decoder(type) for kind, (type, _, _) in KINDS.items()}


def encoded(manifest: Manifest) -> str:
    """Return a manifest as it is stored: the same parts give the same text."""
    return msgspec.json.encode(sorted(manifest.values())).decode()


def decoded(text: str) -> Manifest:
    """Read a stored manifest.

    Raises:
        InvalidSnapshot: it is none.
    """
    try:
        return {(one.kind, one.key): one for one in _lines.decode(text)}
    except msgspec.MsgspecError as error:
        raise InvalidSnapshot("manifest", str(error)) from error


def digest_of(kind: str, body: bytes) -> str:
    """Return the digest of a part, in hex."""
    return hashlib.sha256(kind.encode() + b"\n" + body).hexdigest()


def body_of(doc: Doc) -> bytes:
    """Return a document as its part holds it; equal documents give equal bytes."""
    # Defaults are left out by identity: a text of a database is never one, what was read is.
    read = msgspec.json.decode(msgspec.json.encode(doc), type=type(doc))
    return msgspec.json.encode(read, order="deterministic")


def document_in(kind: str, body: bytes | str) -> Any:
    """Return the document of a part.

    Raises:
        InvalidSnapshot: another version of this code made it.
    """
    decoder = _docs.get(kind)
    if decoder is None:
        raise InvalidSnapshot("manifest", f"holds a '{kind}', which is unknown here")
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidSnapshot(kind, str(error)) from error


def without_versions(doc: Doc) -> Doc:
    """Return a document as a draft has it: publishing gives variants their versions."""
    if not isinstance(doc, BlockDoc):
        return doc
    variants = [msgspec.structs.replace(one, version=0) for one in doc.variants]
    return msgspec.structs.replace(doc, variants=variants)


def entry_of(kind: str, doc: Doc) -> tuple[Entry, bytes]:
    """Return the line and the body of a document as it is published."""
    body = body_of(doc)
    part = digest_of(kind, body)
    bare = without_versions(doc)
    content = part if bare is doc else digest_of(kind, body_of(bare))
    return Entry(kind, doc.key, content, part), body


def taken_apart(document: SnapshotDoc) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest of a document, and the bodies by their digests."""
    manifest: Manifest = {}
    bodies: dict[str, bytes] = {}
    for kind, (_, plural, _) in KINDS.items():
        for doc in getattr(document, plural):
            entry, body = entry_of(kind, doc)
            manifest[kind, entry.key] = entry
            bodies[entry.part] = body
    return manifest, bodies


def put_together(
    site_id: str, number: int, at_ms: int, manifest: Manifest, docs: Mapping[str, Any]
) -> SnapshotDoc:
    """Return the snapshot of a manifest.

    Args:
        docs: the documents by the digests of their parts.

    Raises:
        InvalidSnapshot: a part is not among them.
    """
    found: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for entry in manifest.values():
        if entry.part not in docs or entry.kind not in found:
            raise InvalidSnapshot("manifest", f"names a {entry.kind} '{entry.key}' that is gone")
        found[entry.kind].append(docs[entry.part])
    parts = {}
    for kind, (_, plural, order) in KINDS.items():
        parts[plural] = sorted(found[kind], key=attrgetter(order))
    return SnapshotDoc(site_id, number, at_ms, **parts)


def content_digest(manifest: Manifest) -> str:
    """Return the SHA-256 of what a publication says, apart from its number and its time."""
    return hashlib.sha256(encoded(manifest).encode()).hexdigest()


def served_digest(site_id: str, number: int, at_ms: int, manifest: Manifest) -> str:
    """Return what decision records know a publication by: its number and time count too."""
    head = f"{site_id} {number} {at_ms}\n"
    return hashlib.sha256((head + encoded(manifest)).encode()).hexdigest()


def counted(manifest: Iterable[Entry], hidden: Collection[str] = ()) -> dict[str, int]:
    """Return how many things of each kind there are, without segments of these keys."""
    counts = dict.fromkeys(KINDS, 0)
    for entry in manifest:
        if entry.kind != "segment" or entry.key not in hidden:
            counts[entry.kind] += 1
    return counts


def whole_digest(document: SnapshotDoc) -> str:
    """Return what decision records know a publication by that is stored whole."""
    return hashlib.sha256(encode_snapshot(document)).hexdigest()


def read_json(body: str) -> Any:
    """Return what a part holds that is no document of a snapshot."""
    return msgspec.json.decode(body)
