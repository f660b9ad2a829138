"""When an arm is stopped without anybody's act: tests that hold however often they are made.

Results are worked out every few minutes. A test made for one look would stop healthy arms sooner
or later; these are bounds on ever doing so (Ville's inequality: a process that is a fair game under
the hypothesis comes to 1/alpha with a probability of alpha at the most).
"""

import math
from collections.abc import Sequence
from typing import Final

from scipy import special

# How near to the planned shares a wrong split is supposed to be: far off, and found among few
# people; or near, and found among many.
CONCENTRATIONS: Final = (10.0, 100.0, 1_000.0)
SPLIT_ALPHA: Final = 0.001
SPLIT_SEEN: Final = 0.01  # from here on no winner is shown
ERRORS_ALPHA: Final = 0.001


def split_p(counts: Sequence[int], weights: Sequence[float]) -> float | None:
    """Return the always valid p of the planned shares; None where there is nothing to judge.

    A multinomial with the planned shares against an even mixture of Dirichlets around them. Source:
    Lindon, Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022.

    Raises:
        ValueError: not one weight for each count.
    """
    pairs = [(n, w) for n, w in zip(counts, weights, strict=True) if w > 0]
    if any(n for n, w in zip(counts, weights, strict=True) if w <= 0):
        return 0.0  # somebody is where nobody should be
    if len(pairs) < 2 or not any(n for n, _ in pairs):
        return None
    whole = sum(w for _, w in pairs)
    shares = [w / whole for _, w in pairs]
    seen = [n for n, _ in pairs]
    log_bayes = special.logsumexp([_log_bayes(seen, shares, one) for one in CONCENTRATIONS])
    log_bayes -= math.log(len(CONCENTRATIONS))
    return min(1.0, math.exp(-min(float(log_bayes), 700.0)))


def _log_bayes(counts: Sequence[int], shares: Sequence[float], concentration: float) -> float:
    """The logarithm of how much likelier counts are by a Dirichlet around shares than by these."""
    found = math.lgamma(concentration) - math.lgamma(concentration + sum(counts))
    for n, share in zip(counts, shares, strict=True):
        alpha = concentration * share
        found += math.lgamma(alpha + n) - math.lgamma(alpha) - n * math.log(share)
    return found


def more_p(events: int, others: int, share: float) -> float:
    """Return the always valid p of "an event falls here with at most this probability".

    Args:
        events: those that fell here; others: those that fell elsewhere.
        share: the most that the hypothesis allows, in (0, 1).

    The likelihood beside that of `share`, averaged over all larger ones evenly.

    Raises:
        ValueError: a share outside (0, 1), or a count below zero.
    """
    if not 0 < share < 1 or min(events, others) < 0:
        raise ValueError("A share lies between 0 and 1, and a count is not negative.")
    a, b = events + 1.0, others + 1.0
    above = special.betaincc(a, b, share)
    if above <= 0:
        return 1.0
    log_e = (
        special.betaln(a, b)
        + math.log(above)
        - math.log1p(-share)
        - events * math.log(share)
        - others * math.log1p(-share)
    )
    return min(1.0, math.exp(-max(min(float(log_e), 700.0), 0.0)))


def few_p(
    own: float, own_n: int, control: float, control_n: int, margin: float, *, is_more_better: bool
) -> float:
    """Return the always valid p of "an arm is worse by no more than the margin", from few events.

    Where hardly anybody does something, intervals say nothing; but of those who do, an arm that is
    not worse has its part.

    Args:
        own, control: how many did it; own_n, control_n: of how many.
        margin: in parts of the control's rate, at least 0.
    """
    if min(own_n, control_n) <= 0 or margin < 0 or (is_more_better and margin >= 1):
        return 1.0
    if is_more_better:
        # Those of the control: more than its part of them, when the arm loses some.
        share = control_n / (control_n + own_n * (1 - margin))
        return more_p(round(control), round(own), share)
    share = own_n * (1 + margin) / (control_n + own_n * (1 + margin))
    return more_p(round(own), round(control), share)
