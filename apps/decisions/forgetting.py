"""Records that are written after their visitor has been erased: they are emptied, too.

A record is made when a call is answered and written a moment later; with the record away, later
still. An erasure in between finds nothing to empty. So it leaves a digest of whom it erased, and
whoever writes records looks for these afterwards. Both look after their commit: whichever of them
comes second sees what the other has written.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.decisions import sealing
from apps.decisions.models import DecisionRecord
from apps.work import clock

# Longer than a process holds records back: then its queue is full, or Postgres is there again.
KEPT: Final = timedelta(days=1)

_NOTE = """
INSERT INTO decisions_forgotten (digest, at) VALUES (%s, %s)
ON CONFLICT (digest) DO UPDATE SET at = excluded.at
"""
_NOTED = "SELECT digest FROM decisions_forgotten WHERE digest = ANY(%s::bytea[])"
_PRUNE = "DELETE FROM decisions_forgotten WHERE at < %s"
_EMPTY = """
UPDATE decisions_decisionrecord r
SET profile_id = NULL, facts = '{}', unit_id = '', inputs = NULL, seal = n.seal
FROM unnest(%s::uuid[], %s::bytea[]) AS n(id, seal) WHERE r.id = n.id
"""


def forget(profile_id: UUID) -> int:
    """Empty the records of a profile, now and of what is on its way; return how many there were.

    Inside the transaction of the erasure. The counts stay true, nobody is in them any more; a
    replay then says that it cannot.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [_digest(profile_id.bytes), clock.now()])
    count = empty(profile_id)
    transaction.on_commit(lambda: empty(profile_id))
    return count


def empty(profile_id: UUID, *, until: datetime | None = None) -> int:
    """Empty the records of a profile that are there, all or those until then; return how many."""
    records = DecisionRecord.objects.filter(profile_id=profile_id)
    if until is not None:
        records = records.filter(at__lte=until)
    found = list(records.values_list("pk", "site_id", "key_id", "seal"))
    if found:
        seals = [
            sealing.emptied(site_id, key_id, bytes(seal)) for _, site_id, key_id, seal in found
        ]
        with connection.cursor() as cursor:
            cursor.execute(_EMPTY, [[str(pk) for pk, *_ in found], seals])
    return len(found)


def look_after(profiles: Iterable[bytes]) -> int:
    """Empty what has just been written of these profiles (16 bytes) if they have been erased.

    Returns how many records. One statement, unless one of them was erased of late.
    """
    written = {_digest(one): one for one in profiles}
    if not written:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_NOTED, [list(written)])
        noted = [bytes(digest) for (digest,) in cursor.fetchall()]
    return sum(empty(UUID(bytes=written[digest])) for digest in noted)


def prune() -> int:
    """Drop what nobody looks for any more."""
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [clock.now() - KEPT])
        return int(cursor.rowcount)


def _digest(profile: bytes) -> bytes:
    return blake2b(profile, digest_size=16).digest()
