"""Sticky, evenly spread buckets for a unit: the public GrowthBook hash, version 2."""

from __future__ import annotations

from functools import lru_cache
from struct import unpack

BUCKETS = 10_000  # 0.01 % of traffic each. Changing it reshuffles every running experiment.

_OFFSET = 0x811C9DC5
_PRIME = 0x01000193
_MASK = 0xFFFFFFFF


def _code_units(text: str) -> bytes | tuple[int, ...]:
    """The UTF-16 code units of a text, as JavaScript sees them."""
    if text.isascii():
        return text.encode()
    raw = text.encode("utf-16-le", "surrogatepass")
    return unpack(f"<{len(raw) // 2}H", raw)


def fnv1a32(text: str, state: int = _OFFSET) -> int:
    """Return FNV-1a, 32 bits, over UTF-16 code units; `state` continues the hash of a prefix."""
    for unit in _code_units(text):
        state = ((state ^ unit) * _PRIME) & _MASK
    return state


@lru_cache(maxsize=1024)
def _seeded(seed: str) -> int:
    return fnv1a32(seed)


def bucket_of(unit_id: str, *, seed: str) -> int:
    """Return the unit's bucket for this seed, an integer in [0, BUCKETS).

    The seed belongs to one experiment and phase, so that two experiments split the same visitors
    independently. Source: GrowthBook hash version 2, public test table; SDKs exist in 20 languages.
    """
    # Twice: one round leaves look-alike seeds ("test-1", "test-2") dependent.
    return fnv1a32(str(fnv1a32(unit_id, _seeded(seed)))) % BUCKETS
