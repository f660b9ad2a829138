"""Decided calls as OpenFeature clients read them: value, variant, reason, metadata.

Clients refuse reasons and statuses that they do not know, and a whole number where they asked for
a float; what is ours to say beyond that stands in `metadata`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from django.conf import settings

from apps.access.types import Caller
from apps.delivery.deciding import Decided, Placed
from apps.delivery.ofrep_asking import Targeted
from apps.delivery.ofrep_flags import Flag
from engine.decide import Reason, in_segment

IN: Final = "in"
OUT: Final = "out"
# Ours that OpenFeature has a word for; the others are told as DEFAULT.
_SAME: Final = frozenset({"TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "STALE"})

Primitive = bool | str | int | float
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class _Part(msgspec.Struct):
    """What of a placement's encoded body is the value of its flag."""

    fields: msgspec.Raw
    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_PART: Final = msgspec.json.Decoder(_Part)


class _Object(msgspec.Struct):
    """A placement's value."""

    block: str
    variant: str
    version: int
    fields: msgspec.Raw
    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def evaluated(flag: Flag, placed: Placed, decision_id: str | None) -> bytes:
    """Return the success of a placement's flag, encoded.

    Args:
        decision_id: left out of bulk answers, which must not change from call to call.
    """
    ready, told = placed.ready, placed.told
    assert ready is not None
    metadata: dict[str, Primitive] = {
        "valueType": flag.value_type,
        "reason": told.reason,
        "version": ready.doc.version,
    }
    for name, text in (("rule", told.rule), ("experiment", told.experiment), ("arm", told.arm)):
        if text is not None and told.reason != Reason.ERROR.value:
            metadata[name] = text
    if decision_id is not None:
        metadata["decisionId"] = decision_id
    return _success(flag.key, _value(flag, placed), told.reason, ready.doc.key, metadata)


def _value(flag: Flag, placed: Placed) -> object:
    ready = placed.ready
    assert ready is not None
    if ready.kind == "flag":
        value = ready.doc.value
        # A client that asks for a float refuses 3: it is written 3.0.
        return float(value) if flag.value_type == "float" else value
    part = _PART.decode(placed.body.data)
    return _Object(ready.block.key, ready.doc.key, ready.doc.version, part.fields, part.items)


def membership(decided: Decided, key: str) -> tuple[bool, str]:
    """Return whether the visitor is in a segment, and our reason."""
    if decided.is_away:
        return False, Reason.ERROR.value
    if not decided.is_allowed:
        return False, Reason.NO_CONSENT.value
    inside, is_stale = in_segment(
        decided.served.compiled, key, decided.visitor, decided.context, decided.call.now_ms
    )
    if inside:
        return True, Reason.TARGETING_MATCH.value
    return False, (Reason.STALE if is_stale else Reason.DEFAULT).value


def of_segment(flag: Flag, is_inside: bool, reason: str) -> bytes:
    """Return the success of `segment.<key>`, encoded."""
    metadata: dict[str, Primitive] = {"valueType": flag.value_type, "reason": reason}
    return _success(flag.key, is_inside, reason, IN if is_inside else OUT, metadata)


def _success(
    key: str, value: object, reason: str, variant: str, metadata: Mapping[str, Primitive]
) -> bytes:
    return _encode(
        {
            "key": key,
            "value": value,
            "reason": reason if reason in _SAME else Reason.DEFAULT.value,
            "variant": variant,
            "metadata": metadata,
        }
    )


def failure(code: str, details: str, key: str | None = None) -> bytes:
    """Return an error, encoded; `key` is None for a bulk call as a whole."""
    named = {} if key is None else {"key": key}
    return _encode({**named, "errorCode": code, "errorDetails": details})


def bulk(
    flags: Iterable[bytes], metadata: Mapping[str, Primitive], streams: list[dict[str, Any]]
) -> bytes:
    """Return the body of a bulk answer."""
    parts = [b'{"flags":[', b",".join(flags), b'],"metadata":', _encode(metadata)]
    if streams:
        parts += (b',"eventStreams":', _encode(streams))
    return b"".join((*parts, b"}"))


def etag_of(caller: Caller, who: Targeted, body: bytes, month: str) -> str:
    """Return the strong ETag of a bulk answer: over key, context, results and month.

    Keyed, because a plain digest of an id could be searched for by trying ids.

    Args:
        month: "YYYY-MM"; the address of the live stream changes with it.
    """
    secret: str = settings.SIGNING_KEY
    digest = hashlib.blake2b(key=secret.encode()[:64], digest_size=16)
    said = (caller.key_hex, month, who.identities, who.unit_id, who.context)
    digest.update(_encode_sorted(said))
    digest.update(b"\n")
    digest.update(body)
    return f'"{digest.hexdigest()}"'
