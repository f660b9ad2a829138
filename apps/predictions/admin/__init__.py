"""Models in the admin: questions in steps, what serves, every version's card, every training."""

from apps.predictions.admin.runs import TrainingRunAdmin
from apps.predictions.admin.specs import ModelSpecAdmin
from apps.predictions.admin.versions import ModelVersionAdmin

__all__ = ["ModelSpecAdmin", "ModelVersionAdmin", "TrainingRunAdmin"]
