"""The generation in every key of the hot state: whatever has an older one is out of reach.

Postgres keeps it in one row, with the run id of the Redis server it belongs to. Redis carries the
number under `attune:generation`, where decisions and writers read it in the round trip that they
make anyway: a process that hears of another number looks it up before it believes a state.
"""

import os
from typing import Final

from django.db import connection

from apps.decisions import announcing, caps_scripts, hot_wire, notices, record_reads
from apps.decisions.notices import prefix
from apps.work import clock
from apps.work.redis import RedisAway

__all__ = [
    "GET",
    "KEY",
    "check",
    "current",
    "forget",
    "heard",
    "look_up",
    "prefix",
    "raise_in_transaction",
]

KEY: Final = notices.GENERATION_KEY
GET: Final = hot_wire.command("GET", KEY)

_ASK = hot_wire.command("INFO", "server") + GET
_READ = "SELECT generation, run_id FROM decisions_hotgeneration WHERE id = 1"
_ADOPT = """
INSERT INTO decisions_hotgeneration AS g (id, generation, run_id) VALUES (1, %s, %s)
ON CONFLICT (id) DO UPDATE SET run_id = excluded.run_id,
    generation = greatest(g.generation + 1, excluded.generation)
WHERE g.run_id <> excluded.run_id OR g.generation < excluded.generation
"""
_RAISE = """
INSERT INTO decisions_hotgeneration AS g (id, generation, run_id) VALUES (1, 2, '')
ON CONFLICT (id) DO UPDATE SET generation = g.generation + 1
"""

_known: int | None = None


def current() -> int:
    """Return the generation, checked against the server when the connection is new.

    Raises:
        RedisAway: the server, or the record that must name its generation, cannot be asked.
    """
    number = _known
    if number is None or hot_wire.wire().is_fresh:
        return check()
    return number


def heard(reply: object, number: int) -> bool:
    """Whether the number that Redis carries is the one that was believed."""
    return reply == b"%d" % number


def check() -> int:
    """Compare the server's run id with the record, adopt or raise the generation, announce it.

    Raises:
        RedisAway: the server, or the record that must name its generation, cannot be asked.
    """
    global _known
    there = hot_wire.wire()
    info, carried = hot_wire.ask(_ASK, 2)
    run_id, carried = _run_id(info), int(carried or 0)
    try:
        found = record_reads.rows(_READ)
        # A number in Redis above the record's: Postgres came back from a backup.
        if not found or found[0][1] != run_id or found[0][0] < carried:
            record_reads.rows(_ADOPT, (carried + 1, run_id))
            found = record_reads.rows(_READ)
    except record_reads.RecordAway as error:
        raise RedisAway from error
    number = int(found[0][0])
    announcing.raise_number(KEY, number)
    # Since when: see `caps`, which must know for how long reservations have been kept here.
    hot_wire.ask(
        hot_wire.command(
            "EVAL",
            caps_scripts.BEGIN,
            "1",
            prefix(number) + b"since",
            caps_scripts.instant(clock.now_ms()),
        ),
        1,
    )
    there.is_fresh = False
    _known = number
    return number


def look_up() -> None:
    """Read the record now and then, for a raise whose announcement was lost with its writer.

    Raises:
        RecordAway: Postgres did not answer.
    """
    global _known
    found = record_reads.rows(_READ)
    if found and _known is not None and found[0][0] != _known:
        _known = None


def raise_in_transaction() -> None:
    """Raise the generation in the caller's own transaction: it commits without having marked."""
    global _known
    with connection.cursor() as cursor:
        cursor.execute(_RAISE)
    _known = None
    hot_wire.drop()  # the next use connects anew, and a fresh connection checks


def forget() -> None:
    """Believe nothing until the next check."""
    global _known
    _known = None


def _run_id(info: object) -> str:
    if isinstance(info, bytes):
        for line in info.split(b"\r\n"):
            if line.startswith(b"run_id:"):
                return line[7:].decode()
    raise RedisAway


os.register_at_fork(after_in_child=forget)
