"""Whether a version may serve as its last fairness audit has it. Nothing here is heavy."""

from datetime import datetime

from apps.predictions.gates import FAIR, Gate
from apps.predictions.models import FairnessAudit, ModelVersion


def check(version: ModelVersion, now: datetime) -> Gate | None:
    """The gate: the last audit of the trait that is watched is not red. One query."""
    trait = version.spec.audited_trait
    if not trait:
        return FAIR, True, "No trait is watched: name one on the model's page to have it audited."
    last = newest(version)
    if last is None:
        return FAIR, False, f"How it treats the groups of “{trait}” has not been looked at yet."
    return FAIR, last.verdict != FairnessAudit.Verdict.UNFAIR, last.words


def newest(version: ModelVersion) -> FairnessAudit | None:
    """Return the last audit of the trait that the version's question watches. One query."""
    audits = version.audits.filter(trait=version.spec.audited_trait)
    return audits.order_by("-audited_at", "-pk").first()
