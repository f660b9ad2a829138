"""What a dry run found, in words. Pure: counts in, sentences out."""

from collections.abc import Mapping, Sequence
from typing import Any

DEFAULT_WORDS = "nothing"


def sentence(found: Mapping[str, Any]) -> str:
    """Return the one line that says it.

    Args:
        found: changed, same, unknown, records, and moves as [placement, before, after, count].
    """
    if not found["records"]:
        return "No page has asked in these days: there is nothing to try it on."
    known, unknown = found["changed"] + found["same"], found["unknown"]
    if not known and not unknown:
        return "No call of these days asked for a placement that serves."
    if not known:
        return (
            f"Of {_count(unknown, 'decision')} none can be told: this reads what the decisions of "
            "these days did not look at. After a publication that reads it, it can be tried."
        )
    sure = "all are known" if not unknown else f"known for {share(known, known + unknown)}"
    if not found["changed"]:
        return f"Would have changed no decision ({sure})."
    mostly = mostly_words(found["moves"])
    return f"Would have changed {share(found['changed'], known)} of decisions ({sure}){mostly}."


def mostly_words(moves: Sequence[Sequence[Any]]) -> str:
    """What changes most, behind a comma; empty without any."""
    if not moves:
        return ""
    placement, before, after, _ = moves[0]
    mostly = ", mostly" if len(moves) > 1 else ","
    return f"{mostly} {placement}: {before or DEFAULT_WORDS} → {after or DEFAULT_WORDS}"


def share(part: int, whole: int) -> str:
    """A part of a whole in percent; never 0 % of something, nor 100 % of less than all."""
    if not whole or not part:
        return "0 %"
    pct = 100 * part / whole
    if pct < 0.1:
        return "less than 0.1 %"
    if part < whole and pct > 99.9:
        return "more than 99.9 %"
    return f"{pct:.1f} %".replace(".0 %", " %")


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
