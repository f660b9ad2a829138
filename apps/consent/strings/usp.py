"""US Privacy strings of version 1: "1YNN".

Source: IAB Tech Lab, "U.S. Privacy String", version 1.
"""

import re
from dataclasses import dataclass
from typing import Final

# Small letters are written too, and nothing is ever granted by this string.
_FORM: Final = re.compile("1[YN-][YN-][YN-]", re.ASCII | re.IGNORECASE)
_ANSWERS: Final = {"Y": True, "N": False, "-": None}


@dataclass(frozen=True, slots=True)
class Usp:
    """The three answers: yes, no, or None for what does not apply or is not known.

    `has_notice` that the visitor was told of the right to opt out, `has_opted_out` of sale,
    `is_covered` that the limited service provider agreement covers it.
    """

    has_notice: bool | None
    has_opted_out: bool | None
    is_covered: bool | None


def read_usp(text: str) -> Usp | None:
    """Return what a US Privacy string says; None if it is not four letters of version 1."""
    if _FORM.fullmatch(text) is None:
        return None
    return Usp(*(_ANSWERS[letter] for letter in text[1:].upper()))
