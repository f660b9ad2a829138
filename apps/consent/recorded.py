"""What somebody has said, as a fact that conditions ask for; what may be done is in gates.py."""

from apps.consent.types import Purpose


def has_refused(row_denied: int, purpose: Purpose) -> bool:
    """Whether a no is recorded."""
    return row_denied & int(purpose) != 0


def has_agreed(row_granted: int, purpose: Purpose) -> bool:
    """Whether a yes is recorded."""
    return row_granted & int(purpose) != 0


def sql_said(alias: str, purpose: Purpose) -> str:
    """Return an expression of SQL: true for a recorded yes, false for a no, NULL for neither.

    Args:
        alias: of a row of profiles_profilestate.
    """
    bit = int(purpose)
    return (
        f"(CASE WHEN {alias}.denied & {bit} <> 0 THEN false"
        f" WHEN {alias}.granted & {bit} <> 0 THEN true END)"
    )
