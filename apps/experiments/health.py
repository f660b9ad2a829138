"""What has to be right before a winner is shown, and what else wants to be known. Workers only.

Nothing here raises for odd figures: a check that cannot be made says so. Each asks of participants
at most one grouped statement; what a wrong split comes of is looked for only when it is wrong.

Each check in the result's document: {"name", "level", "words", "table": {"head", "rows"} | null}.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from apps.experiments import health_reads
from apps.experiments.domain.comparing import compare_means, two_sided
from apps.experiments.domain.counts import independence
from apps.experiments.domain.stopping import SPLIT_SEEN, split_p
from apps.experiments.domain.sums import Sums
from apps.experiments.domain.verdicts import Check, Level
from apps.experiments.models import Goal, Metric, Phase
from apps.experiments.phase_sums import Known, PhaseSums
from apps.experiments.served import Served

MIXED_SHARE: Final = 0.02
UNBALANCED_P: Final = 0.001
MISSING_P: Final = 1e-6  # single answers of one visitor are not independent
MISSING_SHARE: Final = 0.05  # relative: a smaller difference between arms is let pass
FEW_CALLS: Final = 500
SHOWN_STILL: Final = timedelta(hours=1)  # pages that were open when an arm was stopped
SAME: Final = "same"
UNWORKABLE: Final = "It could not be checked: the figures are too odd to be worked with."


def health(phase: Phase, facts: health_reads.Facts, known: Known) -> list[Check]:
    """Return every check of a phase, the one that hides a winner first. No query if all is well."""
    goals, sums, answers = known.goals, known.sums, known.answers
    makers: list[tuple[str, Callable[[], Sequence[Check]]]] = [
        ("split", lambda: [_split(phase, facts.people, facts)]),
        ("mixed", lambda: [_mixed(phase, facts)]),
        ("balance", lambda: [_balance(phase, sums, goals)]),
        ("money", lambda: _money(known)),
        ("serving", lambda: _serving(phase, facts)),
        ("missing", lambda: _missing(phase, answers)),
        ("bots", lambda: _bots(phase, facts)),
        ("uncounted", lambda: _uncounted(facts)),
        ("late", lambda: _late(phase, goals)),
        ("never", lambda: _never(phase, goals, sums)),
        ("unplanned", lambda: _unplanned(phase)),
        ("same", lambda: _same(phase)),
    ]
    found: list[Check] = []
    for name, make in makers:
        try:
            found += make()
        except (ArithmeticError, ValueError):
            found.append(Check(name, "watch", UNWORKABLE))
    return found


def _split(phase: Phase, people: Mapping[int, int], facts: health_reads.Facts) -> Check:
    """Whether the arms got their shares, and if not, where they did not.

    By a test that holds however often it is made: a chi-square at each look finds what is not.
    """
    if phase.bandit:
        return Check("split", "fine", "The shares of a bandit move: none is expected.")
    before = ""
    if facts.first_stop is not None:
        # Nobody joins an arm that shows the control: from then on no shares are expected.
        people = health_reads.people_before(phase, facts.first_stop)
        before = f" Of those who joined before an arm was stopped ({facts.first_stop:%Y-%m-%d})."
    counts = [people.get(arm["number"], 0) for arm in phase.arms]
    p = split_p(counts, [arm["weight"] for arm in phase.arms])
    if p is None:
        words = "Nobody has been exposed yet." if not any(counts) else "One arm alone is no split."
        return Check("split", "watch", words)
    if p > SPLIT_SEEN:
        words = f"The arms got their shares (always valid p = {p:.2g}).{before}"
        return Check("split", "fine", words)
    planned = ", ".join(f"{arm['weight']:.0%}" for arm in phase.arms)
    got = ", ".join(f"{count:,}" for count in counts)
    words = f"The arms did not get their shares: {got} participants for {planned}.{before}"
    cause, table = _cause(phase, facts.first_stop)
    return Check("split", "bad", f"{words} {cause}", table)


def _cause(phase: Phase, before: datetime | None) -> tuple[str, dict[str, Any] | None]:
    """What the arms differ by most, of what is known of participants, and the counts of it."""
    numbers = [arm["number"] for arm in phase.arms if arm["weight"] > 0]
    least: tuple[float, str, health_reads.Table] | None = None
    for name in health_reads.CAUSES:
        table = health_reads.counts_by(phase, name, before)
        cells = [[row.get(number, 0) for number in numbers] for row in table.values()]
        cells = [row for row in cells if sum(row)]
        if len(cells) < 2 or len(numbers) < 2 or not all(map(sum, zip(*cells, strict=True))):
            continue
        p = independence(cells).p
        if p is not None and (least is None or p < least[0]):
            least = (p, name, table)
    if least is None or least[0] > UNBALANCED_P:
        known = ", ".join(health_reads.CAUSES.values())
        return f"It is not by one {known}: look at how exposures are sent.", None
    _, name, table = least
    words = health_reads.CAUSES[name]
    rows = [
        [value or "not known", *(f"{row.get(number, 0):,}" for number in numbers)]
        for value, row in health_reads.largest(table)
    ]
    heads = [arm["name"] for arm in phase.arms if arm["weight"] > 0]
    return (
        f"They differ by {words}: look there first.",
        {"head": [words.capitalize(), *heads], "rows": rows},
    )


def _mixed(phase: Phase, facts: health_reads.Facts) -> Check:
    share = facts.mixed / facts.everybody if facts.everybody else 0.0
    if phase.bandit:
        level: Level = "fine" if share <= MIXED_SHARE else "watch"
        words = f"{share:.1%} were shown several arms, as bandits do: they count for the first."
        return Check("mixed", level, words)
    if share <= MIXED_SHARE:
        return Check("mixed", "fine", f"{share:.1%} were shown several arms, and are left out.")
    return Check(
        "mixed",
        "bad",
        f"{share:.0%} were shown several arms: people who have several devices, or an id that "
        "changes. Split by who is logged in, or find out why ids change.",
        _by_arm(phase, "Shown several, by what came first", facts.mixed_by_arm),
    )


def _by_arm(phase: Phase, head: str, counts: Mapping[int, int]) -> dict[str, Any]:
    rows = [[arm["name"], f"{counts.get(arm['number'], 0):,}"] for arm in phase.arms]
    return {"head": ["Arm", head], "rows": rows}


def _balance(phase: Phase, sums: PhaseSums, goals: Sequence[Goal]) -> Check:
    """Whether the arms were alike before they were shown anything."""
    if phase.bandit:
        return Check("balance", "fine", "Arms whose shares move have people of different times.")
    control = next(int(arm["number"]) for arm in phase.arms if arm["is_control"])
    for goal in goals:
        if goal.metric.kind in (Metric.Kind.RATIO, Metric.Kind.QUANTILE):
            continue
        before = sums.of(goal.metric_id, control)
        for arm in phase.arms:
            own = sums.of(goal.metric_id, arm["number"])
            found = compare_means(_past(before), _past(own))
            if found.diff is None or not found.se:
                continue
            if two_sided(found.diff / found.se) < UNBALANCED_P:
                words = (
                    f"'{arm['name']}' was different in '{goal.metric.name}' before anything was "
                    "shown: the split is not by chance alone."
                )
                return Check("balance", "bad", words)
    return Check("balance", "fine", "The arms were alike before they were shown anything.")


def _past(sums: Sums) -> Any:
    """The moments of what they did before."""
    return Sums(n=sums.n, y=sums.x, yy=sums.xx).moments


def _serving(phase: Phase, facts: health_reads.Facts) -> list[Check]:
    """Whether this phase is what visitors get, and stopped arms are not shown."""
    found = []
    if phase.ended_at is None:
        serves = facts.serves
        if serves is None:
            words = "It is not published: nobody is shown an arm yet."
            found.append(Check("serving", "watch", words))
        elif serves != phase.number:
            words = (
                f"Visitors get phase {serves}: an older publication was brought back. Publish "
                "again, so that this phase is what they get."
            )
            found.append(Check("serving", "bad", words))
    for key, since in facts.stopped_since.items():
        arm = next((one for one in phase.arms if one["key"] == key), None)
        if arm is None:
            continue
        still = phase.participants.filter(arm=arm["number"], first_at__gt=since + SHOWN_STILL)
        if n := still.count():
            words = (
                f"'{arm['name']}' is stopped, and {n:,} were shown it since: was an older "
                "publication brought back? Publish again."
            )
            found.append(Check("stopped", "bad", words))
    for key in facts.let_go_on:
        words = (
            f"'{health_reads.name_of(phase, key)}' was stopped for a while: those who came then "
            "are in the other arms only. For figures without that, begin a new phase."
        )
        found.append(Check("stopped", "watch", words))
    return found


def _missing(phase: Phase, answers: Sequence[Served]) -> list[Check]:
    """Whether pages tell of each arm's answers alike that they showed them."""
    rows = {one.arm: one for one in answers}
    arms = [(arm, rows[arm["key"]]) for arm in phase.arms if arm["key"] in rows]
    calls, shown = sum(one.calls for _, one in arms), sum(one.shown for _, one in arms)
    table = {
        "head": ["Arm", "Answers", "Told to be shown", "Failed"],
        "rows": [[a["name"], f"{o.calls:,}", f"{o.shown:,}", f"{o.failed:,}"] for a, o in arms],
    }
    found = []
    if broken := [arm["name"] for arm, one in arms if one.failed]:
        words = f"Some answers could not be made, and the default was shown: {', '.join(broken)}."
        found.append(Check("failed", "watch", words, table))
    if calls < FEW_CALLS:
        return found  # answers at the edge are in no log: of a few nothing can be said
    if not shown:
        words = f"{calls:,} answers were given, and no page has told that it showed one."
        return [*found, Check("missing", "bad", words, table)]
    # More may be told than was logged: a site may log a part of its decisions only.
    most = max(1.0, *(one.shown / one.calls for _, one in arms if one.calls))
    cells = [[one.shown, most * one.calls - one.shown] for _, one in arms if one.calls]
    shares = [one.shown / one.calls for _, one in arms if one.calls]
    if len(cells) < 2 or not all(map(sum, zip(*cells, strict=True))):
        return found
    p = independence(cells).p
    if p is not None and p < MISSING_P and min(shares) < (1 - MISSING_SHARE) * max(shares):
        words = (
            "Exposures are missing: pages tell of some arms less often than of others that they "
            "showed them. Look at the page with each arm."
        )
        return [*found, Check("missing", "bad", words, table)]
    words = "Pages tell of each arm alike that they showed it."
    return [*found, Check("missing", "fine", words, table)]


