"""Gates that are measured while a version is trained: figures in, a verdict and a sentence out."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

Gate = tuple[str, bool, str]

MOST_ERROR: Final = 0.05  # mean distance between foreseen and happened
LEAST_COVERED: Final = 8  # of ten groups, in whose interval the foreseen lies
STEADY_WITHIN: Final = 0.05  # of AUC
QUICK_US: Final = 100.0
_Z: Final = 1.96


def beats_rules(gains: Mapping[str, tuple[float, float]]) -> Gate:
    """Whether a model is surely less surprised than each simple rule.

    Args:
        gains: rule in words -> (mean log loss of the rule minus the model's, its standard error).
    """
    if not gains:
        return "beats_rules", True, "There was no simpler rule to hold it against."
    rule, (mean, error) = min(gains.items(), key=lambda pair: pair[1][0] - 1.645 * pair[1][1])
    if mean > 1.645 * error:
        return (
            "beats_rules",
            True,
            f"It is surely better than every simple rule; the nearest is {rule}.",
        )
    return (
        "beats_rules",
        False,
        f"It is not surely better than {rule}: that rule would do, and everyone understands it.",
    )


def calibrated(error: float, bins: Sequence[Sequence[float]]) -> Gate:
    """Whether what is foreseen happens as often as foreseen.

    Args:
        error: mean distance, a share.
        bins: (foreseen, happened, rows) of groups of visitors foreseen alike.
    """
    covered = sum(_covers(happened, rows, foreseen) for foreseen, happened, rows in bins)
    least = math.ceil(LEAST_COVERED / 10 * len(bins))
    is_near = error <= MOST_ERROR
    return (
        "calibrated",
        is_near and covered >= least,
        f"On average it is off by {error * 100:.1f} percentage points (at most "
        f"{MOST_ERROR * 100:.0f}); in {covered} of {len(bins)} groups of visitors as many did it "
        f"as it foresaw, but for chance (at least {least}).",
    )


def steady(before: float, after: float, positives: int, rows: int) -> Gate:
    """Whether it tells visitors apart as well at the newest time as at the one before.

    Args:
        before, after: AUC of the two times that did not teach.
        positives, rows: of the newest.
    """
    slack = _Z * math.hypot(
        auc_error(after, positives, rows - positives),
        auc_error(before, positives, rows - positives),
    )
    drop = before - after
    is_steady = drop <= max(STEADY_WITHIN, slack)
    told = f"AUC {before:.3f} at the time before, {after:.3f} at the newest."
    return "steady", is_steady, told if is_steady else f"It is getting worse: {told}"


def quick(us: float | None) -> Gate:
    """Whether one visitor is answered quickly enough.

    Args:
        us: microseconds a visitor, None where it could not be measured.
    """
    if us is None:
        return "quick", True, "How long one answer takes was not measured."
    return (
        "quick",
        us <= QUICK_US,
        f"One answer takes {us:.0f} microseconds on this machine (at most {QUICK_US:.0f}).",
    )


def no_leak(words: Sequence[str]) -> Gate:
    """Whether nothing it looks at knows what it is to foresee; `words` name what might."""
    if not words:
        return "no_leak", True, "Nothing that it looks at could know what it foresees."
    return "no_leak", False, " ".join(words)


def auc_error(auc: float, positives: int, negatives: int) -> float:
    """Return the standard error of an AUC. Source: Hanley and McNeil, Radiology 143 (1982)."""
    if positives < 1 or negatives < 1:
        return 0.0
    first, second = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = (
        auc * (1 - auc)
        + (positives - 1) * (first - auc * auc)
        + (negatives - 1) * (second - auc * auc)
    )
    return math.sqrt(max(spread, 0.0) / (positives * negatives))


def _covers(happened: float, rows: float, foreseen: float) -> bool:
    """Whether Wilson's 95 % interval of a share holds what was foreseen. Source: Wilson (1927)."""
    if not rows:
        return True
    square = _Z * _Z
    middle = (happened + square / (2 * rows)) / (1 + square / rows)
    half = (
        _Z
        * math.sqrt(happened * (1 - happened) / rows + square / (4 * rows * rows))
        / (1 + square / rows)
    )
    return abs(middle - foreseen) <= half
