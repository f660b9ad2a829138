"""A model's card in plain words, from its figures."""

from collections.abc import Mapping
from typing import Any

from apps.predictions.domain.feature_names import features_of

SHOWN_FEATURES = 6


def sentences(
    card: Mapping[str, Any], lineage: Mapping[str, Any], trait: str
) -> list[tuple[str, str]]:
    """Return (heading, sentence) pairs that say what a model does and how far to trust it."""
    question = lineage["question"]
    horizon = hours_in_words(question["horizon_hours"])
    return [
        (
            "What it foresees",
            f'Whether a visitor will do "{question["target_event"]}" within the next {horizon}. '
            f'Conditions read it as the trait "{trait}", a probability from 0 to 1.',
        ),
        ("How often that happens", _rate(card)),
        ("How well it tells visitors apart", _separation(card)),
        ("Whether its probabilities can be believed", _calibration(card)),
        ("Compared with what served before", _champion(card)),
        ("What it looks at most", _features(card)),
        ("What it was taught with", _data(lineage)),
        (
            "What it does not know",
            "It has seen only visitors who allow personalization and were active in the last "
            f"{question['active_days']} days, and it foresees; it does not say that showing "
            "something would change what a visitor does.",
        ),
    ]


def hours_in_words(hours: int) -> str:
    """Return a horizon as a person would say it."""
    if hours % 24 or hours == 24:
        return f"{hours} hours"
    return f"{hours // 24} days"


def _rate(card: Mapping[str, Any]) -> str:
    return (
        f"For {card['base_rate']:.1%} of the visitors it was taught with, and for "
        f"{card['positives']:,} of the {card['rows']:,} it was judged on "
        f"({card['positives'] / card['rows']:.1%})."
    )


def _separation(card: Mapping[str, Any]) -> str:
    return (
        f"Of two visitors, one who did it and one who did not, it ranks the right one higher in "
        f"{card['auc']:.0%} of cases (AUC {card['auc']:.3f}; a coin reaches 50 %). Its average "
        f"precision is {card['average_precision']:.3f}, where guessing reaches "
        f"{card['positives'] / card['rows']:.3f}. Log loss {card['log_loss']:.4f}, against "
        f"{card['base_log_loss']:.4f} for telling everyone the plain rate."
    )


def _calibration(card: Mapping[str, Any]) -> str:
    lowest, highest = card["bins"][0], card["bins"][-1]
    return (
        f"Of the tenth with the highest probabilities ({highest[0]:.1%} on average) "
        f"{highest[1]:.1%} did it; of the tenth with the lowest ({lowest[0]:.1%}) {lowest[1]:.1%} "
        f"did. On average it is off by {card['calibration_error'] * 100:.1f} percentage points."
    )


def _champion(card: Mapping[str, Any]) -> str:
    if card["champion_log_loss"] is None:
        return "Nothing comparable served before."
    return (
        f"On the same visitors the champion of that day had a log loss of "
        f"{card['champion_log_loss']:.4f}, this version {card['log_loss']:.4f}; lower is better."
    )


def _features(card: Mapping[str, Any]) -> str:
    top = card["gains"][:SHOWN_FEATURES]
    words = [feature.words for feature in features_of([name for name, _ in top])]
    pairs = zip(words, top, strict=True)
    return "; ".join(f"{word} ({gain:.0%})" for word, (_, gain) in pairs) + "."


def _data(lineage: Mapping[str, Any]) -> str:
    moments = lineage["moments"]
    rows = sum(one["rows"] for one in moments if one["part"] == "teach")
    taught = [one["as_of"][:10] for one in moments if one["part"] == "teach"]
    judged = next(one["as_of"][:10] for one in moments if one["part"] == "judge")
    return (
        f"{rows:,} looks at visitors from {taught[0]} to {taught[-1]}; it was judged on a later "
        f"time that it had not seen, {judged}. Each look knows only what had happened by then."
    )
