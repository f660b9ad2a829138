"""Lifetime value foreseen and held against what came: fitted on two thirds, judged on the rest.

What does not foretell is told so and refused: a number in money that is wrong is worse than none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from apps.predictions.domain.lifetime import (
    Buying,
    Spending,
    chance_alive,
    expected_purchases,
    expected_spending,
    fit_buying,
    fit_spending,
)
from apps.predictions.domain.purchasing import Customers, DaySum, bought_between, customers_at

Vector = NDArray[np.float64]

MONTH: Final = 365.25 / 12  # days
WINSOR: Final = 0.995  # of mean values: one wholesaler does not make the mean of all
INDEPENDENT: Final = 0.3  # correlation of how often with for how much, which the model has at 0
SUM_ERROR: Final = 0.25
TEACHES: Final = 2 / 3
GONE: Final = 0.5
STEPS: Final = 12  # in which the plot adds up what was foreseen and what came
DECILES: Final = 10
LEAST_DAYS: Final = 30
PENALTY: Final = 0.001


@dataclass(frozen=True, slots=True)
class Forecast:
    """What makes the forecast: fitted parameters, and at what mean values are cut."""

    buying: Buying
    spending: Spending
    cut: float
    correlation: float

    def purchases(self, horizon: float, of: Customers) -> Vector:
        """Return how many days each will buy on within so many days."""
        return np.maximum(expected_purchases(self.buying, horizon, of.x, of.t_x, of.age), 0.0)

    def alive(self, of: Customers) -> Vector:
        """Return how likely each is still a customer."""
        return chance_alive(self.buying, of.x, of.t_x, of.age)

    def a_purchase(self, of: Customers) -> Vector:
        """Return what a purchase of each will be worth."""
        value = np.clip(of.value, 1e-9, self.cut)
        return expected_spending(self.spending, of.x, value)

    def value(self, months: int, discount: float, of: Customers) -> Vector:
        """Return what each is worth over so many months: what comes later counts less.

        Args:
            discount: of a year, 0.1 for ten percent.
        """
        so_far, total = np.zeros(len(of)), np.zeros(len(of))
        for month in range(1, months + 1):
            until = self.purchases(month * MONTH, of)
            total += (until - so_far) / (1 + discount) ** (month / 12)
            so_far = until
        found: Vector = total * self.a_purchase(of)
        return found

    def document(self) -> dict[str, Any]:
        """As it is stored."""
        by, of = self.buying, self.spending
        return {
            "buying": [by.r, by.alpha, by.a, by.b],
            "spending": [of.p, of.q, of.v],
            "cut": self.cut,
            "correlation": self.correlation,
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Forecast":
        """Return what `document` told."""
        return cls(
            Buying(*document["buying"]), Spending(*document["spending"]), document["cut"],
            document["correlation"],
        )  # fmt: skip


def fitted(of: Customers) -> Forecast | None:
    """Fit both models; None where too few came back to say anything."""
    there = (of.x > 0) & (of.value > 0)
    buying = fit_buying(of.x, of.t_x, of.age, PENALTY)
    if buying is None or not there.any():
        return None
    cut = float(np.quantile(of.value[there], WINSOR))
    spending = fit_spending(of.x, np.minimum(of.value, cut))
    if spending is None:
        return None
    x, value = of.x[there], np.minimum(of.value, cut)[there]
    varies = x.std() > 0 and value.std() > 0
    return Forecast(buying, spending, cut, float(np.corrcoef(x, value)[0, 1]) if varies else 0.0)


@dataclass(frozen=True, slots=True)
class BackTest:
    """A forecast made at two thirds of the time, against what came.

    Attributes:
        days: how long was foreseen; foreseen, came: purchases in sum.
        mae, mae_before: mean absolute error a customer, of the model and of "as in the time before,
            which was as long".
        correlation: of foreseen with came, by customer.
        value_foreseen, value_came: in money, in sum.
        curve: (days in, foreseen until then, came until then).
        deciles: of customers by foreseen value, the greatest first: (people, foreseen purchases,
            came, foreseen value, came), in sum.
    """

    customers: int
    days: int
    foreseen: float
    came: float
    mae: float
    mae_before: float
    correlation: float
    value_foreseen: float
    value_came: float
    curve: tuple[tuple[float, float, float], ...]
    deciles: tuple[tuple[int, float, float, float, float], ...]

    @property
    def sum_error(self) -> float:
        """How far off the sum is, as a share of what came."""
        return abs(self.foreseen - self.came) / self.came if self.came else float("inf")

    @property
    def problems(self) -> list[str]:
        """Why it is not to be believed, in sentences; empty where it is."""
        found = []
        if self.sum_error > SUM_ERROR:
            found.append(
                f"It foresaw {self.foreseen:,.0f} purchases and {self.came:,.0f} came: more than"
                f" {SUM_ERROR:.0%} apart."
            )
        if self.mae >= self.mae_before:
            found.append(
                f"It is off by {self.mae:.2f} purchases a customer; saying that everybody buys as"
                f" before is off by {self.mae_before:.2f}."
            )
        return found

    def document(self) -> dict[str, Any]:
        """As it is stored in a card."""
        return {
            "customers": self.customers,
            "days": self.days,
            "foreseen": round(self.foreseen, 1),
            "came": self.came,
            "sum_error": None if not self.came else round(self.sum_error, 4),
            "mae": round(self.mae, 4),
            "mae_before": round(self.mae_before, 4),
            "correlation": round(self.correlation, 4),
            "value_foreseen": round(self.value_foreseen, 2),
            "value_came": round(self.value_came, 2),
            "curve": [[round(value, 1) for value in one] for one in self.curve],
            "deciles": [[one[0], *(round(value, 2) for value in one[1:])] for one in self.deciles],
        }


def back_test(rows: Sequence[DaySum], *, first: int, last: int) -> BackTest | None:
    """Fit on the first two thirds of the days, and hold the forecast against the others.

    None where there is too little time or too few came back.
    """
    split = first + int((last - first) * TEACHES)
    days = last - split
    if days < LEAST_DAYS:
        return None
    of = customers_at(rows, until=split)
    forecast = fitted(of)
    if forecast is None:
        return None
    foreseen = forecast.purchases(days, of)
    came, spent = bought_between(rows, of.ids, after=split, until=last)
    before, _ = bought_between(rows, of.ids, after=split - days, until=split)
    value = foreseen * forecast.a_purchase(of)
    varies = foreseen.std() > 0 and came.std() > 0
    return BackTest(
        len(of),
        days,
        float(foreseen.sum()),
        float(came.sum()),
        float(np.abs(foreseen - came).mean()),
        float(np.abs(before - came).mean()),
        float(np.corrcoef(foreseen, came)[0, 1]) if varies else 0.0,
        float(value.sum()),
        float(spent.sum()),
        _curve(forecast, of, rows, split, days),
        _deciles(value, foreseen, came, spent),
    )


def _curve(
    forecast: Forecast, of: Customers, rows: Sequence[DaySum], split: int, days: int
) -> tuple[tuple[float, float, float], ...]:
    found = [(0.0, 0.0, 0.0)]
    for step in range(1, STEPS + 1):
        here = round(days * step / STEPS)
        came, _ = bought_between(rows, of.ids, after=split, until=split + here)
        found.append((float(here), float(forecast.purchases(here, of).sum()), float(came.sum())))
    return tuple(found)


def _deciles(
    value: Vector, foreseen: Vector, came: Vector, spent: Vector
) -> tuple[tuple[int, float, float, float, float], ...]:
    order = np.argsort(-value, kind="stable")
    return tuple(
        (
            len(part),
            float(foreseen[part].sum()),
            float(came[part].sum()),
            float(value[part].sum()),
            float(spent[part].sum()),
        )
        for part in np.array_split(order, DECILES)
        if len(part)
    )
