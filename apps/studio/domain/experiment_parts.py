"""Parts of an experiment's results that not every one has: segments, factors, a bandit's shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.studio.domain import experiment_figures as say
from apps.studio.domain.charts import share_pct
from apps.studio.domain.experiment_plots import Scale, Whisker
from apps.studio.domain.experiment_results import NO_REASON, SHADES

JSON = Any
DIFFERS: Final = 0.05
MOST_SHARES: Final = 120  # columns of the picture, the newest


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment of a forest plot. `reason`: why there is no interval."""

    name: str
    people: str
    difference: str
    interval: str
    p: str
    whisker: Whisker | None
    reason: str


@dataclass(frozen=True, slots=True)
class Forest:
    """The effects of one arm on one metric by segment, and whether they differ."""

    arm: str
    rows: tuple[SegmentRow, ...]
    words: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Forests:
    """The forest plots of a metric, one for each arm."""

    metric: str
    role: str
    arms: tuple[Forest, ...]


def forests(document: Mapping[str, JSON], names: Mapping[str, str]) -> list[Forests]:
    """Return the effects by segment, the goals' first.

    Args:
        names: of segments, by key.
    """
    arms = {arm["key"]: arm.get("name") or arm["key"] for arm in document.get("arms", [])}
    order = {"goal": 0, "guardrail": 1, "watched": 2}
    found = []
    metrics = sorted(document.get("metrics", []), key=lambda one: order.get(one["role"], 3))
    for metric in metrics:
        apart = metric.get("segments")
        if not apart:
            continue
        own = [one for one in apart if one.get("arm") in arms]
        rows = [row for one in own for row in one["rows"]]
        scale = Scale.around([row.get("interval") for row in rows])
        told = [_forest(one, arms[one["arm"]], metric["kind"], scale, names) for one in own]
        found.append(Forests(metric.get("name") or metric["key"], metric["role"], tuple(told)))
    return found


def _forest(
    apart: Mapping[str, JSON], arm: str, kind: str, scale: Scale, names: Mapping[str, str]
) -> Forest:
    rows = tuple(_segment(row, kind, scale, names) for row in apart["rows"])
    p = say.number(apart.get("p_heterogeneity"))
    return Forest(arm, rows, _heterogeneity(apart, p), p is not None and p <= DIFFERS)


def _segment(
    row: Mapping[str, JSON], kind: str, scale: Scale, names: Mapping[str, str]
) -> SegmentRow:
    whisker = scale.whisker(kind, row.get("diff"), row.get("interval"))
    reason = row.get("reason") or ("" if whisker else NO_REASON)
    has_diff = whisker is not None
    return SegmentRow(
        names.get(row["segment"], row["segment"]),
        say.people(row.get("n")),
        say.difference_words(kind, row.get("diff")) if has_diff else say.NOT_TOLD,
        say.interval_words(kind, row.get("interval")),
        say.p_words(row.get("p")) if has_diff else say.NOT_TOLD,
        whisker,
        reason,
    )


def _heterogeneity(apart: Mapping[str, JSON], p: float | None) -> str:
    """Cochran's Q in words."""
    if p is None:
        return apart.get("reason") or "Whether the effect differs between segments cannot be told."
    q, i2 = say.number(apart.get("Q")), say.number(apart.get("i2"))
    figures = f"p = {say.p_words(p)}".replace("= <", "<")
    if q is not None:
        figures = f"Cochran's Q = {q:.2f} with {apart.get('df')} degrees of freedom, {figures}"
    if i2 is not None:
        figures += f", I² = {i2:.0%}"
    left_out = " Segments that are too small are left out." if apart.get("reason") else ""
    if p <= DIFFERS:
        return f"The effect differs between these segments ({figures}).{left_out}"
    return (
        "Nothing says that the effect differs between segments: read the one for everybody "
        f"({figures}).{left_out}"
    )


@dataclass(frozen=True, slots=True)
class FactorRow:
    """A main effect or an interaction."""

    is_interaction: bool
    name: str
    against: str
    difference: str
    interval: str
    p: str
    whisker: Whisker | None
    reason: str


@dataclass(frozen=True, slots=True)
class Factorial:
    """What the factors of a factorial do to its goal."""

    metric: str
    rows: tuple[FactorRow, ...]
    words: str


def factorials(document: Mapping[str, JSON]) -> list[Factorial]:
    """Return one for each goal, none of an experiment that is not factorial."""
    found = document.get("factorial")
    if not found:
        return []
    return [_factorial(document, one) for one in (found, *(found.get("others") or ()))]


