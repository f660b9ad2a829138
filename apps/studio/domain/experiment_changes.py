"""What was done to an experiment, in words."""

from collections.abc import Mapping
from typing import Any, Final

from apps.studio.domain.experiment_figures import share_words

JSON = Any
ACTIONS: Final[Mapping[str, str]] = {
    "started": "Started",
    "new_phase": "Begun anew: everybody is dealt anew",
    "paused": "Paused",
    "resumed": "Went on",
    "ramped": "More take part",
    "arm_stopped": "Arm stopped: it shows the control",
    "arm_resumed": "Arm goes on",
    "shares": "Shares moved",
    "concluded": "Concluded",
    "shipped": "Winner shipped",
}
CAUSES: Final[Mapping[str, str]] = {
    "hand": "by hand",
    "harm": "a guardrail showed harm",
    "srm": "the arms did not get their shares",
    "errors": "errors",
    "latency": "it was slow",
}


def change_words(action: str, detail: Mapping[str, JSON], arms: Mapping[str, str]) -> str:
    """Return what a change was.

    Args:
        arms: names of arms, by key.
    """
    said = ACTIONS.get(action, action.replace("_", " ").capitalize())
    told = _told(action, detail, arms)
    return f"{said} ({told})" if told else said


def _told(action: str, detail: Mapping[str, JSON], arms: Mapping[str, str]) -> str:
    arm = arms.get(str(detail.get("arm", "")), str(detail.get("arm", "")))
    match action:
        case "ramped":
            return f"{share_words(detail.get('from'))} to {share_words(detail.get('to'))}"
        case "arm_stopped":
            cause = str(detail.get("cause", ""))
            return f"“{arm}”, {CAUSES.get(cause, cause)}" if cause else f"“{arm}”"
        case "arm_resumed":
            return f"“{arm}”"
        case "shares":
            own = detail.get("to")
            pairs = own.items() if isinstance(own, Mapping) else ()
            return ", ".join(f"{arms.get(key, key)} {share_words(one)}" for key, one in pairs)
        case "concluded" | "shipped":
            winner = str(detail.get("winner", ""))
            return f"winner “{arms.get(winner, winner)}”" if winner else "no winner"
    return ""
