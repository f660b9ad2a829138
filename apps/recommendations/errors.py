"""Refusals about items and recommenders."""

from engine.errors import PersonalizationError


class InvalidItems(PersonalizationError):
    """An item of a catalogue that cannot be read: the sentence says which, and why."""

    code = "invalid_items"


class RecommenderNotFound(PersonalizationError):
    """The site has no recommender of this key that serves."""

    code = "recommender_not_found"

    def __init__(self) -> None:
        super().__init__("The site has no recommender of this key that serves.")


class VersionNotServable(PersonalizationError):
    """A training whose lists cannot serve."""

    code = "version_not_servable"
