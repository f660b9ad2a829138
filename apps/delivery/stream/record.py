"""What the stream process asks Postgres: whether tickets of a source still count, and of merges.

Each is one time-boxed statement in a thread of its own, so that the streams never wait. Without an
answer what was believed before stands: nothing is revoked while the record is away.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

from apps.decisions import record_reads

FRESH_S: Final = 5.0
MAX_SOURCES: Final = 10_000

_LIVING: Final = """
SELECT source_id::text FROM access_apikey
WHERE source_id = ANY(%s::uuid[]) AND kind IN ('pk', 'sk') AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""
# Merges of merges: the end of the chain, as far as anybody goes.
_MERGED: Final = """
WITH RECURSIVE chain(id, next, step) AS (
  SELECT profile_id, merged_into, 1 FROM profiles_profilestate WHERE profile_id = %s::uuid
  UNION ALL
  SELECT s.profile_id, s.merged_into, step + 1 FROM chain
  JOIN profiles_profilestate s ON s.profile_id = chain.next WHERE step < 20
)
SELECT id::text FROM chain WHERE next IS NULL
"""


class Record:
    """The few questions, and what is remembered of the answers."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="record")
        self._known: dict[UUID, tuple[bool, float]] = {}  # source -> (has keys, until)

    async def has_keys(self, source_id: UUID) -> bool:
        """Whether a source has a key in force, as of the last seconds."""
        known = self._known.get(source_id)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        await self.look([source_id])
        return self._known.get(source_id, (True, 0.0))[0]

    async def look(self, source_ids: list[UUID]) -> set[UUID]:
        """Ask for these sources anew; return those that have no key any more."""
        if len(self._known) > MAX_SOURCES:
            self._known.clear()
        listed = "{" + ",".join(map(str, source_ids)) + "}"
        rows = await self._rows(_LIVING, (listed,))
        if rows is None:
            return set()
        living = {UUID(row[0]) for row in rows}
        until = time.monotonic() + FRESH_S
        for source_id in source_ids:
            self._known[source_id] = (source_id in living, until)
        return set(source_ids) - living

    async def living_profile(self, profile: bytes) -> bytes | None:
        """The profile that this one is by now, itself unless it was merged; None: cannot tell."""
        rows = await self._rows(_MERGED, (str(UUID(bytes=profile)),))
        return UUID(rows[0][0]).bytes if rows else None

    def close(self) -> None:
        self._thread.submit(record_reads.close)
        self._thread.shutdown(wait=False)

    async def _rows(self, sql: str, parameters: tuple[str, ...]) -> list[tuple[str]] | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, record_reads.rows, sql, parameters)
        except record_reads.RecordAway:
            return None
