"""From whom no model learns: apps that come later say it, as a condition of SQL.

A visitor who is held out does what people do without personalization. Models that learn of them
would be judged beside people they know.
"""

from typing import Final

_conditions: Final[dict[str, str]] = {}


def register(name: str, condition: str) -> None:
    """Keep profiles out of all learning; called once from an app's ready().

    Args:
        condition: of SQL, true of who is kept out; `{who}` stands for the profile's id.
    """
    _conditions[name] = condition


def sql_teaches(who: str) -> str:
    """Return a condition of SQL: models may learn of a profile.

    Args:
        who: an expression of the profile's id.
    """
    return " AND ".join(["true", *(f"NOT ({one.format(who=who)})" for one in _conditions.values())])
