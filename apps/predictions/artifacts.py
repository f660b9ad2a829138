"""Trained trees on disk, in LightGBM's text form, checked against the hash kept in the database."""

import hashlib
import os
from pathlib import Path
from uuid import UUID

from django.conf import settings

from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelVersion


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


def load(version: ModelVersion) -> str:
    """Return the text of a version's model.

    Raises:
        ArtifactBroken: the file is missing, or is not the one that was stored.
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
    return content.decode()


def delete(version_id: UUID) -> None:
    """Delete the file of a version, if it is there."""
    _path(version_id).unlink(missing_ok=True)


def _path(version_id: UUID) -> Path:
    return Path(settings.ARTIFACT_DIR) / "predictions" / f"{version_id.hex}.txt"
