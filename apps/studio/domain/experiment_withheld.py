"""A result as it may be told: nothing that fewer than ten people stand behind.

The page and the download are made of the same answer, so that their numbers agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from apps.access.small_cells import FEW, FEWEST, suppress_list

TOO_FEW: Final = "Fewer than ten people are in an arm: nothing is told of so few."
_OF_AN_EFFECT: Final = (
    "value", "of_control", "diff", "se", "interval", "relative", "relative_interval", "p",
    "p_adjusted", "reduction", "guarded", "bayes", "post_stratified",
)  # fmt: skip
JSON = Any


def withheld(document: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the document of a result without what small arms would tell of single people."""
    arms = document.get("arms", [])
    counts, total = suppress_list([int(arm["n"]) for arm in arms], is_total_shown=True)
    is_small = {arm["key"]: int(arm["n"]) < FEWEST for arm in arms}
    is_control_small = any(is_small[arm["key"]] for arm in arms if arm["is_control"])
    return {
        **document,
        "participants": total,
        "arms": [{**arm, "n": n} for arm, n in zip(arms, counts, strict=True)],
        "health": [_check(check, any(is_small.values())) for check in document.get("health", [])],
        "metrics": [
            {
                **metric,
                "effects": [
                    _effect(one, is_control_small or is_small.get(one["arm"], False))
                    for one in metric["effects"]
                ],
            }
            for metric in document.get("metrics", [])
        ],
        "bandit": _bandit(document.get("bandit")),
    }


def _bandit(found: Mapping[str, JSON] | None) -> dict[str, JSON] | None:
    if not found:
        return None
    matured = {arm: n if n >= FEWEST else None for arm, n in (found.get("matured") or {}).items()}
    return {**found, "matured": matured}


def _effect(effect: Mapping[str, JSON], is_small: bool) -> dict[str, JSON]:
    # People whom a metric counts may be fewer than those who take part: one of a week's end.
    counted = (effect.get("n") or 0, effect.get("n_control") or 0)
    if not is_small and (min(counted) >= FEWEST or not any(counted)):
        return dict(effect)
    nothing = dict.fromkeys(_OF_AN_EFFECT)
    return {**effect, **nothing, "n": None, "n_control": None, "reason": TOO_FEW}


def _check(check: Mapping[str, JSON], is_small: bool) -> dict[str, JSON]:
    """A check with its table; where an arm is small the split is told without its counts."""
    found = dict(check)
    if is_small and check["name"] == "split" and check["level"] != "fine":
        found["words"] = "An arm has fewer than ten participants: whether the split is right "
        found["words"] += "cannot be told yet."
    table = check.get("table")
    if table:
        found["table"] = {**table, "rows": [_told(row) for row in table.get("rows", [])]}
    return found


def _told(row: Sequence[JSON]) -> list[JSON]:
    """Counts of people are whole numbers; shares and p-values are not."""
    is_few = [
        isinstance(cell, int) and not isinstance(cell, bool) and cell < FEWEST for cell in row
    ]
    return [FEW if few else cell for cell, few in zip(row, is_few, strict=True)]


def days_withheld(counts: Sequence[int]) -> list[int | None]:
    """Return how many joined on each day of an arm, whose sum is told, as they may be told."""
    return suppress_list(list(counts), is_total_shown=True)[0]
