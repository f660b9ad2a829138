"""Open streams: who listens for whom, and what waits to be sent to each."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final
from uuid import UUID

import msgspec

from apps.decisions.notices import id_of
from apps.delivery.stream.recent import Place

Send = Callable[[dict[str, Any]], Awaitable[None]]

COMMENT: Final = b":\n\n"
MAX_FIRED: Final = 20  # that wait for one page; the oldest go

_encode = msgspec.json.Encoder().encode


class Listener:
    """One open stream.

    Attributes:
        site: 16 bytes.
        identity: 16 bytes, the digest in its ticket.
        source_id: of the ticket: a source without keys ends its streams.
        profile: 16 bytes, None while nobody is known behind the identity.
        ends_at: loop time after which it ends by itself.
        told: number of the newest notice that waits to be sent, 0 for none.
        mark: an id to leave with the page, which has missed nothing up to it; 0 for none.
        etag: what the notice says serves now.
        fired: rules and triggers that fired, to be told before the next notice.
        must_beat, is_over: a comment, the end of the stream wait to be sent.
        sender: the task that sends just now.
    """

    __slots__ = (
        "ends_at", "etag", "fired", "identity", "is_over", "mark", "must_beat", "profile", "send",
        "sender", "site", "source_id", "told",
    )  # fmt: skip

    def __init__(
        self, send: Send, *, site: bytes, identity: bytes, source_id: UUID, ends_at: float
    ) -> None:
        self.send = send
        self.site = site
        self.identity = identity
        self.source_id = source_id
        self.ends_at = ends_at
        self.profile: bytes | None = None
        self.told = self.mark = 0
        self.etag = 0
        self.fired: tuple[Place, ...] = ()
        self.must_beat = self.is_over = False
        self.sender: asyncio.Task[None] | None = None

    @property
    def targets(self) -> Iterator[bytes]:
        """What it listens to, as `Recent` knows it."""
        yield site_target(self.site)
        yield self.site + self.identity
        if self.profile is not None:
            yield self.profile

    def wake(self) -> None:
        """See to it that what waits is sent: by a task, because a slow client may block it."""
        if self.sender is None:
            self.sender = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        try:
            while True:
                if self.told:
                    number, self.told, self.mark = self.told, 0, 0
                    fired, self.fired = self.fired, ()
                    chunk = triggers(number, fired) + notice(number, self.etag)
                elif self.mark:
                    number, self.mark = self.mark, 0
                    chunk = f"id: {id_of(number)}\n\n".encode()
                elif self.is_over:
                    await self.send({"type": "http.response.body", "body": b""})
                    return
                elif self.must_beat:
                    self.must_beat = False
                    chunk = COMMENT
                else:
                    return
                await self.send({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            self.sender = None


class Listeners:
    """All open streams, by site, by identity and by profile."""

    def __init__(self) -> None:
        self._by_site: dict[bytes, set[Listener]] = {}
        self._by_identity: dict[bytes, set[Listener]] = {}
        self._by_profile: dict[bytes, set[Listener]] = {}

    def __iter__(self) -> Iterator[Listener]:
        for those in self._by_site.values():
            yield from those

    def __len__(self) -> int:
        return sum(map(len, self._by_site.values()))

    def add(self, one: Listener) -> None:
        self._by_site.setdefault(one.site, set()).add(one)
        self._by_identity.setdefault(one.site + one.identity, set()).add(one)
        if one.profile is not None:
            self._by_profile.setdefault(one.profile, set()).add(one)

    def remove(self, one: Listener) -> None:
        _drop(self._by_site, one.site, one)
        _drop(self._by_identity, one.site + one.identity, one)
        if one.profile is not None:
            _drop(self._by_profile, one.profile, one)

    def bind(self, one: Listener, profile: bytes) -> None:
        """Say which profile is behind a listener now."""
        if one.profile != profile:
            if one.profile is not None:
                _drop(self._by_profile, one.profile, one)
            one.profile = profile
            self._by_profile.setdefault(profile, set()).add(one)

    def of_site(self, site: bytes) -> list[Listener]:
        return list(self._by_site.get(site, ()))

    def of_identity(self, site: bytes, identity: bytes) -> Iterable[Listener]:
        return list(self._by_identity.get(site + identity, ()))

    def of_profile(self, profile: bytes) -> Iterable[Listener]:
        return list(self._by_profile.get(profile, ()))

    @property
    def sites(self) -> list[bytes]:
        return list(self._by_site)


def site_target(site: bytes) -> bytes:
    """A site as a target; apart from a profile, which has 16 bytes too."""
    return b"s" + site


def notice(number: int, publication: int) -> bytes:
    """The event that has a page ask again. Never content, and nothing about anybody."""
    entry_id = id_of(number)
    seconds = number // 1_000_000_000
    return (
        f'id: {entry_id}\ndata: {{"type":"refetchEvaluation","etag":"pub-{publication}",'
        f'"lastModified":{seconds}}}\n\n'
    ).encode()


def triggers(number: int, fired: Iterable[Place]) -> bytes:
    """The events of rules and triggers that fired. Whoever has only these hears the notice behind
    them again.
    """
    entry_id = id_of(number - 1).encode()
    return b"".join(b"id: %b\ndata: %b\n\n" % (entry_id, _encode(_event(*one))) for one in fired)


def _event(placement: str, rule: str, _: bool, key: str, message: str) -> dict[str, Any]:
    """The event of one; a rule that fires by itself has no trigger to name."""
    said: dict[str, Any] = {"type": "trigger", "placement": placement, "rule": rule}
    if key:
        said |= {"placement": placement or None, "rule": rule or None, "trigger": key}
    if message:
        said["message"] = msgspec.Raw(message.encode())
    return said


def _drop(where: dict[bytes, set[Listener]], key: bytes, one: Listener) -> None:
    those = where.get(key)
    if those is not None:
        those.discard(one)
        if not those:
            del where[key]
