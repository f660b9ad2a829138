"""Refusals of rules."""

from engine.errors import PersonalizationError


class InvalidRule(PersonalizationError):
    """A rule that contradicts itself or its placement.

    Attributes:
        field: the field of the rule that is wrong, such as "variant".
    """

    code = "invalid_rule"

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        self.detail = detail
        self.errors = [{"pointer": f"/{field}", "code": self.code, "detail": detail}]
        super().__init__(detail)
