"""Writes that others may ask for: publish, bring back, keep a record, sign an id."""

from django.db import transaction

from apps.decisions import generation, record_reads, records, watch
from apps.decisions.decision_ids import Signer, head_of, tail_of
from apps.decisions.parts import refresh_parts
from apps.decisions.publishing import draft_document, lock, publish, rollback
from apps.decisions.records import Made, Noted, Said, flush, record
from apps.decisions.release_doors import ask_to_publish, ask_to_refresh
from apps.decisions.sealing import content_digest
from apps.decisions.signing import signed_apart
from apps.decisions.watch import start as start_watching

__all__ = [
    "Made",
    "Noted",
    "Said",
    "Signer",
    "ask_to_publish",
    "ask_to_refresh",
    "content_digest",
    "draft_document",
    "flush",
    "forget_copies",
    "head_of",
    "lock",
    "publish",
    "record",
    "refresh_parts",
    "rollback",
    "signed_apart",
    "start_watching",
    "stop_background",
    "tail_of",
]


def forget_copies() -> None:
    """Have every copy of a state row be made anew when it is next asked for. One statement."""
    with transaction.atomic():
        generation.raise_in_transaction()


def stop_background() -> None:
    """End this process's threads and close their connections (tests: the database is dropped)."""
    watch.stop()
    records.stop()
    record_reads.close()
