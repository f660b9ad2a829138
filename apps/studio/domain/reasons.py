"""The reasons of decisions, for people."""

from typing import Final

_WORDS: Final = {
    "TARGETING_MATCH": "chosen for this visitor",
    "SPLIT": "by an experiment's share",
    "DEFAULT": "nothing more specific fitted",
    "HOLDOUT": "kept from personalization, to compare",
    "CAPPED": "shown often enough",
    "NO_CONSENT": "no consent to personalization",
    "DISABLED": "the placement is switched off",
    "PREVIEW": "an editor's preview",
    "STALE": "what was known had grown too old",
    "ERROR": "could not be decided",
}
_LEVELS: Final = {
    "TARGETING_MATCH": "ok",
    "SPLIT": "ok",
    "DEFAULT": "plain",
    "NO_CONSENT": "info",
    "DISABLED": "info",
    "HOLDOUT": "info",
    "CAPPED": "info",
    "PREVIEW": "info",
    "STALE": "warn",
    "ERROR": "bad",
}


def reason_words(reason: str) -> str:
    """Return what a reason means; an unknown one stands for itself."""
    return _WORDS.get(reason, reason.lower().replace("_", " "))


def reason_level(reason: str) -> str:
    """Return how good news a reason is: "ok", "plain", "info", "warn" or "bad"."""
    return _LEVELS.get(reason, "plain")
