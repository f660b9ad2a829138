"""An answer to what another rule would have earned, in words and places of a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from apps.studio.domain.charts import share_pct
from apps.studio.domain.experiment_figures import (
    NOT_TOLD,
    difference_words,
    ends_of,
    interval_words,
    number,
    share_words,
    value_words,
)

NAMES: Final = {
    "ips": "Weights alone (IPS)",
    "snips": "Self-normalised weights (SNIPS)",
    "dr": "Doubly robust (DR)",
    "switch-dr": "Switch doubly robust",
}
RULES: Final = {
    "drafts": "all drafts, as they wait",
    "serving": "what is published now",
}
ROOM: Final = 0.08  # of the picture, left free on both sides


class Asked(Protocol):
    """A question of `apps.experiments.what_ifs`."""

    @property
    def policy(self) -> Mapping[str, Any]: ...
    @property
    def placement(self) -> str: ...
    @property
    def metric_name(self) -> str: ...
    @property
    def metric_kind(self) -> str: ...
    @property
    def found(self) -> Mapping[str, Any] | None: ...
    @property
    def refused(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval, in percent of a picture's width."""

    name: str
    value: str
    interval: str
    middle: float
    low: float
    width: float
    level: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One variant: how often it was served, how often the rule would have, what it brought."""

    variant: str
    served: str
    served_pct: float
    rule: str
    rule_pct: float
    observed: str


@dataclass(frozen=True, slots=True)
class Told:
    """All that the page of an answer says.

    Attributes:
        sentence: the answer in a sentence; level: ok, bad, info or warn.
        gain, gain_interval: how much more than what was done; empty where refused.
        rests: what it rests on, in words.
        left_out: who is not in it, in words.
        weights: (how heavy, rounds, percent of the most frequent).
    """

    sentence: str
    level: str
    heading: str
    gain: str
    gain_interval: str
    why: str
    bars: Sequence[Bar]
    others: Sequence[tuple[str, str, str]]
    parts: Sequence[Part]
    weights: Sequence[tuple[str, int, float]]
    rests: Sequence[tuple[str, str]]
    left_out: Sequence[str]
    since: datetime | None
    until: datetime | None


def rule(asked: Asked) -> str:
    """Return which rule is asked about: "always “b”"."""
    policy = asked.policy
    match policy.get("what"):
        case "always":
            return f"always “{policy['variant']}”"
        case "condition":
            return f"a condition: “{policy['variant']}”, else “{policy['otherwise']}”"
    return RULES.get(str(policy.get("what")), "a rule")


def line(asked: Asked) -> str:
    """Return one line about a question, for a list."""
    start = f"{asked.placement}, {rule(asked)}, {asked.metric_name}"
    if asked.found is not None:
        return f"{start}: {_short(asked)}"
    return f"{start}: {asked.refused or 'being worked out.'}"


def told(asked: Asked) -> Told:
    """Return what the page says of an answer."""
    found = asked.found or {}
    heading, level, sentence = _verdict(asked)
    kind = asked.metric_kind
    return Told(
        sentence=sentence,
        level=level,
        heading=heading,
        gain="" if found.get("reason") else difference_words(kind, found.get("gain")),
        gain_interval=""
        if found.get("reason")
        else interval_words(kind, found.get("gain_interval")),
        why=found.get("why", ""),
        bars=_bars(asked, level),
        others=[
            (
                NAMES[one["name"]],
                value_words(kind, one["value"]),
                _interval(kind, one["interval"]),
            )
            for one in found.get("estimators", ())
        ],
        parts=[_part(kind, one) for one in found.get("actions", ())],
        weights=_weights(found.get("weights", ())),
        rests=_rests(found),
        left_out=_left_out(found),
        since=_moment(found.get("since")),
        until=_moment(found.get("until")),
    )


def _verdict(asked: Asked) -> tuple[str, str, str]:
    found = asked.found or {}
    name, said = asked.metric_name, rule(asked)
    if found.get("reason"):
        return "The log cannot say", "warn", str(found["reason"])
    kind = asked.metric_kind
    ends = ends_of(found.get("gain_interval"))
    value, was = value_words(kind, found.get("value")), value_words(kind, found.get("observed"))
    told = f"With {said}, “{name}” would have been {value} instead of {was}"
    if ends is None:
        return "The log cannot say", "warn", "The log cannot say."
    if ends[0] > 0:
        return "More than what was done", "ok", f"{told}: surely more."
    if ends[1] < 0:
        return "Less than what was done", "bad", f"{told}: surely less."
    if ends[0] == ends[1] == 0:
        return "The same", "info", f"{told}: it does what was done."
    return "No difference that is sure", "info", f"{told}: that may be chance."


def _short(asked: Asked) -> str:
    found = asked.found or {}
    if found.get("reason"):
        return "the log cannot say."
    kind = asked.metric_kind
    return (
        f"{value_words(kind, found.get('value'))} instead of "
        f"{value_words(kind, found.get('observed'))}."
    )


def _bars(asked: Asked, level: str) -> list[Bar]:
    """What was, and what would have been, one above the other."""
    found = asked.found or {}
    rows = [("As it was", found.get("observed"), found.get("interval"), "")]
    if not found.get("reason"):
        rows.append(("With this rule", found.get("value"), found.get("value_interval"), level))
    known = [
        (name, mid, ends, shade)
        for name, value, interval, shade in rows
        if (mid := number(value)) is not None and (ends := ends_of(interval)) is not None
    ]
    if not known:
        return []
    low = min(ends[0] for _, _, ends, _ in known)
    high = max(ends[1] for _, _, ends, _ in known)
    room = (high - low) * ROOM or 1.0
    low, high = low - room, high + room
    kind = asked.metric_kind
    return [
        Bar(
            name,
            value_words(kind, mid),
            _interval(kind, ends),
            100 * (mid - low) / (high - low),
            100 * (ends[0] - low) / (high - low),
            100 * (ends[1] - ends[0]) / (high - low),
            shade,
        )
        for name, mid, ends, shade in known
    ]


def _interval(kind: str, interval: Sequence[float] | None) -> str:
    ends = ends_of(interval)
    if ends is None:
        return NOT_TOLD
    return f"{value_words(kind, ends[0])} to {value_words(kind, ends[1])}"


def _part(kind: str, one: Mapping[str, Any]) -> Part:
    return Part(
        one["variant"] or "nothing",
        share_words(one["served"]),
        100 * one["served"],
        share_words(one["rule"]),
        100 * one["rule"],
        value_words(kind, one["observed"]),
    )


def _weights(found: Sequence[Sequence[float]]) -> list[tuple[str, int, float]]:
    rows: list[tuple[str, int]] = []
    for place, (low, count) in enumerate(found):
        if place == 0:
            words = "0: it would have shown something else"
        elif place == len(found) - 1:
            words = f"above {low:g}"
        else:
            words = f"up to {found[place + 1][0]:g}"
        rows.append((words, int(count)))
    most = max((count for _, count in rows), default=0)
    return [(words, count, share_pct(count, most)) for words, count in rows]


def _rests(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("People", f"{found.get('rounds', 0):,}")]
    if number(found.get("ess")) is not None:
        rows.append(("Worth as many people as", f"{found['ess']:,.0f}"))
    if number(found.get("max_weight")) is not None:
        rows.append(("The heaviest counts for", f"{found['max_weight']:,.1f}"))
    if number(found.get("mean_weight")) is not None:
        rows.append(("Weights on average", f"{found['mean_weight']:.3f}"))
    return rows


def _left_out(found: Mapping[str, Any]) -> list[str]:
    """Who is not in it, and why: a sentence each."""
    people, sampled = int(found.get("people", 0)), int(found.get("sampled", 0))
    certain = int(found.get("certain", 0))
    said = [
        (people - sampled, "people beyond the sample that was looked at."),
        (
            0 if found.get("rounds", 0) > sampled - int(found.get("unknown", 0)) - certain
            else certain,
            "people for whom nothing was left to chance: the log cannot say what else would "
            "have earned of them.",
        ),
        (
            int(found.get("unknown", 0)),
            "people of whom nobody can tell what this rule would do: they were not known yet, or "
            "it reads what was not recorded.",
        ),
        (int(found.get("unlikely", 0)), "exposures that do not say how likely they were."),
    ]  # fmt: skip
    return [f"{count:,} {words}" for count, words in said if count > 0]


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
