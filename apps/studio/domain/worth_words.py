"""What personalization earns, in words and pictures: documents in, lines out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apps.studio.domain.experiment_figures import (
    difference_words,
    interval_words,
    people,
    relative_words,
    share_words,
    value_words,
)
from apps.studio.domain.experiment_plots import Scale, Whisker

JSON = Any
VERDICTS: Final[Mapping[str, tuple[str, str]]] = {
    "earns": ("ok", "Earns"),
    "costs": ("bad", "Costs"),
    "open": ("plain", "Cannot be told yet"),
}
NOTHING: Final = "It cannot be told yet."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `whisker` is None where `reason` says why."""

    name: str
    level: str
    verdict: str
    people: str
    held_people: str
    value: str
    of_held: str
    difference: str
    interval: str
    relative: str
    whisker: Whisker | None
    reason: str
    arm: str = ""


@dataclass(frozen=True, slots=True)
class HoldoutView:
    """What a holdout says. `sentence`: about its main metric."""

    sentence: str
    level: str
    held: str
    personalized: str
    rows: list[Row]
    main: str
    segments: list[Row]
    power: list[tuple[int, str]]
    power_words: str
    money: list[str]
    money_reason: str
    window_days: str
    share: str


def holdout_view(document: Mapping[str, JSON], main: str, names: Mapping[str, str]) -> HoldoutView:
    """Return what a holdout's document says.

    Args:
        main: the name of the metric that the site asks for; "": its first.
        names: of segments, by key.
    """
    metrics: Sequence[Mapping[str, JSON]] = document["metrics"]
    first = next((one for one in metrics if one["name"] == main), metrics[0] if metrics else None)
    rows = [_row(one["name"], one["verdict"], one, one["effect"]) for one in metrics]
    segments: list[Row] = []
    power: list[tuple[int, str]] = []
    if first is not None:
        segments = table(
            [(names.get(one["segment"], one["segment"]), one["verdict"], one["effect"],
              one["reason"]) for one in first["segments"]],
            first["kind"],
        )  # fmt: skip
        power = [(weeks, share_words(change)) for weeks, change in first["detectable"]]
    level = VERDICTS[first["verdict"]][0] if first else "plain"
    return HoldoutView(
        document["reason"] or _sentence(first),
        level,
        people(document["held"]),
        people(document["personalized"]),
        rows,
        first["name"] if first else "",
        segments,
        power,
        _power(document, first),
        *_money(document.get("return")),
        _days(first["window_hours"]) if first else "",
        share_words(document["share"]),
    )


def _days(hours: int) -> str:
    return f"{hours / 24:.1f}".removesuffix(".0") + " days" if hours >= 24 else f"{hours} hours"


def _sentence(metric: Mapping[str, JSON] | None) -> str:
    if metric is None:
        return NOTHING
    effect, name = metric["effect"], metric["name"]
    if effect["interval"] is None:
        return f"Whether it pays cannot be told yet: {effect['reason'] or NOTHING}"
    reach = interval_words(metric["kind"], effect["interval"])
    change = relative_words(effect["relative"]) if effect["relative"] is not None else (
        difference_words(metric["kind"], effect["diff"])
    )  # fmt: skip
    match metric["verdict"]:
        case "earns":
            return f"Personalization pays: {name} is {change} beside those held out ({reach})."
        case "costs":
            return f"Personalization costs: {name} is {change} beside those held out ({reach})."
    return f"Whether it pays cannot be told yet: {name} is {change}, anything from {reach}."


def _row(name: str, verdict: str, metric: Mapping[str, JSON], effect: Mapping[str, JSON]) -> Row:
    kind = metric["kind"]
    return _line(name, verdict, kind, effect, Scale.around([effect["interval"]]), "")


def _line(
    name: str, verdict: str, kind: str, effect: Mapping[str, JSON], scale: Scale, reason: str
) -> Row:
    level, words = VERDICTS[verdict]
    return Row(
        name, level, words, people(effect["n"]), people(effect["n_control"]),
        value_words(kind, effect["value"]), value_words(kind, effect["of_control"]),
        difference_words(kind, effect["diff"]), interval_words(kind, effect["interval"]),
        relative_words(effect["relative"]),
        scale.whisker(kind, effect["diff"], effect["interval"]),
        " ".join(one for one in (effect.get("note"), reason or effect["reason"]) if one) or NOTHING,
    )  # fmt: skip


def table(
    rows: Sequence[tuple[str, str, Mapping[str, JSON] | None, str | None]], kind: str
) -> list[Row]:
    """Return (name, verdict, effect, reason) as lines on one scale."""
    scale = Scale.around([one["interval"] for _, _, one, _ in rows if one is not None])
    return [
        _line(name, verdict, kind, effect, scale, reason or "")
        if effect is not None
        else Row(name, *VERDICTS["open"], people(None), people(None), "", "", "", "", "", None,
                 reason or NOTHING)
        for name, verdict, effect, reason in rows
    ]  # fmt: skip


def _power(document: Mapping[str, JSON], metric: Mapping[str, JSON] | None) -> str:
    if metric is None or not metric["detectable"]:
        return ""
    weeks, change = next(
        (one for one in metric["detectable"] if one[0] == 6), metric["detectable"][-1]
    )
    return (
        f"With {share_words(document['share'])} held out you can see a change of "
        f"{share_words(change)} in {weeks} weeks."
    )


