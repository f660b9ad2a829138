"""What is predicted, by which model, how well, and what came of it."""

from apps.predictions.models.groups import Group
from apps.predictions.models.questions import ModelSpec
from apps.predictions.models.scores import Score
from apps.predictions.models.versions import ModelVersion, TrainingRun
from apps.predictions.models.watch import DriftLook, FairnessAudit

__all__ = [
    "DriftLook",
    "FairnessAudit",
    "Group",
    "ModelSpec",
    "ModelVersion",
    "Score",
    "TrainingRun",
]
