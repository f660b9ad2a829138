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


class OrderChanged(PersonalizationError):
    """The order of a placement's rules is another one than the one that was looked at."""

    code = "rules_changed"

    def __init__(self) -> None:
        super().__init__(
            "Somebody else has changed these rules since you opened this page. "
            "Look at the order as it is now, then move them again."
        )


class InvalidTable(PersonalizationError):
    """A table of rules that cannot be read, or not be saved as it is."""

    code = "invalid_rule_table"
