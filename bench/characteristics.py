"""How the statistics behave when the truth is known: thousands of made-up experiments, each judged.

`make operating-characteristics` writes docs/operating-characteristics.md. Nothing is timed, and the
same seed gives the same page.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from apps.experiments.domain import cuped, off_policy, power, sequential
from apps.experiments.domain.stopping import SPLIT_SEEN, split_p
from bench import bandits
from engine.allocation import position_of

Array = NDArray[np.float64]
SEED: Final = 20261122
ALPHA: Final = 0.05
LOOKS: Final = 20
BASELINE: Final = 0.10
RISE: Final = 0.02
JUDGES: Final = (1, 3, 5, 10)  # metrics that share what may stop an arm
PAGE: Final = Path("docs/operating-characteristics.md")


class Share(NamedTuple):
    """How many of how many."""

    hits: int
    runs: int

    def told(self) -> str:
        """As a percentage with the 95 % interval of the simulation itself."""
        low, high = stats.binomtest(self.hits, self.runs).proportion_ci(method="wilson")
        return f"{self.hits / self.runs:.1%} ({low:.1%} to {high:.1%})"


class Row(NamedTuple):
    """One line of the page: what, what came out, what it has to be, and whether it is."""

    what: str
    found: str
    bar: str
    held: bool | None = None


# --- looks at a conversion rate ----------------------------------------------------------------


class Looks(NamedTuple):
    """Differences and standard errors of many experiments, (runs, looks), and people so far."""

    diff: Array
    se: Array
    people: Array

    @property
    def z(self) -> Array:
        """The differences in standard errors."""
        found: Array = self.diff / self.se
        return found


def looks(rng: np.random.Generator, runs: int, a: float, b: float, per_arm: int) -> Looks:
    """Run experiments of two arms, looked at `LOOKS` times while people come evenly."""
    step = per_arm // LOOKS
    people = step * np.arange(1, LOOKS + 1, dtype=float)
    rate_a, rate_b = (rng.binomial(step, rate, (runs, LOOKS)).cumsum(1) / people for rate in (a, b))
    spread = (rate_a * (1 - rate_a) + rate_b * (1 - rate_b)) / people
    return Looks(rate_b - rate_a, np.sqrt(np.maximum(spread, 1e-12)), 2 * people)


def any_time_z(people: Array, n_star: float, alpha: float = ALPHA) -> Array:
    """What |z| has to beat at each look under the confidence sequence: its half width over se."""
    halves = [sequential.any_time(0.0, 1.0, n, alpha, n_star).halfwidth for n in people]
    return np.array(halves, float)


def rules(seen: Looks) -> dict[str, Array]:
    """What |z| has to beat at each look, by the way of looking."""
    n_star = float(seen.people[-1])
    fractions = [float(n / n_star) for n in seen.people]
    naive = np.full(LOOKS, stats.norm.ppf(1 - ALPHA / 2))
    return {
        "confidence sequence": any_time_z(seen.people, n_star),
        "group sequential, O'Brien-Fleming": np.array(
            sequential.group_bounds(fractions, ALPHA, "obrien_fleming_ld").z
        ),
        "group sequential, Pocock": np.array(
            sequential.group_bounds(fractions, ALPHA, "pocock_ld").z
        ),
        "at the end only": np.r_[np.full(LOOKS - 1, np.inf), naive[-1]],
        "naive: at every look (not offered)": naive,
    }


BARS: Final[dict[str, tuple[str, float, float]]] = {
    "confidence sequence": ("at most 5 %", 0.0, 0.05),
    "group sequential, O'Brien-Fleming": ("4.2 to 5.6 %", 0.042, 0.056),
    "group sequential, Pocock": ("4.2 to 5.6 %", 0.042, 0.056),
}


def false_alarms(rng: np.random.Generator, runs: int) -> list[Row]:
    """How often a difference is found where there is none."""
    seen = looks(rng, runs, BASELINE, BASELINE, 20_000)
    found = []
    for name, bound in rules(seen).items():
        hits = int((np.abs(seen.z) > bound).any(1).sum())
        bar, low, high = BARS.get(name, ("", 0.0, 1.0))
        held = low <= hits / runs <= high if bar else None
        found.append(Row(name, Share(hits, runs).told(), bar, held))
    return found


def finds(rng: np.random.Generator, runs: int) -> list[tuple[str, str, str]]:
    """(rule, share found, mean share of the planned people) for a rise that is there."""
    size = power.size_for_rates(BASELINE, BASELINE + RISE, ALPHA, 0.8).n_per_arm_unpooled
    assert size is not None
    seen = looks(rng, runs, BASELINE, BASELINE + RISE, math.ceil(size / LOOKS) * LOOKS)
    found = []
    for name, bound in rules(seen).items():
        over = np.abs(seen.z) > bound
        hits = over.any(1)
        stopped = np.where(hits, over.argmax(1) + 1, LOOKS) / LOOKS
        found.append((name, Share(int(hits.sum()), runs).told(), f"{stopped.mean():.0%}"))
    return found


def harm(rng: np.random.Generator, runs: int) -> Row:
    """How often a harm of twice the margin is stopped before the planned end.

    The experiment is as large as it takes to find a change of the margin; an arm is stopped when
    its any-time interval lies wholly on the bad side and its estimate is beyond the margin.
    """
    margin = RISE / 2
    size = power.size_for_rates(BASELINE, BASELINE - margin, ALPHA, 0.8).n_per_arm_unpooled
    assert size is not None
    seen = looks(rng, runs, BASELINE, BASELINE - 2 * margin, math.ceil(size / LOOKS) * LOOKS)
    bound = any_time_z(seen.people, float(seen.people[-1]))
    stopped = ((seen.z < -bound) & (seen.diff < -margin)).any(1)
    share = Share(int(stopped.sum()), runs)
    return Row("harm of twice the margin is stopped", share.told(), "at least 95 %",
               share.hits >= 0.95 * runs)  # fmt: skip


def shared(rng: np.random.Generator, runs: int) -> list[Row]:
    """What sharing alpha among the metrics that may stop an arm does: false stops, and true ones.

    Independent goals of which none is worse, then one of them by a tenth, as large as `harm`.
    """
    margin = RISE / 2
    size = power.size_for_rates(BASELINE, BASELINE - margin, ALPHA, 0.8).n_per_arm_unpooled
    assert size is not None
    per_arm = math.ceil(size / LOOKS) * LOOKS
    found = []
    for judges in JUDGES:
        healthy, harmed = np.zeros(runs, bool), np.zeros(runs, bool)
        for number in range(judges):
            seen = looks(rng, runs, BASELINE, BASELINE, per_arm)
            bound = any_time_z(seen.people, float(seen.people[-1]), ALPHA / judges)
            healthy |= (seen.z < -bound).any(1)
            if not number:
                worse = looks(rng, runs, BASELINE, BASELINE - 2 * margin, per_arm)
                harmed |= ((worse.z < -bound) & (worse.diff < -margin)).any(1)
        many = f"{judges} metrics that may stop it" if judges > 1 else "one metric that may stop it"
        found += [
            _bounded(f"{many}, none worse: stopped", healthy, most=ALPHA),
            _bounded(f"{many}, one worse by twice the margin: stopped", harmed, least=0.95),
        ]
    return found


def splits(rng: np.random.Generator, runs: int) -> list[Row]:
    """How often the check of the split alarms, looked at with every hundredth of 20,000 people."""
    people = np.arange(100, 20_001, 100)

    def alarmed(share: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        first = rng.binomial(100, share, (runs, len(people))).cumsum(1)
        chi_square = (first - people / 2) ** 2 / (people / 4)
        ours = np.array(
            [
                any(
                    (split_p([int(n), int(at - n)], [0.5, 0.5]) or 0.0) <= SPLIT_SEEN
                    for n, at in zip(run, people, strict=True)
                )
                for run in first
            ]
        )
        return ours, (chi_square > stats.chi2.isf(SPLIT_SEEN, 1)).any(1)

    (right, naive), (wrong, _) = alarmed(0.5), alarmed(0.52)
    return [
        _bounded("an even split, 200 looks: alarm", right, most=SPLIT_SEEN),
        _bounded("the same by a chi-square at each look (not offered)", naive),
        _bounded("52 to 48 instead: alarm within 20,000 people", wrong, least=0.95),
    ]


def _bounded(
    what: str, hits: NDArray[np.bool_], *, most: float | None = None, least: float | None = None
) -> Row:
    share = Share(int(hits.sum()), len(hits))
    if most is not None:
        return Row(what, share.told(), f"at most {most:.0%}", share.hits <= most * share.runs)
    if least is not None:
        return Row(what, share.told(), f"at least {least:.0%}", share.hits >= least * share.runs)
    return Row(what, share.told(), "")


# --- the others ---------------------------------------------------------------------------------


def variance_taken(rng: np.random.Generator, people: int) -> Row:
    """CUPED on values whose past correlates with them by 0.8."""
    rho = 0.8
    pre, noise = rng.normal(size=(2, people)), rng.normal(size=(2, people))
    post = rho * pre + math.sqrt(1 - rho**2) * noise
    found = cuped.adjust(pre[0].tolist(), post[0].tolist(), pre[1].tolist(), post[1].tolist())
    assert found.variance_reduction is not None
    return Row(
        "CUPED, correlation 0.8: variance taken away", f"{found.variance_reduction:.3f}",
        "0.59 to 0.69", abs(found.variance_reduction - 0.64) <= 0.05,
    )  # fmt: skip


def even_split(ids: int) -> Row:
    """Chi-square of visitors over 100 bins of the hash."""
    counts = np.zeros(100)
    for number in range(ids):
        counts[int(position_of(f"visitor-{number}", seed="even") * 100)] += 1
    chi2 = float(stats.chisquare(counts).statistic)
    return Row(
        f"hash: {ids:,} visitors in 100 bins, chi-square", f"{chi2:.1f}", "61.1 to 148.2",
        61.1 <= chi2 <= 148.2,
    )  # fmt: skip


def covered(rng: np.random.Generator, runs: int, rounds: int = 4_000) -> list[Row]:
    """How often the 95 % intervals of off-policy values hold the true value."""
    contexts, actions = 4, 3
    truth = rng.uniform(0.05, 0.4, (contexts, actions))
    logged = rng.dirichlet(np.full(actions, 4.0), contexts)
    other = rng.dirichlet(np.full(actions, 4.0), contexts)
    value = float((other * truth).sum(1).mean())
    guess = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1)  # a reward model that errs
    hits = dict.fromkeys(("ips", "snips", "dr"), 0)
    edges = logged.cumsum(1)
    for _ in range(runs):
        where = rng.integers(contexts, size=rounds)
        shown = (rng.random(rounds)[:, None] > edges[where]).sum(1).clip(max=actions - 1)
        reward = (rng.random(rounds) < truth[where, shown]).astype(float)
        log = off_policy.Log(reward, shown, logged[where, shown], other[where], guess[where])
        for name in hits:
            ci = off_policy.estimate(log, name).ci
            hits[name] += ci is not None and ci[0] <= value <= ci[1]
    return [
        Row(f"{name.upper()}: intervals of 95 % that hold the truth", Share(n, runs).told(),
            "93 to 97 %", 0.93 <= n / runs <= 0.97)
        for name, n in hits.items()
    ]  # fmt: skip


# --- bandits ------------------------------------------------------------------------------------


def moved_shares(rng: np.random.Generator, runs: int) -> list[Row]:
    """Thompson shares against an even split, and what can be said in the end."""
    told = bandits.figures(rng, runs)
    each = "conversions lost for each 1,000 visitors"
    right = runs - told.wrong
    return [
        Row("traffic of the best arm in the last week", f"{told.best_in_the_end:.1%}",
            "at least 80 %", told.best_in_the_end >= 0.8),
        Row("traffic of the best arm in all 60 days", f"{told.best_overall:.1%}", ""),
        Row("the best arm has the most traffic in the end", Share(right, runs).told(),
            "at least 95 %", right >= 0.95 * runs),
        Row(f"{each}: an even split throughout", f"{told.lost_even:.1f}", ""),
        Row(f"{each}: an even split of two weeks, then the arm that looks best",
            f"{told.lost_ab:.1f}", ""),
        Row(f"{each}: the bandit", f"{told.lost:.1f}", "less than half of the even split",
            told.lost < told.lost_even / 2),
        Row("least share that an arm ever had", f"{told.least:.2%}", "at least 5 %",
            told.least >= bandits.FLOOR),
        Row("weighted intervals of 95 % that hold the advantage of the best arm",
            Share(told.held, runs).told(), "92 to 98 %", 0.92 <= told.held / runs <= 0.98),
        Row(f"{each} where a tenth of the visitors has another best arm: shares for all",
            f"{told.segments_whole:.1f}", ""),
        Row(f"{each} there: shares by segment", f"{told.segments:.1f}", "less than shares for all",
            told.segments < told.segments_whole),
    ]  # fmt: skip


# --- the page -----------------------------------------------------------------------------------


def page(scale: float = 1.0) -> tuple[str, bool]:
    """Return the page and whether every bar held. `scale` makes a smaller run of it."""

    def stream(number: int) -> np.random.Generator:
        return np.random.default_rng([SEED, number])

    def many(count: int) -> int:
        return max(20, int(count * scale))

    alarms = false_alarms(stream(1), many(100_000))
    found = finds(stream(2), many(100_000))
    others = [
        harm(stream(3), many(500)),
        variance_taken(stream(4), many(100_000)),
        even_split(many(1_000_000)),
        *covered(stream(5), many(1_000)),
    ]
    stops = [*shared(stream(10), many(10_000)), *splits(stream(11), many(2_000))]
    moved = moved_shares(stream(9), many(100))
    lines = [
        "# Operating characteristics",
        "",
        "What the statistics of experiments do when the truth is known. Written by "
        "`make operating-characteristics`;",
        f"the same seed ({SEED}) gives the same page. In brackets: the 95 % interval of the "
        "simulation itself.",
        "",
        "## Nothing is there",
        "",
        f"Two equal arms at {BASELINE:.0%}, 20,000 people each, looked at {LOOKS} times: how often "
        "a difference is found.",
        "",
        *_table(("way of looking", "false alarms", "has to be", ""), map(_told, alarms)),
        "",
        "## Something is there",
        "",
        f"{BASELINE:.0%} against {BASELINE + RISE:.0%}, as many people as 80 % power takes with "
        f"one look, looked at {LOOKS} times.",
        "",
        *_table(("way of looking", "found", "people used of those planned"), found),
        "",
        "What may be looked at any time costs power at the planned end; it may go on beyond it.",
        "",
        "## The rest",
        "",
        *_table(("what", "found", "has to be", ""), map(_told, others)),
        "",
        "## What stops by itself, and what hides a winner",
        "",
        f"Looked at {LOOKS} times by the any-time-valid interval; the metrics share alpha.",
        "",
        *_table(("what", "found", "has to be", ""), map(_told, stops)),
        "",
        "## Bandits",
        "",
        f"Three arms that convert {', '.join(f'{one:.0%}' for one in bandits.RATES)} of "
        f"{bandits.A_DAY} visitors a day for {bandits.DAYS} days. The goal takes "
        f"{bandits.MATURES} days, shares move once a day.",
        "",
        *_table(("what", "found", "has to be", ""), map(_told, moved)),
        "",
        "A bandit is for showing the best while it is found out. Whoever wants to know how much "
        "better it is gets",
        "there sooner by an even split.",
        "",
    ]
    rows = (*alarms, *others, *stops, *moved)
    return "\n".join(lines), all(row.held is not False for row in rows)


def _told(row: Row) -> tuple[str, str, str, str]:
    return row.what, row.found, row.bar, {True: "held", False: "**missed**", None: ""}[row.held]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def main() -> int:
    """Write the page; 1 when a bar was missed."""
    text, held = page()
    PAGE.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