def _factorial(document: Mapping[str, JSON], found: Mapping[str, JSON]) -> Factorial:
    metric: Mapping[str, JSON] = next(
        (one for one in document.get("metrics", []) if one["key"] == found.get("metric")), {}
    )
    kind = metric.get("kind", "")
    effects: Sequence[Mapping[str, JSON]] = found.get("effects") or ()
    scale = Scale.around([one.get("interval") for one in effects])
    rows = tuple(
        FactorRow(
            one.get("kind") == "interaction",
            str(one.get("name", "")),
            str(one.get("against") or ""),
            say.difference_words(kind, one.get("diff")),
            say.interval_words(kind, one.get("interval")),
            say.p_words(one.get("p")),
            scale.whisker(kind, one.get("diff"), one.get("interval")),
            one.get("reason") or "",
        )
        for one in effects
    )
    return Factorial(metric.get("name") or str(found.get("metric", "")), rows, _crossed(found))


def _crossed(found: Mapping[str, JSON]) -> str:
    p = say.number(found.get("p_interaction"))
    if p is None:
        return found.get("reason") or ""
    told = f"p = {say.p_words(p)}".replace("= <", "<")
    if p <= DIFFERS:
        return (
            f"The factors do not act on their own ({told}): look at the combinations, not at the "
            "main effects."
        )
    return f"Nothing says that one factor acts otherwise because of another ({told})."


@dataclass(frozen=True, slots=True)
class Band:
    """One arm's part of a column: places in percent."""

    y: float
    height: float
    shade: int


@dataclass(frozen=True, slots=True)
class Column:
    """The shares that held from one moment to the next."""

    x: float
    width: float
    words: str
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class BanditArm:
    """An arm of a bandit now."""

    name: str
    shade: int
    share: str
    best: str
    matured: str


@dataclass(frozen=True, slots=True)
class Bandit:
    """A bandit: its shares over time, who is likely the best, and what that brought."""

    arms: tuple[BanditArm, ...]
    columns: tuple[Column, ...]
    words: str
    gain: str
    by_segment: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]


def bandit(
    document: Mapping[str, JSON], names: Mapping[str, str], until: datetime
) -> Bandit | None:
    """Return it, None of an experiment whose shares are fixed.

    Args:
        names: of segments, by key; until: when the document was worked out.
    """
    found = document.get("bandit")
    if not found:
        return None
    arms = {
        arm["key"]: (arm.get("name") or arm["key"], place % SHADES)
        for place, arm in enumerate(document.get("arms", []))
    }
    shares: Sequence[Sequence[JSON]] = found.get("shares") or ()
    now: Mapping[str, JSON] = shares[-1][1] if shares else {}
    best, matured = found.get("best") or {}, found.get("matured") or {}
    return Bandit(
        tuple(
            BanditArm(
                name,
                shade,
                say.share_words(now.get(key)),
                say.chance_words(best.get(key)),
                say.people(matured.get(key)),
            )
            for key, (name, shade) in arms.items()
        ),
        _columns(shares[-MOST_SHARES:], arms, until),
        _waits(found),
        _gain(document, found),
        tuple(
            (
                names.get(segment, segment),
                tuple(
                    (
                        name,
                        say.share_words((found.get("contexts") or {}).get(segment, {}).get(key)),
                        say.chance_words(own.get(key)),
                    )
                    for key, (name, _) in arms.items()
                ),
            )
            for segment, own in (found.get("best_by_segment") or {}).items()
        ),
    )


def _columns(
    shares: Sequence[Sequence[JSON]], arms: Mapping[str, tuple[str, int]], until: datetime
) -> tuple[Column, ...]:
    if not shares:
        return ()
    moments = [datetime.fromisoformat(at) for at, _ in shares]
    begins = moments[0]
    whole = max((until - begins).total_seconds(), 1.0)
    ends = [*moments[1:], max(until, moments[-1])]
    columns = []
    for (_, own), at, end in zip(shares, moments, ends, strict=True):
        bands, top = [], 0.0
        for key, (_, shade) in arms.items():
            height = share_pct(say.number(own.get(key)) or 0.0, 1.0)
            bands.append(Band(round(top, 2), height, shade))
            top += height
        told = ", ".join(
            f"{name} {say.share_words(own.get(key))}" for key, (name, _) in arms.items()
        )
        columns.append(
            Column(
                share_pct((at - begins).total_seconds(), whole),
                share_pct((end - at).total_seconds(), whole),
                f"From {at:%d %b %Y, %H:%M} UTC: {told}",
                tuple(bands),
            )
        )
    return tuple(columns)


def _waits(found: Mapping[str, JSON]) -> str:
    floor = say.share_words(found.get("floor"))
    if found.get("is_ready"):
        return f"Shares follow what works; every arm keeps at least {floor}."
    return (
        f"Shares are even until {found.get('burn_in')} participants of each arm have had all their "
        f"time for the goal; after that every arm keeps at least {floor}."
    )


def _gain(document: Mapping[str, JSON], found: Mapping[str, JSON]) -> str:
    gain = found.get("gain")
    if not gain or say.number(gain.get("value")) is None:
        return ""
    kind = next(
        (one["kind"] for one in document.get("metrics", []) if one["key"] == found.get("goal")), ""
    )
    interval = say.interval_words(kind, gain.get("interval"))
    return f"{say.difference_words(kind, gain['value'])} for each participant ({interval})"
