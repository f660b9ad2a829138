"""Refusals of this app. Each has a code that does not change and a sentence that helps."""

from engine.errors import PersonalizationError


class UnknownFeature(PersonalizationError):
    """A feature name that nothing computes."""

    code = "unknown_feature"


class InvalidHyperparameters(PersonalizationError):
    """Hyperparameters that no model can be built from."""

    code = "invalid_hyperparameters"


class InvalidTarget(PersonalizationError):
    """A target that nobody could be seen to reach."""

    code = "invalid_target"


class ArtifactBroken(PersonalizationError):
    """A stored model is missing, or is not what was stored."""

    code = "artifact_broken"


class ModelRefused(PersonalizationError):
    """A training ended without a model that would help."""

    code = "model_refused"


class GateFailed(PersonalizationError):
    """A model may not serve: it has not passed a gate, or nobody who may has said yes to it."""

    code = "gate_failed"


class RowRefused(PersonalizationError):
    """A row of features that a model cannot answer: too long, too short, infinite or no numbers."""

    code = "row_refused"


class ModelUnavailable(PersonalizationError):
    """A model cannot be answered now: its file, or the library that reads it, is not there."""

    code = "model_unavailable"


class ModelNotFound(PersonalizationError):
    """The site has no model of this key that serves."""

    code = "model_not_found"
