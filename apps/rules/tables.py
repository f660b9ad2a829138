"""Rules as a decision table: one a row, written out, read back, looked over, then saved at once."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction

from apps.access.selectors import zone_of
from apps.access.services import record_audit
from apps.content.revisions import changing, kind_named, save_revision
from apps.rules.domain import sheets
from apps.rules.domain.cells import WHOLE, is_column
from apps.rules.errors import InvalidTable
from apps.rules.models import Rule
from apps.rules.table_rows import PLAIN, Known, Row, Wanted, condition_cells, plain_cells, rules_of
from apps.work import services as work

NOTE: Final = "From a table"
SAVE: Final = "rules.save_table"
LARGE: Final = 200  # changes that a page waits for; more are saved by a worker


@dataclass(frozen=True, slots=True)
class Review:
    """A whole table, looked over.

    Attributes:
        seen: stands for the rules as they were then: others by now are not written over.
        absent: how many rules the table does not name: they stay as they are.
    """

    rows: list[Row]
    seen: str
    absent: int

    def count(self, state: str) -> int:
        """How many rows are in a state."""
        return sum(row.state == state for row in self.rows)


def table_of(site_id: UUID, zone: str) -> bytes:
    """Return the rules of the draft as CSV, in the order in which they are asked. Two queries."""
    rules = rules_of(site_id)
    cells = [condition_cells(rule) for rule in rules]
    columns = sorted({column for own in cells for column in own})
    # The whole ones last: they are for engineers.
    columns = [*(one for one in columns if one != WHOLE), *(one for one in columns if one == WHOLE)]
    rows = [
        [*plain_cells(rule, zone), *(own.get(column, "") for column in columns)]
        for rule, own in zip(rules, cells, strict=True)
    ]
    return sheets.written([[*PLAIN, *columns], *rows])


def review(site_id: UUID, zone: str, content: bytes) -> Review:
    """Look a table over: what each row would make or change, and what is wrong with it.

    Six queries, however many rows it has. Nothing is written.

    Raises:
        InvalidTable: it cannot be read at all; with what to do.
    """
    try:
        header, *lines = sheets.read(content)
    except sheets.Unreadable as error:
        raise InvalidTable(str(error)) from error
    columns = _columns(header)
    place = columns.index("placement") if "placement" in columns else None
    placements = (
        set() if place is None else {one[place].strip() for one in lines if place < len(one)}
    )
    known = Known(site_id, zone, placements)
    rows: list[Row] = []
    named: dict[str, int] = {}
    for number, line in enumerate(lines, start=2):
        row = known.row(number, columns, line)
        if row.key and row.key in named:
            row.state, row.said = "refused", [f"Line {named[row.key]} has this key already."]
        named.setdefault(row.key, number)
        rows.append(row)
    return Review(rows, known.seen, len(known.rules.keys() - named.keys()))


@transaction.atomic
def save(
    *, site_id: UUID, zone: str, content: bytes, seen: str, actor: Any, now: datetime
) -> Review:
    """Write what a table makes and changes, all of it or nothing.

    Raises:
        InvalidTable: a row is refused, or the rules are others than those that were looked at.
    """
    _lock(site_id)
    found = review(site_id, zone, content)
    if found.seen != seen:
        raise InvalidTable(
            "Somebody has changed rules since you looked the table over. Nothing was saved: look "
            "it over again."
        )
    if refused := found.count("refused"):
        raise InvalidTable(f"{refused} rows are refused: nothing was saved.")
    for row in found.rows:
        if row.wanted is not None and row.state == "new":
            _make(site_id, row.wanted, actor, now)
        elif row.wanted is not None and row.rule is not None and row.state == "changed":
            with changing("rule", row.rule.pk, actor=actor, now=now, note=NOTE):
                _write(row.rule, row.wanted)
    if found.count("new") or found.count("changed"):
        record_audit(
            action="rules.imported",
            actor=actor,
            site_id=site_id,
            target_kind="rules.rule",
            detail={state: found.count(state) for state in ("new", "changed", "same")},
            now=now,
        )
    return found


def ask_to_save(*, site_id: UUID, content: bytes, seen: str, actor: Any, now: datetime) -> UUID:
    """Have a large table saved by a worker; return the id of the work, to look how it stands."""
    intent = work.ask(
        SAVE,
        key=f"{seen}:{hashlib.sha256(content).hexdigest()[:32]}",
        site_id=site_id,
        payload={
            "text": content.decode("utf-8"),
            "seen": seen,
            "by": None if actor is None else actor.pk,
        },
        now=now,
    )
    return UUID(str(intent.pk))


def perform(task: work.Work, now: datetime) -> None:
    """Save the table that was asked for.

    Raises:
        InvalidTable: as `save`; the work fails with its sentence.
    """
    assert task.site_id is not None
    found = save(
        site_id=task.site_id,
        zone=zone_of(task.site_id),
        content=str(task.payload["text"]).encode("utf-8"),
        seen=str(task.payload["seen"]),
        actor=get_user_model().objects.filter(pk=task.payload["by"]).first(),
        now=now,
    )
    total = found.count("new") + found.count("changed")
    task.progress(total, total, f"{found.count('new')} made, {found.count('changed')} changed")


def _make(site_id: UUID, wanted: Wanted, actor: Any, now: datetime) -> None:
    rule = Rule(site_id=site_id, key=wanted.key)
    _write(rule, wanted)
    kind = kind_named("rule")
    assert kind is not None, "registered when the apps were loaded"
    save_revision(
        site_id=site_id,
        kind="rule",
        object_id=rule.pk,
        document=kind.document_of(rule.pk),
        expected=None,
        actor=actor,
        note=NOTE,
        now=now,
    )


def _write(rule: Rule, wanted: Wanted) -> None:
    rule.name = wanted.name
    rule.placement, rule.variant = wanted.placement, wanted.variant
    rule.priority, rule.is_enabled = wanted.priority, wanted.is_enabled
    rule.starts_at, rule.ends_at = wanted.starts_at, wanted.ends_at
    rule.condition = dict(wanted.condition)
    rule.save()
    rule.caps.set(wanted.caps)  # type: ignore[arg-type]  # ids are taken, whatever their type


def _lock(site_id: UUID) -> None:
    sites = Rule._meta.get_field("site").related_model._default_manager
    sites.select_for_update(no_key=True).get(pk=site_id)


def _columns(header: Sequence[str]) -> list[str]:
    """The columns of a table, checked.

    Raises:
        InvalidTable: one is missing, unknown or there twice.
    """
    columns = [name.strip() for name in header]
    columns = [name.lower() if name.lower() in PLAIN else name for name in columns]
    for name in columns:
        if name not in PLAIN and not is_column(name):
            close = get_close_matches(name.lower(), [*PLAIN, WHOLE], 1)
            hint = f" Do you mean “{close[0]}”?" if close else ""
            known = ", ".join((*PLAIN, WHOLE))
            raise InvalidTable(
                f"“{name}” is no column.{hint} There are {known}, and such as context.device, "
                "trait.plan, segment.vip, list.press, consent.advertising."
            )
        if columns.count(name) > 1:
            raise InvalidTable(f"The column “{name}” is there twice.")
    if "key" not in columns:
        raise InvalidTable("The column “key” is missing: it says which rule a row is.")
    return columns
