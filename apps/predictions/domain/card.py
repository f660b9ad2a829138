"""A model's card in plain words, from its figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apps.predictions.domain.feature_names import features_of
from apps.predictions.domain.judging import CONFIDENCE
from apps.predictions.errors import UnknownFeature

SHOWN_FEATURES = 6

_METHODS: Final[Mapping[str, str]] = {
    "trees": "boosted trees",
    "forest": "a random forest",
    "linear": "logistic regression",
    "network": "a small neural network",
}

# What a report measures -> its name, and what it means.
_FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "auc": ("AUC", "Of two visitors, how often the right one is ranked higher; a coin: 0.5."),
    "average_precision": ("Average precision", "Precision over all thresholds; a coin: the rate."),
    "ks": ("KS", "The farthest apart that flagged shares of both kinds of visitors get."),
    "lift_top_decile": ("Lift of the first tenth", "How many times the plain rate did it there."),
    "log_loss": ("Log loss", "How surprised it was by what happened; lower is better."),
    "brier": ("Brier score", "Mean squared distance from what happened; lower is better."),
    "ece": ("Calibration error", "How far off probabilities are, in ten bins of equal width."),
    "ece_quantile": ("Calibration error, by tenths", "The same, in ten bins of equal size."),
    "precision": ("Precision at the threshold", "Of those flagged, how many did it."),
    "recall": ("Recall at the threshold", "Of those who did it, how many were flagged."),
    "flagged": ("Share flagged at the threshold", "Of all visitors."),
    "f1": ("F1 at the threshold", "Precision and recall in one number."),
    "mcc": ("MCC at the threshold", "Agreement of flags and outcomes; a coin: 0."),
}


def sentences(
    card: Mapping[str, Any], lineage: Mapping[str, Any], trait: str
) -> list[tuple[str, str]]:
    """Return (heading, sentence) pairs that say what a model does and how far to trust it."""
    found = [
        ("What it foresees", _question(lineage, trait)),
        ("How often that happens", _rate(card)),
        ("How well it tells visitors apart", _separation(card)),
        ("Whether its probabilities can be believed", _calibration(card)),
        ("Compared with simple rules", _rules(card)),
        ("Whom its threshold flags", _threshold(card)),
        ("Compared with what served before", _champion(card)),
        ("What it looks at most", _features(card)),
        ("What it leaves out", _dropped(card)),
        ("What it was taught with", _data(lineage)),
        ("What it does not know", _unknown(lineage)),
    ]
    return [(heading, words) for heading, words in found if words]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of a card, as a table shows it: its value, its 95 % interval, what it means."""

    name: str
    value: str
    interval: str
    meaning: str


def figures(card: Mapping[str, Any]) -> list[Figure]:
    """Return what was measured, as text, in the order of a page; of old cards nothing."""
    measured = (card.get("report") or {}).get("figures", {})
    found = []
    for key, (name, meaning) in _FIGURES.items():
        value, low, high = measured.get(key, (None, None, None))
        if value is not None:
            between = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
            found.append(Figure(name, f"{value:.3f}", between, meaning))
    return found


@dataclass(frozen=True, slots=True)
class Flagging:
    """Whom a threshold flags, as text; `is_set`: it is the one that the question names."""

    threshold: str
    flagged: str
    precision: str
    recall: str
    is_set: bool


