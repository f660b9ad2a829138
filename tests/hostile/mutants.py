"""Bodies that nobody would write: good ones, changed by a chance that is always the same."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import quote

Body = dict[str, Any]


class Mutant(NamedTuple):
    """A call: its body and headers, and what was done to it."""

    body: bytes
    headers: dict[str, str]
    story: str


# Values that break what expects others, as Python or as the text of JSON that no writer writes.
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308, 5e-324,
    "", " ", "0", "null", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "\ufeff", "🛒" * 40,
    "x" * 600, "x" * 40_000, "é" * 5_000, "%s%n{}", "{{ traits.name }}", "{% raw %}", "$",
    "' OR 1=1 --", "<script>", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "../../x",
    "9999-12-31T23:59:60Z", "2026-03-10T12:00:00+23:59",
    "-1", "NaN", "Infinity", "dec_", "dec_AAAA", "pk_x", "user_id:",
    [], [[]], [None], [{}], {}, {"": ""}, {"__proto__": {"a": 1}}, {"$ref": "#"}, {"a.b": {"c": 1}},
)  # fmt: skip
_RAW: Final = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "01", "+1", ".5", "1.", "0x1", "1e-999",
    '"\\ud800"', '"\\x00"', '"\\u0000"', "'x'", "undefined", "True", "{}{}", '"\t"', "1" * 5_000,
    "[" * 2_000, '{"a":' * 200, "/* */ 1", "",
)  # fmt: skip
_ENCODINGS: Final = (
    "gzip",
    "deflate",
    "br",
    "identity",
    "GZIP",
    "gzip, gzip",
    "x-gzip",
    "\xa0",
    "",
)
_HEADERS: Final[tuple[dict[str, str], ...]] = (
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {"Content-Type": "text/plain; charset=utf-16"},
    {"Content-Type": "\xff"},
    {"Idempotency-Key": "k" * 65},
    {"If-None-Match": 'W/"' + "a" * 2_000 + '", *'},
    {"traceparent": "00-" + "z" * 32 + "-1-1"},
    {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00"},
    {"Origin": "null"},
    {"Sec-GPC": "1"},
    {"Cookie": "a=" + "b" * 3_000},
    {"User-Agent": "\xe9\xff" + "(" * 500},
    {"Accept-Language": "de-CH,,;q=x," * 100},
    {"X-Forwarded-For": "1.2.3.4, ::ffff:9, x, " * 20},
)


ENOUGH_BYTES: Final = 100_000  # a body that grew so far is not changed further


def mutants(seed: str, bodies: list[Body], count: int) -> Iterator[Mutant]:
    """Yield `count` mutants of these bodies: the same ones for the same seed."""
    chance = Random(seed)
    for number in range(count):
        body = deepcopy(chance.choice(bodies))
        stories = []
        if chance.random() < 0.6:
            for _ in range(chance.choice((1, 1, 2, 4))):
                body, story = _changed(chance, body)
                stories.append(story)
                if len(_written(body)) > ENOUGH_BYTES:
                    break
        raw = _written(body)
        if chance.random() < 0.5 or not stories:
            change = chance.choice(_BYTES)
            raw = change(chance, raw)
            stories.append(change.__name__)
        headers = dict(chance.choice(_HEADERS)) if chance.random() < 0.15 else {}
        if chance.random() < 0.15:
            raw, headers["Content-Encoding"] = _encoded(chance, raw)
        told = {name: value[:40] for name, value in headers.items()}
        yield Mutant(raw, headers, f"{seed} {number}: {', '.join(stories)} {told}")


def _written(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key or index) inside a JSON value."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            _places(value[key], found)
    return found


def _changed(chance: Random, body: Any) -> tuple[Any, str]:
    """Change one place of a JSON value."""
    places = _places(body, [])
    if not places:
        return deepcopy(chance.choice(_VALUES)), "another root"
    where, key = chance.choice(places)
    match chance.randrange(9):
        case 0 | 1 | 2 | 3:
            where[key] = deepcopy(chance.choice(_VALUES))
            return body, f"{key} replaced"
        case 4:
            del where[key]
            return body, f"{key} gone"
        case 5:
            times = chance.choice((1, 2, 60, 3_000))
            where[key] = [where[key]] * (2 if isinstance(where[key], dict | list) else times)
            return body, f"{key} repeated"
        case 6 if isinstance(where, dict):
            where[chance.choice(("", "\x00", "k" * 3_000, "\ud800", key.upper()))] = where.pop(key)
            return body, f"{key} renamed"
        case 7:
            other, name = chance.choice(places)
            if not isinstance(where[key], dict | list):  # nor a cycle, nor a whole in its part
                other[name] = where[key]
            return body, f"{key} put to {name}"
        case _:
            deep: Any = where[key]
            for _ in range(chance.choice((5, 19, 21, 200))):
                deep = {"n": deep} if chance.random() < 0.5 else [deep]
            where[key] = deep
            return body, f"{key} nested"


def _flip(chance: Random, raw: bytes) -> bytes:
    """Change bits."""
    changed = bytearray(raw)
    for _ in range(chance.choice((1, 1, 3, 20))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(chance: Random, raw: bytes) -> bytes:
    """End early, or lose a part."""
    start = chance.randrange(len(raw))
    return raw[:start] + (b"" if chance.random() < 0.5 else raw[start + chance.randrange(1, 40) :])


def _doubled(chance: Random, raw: bytes) -> bytes:
    """Say a part twice."""
    start = chance.randrange(len(raw))
    return raw[:start] + raw[start : start + 200] + raw[start:]


def _noise(chance: Random, raw: bytes) -> bytes:
    """Put bytes in that mean nothing."""
    at = chance.randrange(len(raw))
    return raw[:at] + chance.randbytes(chance.choice((1, 4, 64))) + raw[at:]


def _spliced(chance: Random, raw: bytes) -> bytes:
    """Put in JSON that no writer writes, where a value was."""
    at = raw.find(b":", chance.randrange(len(raw)))
    end = min((n for n in (raw.find(mark, at) for mark in (b",", b"}")) if n > 0), default=len(raw))
    return raw[: at + 1] + chance.choice(_RAW).encode() + raw[end:]


def _marked(chance: Random, raw: bytes) -> bytes:
    """Begin with a mark of byte order, be of another encoding, or nothing at all."""
    text = raw.decode("utf-8", "replace")
    return chance.choice(
        (b"\xef\xbb\xbf" + raw, text.encode("utf-16"), text.encode("utf-32"), b"", b" \n", raw * 3)
    )


_BYTES: Final[tuple[Callable[[Random, bytes], bytes], ...]] = (
    _flip, _cut, _doubled, _noise, _spliced, _marked,
)  # fmt: skip


def _encoded(chance: Random, raw: bytes) -> tuple[bytes, str]:
    """Compress a body, well or badly, and label it, rightly or not."""
    packed = chance.choice((gzip.compress(raw, 1, mtime=0), zlib.compress(raw), raw))
    if chance.random() < 0.4 and packed:
        packed = packed[: chance.randrange(len(packed))] + chance.randbytes(chance.randrange(8))
    return packed, chance.choice(_ENCODINGS)


def queries(seed: str, good: dict[str, str], count: int) -> Iterator[tuple[bytes, str]]:
    """Yield query strings that nobody would write, and their number: the same for a seed."""
    chance = Random(seed)
    texts = [value for value in _VALUES if isinstance(value, str) and len(value) < 6_000]
    for number in range(count):
        pairs = [(name, value.encode()) for name, value in good.items()]
        for _ in range(chance.choice((1, 1, 2))):
            place = chance.randrange(len(pairs))
            name, value = pairs[place]
            match chance.randrange(6):
                case 0 | 1:
                    value = chance.choice(texts).encode("utf-8", "surrogatepass")
                case 2 if value:
                    value = chance.choice(_BYTES)(chance, value)
                case 3:
                    pairs.append((name, chance.randbytes(chance.choice((1, 8, 200)))))
                case 4:
                    name = chance.choice((name.upper(), f"{name}[]", "", name + "\x00"))
                case _:
                    value += chance.randbytes(2)
            pairs[place] = (name, value)
        raw = b"&".join(
            quote(name).encode() + b"=" + quote(value).encode() for name, value in pairs
        )
        if chance.random() < 0.3:
            raw = chance.choice(_BYTES)(chance, raw)
        # What no request line can hold never comes to us.
        yield bytes(byte for byte in raw if 0x21 <= byte < 0x7F), f"{seed} {number}"
