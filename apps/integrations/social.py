"""Traits that another system tells of people: a social network's interests, a bought list.

Each row becomes an `identify` of a source of its own, with where it is from, how sure that is, and
the notice under which the person agreed (`context.evidence`). It goes the way of all events: who is
not known here leaves no trace, and consent decides what is kept.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from apps.access import services as access
from apps.access.selectors import find_source
from apps.events.services import record_told
from apps.profiles import contacts
from apps.profiles import selectors as profiles

PIECE: Final = 500
USER: Final = ("user_id", "userId")
EMAIL: Final = "email"  # of a column, and of what an address is looked up by
OBSERVED: Final = ("observed_at", "observedAt")


class InvalidRows(ValueError):
    """A file that cannot be read, with the line."""


@dataclass(frozen=True, slots=True)
class Basis:
    """On what traits are taken: from where, how sure, and the notice that people agreed to."""

    source: str
    confidence: float
    notice: str

    def document(self) -> dict[str, Any]:
        """As events carry it."""
        return {
            "source": self.source,
            "confidence": self.confidence,
            "basis": "consent",
            "notice": self.notice,
        }


@dataclass(slots=True)
class Imported:
    """What became of the rows; `refused` by the reason."""

    taken: int = 0
    duplicates: int = 0
    without_consent: int = 0
    unknown: int = 0
    refused: dict[str, int] = field(default_factory=dict)


def rows_in(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a .csv or .jsonl file, empty cells left out.

    Raises:
        InvalidRows: it is neither, or a line of it is no row.
    """
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8-sig") as lines:
            for row in csv.DictReader(lines):
                if None in row:
                    raise InvalidRows("A line has more cells than the head.")
                yield {key: _cell(value) for key, value in row.items() if value not in (None, "")}
        return
    if path.suffix != ".jsonl":
        raise InvalidRows("The file is .csv or .jsonl.")
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError:
                raise InvalidRows(f"Line {number} is no JSON.") from None
            if not isinstance(row, dict):
                raise InvalidRows(f"Line {number} is no object.")
            yield row


def take(site_id: UUID, rows: Iterable[dict[str, Any]], basis: Basis, *, now: datetime) -> Imported:
    """Take traits of people who are known here. The same file again changes nothing.

    Raises:
        InvalidRows: a row names nobody, or has no trait.
    """
    source = source_of(site_id, basis, now)
    done = Imported()
    pending = iter(rows)
    while some := list(islice(pending, PIECE)):
        events = [event for row in some if (event := _event(site_id, row, basis, done))]
        if not events:
            continue
        receipt = record_told(source, events, now=now)
        done.taken += receipt.accepted
        done.duplicates += receipt.duplicates
        done.without_consent += receipt.without_consent
        for one in receipt.rejected:
            done.refused[one.detail] = done.refused.get(one.detail, 0) + 1
    return done


def source_of(site_id: UUID, basis: Basis, now: datetime) -> Any:
    """Return the source of these traits, made once: silence is what the law makes of it."""
    name = f"Import: {basis.source}"[:120]
    return find_source(site_id, name) or access.create_source(
        site_id=site_id, name=name, now=now, kind="server", consent_mode="by_regime"
    )


def _event(
    site_id: UUID, row: dict[str, Any], basis: Basis, done: Imported
) -> dict[str, Any] | None:
    """The row as an event, None for who is not here."""
    said = dict(row)
    user_id = next((str(said.pop(key)) for key in USER if said.get(key)), "")
    address = str(said.pop(EMAIL, "") or "").strip().lower()
    when = next((str(said.pop(key)) for key in OBSERVED if said.get(key)), None)
    traits = {key: value for key, value in said.items() if key not in (*USER, *OBSERVED)}
    if not (user_id or address) or not traits:
        raise InvalidRows("A row has a user_id or an email, and a trait at least.")
    who = _who(site_id, user_id, address)
    if not who:
        done.unknown += 1
        return None
    told = json.dumps([sorted(who.items()), when, traits, basis.document()], sort_keys=True)
    event = {
        "type": "identify",
        "messageId": f"import-{sha256(told.encode()).hexdigest()[:60]}",
        "traits": traits,
        "context": {"evidence": basis.document()},
        **who,
    }
    return event if when is None else {**event, "timestamp": when}


def _who(site_id: UUID, user_id: str, address: str) -> dict[str, str]:
    """The identity of the one person a row is about, empty where that is nobody or several."""
    if user_id:
        known = profiles.find_profile(site_id, "user_id", user_id) is not None
        return {"userId": user_id} if known else {}
    people = contacts.profiles_by(site_id, EMAIL, address)
    if len(people) != 1:
        return {}
    names = dict(reversed(profiles.own_names_of(people[0])))
    if "user_id" in names:
        return {"userId": names["user_id"]}
    return {"anonymousId": names["anonymous_id"]} if "anonymous_id" in names else {}


def _cell(text: Any) -> Any:
    """A cell of a table as a value: lists are parted by ";"."""
    value = str(text).strip()
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    if ";" in value:
        return [part.strip() for part in value.split(";") if part.strip()]
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value