def thresholds(card: Mapping[str, Any]) -> list[Flagging]:
    """Return precision, recall and share flagged beside each threshold, ascending."""
    report = card.get("report") or {}
    return [
        Flagging(
            f"{one['threshold']:.2f}",
            _share(one["flagged"]),
            _share(one["precision"]),
            _share(one["recall"]),
            one["threshold"] == report["threshold"],
        )
        for one in report.get("thresholds", [])
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def words_of(name: str) -> str:
    """Return what a feature says, in words; its name where nothing computes it any more."""
    try:
        return features_of([name])[0].words
    except UnknownFeature:
        return name


def method_in_words(method: str) -> str:
    """Return a method as a sentence names it."""
    return _METHODS.get(method, method)


def hours_in_words(hours: int) -> str:
    """Return a horizon as a person would say it."""
    if hours % 24 or hours == 24:
        return f"{hours} hours"
    return f"{hours // 24} days"


def _rate(card: Mapping[str, Any]) -> str:
    if card.get("outputs"):
        parts = [
            f"{output} {one['positives'] / one['rows']:.1%}"
            for output, one in card["outputs"].items()
        ]
        return f"Of the {card['rows']:,} visitors it was judged on: {', '.join(parts)}."
    return (
        f"For {card['base_rate']:.1%} of the visitors it was taught with, and for "
        f"{card['positives']:,} of the {card['rows']:,} it was judged on "
        f"({card['positives'] / card['rows']:.1%})."
    )


def _separation(card: Mapping[str, Any]) -> str:
    losses = (
        f"Log loss {card['log_loss']:.4f}, against {card['base_log_loss']:.4f} for telling "
        "everyone the plain rate."
    )
    if card.get("outputs"):
        parts = [f"{output} {one['auc']:.3f}" for output, one in card["outputs"].items()]
        return (
            "Of two visitors, one who did it and one who did not, how often the right one is "
            f"ranked higher (AUC; a coin reaches 0.5): {', '.join(parts)}. {losses}"
        )
    return (
        f"Of two visitors, one who did it and one who did not, it ranks the right one higher in "
        f"{card['auc']:.0%} of cases (AUC {card['auc']:.3f}; a coin reaches 50 %). Its average "
        f"precision is {card['average_precision']:.3f}, where guessing reaches "
        f"{card['positives'] / card['rows']:.3f}. {losses}"
    )


def _calibration(card: Mapping[str, Any]) -> str:
    lowest, highest = card["bins"][0], card["bins"][-1]
    return (
        f"Of the tenth with the highest probabilities ({highest[0]:.1%} on average) "
        f"{highest[1]:.1%} did it; of the tenth with the lowest ({lowest[0]:.1%}) {lowest[1]:.1%} "
        f"did. On average it is off by {card['calibration_error'] * 100:.1f} percentage points."
    )


def _champion(card: Mapping[str, Any]) -> str:
    if card.get("champion_log_loss") is None:
        return "Nothing comparable served before."
    told = (
        f"On the same visitors the champion of that day had a log loss of "
        f"{card['champion_log_loss']:.4f}, this version {card['log_loss']:.4f}; lower is better."
    )
    gain = card.get("champion_gain")
    if gain is None:
        return told
    mean, error = gain
    if mean > CONFIDENCE * error:
        return f"{told} That is more than luck."
    if mean < -CONFIDENCE * error:
        return f"{told} It is surely worse."
    return f"{told} The difference may be luck."


def _features(card: Mapping[str, Any]) -> str:
    # Names go with the file, once it is deleted.
    top = card.get("gains", [])[:SHOWN_FEATURES]
    if not top:
        return ""
    return "; ".join(f"{words_of(name)} ({gain:.0%})" for name, gain in top) + "."


def _dropped(card: Mapping[str, Any]) -> str:
    dropped = card.get("dropped") or {}
    if not dropped:
        return ""
    shown = [f"{words_of(name)} ({why})" for name, why in list(dropped.items())[:SHOWN_FEATURES]]
    more = len(dropped) - len(shown)
    return "; ".join(shown) + (f"; and {more} more." if more else ".")


def _data(lineage: Mapping[str, Any]) -> str:
    moments = lineage["moments"]
    rows = sum(one["rows"] for one in moments if one["part"] == "teach")
    taught = [one["as_of"][:10] for one in moments if one["part"] == "teach"]
    judged = next(one["as_of"][:10] for one in moments if one["part"] == "judge")
    method = f" by {method_in_words(lineage['method'])}" if "method" in lineage else ""
    known = {
        "received": " What counts as known then is what had been received.",
        "occurred": " What counts as known then is what had happened, as its events arrive late.",
    }.get(lineage.get("knows_by", ""), "")
    return (
        f"{rows:,} looks at visitors from {taught[0]} to {taught[-1]}{method}; it was judged on a "
        f"later time that it had not seen, {judged}. Each look knows only what had happened by "
        f"then.{known}"
    )


def _unknown(lineage: Mapping[str, Any]) -> str:
    days = lineage["question"]["active_days"]
    return (
        f"It has seen only visitors who allow what it is for and were active in the last {days} "
        "days, and it foresees; it does not say that showing something would change what a visitor "
        "does."
    )


def _question(lineage: Mapping[str, Any], trait: str) -> str:
    question = lineage["question"]
    horizon = hours_in_words(question["horizon_hours"])
    words = lineage.get("words") or [f'do "{question["target_event"]}"']
    if len(words) == 1:
        return (
            f"Whether a visitor will {words[0]} within the next {horizon}. Conditions read it as "
            f'the trait "{trait}", a probability from 0 to 1.'
        )
    return (
        f"Which of {len(words)} comes next within {horizon}: {'; '.join(words)}. Conditions read "
        f'the likeliest as the trait "{trait}", and each probability from 0 to 1 under its name '
        f'after a dot, "{trait}. ..."'
    )


def _rules(card: Mapping[str, Any]) -> str:
    report = card.get("report")
    if not report or not report["baselines"]:
        return ""
    nearest = sorted(report["baselines"].values(), key=lambda one: float(one["log_loss"]))
    parts = [f"{one['words']}, {one['log_loss']:.4f}, {_verdict(one)}" for one in nearest]
    return f"Its log loss is {card['log_loss']:.4f}. The nearest first: {'; '.join(parts)}."


def _verdict(rule: Mapping[str, Any]) -> str:
    _, low, high = rule["advantage"]
    said = "surely beaten" if rule["is_beaten"] else "not surely beaten"
    return f"{said} (by {low:.4f} to {high:.4f})"


def _threshold(card: Mapping[str, Any]) -> str:
    report = card.get("report")
    if not report:
        return ""
    figures = report["figures"]
    flagged, precision, recall = (
        figures[name][0] for name in ("flagged", "precision", "recall")
    )  # fmt: skip
    if precision is None:
        told = f"Nobody has a probability of {report['threshold']:.2f} or more: choose a lower one."
    else:
        told = (
            f"From {report['threshold']:.2f} on it flags {flagged:.1%} of the visitors; of them "
            f"{precision:.0%} did it, and of all who did it {recall:.0%} were flagged."
        )
    proposal = report.get("proposal") or {}
    return f"{told} {proposal['words']}" if proposal else told
