"""What open pages are told of: entries of a Redis stream, written by whoever writes hot state.

An entry says whose answers may have changed, never how. It travels in the round trip that brings
the new state to Redis, behind it, so that whoever hears of a change finds it there. The stream
lies outside the generations and keeps somewhat more than five minutes.

Writers pack ids; the stream process reads them back, and finds its visitors under the keys below.
Nothing here needs Django's apps, because that process has none.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import UUID

import hiredis
import msgspec

GENERATION_KEY: Final = b"attune:generation"
STREAM: Final = b"attune:live"
KEPT_MS: Final = 330_000  # five minutes are promised

_ID: Final = 16

_encode = msgspec.msgpack.Encoder().encode
_pack: Callable[[tuple[Any, ...]], bytes] = hiredis.pack_command


class Trigger(NamedTuple):
    """A rule of a placement holds now for a profile (16 bytes), and did not before.

    Or a trigger of an editor has fired, by its key: then placement and rule are those of what it
    shows, empty where that is nothing, and `message` is JSON for the page's script, empty for none.

    `is_granted`: personalization is consented to on record, not only not refused.
    """

    profile: bytes
    placement: str
    rule: str
    is_granted: bool = True
    key: str = ""
    message: str = ""


class Told(NamedTuple):
    """What a write of hot state changes for open pages.

    Attributes:
        profiles: whose answers may have changed.
        moved: (loser, winner) of merges: open pages of the one are the other's now.
        sites: of the profiles whose identities are told too, so that a page is found whose visitor
            the stream process does not know, because Redis has forgotten. For writers of few.
        entered: profile -> numbers of segments that it has just come into, for rules that fire.
        fired: triggers that have fired already.
    """

    profiles: Sequence[UUID] = ()
    moved: Sequence[tuple[UUID, UUID]] = ()
    sites: Mapping[UUID, UUID] = MappingProxyType({})
    entered: Mapping[UUID, Sequence[int]] = MappingProxyType({})
    fired: Sequence[Trigger] = ()


_decode = msgspec.msgpack.Decoder(list[Trigger]).decode


class Identity(NamedTuple):
    """Where an identity points from now on: 16 bytes each, `digest` as `digest_of`."""

    site: bytes
    digest: bytes
    profile: bytes


class Notice(NamedTuple):
    """One entry of the stream, read back.

    Attributes:
        number: the entry's id as one integer that rises (`number_of`).
        profiles: 16 bytes each.
        identities: that are new, or point elsewhere.
        moved: (loser, winner), 16 bytes each.
        publication: (site, number) of a publication that serves now.
        triggers: rules that fired; of profiles that are told, too.
        is_for_all: a writer could not tell somebody something: everybody asks again.
    """

    number: int
    profiles: Sequence[bytes] = ()
    identities: Sequence[Identity] = ()
    moved: Sequence[tuple[bytes, bytes]] = ()
    publication: tuple[bytes, int] | None = None
    is_for_all: bool = False
    triggers: Sequence[Trigger] = ()


def digest_of(identity: str) -> bytes:
    """The 16 bytes that stand for an identity ("kind:value") in keys, notices and tickets."""
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=_ID).digest()


def publication_key(site_hex: str) -> str:
    """Where the number of a site's publication stands."""
    return f"attune:pub:{site_hex}"


def prefix(generation: int) -> bytes:
    """The beginning of every key of a generation."""
    return b"a:%d:" % generation


def state_key(prefix: bytes, profile_hex: str) -> bytes:
    """The key of a profile's state."""
    return b"%b{%b}:s" % (prefix, profile_hex.encode())


def identity_key(prefix: bytes, site_hex: str, digest: bytes) -> bytes:
    """The key under which the hot state says where an identity points."""
    return b"%bi:%b:%b" % (prefix, site_hex.encode(), digest.hex().encode())


def entry(
    profiles: Iterable[bytes] = (),
    identities: Iterable[tuple[bytes, str, bytes]] = (),
    moved: Iterable[tuple[bytes, bytes]] = (),
    *,
    publication: tuple[UUID, int] | None = None,
    is_for_all: bool = False,
    triggers: Sequence[Trigger] = (),
) -> bytes | None:
    """Return the command that adds an entry; None when there is nothing to tell.

    Args:
        profiles: 16 bytes each.
        identities: (site, "kind:value", profile), ids of 16 bytes.
        moved: (loser, winner), 16 bytes each.
    """
    fields: list[bytes] = []
    if packed := b"".join(profiles):
        fields += (b"p", packed)
    if packed := b"".join([site + digest_of(name) + who for site, name, who in identities]):
        fields += (b"i", packed)
    if packed := b"".join([loser + winner for loser, winner in moved]):
        fields += (b"m", packed)
    if publication is not None:
        fields += (b"s", publication[0].bytes, b"n", b"%d" % publication[1])
    if is_for_all:
        fields += (b"a", b"1")
    if triggers:
        fields += (b"t", _encode(triggers))
    if not fields:
        return None
    # By the system's clock, as the ids of the stream are: it is no matter of anybody's present.
    since = b"%d" % (time.time_ns() // 1_000_000 - KEPT_MS)
    return _pack((b"XADD", STREAM, b"MINID", b"~", since, b"*", *fields))


def read(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Notice:
    """Return an entry as a notice. What another version of this code wrote besides is left out."""
    site, number = fields.get(b"s", b""), fields.get(b"n", b"")
    has_publication = len(site) == _ID and number.isdigit()
    return Notice(
        number=number_of(entry_id.decode("ascii")) or 0,
        profiles=[profile for (profile,) in _rows(fields, b"p", 1)],
        identities=[Identity(*row) for row in _rows(fields, b"i", 3)],
        moved=[(loser, winner) for loser, winner in _rows(fields, b"m", 2)],
        publication=(site, int(number)) if has_publication else None,
        is_for_all=b"a" in fields,
        triggers=_triggers_in(fields.get(b"t")),
    )


def _triggers_in(packed: bytes | None) -> Sequence[Trigger]:
    if packed is None:
        return ()
    try:
        return _decode(packed)
    except msgspec.DecodeError:
        return ()


def number_of(entry_id: str) -> int | None:
    """The id of an entry ("1790000000000-0") as one integer; None for what is no id.

    Of one millisecond at most a million entries are told apart.
    """
    ms, _, place = entry_id.partition("-")
    if not (ms.isascii() and ms.isdigit() and len(ms) < 15):
        return None
    if place and not (place.isascii() and place.isdigit() and len(place) < 7):
        return None
    return int(ms) * 1_000_000 + int(place or 0)


def id_of(number: int) -> str:
    """The id of an entry again."""
    return f"{number // 1_000_000}-{number % 1_000_000}"


def _rows(fields: Mapping[bytes, bytes], name: bytes, width: int) -> list[tuple[bytes, ...]]:
    """Cut a packed field into rows of `width` ids."""
    packed = fields.get(name, b"")
    step = _ID * width
    return [
        tuple(packed[at + _ID * place : at + _ID * (place + 1)] for place in range(width))
        for at in range(0, len(packed) - step + 1, step)
    ]
