"""Figures about requests that regulators ask for: how many, how fast, how many late.

California (11 CCR 7102) wants per year: received, complied with, denied, and days to answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, median

from django.db.models import QuerySet

from apps.privacy.clocks import day_of, end_of
from apps.privacy.models.requests import OPEN, Request


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of request in one year. Days are from receipt to answer; None: none was answered."""

    year: int
    kind: str
    received: int
    completed: int
    refused: int
    cancelled: int
    open: int
    late: int
    mean_days: float | None
    median_days: float | None


def lines_of(rows: QuerySet[Request]) -> list[Line]:
    """Return the figures by year and kind, newest year first. One query."""
    groups: dict[tuple[int, str], list[Request]] = {}
    fields = ("kind", "state", "received_at", "ended_at", "due_on", "time_zone")
    for row in rows.only(*fields).iterator(chunk_size=2_000):
        year = day_of(row.received_at, row.time_zone).year
        groups.setdefault((year, row.kind), []).append(row)
    labels = dict(Request.Kind.choices)
    found = [_line(year, labels[kind], group) for (year, kind), group in groups.items()]
    return sorted(found, key=lambda line: (-line.year, line.kind))


def _line(year: int, kind: str, group: list[Request]) -> Line:
    days = list(_days(group))
    states = [row.state for row in group]
    return Line(
        year=year,
        kind=kind.partition(":")[0],
        received=len(group),
        completed=states.count(Request.State.COMPLETED),
        refused=states.count(Request.State.REFUSED),
        cancelled=states.count(Request.State.CANCELLED),
        open=sum(state in OPEN for state in states),
        late=sum(_was_late(row) for row in group),
        mean_days=round(mean(days), 1) if days else None,
        median_days=round(median(days), 1) if days else None,
    )


def _days(group: Iterable[Request]) -> Iterable[float]:
    answered = (Request.State.COMPLETED, Request.State.REFUSED)
    for row in group:
        if row.state in answered and row.ended_at is not None:
            yield (row.ended_at - row.received_at).total_seconds() / 86_400


def _was_late(row: Request) -> bool:
    end = end_of(row.due_on, row.time_zone)
    return row.ended_at is not None and row.ended_at >= end
