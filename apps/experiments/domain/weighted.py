"""Averages of arms whose shares moved: each participant counts by one over the arm's probability.

With moving shares the plain average of an arm is of another time than that of the others: an arm
that gets more people in December is measured in December. Weighted by one over the probability that
was logged when they came, the participants of each arm stand for all participants. Horvitz and
Thompson (1952); normalised by the sum of the weights (Hajek 1971), which leaves a bias of the order
1/n and takes most of the variance.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np

from apps.experiments.domain.sums import Sums


@dataclass(frozen=True, slots=True)
class Weighted:
    """Sums over participants of one arm; `w` is one over the probability of their arm.

    Attributes:
        n: participants.
        w, ww: sums of the weights and of their squares.
        wy, wwy, wwyy: sums of w y, w^2 y and w^2 y^2, for the values y.
    """

    n: int = 0
    w: float = 0.0
    ww: float = 0.0
    wy: float = 0.0
    wwy: float = 0.0
    wwyy: float = 0.0

    def __add__(self, other: "Weighted") -> "Weighted":
        return Weighted(*(getattr(self, one) + getattr(other, one) for one in NAMES))

    @classmethod
    def of(cls, y: Sequence[float], probability: Sequence[float]) -> "Weighted":
        """Take them from one value and one probability for each participant."""
        value, w = np.asarray(y, float), 1.0 / np.asarray(probability, float)
        ww = w * w
        products = (w, ww, w * value, ww * value, ww * value * value)
        return cls(len(value), *(float(one.sum()) for one in products))

    @property
    def mean(self) -> float:
        """The weighted average; 0 where nobody is."""
        return self.wy / self.w if self.w > 0 else 0.0

    @property
    def effective(self) -> float:
        """As many participants of equal weights would say as much (Kish)."""
        return self.w * self.w / self.ww if self.ww > 0 else 0.0

    @property
    def variance(self) -> float:
        """Of single values, so that the squared standard error is this over `effective`."""
        if self.ww <= 0:
            return 0.0
        mean = self.mean
        spread = self.wwyy - 2 * mean * self.wwy + mean * mean * self.ww
        return max(spread / self.ww, 0.0)

    @property
    def se(self) -> float:
        """The standard error of the average, with n - 1 for n; 0 where fewer than two are."""
        if self.n < 2 or self.effective <= 0:
            return 0.0
        return math.sqrt(self.variance / self.effective * self.n / (self.n - 1))

    @property
    def sums(self) -> Sums:
        """Plain sums of as many participants with this average and standard error."""
        if self.n == 0:
            return Sums()
        y = self.mean * self.n
        spread = self.se**2 * self.n * (self.n - 1)
        return Sums(n=self.n, y=y, yy=spread + y * y / self.n)


NAMES: Final = tuple(field.name for field in fields(Weighted))


def together(parts: Iterable[Weighted]) -> Weighted:
    """Return the sums of all parts."""
    found = Weighted()
    for part in parts:
        found += part
    return found
