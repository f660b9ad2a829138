"""Writes that others may ask for: publish, bring back, keep a record, sign an id."""

from apps.decisions.decision_ids import head_of, signed, tail_of
from apps.decisions.publishing import publish, rollback
from apps.decisions.records import Made, flush, record
from apps.decisions.watch import start as start_watching

__all__ = [
    "Made",
    "flush",
    "head_of",
    "publish",
    "record",
    "rollback",
    "signed",
    "start_watching",
    "tail_of",
]
