"""How somebody's engagement has gone over the last weeks: rising, fading, in bursts."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

WEEKS: Final = 8
# By name: what is measured, in words.
NAMES: Final[dict[str, str]] = {
    "trend:slope": "trend of visits over eight weeks (-1 fading, 1 rising)",
    "trend:since_peak": "weeks since the busiest week",
    "trend:weeks": "weeks with a visit, of the last eight",
    "trend:bursts": "share of all visits in the busiest week",
}

Matrix = NDArray[np.float64]


def trajectories(weeks: Matrix) -> Matrix:
    """Return the columns of NAMES, in that order: float64 (people, 4).

    Args:
        weeks: events by week, the oldest first: float64 (people, WEEKS). Who has none gets NaN.
    """
    total = weeks.sum(1)
    known = total > 0
    shares = weeks / np.where(known, total, 1.0)[:, None]
    # Where the middle of their visits lies, between the first week (-1) and the last (1).
    middle = shares @ np.linspace(-1.0, 1.0, weeks.shape[1])
    newest_peak = weeks[:, ::-1].argmax(1).astype(float)
    found = np.column_stack([middle, newest_peak, (weeks > 0).sum(1), shares.max(1)])
    found[~known] = np.nan
    return found
