"""Where other platforms put a visitor, for experiments and rollouts that move here while they run.

Sources: Appleby's MurmurHash3 (x86, 32 bits); the public bucketing of Optimizely and Unleash.
"""

_MASK = 0xFFFFFFFF


def optimizely_bucket(unit_id: str, parent_id: str) -> int:
    """Return the bucket, 0 to 9,999; `parent_id` is the experiment's or its group's id."""
    return int(murmur3_32(f"{unit_id}{parent_id}", 1) / 2**32 * 10_000)


def unleash_value(group_id: str, identifier: str, normalizer: int = 100, seed: int = 0) -> int:
    """Return the value, 1 to `normalizer`."""
    return murmur3_32(f"{group_id}:{identifier}", seed) % normalizer + 1


def murmur3_32(text: str, seed: int) -> int:
    """Return MurmurHash3 of the text's UTF-8 bytes, as an unsigned number of 32 bits."""
    data = text.encode()
    state = seed & _MASK
    for at in range(0, len(data) - 3, 4):
        state ^= _mixed(int.from_bytes(data[at : at + 4], "little"))
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _MASK
    tail = data[len(data) - len(data) % 4 :]
    if tail:
        state ^= _mixed(int.from_bytes(tail, "little"))
    state ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        state = ((state ^ (state >> shift)) * factor) & _MASK
    return state ^ (state >> 16)


def _mixed(block: int) -> int:
    return _rotated((block * 0xCC9E2D51) & _MASK, 15) * 0x1B873593 & _MASK


def _rotated(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK
