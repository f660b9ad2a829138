"""From rounds to figures: medians, ratios taken round by round, bars held or missed."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

Rounds = Mapping[str, Sequence[Mapping[str, float]]]


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure that a run is judged by: `value` must be at most (or at least) `limit`."""

    name: str
    value: float
    limit: float
    at_most: bool
    unit: str

    @property
    def is_held(self) -> bool:
        """Whether the figure is on the right side."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def line(self) -> str:
        """Return the bar as a person reads it."""
        sign = "<=" if self.at_most else ">="
        verdict = "held" if self.is_held else "MISSED"
        return (
            f"{self.name:<52} {self.value:>9.2f} {self.unit:<8} {sign} {self.limit:<7g} {verdict}"
        )


def median(rounds: Sequence[Mapping[str, float]], name: str) -> float:
    """Return the median of a figure over the rounds."""
    return statistics.median(one[name] for one in rounds)


def ratio(rounds: Rounds, case: str, floor: str, name: str) -> float:
    """Return the median over the rounds of a case's figure to the floor's in the same round."""
    return statistics.median(
        mine[name] / theirs[name] for mine, theirs in zip(rounds[case], rounds[floor], strict=True)
    )


def table(rounds: Rounds, floor: str) -> str:
    """Return the figures of every case and its ratios to the floor as text."""
    head = ("CPU us", "x R", "web", "Postgres", "Valkey", "per s", "x R", "p50 ms", "p99 ms", "x R")
    lines = [" " * 28 + "".join(f"{word:>9}" for word in head)]
    for case, found in rounds.items():
        web = median(found, "web_us") + median(found, "floor_us")
        cells = (
            f"{median(found, 'cpu_us'):.1f}",
            f"{ratio(rounds, case, floor, 'cpu_us'):.2f}",
            f"{web:.1f}",
            f"{median(found, 'postgres_us'):.1f}",
            f"{median(found, 'valkey_us'):.1f}",
            f"{median(found, 'per_s'):,.0f}",
            f"{ratio(rounds, case, floor, 'per_s'):.2f}",
            f"{median(found, 'p50_ms'):.2f}",
            f"{median(found, 'p99_ms'):.2f}",
            f"{ratio(rounds, case, floor, 'p99_ms'):.2f}",
        )
        lines.append(f"{case:<28}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)


def bars_json(bars: Sequence[Bar]) -> list[dict[str, object]]:
    """Return the bars for a machine."""
    return [{**asdict(bar), "held": bar.is_held} for bar in bars]
