"""The kinds of questions that come with the platform, and the modules that answer them."""

from typing import Final

from apps.predictions import kinds
from apps.predictions.models import ModelSpec
from apps.predictions.shadow_gate import FORESEEING

_Kind = ModelSpec.Kind
# Those that learn and answer in a module of their own, by functions named `train` and `score`.
_OTHERS: Final[dict[str, str]] = {
    _Kind.GROUPS: "apps.predictions.groups",
    _Kind.LIFETIME: "apps.predictions.lifetimes",
    _Kind.RFM: "apps.predictions.rfm_traits",
    _Kind.INTENT: "apps.predictions.texts",
}


def register_all() -> None:
    """Register every kind; nothing heavy is imported."""
    for kind in sorted(FORESEEING):
        kinds.register(
            kind,
            train=kinds.lazily("apps.predictions.foreseeing", "train"),
            score=kinds.lazily("apps.predictions.scoring", "score_people"),
        )
    for name, module in _OTHERS.items():
        kinds.register(
            name, train=kinds.lazily(module, "train"), score=kinds.lazily(module, "score")
        )
