"""Trained models on disk, as text: checked against the hash and the signature in the database."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelVersion

_PERSON: Final = b"attune.model.1"  # separates this use of the signing key from every other
# A file without a row, or half written, was left by a process that died; a living one is quicker.
LEFT_BEHIND: Final = timedelta(hours=12)


def store(version_id: UUID, text: str) -> str:
    """Write a model's text under the version's id and return its SHA-256, in hex.

    The file is there whole or not at all: it is renamed into its place.
    """
    path = _path(version_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    draft = path.with_suffix(f".{os.getpid()}.draft")
    draft.write_bytes(content)
    draft.replace(path)
    return hashlib.sha256(content).hexdigest()


def sign(version: ModelVersion) -> str:
    """Return the signature of a version: over its file and all that shapes what it says."""
    return _signature(settings.SIGNING_KEY, version)


def load(version: ModelVersion) -> str:
    """Return the text of a version's model.

    Raises:
        ArtifactBroken: the file is missing or not the one that was stored, or what the database
            says of it was not signed with a key of ours.
    """
    path = _path(version.pk)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactBroken(
            f"The file of {version} cannot be read ({error.strerror}): train it again."
        ) from error
    if hashlib.sha256(content).hexdigest() != version.artifact_sha256:
        raise ArtifactBroken(f"The file of {version} is not the one that was stored.")
    if not is_signed(version):
        raise ArtifactBroken(
            f"{version} is not signed by this installation: train it again, or keep the key that "
            "signed it in SIGNING_KEYS_RETIRED."
        )
    return content.decode()


def is_signed(version: ModelVersion) -> bool:
    """Whether a key of ours, or one that is retired, has signed what a version says."""
    return any(
        hmac.compare_digest(_signature(key, version), version.signature)
        for key in (settings.SIGNING_KEY, *settings.SIGNING_KEYS_RETIRED)
    )


def delete(version_id: UUID) -> None:
    """Delete the file of a version, if it is there."""
    _path(version_id).unlink(missing_ok=True)


def sweep(*, now: datetime) -> int:
    """Delete what dead processes left in the folder: drafts, and files that no version has."""
    cutoff = (now - LEFT_BEHIND).timestamp()
    old = [path for path in _folder().glob("*") if _modified(path) < cutoff]
    stems = {path: _id_of(path) for path in old if path.suffix == ".txt"}
    known = _known(found for found in stems.values() if found is not None)
    left = [path for path in old if path.suffix == ".draft"]
    left += [path for path, found in stems.items() if found is not None and found not in known]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


def _known(ids: Iterable[UUID]) -> set[UUID]:
    return set(ModelVersion.objects.filter(pk__in=list(ids)).values_list("pk", flat=True))


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")  # another process has moved it meanwhile


def _id_of(path: Path) -> UUID | None:
    try:
        return UUID(hex=path.stem)
    except ValueError:
        return None


def _signature(secret: str, version: ModelVersion) -> str:
    key = hashlib.blake2b(secret.encode(), person=_PERSON, digest_size=32).digest()
    said = {
        "id": version.pk.hex,
        "artifact": version.artifact_sha256,
        "features": version.feature_names,
        "calibration": version.calibration,
        "question": version.lineage.get("question"),
        "data": version.data_sha256,
        "method": version.method,
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _folder() -> Path:
    return Path(settings.ARTIFACT_DIR) / "predictions"


def _path(version_id: UUID) -> Path:
    return _folder() / f"{version_id.hex}.txt"