def _money(money: Mapping[str, JSON] | None) -> tuple[list[str], str]:
    if money is None:
        return (
            [],
            "Nobody has said which metric is money, and what personalization costs: do so below.",
        )
    if money["net"] is None:
        return [], money["reason"] or NOTHING
    unit = f" {money['currency']}" if money["currency"] else ""
    low, high = money["interval"]
    net_low, net_high = money["net_interval"]
    lines = [
        f"Gained so far by {money['metric']}: {money['gained']:,.0f}{unit}, "
        f"anything from {low:,.0f} to {high:,.0f}.",
        f"Cost in the same time: {money['cost']:,.0f}{unit}.",
        f"What is left: {money['net']:,.0f}{unit}, "
        f"anything from {net_low:,.0f} to {net_high:,.0f}.",
    ]
    if money["ratio"] is not None:
        lines.append(f"Return on what it costs: {money['ratio']:+.0%}.")
    return [line.replace("-", "−") for line in lines], ""


@dataclass(frozen=True, slots=True)
class ChoiceView:
    """What choosing by segment is worth in an experiment."""

    sentence: str
    level: str
    rows: list[Row]


def choice_view(document: Mapping[str, JSON], names: Mapping[str, str]) -> ChoiceView:
    """Return what the document of an experiment says of choosing by segment."""
    found = document["choosing"]
    if found is None:
        return ChoiceView(document["reason"] or NOTHING, "plain", [])
    kind, metric = document["kind"], document["metric"]
    sign = 1 if document["direction"] == "up" else -1
    scale = Scale.around([_turned(one["interval"], sign) for one in found["segments"]])
    rows = [
        _gain(names.get(one["segment"], one["segment"]) or "everybody else", one, kind, scale, sign)
        for one in found["segments"]
    ]
    level = VERDICTS[found["verdict"]][0]
    if found["interval"] is None:
        return ChoiceView(found["reason"] or NOTHING, level, rows)
    reach = interval_words(kind, _turned(found["interval"], sign))
    change = difference_words(kind, sign * found["gain"])
    best = found["single"]
    words = {
        "earns": f"Choosing by segment pays: {metric} changes by {change} for each visitor beside "
                 f"“{best}” for everybody ({reach}).",
        "costs": f"Choosing by segment costs: show “{best}” to everybody. {metric} would change by "
                 f"{change} for each visitor ({reach}).",
        "open": f"Choosing by segment has not shown that it pays: “{best}” for everybody does as "
                f"well as far as can be told ({metric}: {change}, {reach}).",
    }  # fmt: skip
    return ChoiceView(words[found["verdict"]], level, rows)


def _turned(interval: Sequence[float] | None, sign: int) -> list[float] | None:
    return None if interval is None else sorted(sign * end for end in interval)


def _gain(name: str, one: Mapping[str, JSON], kind: str, scale: Scale, sign: int) -> Row:
    level, words = VERDICTS[one["verdict"]]
    interval = _turned(one["interval"], sign)
    gain = None if one["gain"] is None else sign * one["gain"]
    return Row(
        name, level, words, people(one["n"]), "", "", "", difference_words(kind, gain),
        interval_words(kind, interval), "", scale.whisker(kind, gain, interval),
        one["reason"] or NOTHING, one["arm"] or "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonView:
    """Whom an arm moves. `line`: the curve as points of a polyline in a box of 100 x 100.

    Attributes:
        unranked: why there is no Qini, in a sentence; empty where there is one.
    """

    arm: str
    sentence: str
    level: str
    line: str
    zero: float
    straight: tuple[float, float]
    end: str
    qini: str
    unranked: str
    top: list[tuple[str, str, str]]


def person_views(document: Mapping[str, JSON]) -> list[PersonView]:
    """Return what the document of an experiment says of choosing by person."""
    return [_person(one, document) for one in document["people"]]


def _person(one: Mapping[str, JSON], document: Mapping[str, JSON]) -> PersonView:
    curve = one["curve"]
    heights = [height for _, height in curve]
    low, high = min([0.0, *heights]), max([0.0, *heights])
    span = (high - low) or 1.0

    def y_of(height: float) -> float:
        return round(float(100 * (high - height) / span), 2)

    sign = 1 if document["direction"] == "up" else -1
    return PersonView(
        one["arm"],
        _person_words(one, document, sign),
        VERDICTS[one["verdict"]][0],
        " ".join(f"{100 * x:.2f},{y_of(height)}" for x, height in curve),
        y_of(0.0),
        (y_of(0.0), y_of(heights[-1]) if heights else 0.0),
        f"{heights[-1]:+,.1f}" if heights else "",
        "" if one["qini"] is None else f"{one['qini']:.3f}",
        # Documents of before hold no reason.
        "" if one["qini"] is not None else one.get("unranked") or "",
        [(line["words"], f"{line['top']:.2f}", f"{line['rest']:.2f}") for line in one["top"]],
    )


def _person_words(one: Mapping[str, JSON], document: Mapping[str, JSON], sign: int) -> str:
    if one["interval"] is None:
        return one["reason"] or NOTHING
    kind = document["kind"]
    reach = interval_words(kind, _turned(one["interval"], sign))
    share = share_words(one["share"])
    beside = f"beside {'everybody' if one['best'] == 'everybody' else 'nobody'} getting it"
    if one["verdict"] == "earns":
        return f"Only the {share} whom it moves should get it: that is worth {reach} {beside}."
    if one["verdict"] == "costs":
        return f"Choosing by person does harm here ({reach} {beside}): treat everybody alike."
    return (
        "Choosing by person is no better than treating everybody alike, "
        f"as far as can be told ({reach})."
    )
