"""What logged rounds say of another rule, for who has the rounds. Workers only (scikit-learn)."""

from apps.experiments.domain.what_if import Rounds, columns, judged

__all__ = ["Rounds", "columns", "judged"]
