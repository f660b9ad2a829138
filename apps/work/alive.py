"""Which processes of a server live: each says so in Redis, by Redis's own clock.

A process that is killed, or stands still, falls silent. Nothing decides by this: it is for whoever
watches (/metrics and the admin's home). Redis forgets it in a restart, and everybody who lives has
said it again soon after; until then nothing is known.
"""

import contextlib
import os
import socket
import threading
import time
from typing import Final, NamedTuple

import redis

from apps.work.endings import at_end
from apps.work.redis import RedisAway, exchange

ROLES: Final = ("web", "stream", "consumer", "worker", "beat")
EVERY_S: Final = 5.0
# Four times unheard is no accident; a fold may take longer than one.
SILENT_S: Final = 20

_HEARD: Final = "attune:{alive}:heard"  # process -> when it last spoke
_SINCE: Final = "attune:{alive}:since"  # when somebody first did, since Redis is empty
_REMEMBERED_S: Final = 3_600
_SAY: Final = """
local now = redis.call('TIME')[1]
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('SET', KEYS[2], now, 'NX')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
"""
_ASK: Final = """
local now = redis.call('TIME')[1]
local since = redis.call('GET', KEYS[2])
return {since and now - since or -1, redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[1], '+inf')}
"""


class Heard(NamedTuple):
    """How many processes of each role have lately said that they live.

    `is_settled`: everybody who lives has had the time to say so, and a 0 is a 0.
    """

    alive: dict[str, int]
    is_settled: bool


class Voice:
    """This process's way to say that it lives. One per process, made in the process itself."""

    def __init__(self, role: str) -> None:
        """Speak as one of ROLES. Says nothing yet."""
        assert role in ROLES, role
        self._name = f"{role}:{socket.gethostname()}:{os.getpid()}"
        self._due_s = float("-inf")

    def say(self) -> None:
        """Say it, unless that was done a moment ago: a loop may call this in every turn."""
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        if self._due_s < 0:
            at_end(self._fall_silent)
        self._due_s = now_s + EVERY_S
        with contextlib.suppress(RedisAway):  # whoever would ask finds it away, too
            exchange(("EVAL", _SAY, 2, _HEARD, _SINCE, self._name, _REMEMBERED_S))

    def _fall_silent(self) -> None:
        """Whoever ends in order is not missed."""
        with contextlib.suppress(RedisAway):
            exchange(("ZREM", _HEARD, self._name))


def keep_saying(role: str) -> None:
    """Say that this process lives until it ends, from a thread.

    For processes without a loop of their own; one that has a loop says it there, and is silent
    when the loop stands still.
    """

    def run() -> None:
        voice = Voice(role)
        while True:
            voice.say()
            time.sleep(EVERY_S)

    threading.Thread(target=run, name="alive", daemon=True).start()


def heard() -> Heard | None:
    """Return who has lately said that they live; None: Redis is away. One round trip."""
    try:
        found = exchange(("EVAL", _ASK, 2, _HEARD, _SINCE, SILENT_S))[0]
    except RedisAway:
        return None
    if isinstance(found, redis.ResponseError):
        return None
    age_s, names = found
    alive = dict.fromkeys(ROLES, 0)
    for name in names:
        role = name.decode().partition(":")[0]
        if role in alive:
            alive[role] += 1
    return Heard(alive, age_s > SILENT_S)
