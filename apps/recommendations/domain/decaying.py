"""What happened long ago counts less: half-life weights, and a counter that needs no history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


def weight(age: float, half_life: float) -> float:
    """Return 0.5 ** (age / half_life), both in one unit."""
    return float(0.5 ** (age / half_life))


@dataclass(frozen=True, slots=True)
class Weighted:
    """Values weighted by age; the mean is None where every weight is gone."""

    weights: tuple[float, ...]
    weighted_sum: float
    weighted_mean: float | None


def weighted(ages: Sequence[float], values: Sequence[float], half_life: float) -> Weighted:
    """Weigh values by their ages.

    Raises:
        ValueError: not one age for each value, or a half-life that is not above zero.
    """
    if len(ages) != len(values) or half_life <= 0:
        raise ValueError("Each value has an age, and the half-life is above zero.")
    own = tuple(weight(age, half_life) for age in ages)
    total = sum(own)
    both = sum(w * v for w, v in zip(own, values, strict=True))
    return Weighted(own, both, both / total if total else None)


@dataclass(frozen=True, slots=True)
class Decayed:
    """A sum that fades. Equals the weighted sum over all that was added, at any time."""

    value: float = 0.0
    at: float | None = None

    def plus(self, amount: float, at: float, half_life: float) -> "Decayed":
        """Add an amount at a time that is not before the last one."""
        return Decayed(self.read(at, half_life) + amount, at)

    def read(self, at: float, half_life: float) -> float:
        """Return the sum as of a time."""
        return 0.0 if self.at is None else self.value * weight(at - self.at, half_life)


def streamed(
    events: Iterable[tuple[float, float]], half_life: float, read_at: float
) -> tuple[list[float], float]:
    """Return the sum after each (time, amount), and at the time of reading.

    Raises:
        ValueError: times that fall, or a half-life that is not above zero.
    """
    counter, after = Decayed(), []
    for at, amount in events:
        if half_life <= 0 or (counter.at is not None and at < counter.at):
            raise ValueError("Times do not fall, and the half-life is above zero.")
        counter = counter.plus(amount, at, half_life)
        after.append(counter.value)
    return after, counter.read(read_at, half_life)
