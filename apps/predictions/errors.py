"""Refusals of this app. Each has a code that does not change and a sentence that helps."""

from engine.errors import PersonalizationError


class UnknownFeature(PersonalizationError):
    """A feature name that nothing computes."""

    code = "unknown_feature"


class InvalidHyperparameters(PersonalizationError):
    """Hyperparameters that no model can be built from."""

    code = "invalid_hyperparameters"


class ArtifactBroken(PersonalizationError):
    """A stored model is missing, or is not what was stored."""

    code = "artifact_broken"


class ModelRefused(PersonalizationError):
    """A training ended without a model that would help."""

    code = "model_refused"
