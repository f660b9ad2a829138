"""Refusals of the studio's own doors."""

from engine.errors import PersonalizationError


class Unreadable(PersonalizationError):
    """A script sent something that is no form of the editors' pages."""

    code = "invalid_form"

    def __init__(self) -> None:
        super().__init__("This form cannot be kept unsaved. Save it.")


class NotYours(PersonalizationError):
    """Somebody else has logged in since the page was opened."""

    code = "other_user"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"You are logged in as {name} now, and this page was opened by somebody else. Log in "
            "again to save it."
        )
