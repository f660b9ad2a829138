"""What a search says: how much, whether again, for nothing, and with which intent. By a lexicon.

One lexicon, read by SQL (day sums of features) and here (queries one by one). Patterns are of the
part that Postgres and Python share: literals, groups, `|`, `?`, `+`, classes, `\\d`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

# Names by which sites tell of a search, and of its text.
EVENTS: Final = (
    "Products Searched", "Searched", "Search", "Site Searched", "Search Performed", "search",
)  # fmt: skip
QUERY_KEYS: Final = ("query", "search_term", "term", "q")
RESULT_KEYS: Final = ("results", "result_count", "results_count")

_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "price": (
        "cheap(est|er)?", "price[sd]?", "pricing", "costs?", "sale", "discount(s|ed)?", "deals?",
        "offers?", "coupons?", "vouchers?", "budget", "affordable", "clearance", "free shipping",
    ),
    "compare": (
        "best", "top", "vs", "versus", "compar(e|ed|ison|isons)", "reviews?", "ratings?",
        "alternatives?", "difference", "better", "recommend(ed|ation|ations)?",
    ),
    "question": (
        "how", "what", "which", "when", "where", "why", "who", "can", "does", "is", "are", "should",
    ),
}  # fmt: skip
INTENTS: Final = (*_WORDS, "exact")
INTENT_WORDS: Final[Mapping[str, str]] = {
    "price": "price words (cheap, sale, discount)",
    "compare": "words of comparing (best, versus, reviews)",
    "question": "question words (how, which, where)",
    "exact": "a number or a size (model numbers, 42, 500 ml)",
}
# Bounds of words are spelled out: `\b` is another thing in Postgres.
_EDGE: Final = "[^a-z0-9]"
PATTERNS: Final[Mapping[str, str]] = {
    **{
        intent: f"(^|{_EDGE})({'|'.join(words)})({_EDGE}|$)"
        for intent, words in _WORDS.items()
    },
    "exact": r"\d",
}  # fmt: skip
_COMPILED: Final = {intent: re.compile(pattern) for intent, pattern in PATTERNS.items()}
_SPACES: Final = re.compile(r"[ \t\n\r]+")
MAX_QUERY: Final = 300  # characters that are looked at


def words_of(query: str) -> int:
    """Return how many words a query has, between white space."""
    text = query[:MAX_QUERY].strip(" \t\n\r")
    return len(_SPACES.split(text)) if text else 0


def intents_of(query: str) -> tuple[str, ...]:
    """Return the intents of a query by the lexicon, in the order of INTENTS; often none."""
    text = query[:MAX_QUERY].lower()
    return tuple(intent for intent in INTENTS if _COMPILED[intent].search(text))


def complexity_of(query: str) -> float:
    """Return how elaborate a query is, 0 to 1: words (of 8), and half as much for a number."""
    has_number = bool(_COMPILED["exact"].search(query[:MAX_QUERY]))
    return min(1.0, words_of(query) / 8 + 0.125 * has_number)
