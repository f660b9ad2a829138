"""What a version has to pass before it may serve; each gate is told in a sentence.

Some are measured while it is trained and frozen with it (`ModelVersion.gates`); the others are
registered and asked anew each time. Nothing here needs the heavy libraries.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from apps.predictions import artifacts
from apps.predictions.errors import ArtifactBroken
from apps.predictions.models import ModelVersion

# (name, has it passed, a sentence that says why)
Gate = tuple[str, bool, str]
# None: the gate does not concern this version.
Check = Callable[[ModelVersion, datetime], Gate | None]

# Also asked of an earlier champion that is to serve again.
FAIR: Final = "fair"
WHOLE: Final = "whole"
SAFETY: Final = frozenset({FAIR, WHOLE})
LEAST_NOTE: Final = 20  # characters, of whoever overrules a gate

TITLES: Final[dict[str, str]] = {
    "beats_plain": "Better than telling everyone the same",
    "beats_rules": "Better than a simple rule",
    "beats_champion": "Better than what serves now",
    "calibrated": "Its probabilities can be believed",
    "no_leak": "It does not know what it cannot know",
    "steady": "As good at other times",
    FAIR: "Fair to the groups that are watched",
    "quick": "Quick enough",
    "shadow": "Held good beside what serves",
    WHOLE: "Its file is what was trained",
}

# In a list of those that were not passed.
_SHORT: Final[dict[str, str]] = {
    "beats_plain": "better than the plain rate",
    "beats_rules": "better than a simple rule",
    "beats_champion": "better than what serves",
    "calibrated": "believable probabilities",
    "no_leak": "free of leaks",
    "steady": "as good at other times",
    FAIR: "fairness",
    "quick": "quick enough",
    "shadow": "held beside what serves",
    WHOLE: "an unbroken file",
}

_checks: Final[dict[str, Check]] = {}


def register_gate(name: str, check: Check) -> None:
    """Have `check` (version, now) asked before any version serves; from an app's ready()."""
    _checks[name] = check


def gates_of(version: ModelVersion, *, now: datetime) -> list[Gate]:
    """Return every gate of a version as of now, in the order of TITLES, others behind."""
    found: dict[str, Gate] = {
        name: (name, bool(passed), words) for name, passed, words in version.gates
    }
    for name, check in _checks.items():
        gate = check(version, now)
        if gate is not None:
            found[name] = gate
    order = {name: place for place, name in enumerate(TITLES)}
    return sorted(found.values(), key=lambda gate: order.get(gate[0], len(order)))


def red(gates: list[Gate]) -> list[Gate]:
    """Return those that have not been passed."""
    return [gate for gate in gates if not gate[1]]


def title_of(name: str) -> str:
    """Return what a gate is called on pages."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def short_of(name: str) -> str:
    """Return what a gate is called in a list of those that were not passed."""
    return _SHORT.get(name, name.replace("_", " "))


def whole(version: ModelVersion, now: datetime) -> Gate | None:
    """Whether its file is there, unchanged and signed; None for a version without a file."""
    if not version.artifact_sha256:
        return None
    try:
        artifacts.load(version)
    except ArtifactBroken as broken:
        return WHOLE, False, str(broken)
    return WHOLE, True, "Its file is the one that was trained, and its signature is ours."