def _bots(phase: Phase, facts: health_reads.Facts) -> list[Check]:
    bots = sum(facts.bots.values())
    if not bots:
        return []
    words = f"{bots:,} of {facts.everybody:,} are machines, and left out."
    return [Check("bots", "watch", words, _by_arm(phase, "Machines", facts.bots))]


def _uncounted(facts: health_reads.Facts) -> list[Check]:
    """Exposures that name this experiment, and that nobody takes part by."""
    arms, consent = facts.unknown_arms, facts.without_consent
    found = []
    if arms:
        words = (
            f"{sum(arms.values()):,} exposures name an arm that it has not, or did not show then: "
            "an old page, or another tool. They are not counted."
        )
        rows = [[name or "none", f"{n:,}"] for name, n in sorted(arms.items())[:20]]
        found.append(Check("unknown_arm", "watch", words, {"head": ["Arm", "n"], "rows": rows}))
    if consent:
        words = f"{consent:,} exposures are not counted: who saw them does not allow it."
        found.append(Check("consent", "fine", words))
    return found


def _money(known: Known) -> list[Check]:
    """Amounts of several currencies, where no metric can be told of them."""
    return [
        Check("money", "bad", f"'{goal.metric.name}': {known.mixed[goal.metric_id]}")
        for goal in known.goals
        if goal.metric_id in known.mixed
    ]


