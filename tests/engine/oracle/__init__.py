"""The oracle: the condition language once more, naively, for tests only.

It reads condition documents, not the engine's nodes, and is written from docs/conditions.md. Every
event is looked at for every question and every match of a sequence is tried; nothing is clever.
"""

from tests.engine.oracle.aggregates import Undecided
from tests.engine.oracle.truth import Known, bindings, truth

__all__ = ["Known", "Undecided", "bindings", "truth"]
