"""Who may be in segments at all: the condition that every set-based question asks first."""

from apps.consent.gates import sql_stands
from apps.consent.types import Purpose
from apps.consent.vouching import sql_vouched


def may_be_placed(alias: str, *, site: str, now: str) -> str:
    """Return a condition of SQL: targeting stands for a row of profiles_profilestate.

    The live path asks the same of one person; see `apps.pipeline.person`.

    Args:
        site: an expression of the site's id, the same for all rows, so that it is asked once.
        now: an expression of type timestamptz.
    """
    return sql_stands(alias, Purpose.TARGETING, vouched=sql_vouched(site), now=now)
