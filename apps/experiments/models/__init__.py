"""Experiments: their design, what runs of them, and what they say."""

from apps.experiments.models.design import Arm, Cause, Experiment, Goal, Holdout, Layer, Metric
from apps.experiments.models.figures import BanditSum, DaySum, Look, Result, Uncounted
from apps.experiments.models.running import Change, Cursor, Participant, Phase, Reopened, Serving
from apps.experiments.models.what_if import WhatIf
from apps.experiments.models.worth import (
    ChoiceWorth,
    HoldoutMember,
    HoldoutSum,
    HoldoutTurn,
    Worth,
    WorthAsked,
)

__all__ = [
    "Arm",
    "BanditSum",
    "Cause",
    "Change",
    "ChoiceWorth",
    "Cursor",
    "DaySum",
    "Experiment",
    "Goal",
    "Holdout",
    "HoldoutMember",
    "HoldoutSum",
    "HoldoutTurn",
    "Layer",
    "Look",
    "Metric",
    "Participant",
    "Phase",
    "Reopened",
    "Result",
    "Serving",
    "Uncounted",
    "WhatIf",
    "Worth",
    "WorthAsked",
]
