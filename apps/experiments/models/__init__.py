"""Experiments: their design, what runs of them, and what they say."""

from apps.experiments.models.design import Arm, Experiment, Goal, Holdout, Layer, Metric
from apps.experiments.models.figures import DaySum, Look, Result
from apps.experiments.models.running import Change, Cursor, Participant, Phase, Reopened, Serving

__all__ = [
    "Arm",
    "Change",
    "Cursor",
    "DaySum",
    "Experiment",
    "Goal",
    "Holdout",
    "Layer",
    "Look",
    "Metric",
    "Participant",
    "Phase",
    "Reopened",
    "Result",
    "Serving",
]
