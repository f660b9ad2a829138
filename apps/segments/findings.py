"""What the linter has to say about a segment, in words for editors."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """ERROR: it cannot be meant so. WARNING: somebody should look. INFO: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell.

    Attributes:
        code: stable, begins with "lint_".
        path: of the part below `where`, as refusals name it ("all[1].any[0]"); "" is the condition.
        text: what is the matter and what to do.
        other: key of another segment, or rule, that it is about.
    """

    code: str
    severity: Severity
    path: str
    text: str
    other: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON, severity as its word."""
        return asdict(self) | {"severity": str(self.severity)}
