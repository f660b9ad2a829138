"""Reads of predictions."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from apps.predictions import artifacts
from apps.predictions.errors import ModelNotFound
from apps.predictions.models import FairnessAudit, ModelSpec, ModelVersion, Score
from apps.predictions.online import Online, online_of, specs_online
from apps.predictions.serving import Serving

__all__ = [
    "Online",
    "Serving",
    "card_of",
    "champion_by_key",
    "online_of",
    "online_traits",
    "scores_of",
    "serving_of",
    "text_of",
    "unfair_of",
]


def scores_of(profile_id: UUID) -> dict[str, float | str]:
    """Return what models say of a profile, by "key" or "key.output". One statement."""
    rows = Score.objects.filter(profile_id=profile_id).values_list(
        "spec__key", "output", "value", "label"
    )
    return {
        f"{key}.{output}" if output else key: label or (0.0 if value is None else value)
        for key, output, value, label in rows
    }


def unfair_of(site_id: UUID) -> dict[str, str]:
    """Return the trait by key of each model that serves and treats its groups unlike.

    As the last audit of the trait that is watched has it. One statement.
    """
    serving = ModelVersion.objects.filter(
        spec__site_id=site_id, state=ModelVersion.State.CHAMPION
    ).exclude(spec__audited_trait="")
    audits = FairnessAudit.objects.filter(
        version__in=serving, trait=F("version__spec__audited_trait")
    )
    newest = audits.order_by("version", "-audited_at", "-pk").distinct("version")
    rows = newest.values_list("version__spec__key", "trait", "verdict")
    return {key: trait for key, trait, verdict in rows if verdict == FairnessAudit.Verdict.UNFAIR}


def online_traits(site_id: UUID) -> list[str]:
    """Return the traits "score.<key>" of the questions that are answered online. One statement."""
    return [f"score.{key}" for key in specs_online(site_id).values_list("key", flat=True)]


def champion_by_key(site_id: UUID, key: str) -> ModelVersion:
    """Return what serves under a key, with its question. One statement.

    Raises:
        ModelNotFound: the site has no such model, or none that serves.
    """
    found = ModelVersion.objects.filter(
        spec__site_id=site_id, spec__key=key, spec__is_enabled=True,
        state=ModelVersion.State.CHAMPION,
    ).select_related("spec")  # fmt: skip
    version = found.first()
    if version is None:
        raise ModelNotFound(f"No model serves under the key '{key}'.")
    return version


def card_of(version: ModelVersion) -> Mapping[str, Any]:
    """Return what may be told of a version outside: question, columns, how well it does."""
    spec: ModelSpec = version.spec
    return {
        "key": spec.key,
        "name": spec.name,
        "kind": spec.kind,
        "foresees": spec.target_event or None,
        "withinHours": spec.horizon_hours,
        "version": version.number,
        "method": version.method,
        "trainedAt": version.trained_at.isoformat(),
        "servesSince": None if version.promoted_at is None else version.promoted_at.isoformat(),
        "isOnline": spec.serves_online,
        "features": list(version.feature_names),
        "card": version.card,
    }


_LOADED: Final = 8  # models that servers ask about, in the memory of this process
_served: OrderedDict[UUID, Serving] = OrderedDict()


def serving_of(version: ModelVersion) -> Serving:
    """Return a version loaded to answer single rows; its file is read once in this process.

    Raises:
        ArtifactBroken: its file is missing, or is not what was stored and signed.
        ModelUnavailable: what answers such models is not there.
    """
    found = _served.pop(version.pk, None) or Serving.of(version)
    _served[version.pk] = found
    while len(_served) > _LOADED:
        _served.popitem(last=False)
    return found


def text_of(version: ModelVersion) -> str:
    """Return what a version has learned, as it is stored: for exports.

    Raises:
        ArtifactBroken: its file is missing, or is not what was stored and signed.
    """
    return artifacts.load(version)