def _late(phase: Phase, goals: Sequence[Goal]) -> list[Check]:
    late = [goal.metric.name for goal in goals if goal.added_at > phase.started_at]
    if not late:
        return []
    return [
        Check("late", "watch", f"Added after the start, so it does not decide: {', '.join(late)}.")
    ]


def _never(phase: Phase, goals: Sequence[Goal], sums: PhaseSums) -> list[Check]:
    """Goals that nobody has ever reached: perhaps the event has another name."""
    found = []
    for goal in goals:
        own = [sums.of(goal.metric_id, arm["number"]) for arm in phase.arms]
        if sum(one.n for one in own) >= 100 and not any(one.y for one in own):
            found.append(
                Check(
                    "never",
                    "watch",
                    f"Nobody of {sum(one.n for one in own):,} has come to '{goal.metric.name}': "
                    f"is the event really called '{goal.metric.event}'?",
                )
            )
        if left := sums.left_out[goal.metric_id]:
            words = (
                f"{left:,} events do not count in '{goal.metric.name}': they have another "
                "currency, or not the number that is asked for."
            )
            found.append(Check("left_out", "watch", words))
    return found


def _unplanned(phase: Phase) -> list[Check]:
    if not phase.experiment.is_unplanned:
        return []
    return [Check("unplanned", "watch", "It was started without saying how large it has to be.")]


def _same(phase: Phase) -> list[Check]:
    """All arms show the same: then a difference is a fault of the set-up, or chance."""
    shown = {(arm["variant_key"], str(arm.get("changes"))) for arm in phase.arms}
    if len(shown) > 1:
        return []
    words = "All arms are the same (A/A): what differs here is chance, or a fault in the set-up."
    return [Check(SAME, "watch", words)]
