"""How the page of a site groups its fields."""

from collections.abc import Sequence
from typing import Any, Final

_GROUPS: Final = (
    (
        "Consent: which law applies",
        "What holds for visitors who have not chosen, and what signals of their browsers mean.",
        ("regime", "place_policy", "treats_gpc_as_refusal", "tcf_vendor_id"),
    ),
    (
        "Consent: how long a choice holds",
        "In months. Whoever said yes is asked again when it ends; whoever said no is left alone.",
        ("grant_months", "ask_again_months", "opt_out_months"),
    ),
    (
        "Who is responsible",
        "Named in notices and receipts, unless these say otherwise.",
        ("controller", "contact", "preferences_url"),
    ),
)


def in_groups(names: Sequence[str]) -> list[tuple[str | None, dict[str, Any]]]:
    """Return fieldsets of these fields: what is in no group stands first."""
    grouped = {name for _, _, own in _GROUPS for name in own}
    found: list[tuple[str | None, dict[str, Any]]] = [
        (None, {"fields": [name for name in names if name not in grouped]})
    ]
    for title, description, own in _GROUPS:
        fields = [name for name in own if name in names]
        if fields:
            found.append((title, {"fields": fields, "description": description}))
    return found
