"""What other apps receive from rules."""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

# No rule of an editor has a key with a colon.
TRIGGER_RULE: Final = "trigger:"


def rule_key_of(trigger_key: str) -> str:
    """Return the key of the rule that shows what a trigger shows."""
    return TRIGGER_RULE + trigger_key


@dataclass(frozen=True, slots=True)
class Fired:
    """A trigger that has fired for a profile, for whoever tells open pages.

    Attributes:
        placement, rule: where its content stands and by which rule; empty without content.
        message: JSON for the page's script; None for none.
        is_granted: personalization is consented to on record, not only not refused.
    """

    site_id: UUID
    profile_id: UUID
    key: str
    placement: str
    rule: str
    message: Any
    is_granted: bool
