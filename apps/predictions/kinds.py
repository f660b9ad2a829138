"""Which code learns and answers each kind of question.

Kinds are registered in an app's ready(), also in web processes: their code, which needs the heavy
libraries, is imported when it is first called (`lazily`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any, Final

from apps.predictions.errors import ModelRefused
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.work.types import Progress

# Learns one version and ends the run (`runs.keep`, `runs.finish`), or raises ModelRefused.
Train = Callable[[ModelSpec, TrainingRun, datetime, Progress], None]
# Brings what a version says of people up to date; returns how many were looked at.
Score = Callable[[ModelSpec, ModelVersion, datetime, Progress], int]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of question is learned and answered."""

    train: Train
    score: Score


_kinds: Final[dict[str, Kind]] = {}


def register(kind: str, *, train: Train, score: Score) -> None:
    """Name the code of a kind; from an app's ready()."""
    _kinds[str(kind)] = Kind(train, score)


def kind_of(spec: ModelSpec) -> Kind:
    """Return the code of a question's kind.

    Raises:
        ModelRefused: nobody has registered the kind.
    """
    found = _kinds.get(spec.kind)
    if found is None:
        raise ModelRefused(f"Nothing learns questions of the kind '{spec.get_kind_display()}'.")
    return found


def lazily(module: str, name: str) -> Callable[..., Any]:
    """Return a function that imports the real one when it is called: only workers need it."""

    def call(*args: Any) -> Any:
        return getattr(import_module(module), name)(*args)

    return call
