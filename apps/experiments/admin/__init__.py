"""Experiments in the admin: designs in steps, metrics, layers and holdouts."""

from apps.experiments.admin.experiments import ExperimentAdmin
from apps.experiments.admin.holdouts import HoldoutAdmin
from apps.experiments.admin.layers import LayerAdmin
from apps.experiments.admin.metrics import MetricAdmin

__all__ = ["ExperimentAdmin", "HoldoutAdmin", "LayerAdmin", "MetricAdmin"]
