"""Rate limits: a token bucket per key and, on browser sources, per address (GCRA, in Redis).

What no key guards has a bucket per address: one caller's haste is nobody else's refusal. Names that
must be looked up in Postgres because nobody here knows them have another, a smaller one. Of an IPv6
address its /64 counts.

One script call per request, meant to travel in the pipeline that the request sends anyway. With
Redis away everything passes: a limit protects us, it does not guard a secret.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import redis
from django.conf import settings
from django.http import HttpRequest

from apps.access.addresses import client_address, network_of
from apps.access.errors import RateLimited
from apps.access.types import Caller, Rates
from apps.work import tracing
from apps.work.redis import Command, RedisAway, exchange

# Where the headers of a charged request wait, in its META, for an answer that is a refusal.
CHARGED: Final = "attune.charged"
# Of one address where no key is asked for: servers and caches fetch there, for many visitors.
OPEN_PER_S: Final = 1_000
OPEN_BURST_S: Final = 5
# Of one address that names keys or sites which this process does not know (yet).
UNKNOWN_PER_S: Final = 50
UNKNOWN_BURST_S: Final = 10

# Times in microseconds of the server's clock, so that web processes need not agree on theirs.
# Each bucket is one number: the moment at which it would be full ("theoretical arrival time").
# All buckets are judged before any is charged: a refused request costs nothing.
# A function, so that a script which has more to do can charge on the way: the buckets are the last
# keys from `first` on, their rates the arguments from `place` on.
CHARGE: Final = """
local function charge(first, place)
  local call, keys, rates = redis.call, KEYS, ARGV
  local clock = call('TIME')
  local now = clock[1] * 1000000 + clock[2]
  local charged, left, wait = {}, nil, 0
  for i = first, #keys do
    local interval = 1000000 / rates[place]
    local depth = interval * rates[place + 1]
    local at = (tonumber(call('GET', keys[i]) or 0))
    if at < now then at = now end
    at = at + interval
    local spare = depth - (at - now)
    if -spare > wait then wait = -spare end
    local tokens = math.floor(spare / interval)
    if left == nil or tokens < left then left = tokens end
    charged[i] = at
    place = place + 2
  end
  if wait > 0 then return 0, 0, math.ceil(wait) end
  for i = first, #keys do
    local at = charged[i]
    call('PSETEX', keys[i], math.ceil((at - now) / 1000) + 1, string.format('%.0f', at))
  end
  return 1, left, 0
end
"""
SCRIPT: Final = CHARGE + "return {charge(1, 1)}"
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
_MICROSECONDS: Final = 1_000_000


class Buckets(NamedTuple):
    """What a request is charged to: keys in Redis, and of each requests per second and burst."""

    keys: tuple[str, ...]
    rates: tuple[int, ...]


def buckets_of(caller: Caller) -> Buckets:
    """Return the buckets of a request.

    A key has one bucket for all routes, which shares a hash slot with its addresses'.
    """
    address = caller.address
    if caller.source_kind != "browser" or caller.kind != "pk":
        address = None
    return _buckets(caller.key_hex, address, caller.rates, settings.SIGNING_KEY)


@lru_cache(maxsize=4096)
def _buckets(key_hex: str, address: str | None, rates: Rates, secret: str) -> Buckets:
    """The buckets of a key and an address; `secret` is what the address is blinded with."""
    key = f"a:r:{{{key_hex}}}"
    of_key = (rates.per_key_s, rates.per_key_s * rates.burst_s)
    if address is None:
        return Buckets((key,), of_key)
    of_address = (rates.per_address_s, rates.per_address_s * rates.burst_s)
    return Buckets((key, f"{key}:{_blinded(address)}"), of_key + of_address)


def limiter_command(caller: Caller, route: str) -> Command:
    """Return the one command that charges this request. The route is named in the answer only."""
    keys, rates = buckets_of(caller)
    return ("EVALSHA", SHA, len(keys), *keys, *rates)


def limiter_commands(pipe: Any, caller: Caller, route: str) -> None:
    """Append the limiter's command to a redis-py pipeline (execute with raise_on_error=False)."""
    pipe.execute_command(*limiter_command(caller, route))


