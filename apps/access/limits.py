"""Rate limits: a token bucket per key and, on browser sources, per address (GCRA, in Redis).

One script call per request, meant to travel in the pipeline that the request sends anyway. With
Redis away everything passes: a limit protects us, it does not guard a secret.
"""

import hashlib
from typing import Any, Final

import redis
from django.conf import settings

from apps.access.errors import RateLimited
from apps.access.types import Caller
from apps.work import tracing
from apps.work.redis import Command, RedisAway, exchange

# Where the headers of a charged request wait, in its META, for an answer that is a refusal.
CHARGED: Final = "attune.charged"

# Times in microseconds of the server's clock, so that web processes need not agree on theirs.
# Each bucket is one number: the moment at which it would be full ("theoretical arrival time").
# All buckets are judged before any is charged: a refused request costs nothing.
SCRIPT: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local charged, left, wait = {}, nil, 0
for i, key in ipairs(KEYS) do
  local interval = 1000000 / ARGV[2 * i - 1]
  local depth = interval * ARGV[2 * i]
  local at = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
  local spare = depth - (at - now)
  if spare < 0 then wait = math.max(wait, -spare) end
  local tokens = math.floor(spare / interval)
  if left == nil or tokens < left then left = tokens end
  charged[i] = at
end
if wait > 0 then return {0, 0, math.ceil(wait)} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', charged[i]),
             'PX', math.ceil((charged[i] - now) / 1000) + 1)
end
return {1, left, 0}
"""
SHA: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()
_MICROSECONDS: Final = 1_000_000


def limiter_command(caller: Caller, route: str) -> Command:
    """Return the one command that charges this request to its buckets.

    A key has one bucket for all routes, which shares a hash slot with its addresses'. The route is
    named in the answer only.
    """
    rates = caller.rates
    key = f"a:r:{{{caller.key_hex}}}"
    if caller.address is None or caller.source_kind != "browser" or caller.kind != "pk":
        return ("EVALSHA", SHA, 1, key, rates.per_key_s, rates.per_key_s * rates.burst_s)
    return (
        "EVALSHA", SHA, 2, key, f"{key}:{_blinded(caller.address)}",
        rates.per_key_s, rates.per_key_s * rates.burst_s,
        rates.per_address_s, rates.per_address_s * rates.burst_s,
    )  # fmt: skip


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
    headers = {
        "RateLimit-Policy": f'"{route}";q={quota};w=1',
        "RateLimit": f'"{route}";r={min(left, quota)};t=1',
    }
    meta = tracing.current()
    if meta is not None:  # a refusal that comes later says them too
        meta[CHARGED] = headers
    if not passed:
        raise RateLimited(retry_after_s=-(-wait_us // _MICROSECONDS), headers=headers)
    return headers


def enforce(caller: Caller, route: str) -> dict[str, str]:
    """Charge and judge in a round trip of its own, for routes that have no other.

    Raises:
        RateLimited: a bucket is empty.
    """
    try:
        reply = exchange(limiter_command(caller, route))[0]
        if isinstance(reply, redis.ResponseError):
            _load_script()
            reply = exchange(limiter_command(caller, route))[0]
    except RedisAway:
        return {}
    return check(reply, caller, route)


def _load_script() -> None:
    try:
        exchange(("SCRIPT", "LOAD", SCRIPT))
    except RedisAway:
        return


def _blinded(address: str) -> str:
    """A key in Redis must not contain an address: an HMAC of it, 64 bits, does as well."""
    secret: str = settings.SIGNING_KEY
    return hashlib.blake2b(address.encode(), key=secret.encode()[:64], digest_size=8).hexdigest()
