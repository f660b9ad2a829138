"""The middle of the stream process: one connection reads what changed, and wakes who listens.

Redis forgets in a restart, and a writer may have found it away. Whoever might have missed
something is told to ask again once: that is always right, because a notice carries no content.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from apps.decisions import notices
from apps.decisions.notices import STREAM, Notice, number_of
from apps.delivery.stream.listeners import MAX_FIRED, Listener, Listeners, site_target
from apps.delivery.stream.recent import Place, Recent
from apps.delivery.stream.record import Record

logger = logging.getLogger(__name__)

BLOCK_MS: Final = 5_000
FIRST_LOAD_S: Final = 1.0  # that the first streams wait for what was told before them
ANSWER_S: Final = 2.0  # of Redis, to a question that does not block
PAUSES_S: Final = (0.05, 0.2, 0.5, 1.0)
PER_READ: Final = 1_000
# Everybody of a site asks again after a publication: not all at once.
PER_STEP: Final = 100
STEP_S: Final = 0.05
LOOK_AGAIN_S: Final = 15.0  # for visitors who are known
LOOK_S: Final = 2.0  # for those behind whom nobody is known yet
PER_LOOK: Final = 500
# An id of the near future is our own clock's or a page's; a later one is made up.
AHEAD_MS: Final = 60_000

_TROUBLE: Final = (RedisError, OSError, TimeoutError)


class Hub:
    """Every open stream of this process, and the one reader of the notices.

    Attributes:
        is_connected: whether notices arrive just now.
        counts: for the figures of this process.
        lag_s: seconds from the newest notice's writing to its reading here.
    """

    def __init__(self, redis_url: str) -> None:
        self.listeners = Listeners()
        self.recent = Recent()
        self.record = Record()
        self.is_connected = False
        self.counts: Counter[str] = Counter()
        self.lag_s = 0.0
        self._url = redis_url
        self._position = 0
        self._generation = 0
        self._published: dict[bytes, int] = {}  # site -> number, of sites with listeners
        self._has_loaded = asyncio.Event()
        self._asking: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self) -> None:
        """Begin to read, inside a running loop."""
        for work in (self._read_for_ever(), self._look_for_ever()):
            self._keep(work)

    async def stop(self) -> None:
        """End the reading; open streams are the caller's to end."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._asking is not None:
            await self._asking.aclose()
        self.record.close()

    async def position(self) -> int:
        """Number of the newest notice that was read: a stream opened now continues from here."""
        if not self._has_loaded.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._has_loaded.wait(), FIRST_LOAD_S)
        return self._position

    async def enter(self, one: Listener, since: int) -> None:
        """Let a stream listen, and tell it at once if it has missed something.

        If not, it is given the id of now: the one it came with would soon be too old to tell.

        Args:
            since: number of the last notice that the page has, or `position()` of just now.
        """
        self.listeners.add(one)
        await self._find([one])
        is_made_up = since > (_now_ms() + AHEAD_MS) * 1_000_000
        if is_made_up or self.recent.has_missed(one.targets, since):
            if one.profile is not None:
                self._fire([one], self.recent.fired_since(one.profile, since))
            self._tell([one], max(self._position, one.told))
        elif self._position > since:
            one.mark = self._position
            one.wake()

    def leave(self, one: Listener) -> None:
        """A stream is closed."""
        self.listeners.remove(one)

    def take(self, notice: Notice) -> None:
        """Do what a notice says."""
        self._position = max(self._position, notice.number)
        number = notice.number
        for loser, winner in notice.moved:
            for one in self.listeners.of_profile(loser):
                self.listeners.bind(one, winner)
        for site, digest, profile in notice.identities:
            for one in self.listeners.of_identity(site, digest):
                self.listeners.bind(one, profile)
        self._remember(notice)
        for trigger in notice.triggers:
            self._fire(self.listeners.of_profile(trigger.profile), [trigger[1:]])
        for profile in notice.profiles:
            self._tell(self.listeners.of_profile(profile), number)
        if notice.publication is not None:
            self._has_published(*notice.publication, number)
        if notice.is_for_all:
            self._spread(list(self.listeners), number)
        self.counts["notices"] += 1

    def _remember(self, notice: Notice) -> None:
        """Note who was told, for those who come back."""
        told = set(notice.profiles)
        for profile in told:
            self.recent.note(profile, notice.number)
        for trigger in notice.triggers:
            if trigger.profile in told:
                self.recent.note_trigger(trigger.profile, notice.number, trigger[1:])
        for site, digest, profile in notice.identities:
            if profile in told:
                self.recent.note(site + digest, notice.number)
        if notice.publication is not None:
            self.recent.note(site_target(notice.publication[0]), notice.number)
        if notice.is_for_all:
            self.recent.note_for_all(notice.number)

    def _has_published(self, site: bytes, publication: int, number: int) -> None:
        those = self.listeners.of_site(site)
        if those:
            self._published[site] = max(publication, self._published.get(site, 0))
            self._spread(those, number)

    def _fire(self, those: Iterable[Listener], places: Iterable[Place]) -> None:
        """Note rules that fired; the notice that follows takes them along.

        A page whose source asks for consent hears of it only where that is on record.
        """
        for one in those:
            assumes = self.record.assumes(one.source_id)
            fresh = [place for place in places if place[2] or assumes]
            if fresh:
                one.fired = (*one.fired, *fresh)[-MAX_FIRED:]
                self.counts["triggers"] += len(fresh)

    def _tell(self, those: Iterable[Listener], number: int) -> None:
        for one in those:
            one.told = max(one.told, number)
            one.etag = self._published.get(one.site, 0)
            self.counts["told"] += 1
            one.wake()

    def _spread(self, those: Sequence[Listener], number: int) -> None:
        """Tell many, in steps: each of them asks for decisions as soon as it hears of it."""
        if len(those) <= PER_STEP:
            self._tell(those, number)
        else:
            self._keep(self._tell_in_steps(those, number))

    async def _tell_in_steps(self, those: Sequence[Listener], number: int) -> None:
        for start in range(0, len(those), PER_STEP):
            self._tell(those[start : start + PER_STEP], number)
            await asyncio.sleep(STEP_S)

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_for_ever(self) -> None:
        failures = 0
        while True:
            client = self._client(BLOCK_MS / 1000 + ANSWER_S)
            try:
                await self._catch_up(client)
                self.is_connected, failures = True, 0
                while True:
                    await self._read(client)
            except _TROUBLE as error:
                if self.is_connected:
                    logger.warning("stream.redis_lost", extra={"error": type(error).__name__})
            except Exception:
                # The reader must outlive what nobody foresaw; everybody asks again.
                logger.exception("stream.reader_failed")
                self._position = 0
            finally:
                self.is_connected = False
                with contextlib.suppress(*_TROUBLE):
                    await client.aclose()
            self.counts["losses"] += 1
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S) - 1)] * random.uniform(1, 1.2))  # nosec B311
            failures += 1

    def _client(self, timeout_s: float = ANSWER_S) -> Any:
        return redis.asyncio.Redis.from_url(
            self._url,
            protocol=2,
            socket_connect_timeout=ANSWER_S,
            socket_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )

    async def _read(self, client: Any) -> None:
        since = notices.id_of(self._position)
        reply = await client.xread({STREAM: since}, count=PER_READ, block=BLOCK_MS)
        entries = reply[0][1] if reply else []
        for entry_id, fields in entries:
            self.take(notices.read(entry_id, fields))
        now_ms = _now_ms()
        if entries:
            self.lag_s = max(0.0, now_ms / 1000 - self._position / 1_000_000_000)
        self.recent.trim(now_ms)

    async def _catch_up(self, client: Any) -> None:
        """Find out whether the stream is still the one that was read, and what it holds.

        A server that was emptied has a later beginning, or none: then everybody asks again.
        """
        async with asyncio.timeout(30):
            first = await client.xrange(STREAM, count=1)
            if not first:
                # A beginning: whoever comes back with an earlier id may have missed something.
                first = [(await client.xadd(STREAM, {"h": "1"}), {})]
            beginning = number_of(first[0][0].decode()) or 0
            if 0 < beginning <= self._position:
                return
            self._position = 0
            self.recent.begin(beginning)
            await self._load(client)
        self._has_loaded.set()
        self._spread(list(self.listeners), self._position)

    async def _load(self, client: Any) -> None:
        """Read what the stream holds, without telling anybody: there is nobody yet who has less."""
        since = "-"
        while entries := await client.xrange(STREAM, min=since, count=PER_READ):
            for entry_id, fields in entries:
                notice = notices.read(entry_id, fields)
                self._position = max(self._position, notice.number)
                self._remember(notice)
            since = f"({entries[-1][0].decode()}"

    async def _look_for_ever(self) -> None:
        """Heal what no notice said: pointers that others repaired, sources without keys."""
        known_at = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            is_time = time.monotonic() - known_at >= LOOK_AGAIN_S
            try:
                if is_time:
                    known_at = time.monotonic()
                    await self._end_revoked()
                    self._forget_sites()
                await self._look([one for one in self.listeners if is_time or one.profile is None])
            except _TROUBLE:
                continue
            except Exception:
                logger.exception("stream.look_failed")

    async def _look(self, those: Sequence[Listener]) -> None:
        for start in range(0, len(those), PER_LOOK):
            some = those[start : start + PER_LOOK]
            before = [one.profile for one in some]
            serving = {one.site: self._published.get(one.site, 0) for one in some}
            await self._find(some)
            self._tell(
                [
                    one
                    for one, profile in zip(some, before, strict=True)
                    if one.profile != profile or self._published.get(one.site) != serving[one.site]
                ],
                self._position,
            )

    async def _end_revoked(self) -> None:
        sources = list({one.source_id for one in self.listeners})
        if sources:
            over = await self.record.look(sources)
            for one in list(self.listeners):
                if one.source_id in over:
                    one.is_over = True
                    one.wake()

    def _forget_sites(self) -> None:
        listened = set(self.listeners.sites)
        self._published = {s: n for s, n in self._published.items() if s in listened}

    async def _find(self, those: Sequence[Listener]) -> None:
        """Find out who is behind these listeners, and what their sites serve. Two round trips.

        Who cannot be found keeps the profile that was known; Redis away leaves all as it is.
        """
        bound = [one.profile for one in those]
        try:
            found = await self._pointers(those)
        except _TROUBLE:
            return
        for one, before, profile in zip(those, bound, found, strict=True):
            # A notice that came meanwhile knows better.
            if profile is not None and one.profile is before:
                self.listeners.bind(one, profile)

    async def _pointers(self, those: Sequence[Listener]) -> list[bytes | None]:
        async with asyncio.timeout(ANSWER_S):
            if self._asking is None:
                self._asking = self._client()
            sites = list({one.site for one in those})
            for _ in range(2):
                prefix = notices.prefix(self._generation)
                asked = [notices.GENERATION_KEY]
                asked += [notices.publication_key(site.hex()).encode() for site in sites]
                asked += [notices.identity_key(prefix, o.site.hex(), o.identity) for o in those]
                replies = await self._asking.mget(asked)
                generation = int(replies[0] or 0)
                if generation == self._generation:
                    break
                self._generation = generation
            for site, number in zip(sites, replies[1:], strict=False):
                self._published[site] = max(int(number or 0), self._published.get(site, 0))
            pointers = [_profile_of(value) for value in replies[1 + len(sites) :]]
            alive = await self._are_alive([p for p in pointers if p is not None])
        for place, pointer in enumerate(pointers):
            if pointer is not None and not alive[pointer]:
                # Merged away, maybe, and nobody has repaired the pointer yet.
                pointers[place] = await self.record.living_profile(pointer) or pointer
        return pointers

    async def _are_alive(self, profiles: Sequence[bytes]) -> dict[bytes, bool]:
        """Whether each has a state that decisions believe."""
        if not profiles or self._asking is None:
            return {}
        prefix = notices.prefix(self._generation)
        pipe = self._asking.pipeline(transaction=False)
        for profile in profiles:
            pipe.getrange(notices.state_key(prefix, profile.hex()), 0, 0)
        kinds = await pipe.execute()
        return {p: kind in (b"S", b"D") for p, kind in zip(profiles, kinds, strict=True)}


def _profile_of(value: bytes | None) -> bytes | None:
    """The profile in an identity key."""
    try:
        return None if value is None else bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
