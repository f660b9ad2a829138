"""Whether a version may serve as its last fairness audit has it. Nothing here is heavy."""

from datetime import datetime
from typing import Final

from apps.predictions.gates import FAIR, LEAST_NOTE, Gate
from apps.predictions.models import FairnessAudit, ModelVersion

Verdict = FairnessAudit.Verdict
UNTOLD: Final = (
    "Whether it is fair cannot be told, and that is no yes: a person has to say why it may serve "
    "all the same."
)


def check(version: ModelVersion, now: datetime) -> Gate | None:
    """The gate: the last audit of the trait that is watched found nothing unfair. One query.

    What cannot be told passes only where a person has said yes after that audit, with a reason.
    """
    trait = version.spec.audited_trait
    if not trait:
        return FAIR, True, "No trait is watched: name one on the model's page to have it audited."
    last = newest(version)
    if last is None:
        return FAIR, False, f"How it treats the groups of “{trait}” has not been looked at yet."
    if last.verdict != Verdict.UNKNOWN:
        return FAIR, last.verdict == Verdict.FINE, last.words
    if has_answered(version, last):
        note = version.approval_note.strip()
        return FAIR, True, f"It cannot be told; a person has said why it may serve: “{note}”."
    return FAIR, False, f"{UNTOLD} {last.words}"


def has_answered(version: ModelVersion, audit: FairnessAudit) -> bool:
    """Whether a person has said yes, and why, knowing what an audit could not tell."""
    return (
        version.approved_at is not None
        and version.approved_at >= audit.audited_at
        and len(version.approval_note.strip()) >= LEAST_NOTE
    )


def newest(version: ModelVersion) -> FairnessAudit | None:
    """Return the last audit of the trait that the version's question watches. One query."""
    audits = version.audits.filter(trait=version.spec.audited_trait)
    return audits.order_by("-audited_at", "-pk").first()
