"""Where a server got traits from that the person has not told it: `context.evidence`.

A social network, a bought list, a survey: each says how sure it is, when it saw it, and that the
person agreed under which notice. Browsers cannot claim it. What could only be inferred of matters
that are nobody's business (belief, health, politics, sexuality, origin) is not taken at all.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from apps.events.errors import EventRefused

EVIDENCE: Final = "evidence"
REFUSED: Final = "sensitive_inference"
MAX_SOURCE: Final = 60
BASIS: Final = "consent"

_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_WORD: Final = re.compile(r"[a-z]+")
# Beginnings of words. Rather one interest too few than one belief too many.
_STEMS: Final = (
    "relig", "church", "mosque", "synagog", "muslim", "islam", "christian", "catholic",
    "protestant", "jewish", "judais", "hindu", "buddhis", "atheis", "evangelic",
    "illness", "disease", "diabet", "cancer", "hiv", "depress", "pregnan", "disab", "medicat",
    "therap", "diagnos", "addict", "obes", "fertilit", "abortion",
    "politic", "democrat", "republican", "socialis", "communis", "conservativ", "leftwing",
    "rightwing", "tradeunion", "partymember",
    "sexual", "gay", "lesbian", "bisex", "transgender", "queer", "lgbt",
    "ethnic", "racial", "refugee", "immigra", "roma",
)  # fmt: skip
_ALONE: Final = frozenset({"race", "faith", "health", "union", "caste", "sex"})  # of names only


class Origin(NamedTuple):
    """Where a trait is from, as conditions ask (`from`); `confidence` in [0, 1]."""

    source: str
    confidence: float


def origin_of(context: Mapping[str, Any]) -> Origin | None:
    """Return what a checked event's evidence says, None without any."""
    said = context.get(EVIDENCE)
    return Origin(said["source"], float(said["confidence"])) if type(said) is dict else None


def check(context: dict[str, Any], traits: Mapping[str, Any] | None, *, is_browser: bool) -> None:
    """Check an event's evidence, in place; a browser's is taken out: it proves nothing.

    Raises:
        EventRefused: `invalid_event` with what is missing, or `sensitive_inference`.
    """
    said = context.get(EVIDENCE)
    if said is None:
        return
    if is_browser:
        del context[EVIDENCE]
        return
    if type(said) is not dict:
        raise _wrong("", "`context.evidence` is an object.")
    source, confidence = said.get("source"), said.get("confidence")
    is_source = type(source) is str and len(source) <= MAX_SOURCE and _SOURCE.fullmatch(source)
    if not is_source:
        raise _wrong("/source", f"A source is of a-z, 0-9 and _.-, up to {MAX_SOURCE} characters.")
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise _wrong("/confidence", "A confidence is a number.")
    if not 0 <= confidence <= 1:
        raise _wrong("/confidence", "A confidence is a number from 0 to 1.")
    if said.get("basis") != BASIS:
        raise _wrong("/basis", "Only what people agreed to is taken: the basis is `consent`.")
    notice = said.get("notice")
    if type(notice) is not str or not 0 < len(notice) <= 40:
        raise _wrong("/notice", "Say the version of the notice under which they agreed.")
    context[EVIDENCE] = {
        "source": source, "confidence": confidence, "basis": BASIS, "notice": notice,
    }  # fmt: skip
    for key, value in (traits or {}).items():
        if is_sensitive(key, value):
            raise EventRefused(
                REFUSED,
                EventRefused.CODES[REFUSED],
                pointer=f"/traits/{key.replace('~', '~0').replace('/', '~1')}",
            )


def is_sensitive(key: str, value: Any) -> bool:
    """Whether a trait tells, or its name promises, what may not be inferred of anybody."""
    words = _words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key))
    if _ALONE & set(words):
        return True
    told = value if isinstance(value, list) else [value]
    texts = [one for one in told if isinstance(one, str)]
    words += [word for text in texts for word in _words(text)]
    return any(word.startswith(_STEMS) for word in words)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _wrong(pointer: str, sentence: str) -> EventRefused:
    return EventRefused(
        "invalid_event", sentence, pointer=f"/context/{EVIDENCE}{pointer}", problem="invalid"
    )
