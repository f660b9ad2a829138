"""Numbers that only rise, told to every process through Redis: publications and the generation."""

from typing import Final
from uuid import UUID

from apps.decisions import hot_wire, notices
from apps.decisions.notices import publication_key
from apps.work.redis import RedisAway

__all__ = ["announce", "publication_key", "raise_number"]

CHANNEL: Final = b"attune:publications"

_RAISE = b"""
local now = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) > now then redis.call('SET', KEYS[1], ARGV[1]) return 1 end
return 0"""


def raise_number(key: str | bytes, number: int) -> None:
    """Write a number unless a higher one is there. One round trip.

    Raises:
        RedisAway: Redis did not answer.
    """
    hot_wire.ask(hot_wire.command("EVAL", _RAISE, "1", key, str(number)), 1)


def announce(site_id: UUID, number: int) -> None:
    """Tell every process and every open page which publication serves.

    Lost while Redis is away: `watch` repeats the number, and open pages ask again once it is back.
    """
    try:
        raise_number(publication_key(site_id.hex), number)
        notice = notices.entry(publication=(site_id, number))
        assert notice is not None
        hot_wire.ask(hot_wire.command("PUBLISH", CHANNEL, f"{site_id.hex} {number}") + notice, 2)
    except RedisAway:
        return
