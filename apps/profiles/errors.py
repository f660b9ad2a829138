"""Refusals of this app."""

from engine.errors import PersonalizationError


class ProfileNotFound(PersonalizationError):
    """No profile carries the identity that was asked for."""

    code = "profile_not_found"

    def __init__(self) -> None:
        super().__init__("No profile has this identity.")


class CannotUndo(PersonalizationError):
    """A merge that cannot be undone now; the text says why, and what to do first."""

    code = "cannot_undo_merge"


class CannotMerge(PersonalizationError):
    """Two profiles cannot be joined by hand, now or ever; the text says why."""

    code = "cannot_merge_profiles"