def check(reply: object, caller: Caller, route: str) -> dict[str, str]:
    """Judge the reply of the limiter's command; return the RateLimit headers of the answer.

    Raises:
        RateLimited: a bucket is empty.
    """
    quota = caller.rates.per_key_s
    if not isinstance(reply, list):
        if isinstance(reply, redis.ResponseError) and str(reply).startswith("NOSCRIPT"):
            _load_script()
        return {}
    passed, left, wait_us = reply
    headers = _headers(route, quota, left)
    meta = tracing.current()
    if meta is not None:  # a refusal that comes later says them too
        meta[CHARGED] = headers
    if not passed:
        raise RateLimited(retry_after_s=-(-wait_us // _MICROSECONDS), headers=headers)
    return headers


def charge(callers: Sequence[Caller], route: str) -> list[object]:
    """Charge several requests in one round trip; return a reply of each for `check`.

    A reply is None where Redis is away.
    """
    commands = [limiter_command(caller, route) for caller in callers]
    try:
        replies = exchange(*commands)
        if isinstance(replies[0], redis.ResponseError):
            _load_script()
            replies = exchange(*commands)
    except RedisAway:
        return [None] * len(callers)
    return replies


def has_passed(reply: object) -> bool:
    """Whether `check` would let the request of this reply through."""
    return not isinstance(reply, list) or bool(reply[0])


def enforce(caller: Caller, route: str) -> dict[str, str]:
    """Charge and judge in a round trip of its own, for routes that have no other.

    Raises:
        RateLimited: a bucket is empty.
    """
    return check(charge([caller], route)[0], caller, route)


def enforce_address(request: HttpRequest, route: str) -> None:
    """Charge the caller's address, on a route that asks for no key; one round trip.

    A success does not tell what is left: these answers are kept by caches, for others.

    Raises:
        RateLimited: its bucket is empty.
    """
    _enforce_address(request.META, "open", OPEN_PER_S, OPEN_BURST_S, route)


def enforce_unknown(meta: Mapping[str, Any]) -> None:
    """Charge the caller's address for a look-up of a name that is not known here; one round trip.

    Raises:
        RateLimited: its bucket is empty.
    """
    _enforce_address(meta, "unknown", UNKNOWN_PER_S, UNKNOWN_BURST_S, "unknown")


def _enforce_address(
    meta: Mapping[str, Any], bucket: str, per_s: int, burst_s: int, route: str
) -> None:
    address = client_address(meta)
    if address is None:  # a socket of this machine: whoever stands before us limits
        return
    key = f"a:r:{bucket}:{_blinded(address)}"
    command = ("EVALSHA", SHA, 1, key, per_s, per_s * burst_s)
    try:
        reply = exchange(command)[0]
        if isinstance(reply, redis.ResponseError):
            _load_script()
            reply = exchange(command)[0]
    except RedisAway:
        return
    if isinstance(reply, list) and not reply[0]:
        raise RateLimited(
            retry_after_s=-(-reply[2] // _MICROSECONDS), headers=_headers(route, per_s, 0)
        )


def _headers(route: str, quota: int, left: int) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{route}";q={quota};w=1',
        "RateLimit": f'"{route}";r={min(left, quota)};t=1',
    }


def _load_script() -> None:
    try:
        exchange(("SCRIPT", "LOAD", SCRIPT))
    except RedisAway:
        return


def _blinded(address: str) -> str:
    """A key in Redis must not contain an address: an HMAC of it, 64 bits, does as well."""
    secret: str = settings.SIGNING_KEY
    named = network_of(address).encode()
    return hashlib.blake2b(named, key=secret.encode()[:64], digest_size=8).hexdigest()
