"""Heads of the chains, told to somebody who is not the database.

Whoever may write every table may also link a ledger anew from its first row. What they cannot do is
change what was written elsewhere before: a file beside the server's other files, one line a chain
and step, and an address of the operator's where there is one (`ANCHOR_URL`).
"""

import json
import logging
import os
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import F

from apps.work.ledger_rows import Ledger, registered
from apps.work.models import LedgerState, SealHead

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=10)
TIMEOUT_S: Final = 5.0


class Anchor(NamedTuple):
    """A head as it was once: link `seq` of a site's chain had this digest."""

    site_id: UUID
    seq: int
    chain: bytes


def anchor(*, now: datetime, every: timedelta = EVERY) -> int:
    """Write down the heads that have moved, of ledgers that were not told for `every`; how many.

    A head is on the disk before the database says so: who dies between the two writes it twice.
    """
    total = 0
    for ledger in registered():
        state = LedgerState.objects.filter(ledger=ledger.name).first()
        if state is None or (state.anchored_at is not None and now - state.anchored_at < every):
            continue
        moved = SealHead.objects.filter(ledger=ledger.name, seq__gt=F("anchored_seq"))
        heads = list(moved.order_by("site_id"))
        if not heads:
            continue
        lines = "".join(_line(head, now) for head in heads)
        _append(path_of(ledger), lines)
        _tell(ledger, lines)
        for head in heads:
            same = SealHead.objects.filter(ledger=ledger.name, site_id=head.site_id)
            same.update(anchored_seq=head.seq)
        LedgerState.objects.filter(ledger=ledger.name).update(anchored_at=now)
        total += len(heads)
    return total


def path_of(ledger: Ledger) -> Path:
    """Return the file with the anchors of a ledger."""
    return Path(settings.ANCHOR_DIR) / f"{ledger.name}.jsonl"


def anchors_of(ledger: Ledger) -> Iterator[Anchor]:
    """Yield what is written down on this machine, oldest first. A cut last line is left out."""
    try:
        file = path_of(ledger).open(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                said = json.loads(line)
                yield Anchor(UUID(said["site"]), int(said["seq"]), bytes.fromhex(said["chain"]))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                logger.warning("work.anchor_unreadable", extra={"ledger": ledger.name})


def _line(head: SealHead, now: datetime) -> str:
    said = {
        "ledger": head.ledger,
        "site": head.site_id.hex,
        "seq": head.seq,
        "chain": bytes(head.chain).hex(),
        "at": now.astimezone(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(said, separators=(",", ":")) + "\n"


def _append(path: Path, lines: str) -> None:
    """Add whole lines, and return when they are on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if not is_new and not _ends_whole(path):
            lines = "\n" + lines  # somebody died in the middle of a line
        left = lines.encode()
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if is_new:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _tell(ledger: Ledger, lines: str) -> None:
    """Send the lines to the operator's address. What does not get there is in the file."""
    if not settings.ANCHOR_URL:
        return
    call = urllib.request.Request(
        settings.ANCHOR_URL,
        data=lines.encode(),
        headers={"Content-Type": "application/x-ndjson", "User-Agent": "attune"},
    )
    try:
        # The operator's own word, http(s) by config/env.py: nobody else can give this address.
        with urllib.request.urlopen(call, timeout=TIMEOUT_S):  # nosec B310
            pass
    except (OSError, HTTPException) as error:
        logger.warning(
            "work.anchor_not_sent", extra={"ledger": ledger.name, "reason": type(error).__name__}
        )
