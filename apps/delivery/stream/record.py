"""What the stream process asks Postgres: of the sources of tickets, and of merges.

Each is one time-boxed statement in a thread of its own, so that the streams never wait. Without an
answer what was believed before stands: nothing is revoked while the record is away.
"""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

from apps.access.types import Origins
from apps.decisions import record_reads

FRESH_S: Final = 5.0
ASSUMED: Final = "assumed"  # apps.access.models.ConsentMode: no models here
MAX_SOURCES: Final = 10_000
_ANY: Final = Origins(["*"])

_LIVING: Final = """
SELECT DISTINCT k.source_id::text,
  -- as `apps.consent.gates.mode_of`: no page may assume where silence is a no
  CASE WHEN s.kind = 'browser' AND i.regime <> 'us_opt_out' THEN 'required' ELSE s.consent_mode END,
  s.allowed_origins::text
FROM access_apikey k JOIN access_source s ON s.id = k.source_id
JOIN access_site i ON i.id = s.site_id
WHERE k.source_id = ANY(%s::uuid[]) AND k.kind IN ('pk', 'sk') AND k.revoked_at IS NULL
  AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
"""
# Of all sources: a preflight and a refused ticket name none.
_ORIGINS: Final = """
SELECT DISTINCT jsonb_array_elements_text(allowed_origins)
FROM access_source WHERE jsonb_typeof(allowed_origins) = 'array'
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
        self._assuming: set[UUID] = set()
        self._origins: dict[UUID, Origins] = {}
        self._all_origins: tuple[Origins | None, float] = (None, 0.0)

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
            self._assuming.clear()
            self._origins.clear()
        listed = "{" + ",".join(map(str, source_ids)) + "}"
        rows = await self._rows(_LIVING, (listed,))
        if rows is None:
            return set()
        living = {UUID(row[0]) for row in rows}
        self._assuming -= set(source_ids)
        self._assuming |= {UUID(source) for source, mode, _ in rows if mode == ASSUMED}
        self._origins |= {UUID(source): _origins_in(text) for source, _, text in rows}
        until = time.monotonic() + FRESH_S
        for source_id in source_ids:
            self._known[source_id] = (source_id in living, until)
        return set(source_ids) - living

    def assumes(self, source_id: UUID) -> bool:
        """Whether a source takes consent for given that nobody has refused, as of the last look."""
        return source_id in self._assuming

    async def allows(self, origin: str, source_id: UUID | None) -> bool:
        """Whether pages of an origin may read what a source's tickets open; None: any source's.

        Where it cannot be found out and never was, a ticket is enough.
        """
        if source_id is not None:
            await self.has_keys(source_id)
            return origin in self._origins.get(source_id, _ANY)
        known, until = self._all_origins
        if time.monotonic() >= until:
            # Before the answer is there: a crowd asks once.
            self._all_origins = (known, time.monotonic() + FRESH_S)
            rows = await self._rows(_ORIGINS, ())
            if rows is not None:
                known = Origins([text for (text,) in rows])
                self._all_origins = (known, time.monotonic() + FRESH_S)
        return known is not None and origin in known

    async def living_profile(self, profile: bytes) -> bytes | None:
        """The profile that this one is by now, itself unless it was merged; None: cannot tell."""
        rows = await self._rows(_MERGED, (str(UUID(bytes=profile)),))
        return UUID(rows[0][0]).bytes if rows else None

    def close(self) -> None:
        self._thread.submit(record_reads.close)
        self._thread.shutdown(wait=False)

    async def _rows(self, sql: str, parameters: tuple[str, ...]) -> list[Any] | None:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, record_reads.rows, sql, parameters)
        except record_reads.RecordAway:
            return None


def _origins_in(text: str | None) -> Origins:
    found = json.loads(text or "[]")
    return Origins(found if isinstance(found, list) else [])
