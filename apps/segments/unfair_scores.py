"""Conditions that decide by the score of a model whose last audit found a group treated worse."""

from uuid import UUID

from apps.predictions import selectors as predictions
from apps.profiles.state import SCORE_PREFIX
from apps.segments.findings import Finding, Severity
from apps.segments.scores_read import reads_of
from engine.conditions.nodes import Node


def findings_of(site_id: UUID, node: Node) -> list[Finding]:
    """Return a warning for each such score. One statement; none where no score is asked for."""
    asked = sorted(name for name in reads_of([node]) if name.startswith(SCORE_PREFIX))
    if not asked:
        return []
    unfair = predictions.unfair_of(site_id)
    found = []
    for name in asked:
        trait = unfair.get(name.removeprefix(SCORE_PREFIX).partition(".")[0])
        if trait is not None:
            text = (
                f'The last audit of the model behind "{name}" found that groups of "{trait}" are'
                " treated unlike. Look at its fairness page before you decide anything by it."
            )
            found.append(Finding("lint_unfair_score", Severity.WARNING, "", text))
    return found
