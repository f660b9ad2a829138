"""Decision ids: what was decided, signed, so that an exposure needs no look-up.

`dec_` + base64url(payload + truncated HMAC-SHA256). The payload is a msgpack array; the key of the
signature belongs to one site, so an id of another site does not verify.
"""

import binascii
import hashlib
import hmac
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings

from apps.decisions.errors import InvalidDecisionId
from engine.decide import Decision

PREFIX: Final = "dec_"
MAX_LENGTH: Final = 2_000
_MAC_BYTES: Final = 12
_VERSION: Final = 3
PROPENSITY_SINCE: Final = 3
_ARRAY: Final = b"\x9e"  # of the first 14 fields below
_ARRAY_WITH_TOKEN: Final = b"\x9f"  # of 15
_ARRAY_WITH_CHANCE: Final = b"\xdc\x00\x10"  # of all 16
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")

_pack = msgspec.msgpack.Encoder().encode


class DecisionPayload(msgspec.Struct, array_like=True, frozen=True):
    """What a decision id says.

    Attributes:
        subject: the identity that was decided for, "kind:value"; empty for nobody.
        arm, probability, experiment: None without an experiment.
        rule: that served it, None when none did.
        caps: numbers of the caps that showing it draws on.
        token: 8 bytes that name its reservation; empty without caps.
        propensity: the chance of the variant (see `engine.chances`); None: not known. What was
            certain does not say so, nor does an id of before format 3.
    """

    format: int
    snapshot: int
    at_ms: int
    subject: str
    placement: str
    block: str
    variant: str
    version: int
    reason: str
    arm: str | None
    probability: float | None
    rule: str | None = None  # from here on since format 2
    experiment: str | None = None
    caps: list[int] = []
    token: bytes = b""
    propensity: float | None = 1.0


_decoder = msgspec.msgpack.Decoder(DecisionPayload)


def head_of(snapshot: int, at_ms: int, subject: str) -> bytes:
    """The part that all decisions of one call share."""
    return b"".join((_ARRAY, _pack(_VERSION), _pack(snapshot), _pack(at_ms), _pack(subject)))


def tail_of(block: str, version: int, decision: Decision, reason: str) -> bytes:
    """The part that says what was decided; the same for many visitors, so it can be kept.

    Args:
        reason: what is told, which may be another one than the decision's.
    """
    split = decision.experiment is not None
    parts = (
        decision.placement,
        block,
        decision.variant,
        version,
        reason,
        decision.arm,
        decision.probability if split else None,
        decision.rule,
        decision.experiment,
        [cap.number for cap in decision.caps],
    )
    return b"".join([_pack(part) for part in parts])


class Signer:
    """Signs the decisions of one call; `head` is their common part."""

    __slots__ = ("_head", "_inner", "_outer")

    def __init__(self, site_hex: str, head: bytes) -> None:
        self._head = head
        self._inner, self._outer = _keyed(settings.SIGNING_KEY, site_hex)

    def signed(self, tail: bytes, token: bytes = b"", propensity: float | None = 1.0) -> bytes:
        """Return a decision id as ASCII bytes."""
        if propensity != 1.0:
            more = _pack(token) + _pack(propensity)
            payload = b"".join((_ARRAY_WITH_CHANCE, self._head[1:], tail, more))
        elif token:
            payload = b"".join((_ARRAY_WITH_TOKEN, self._head[1:], tail, _pack(token)))
        else:
            payload = self._head + tail
        # As `_mac`, whose key is looked up once for all decisions of a call.
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(payload)
        outer.update(inner.digest())
        return b"dec_" + _text_of(payload + outer.digest()[:_MAC_BYTES])


def verified(site_id: UUID, decision_id: str) -> DecisionPayload:
    """Return what a decision id of this site says.

    Raises:
        InvalidDecisionId: not made here for this site, or changed on the way.
    """
    if not decision_id.startswith(PREFIX) or len(decision_id) > MAX_LENGTH:
        raise InvalidDecisionId
    try:
        text = decision_id[len(PREFIX) :].encode("ascii")
        padded = text.translate(_FROM_URL) + b"=" * (-len(text) % 4)
        raw = binascii.a2b_base64(padded, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidDecisionId from None
    # One spelling each: a decision counts once by its id, and base64 can be padded at will.
    if text != _text_of(raw):
        raise InvalidDecisionId
    payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(settings.SIGNING_KEY, site_id.hex, payload)) and not any(
        hmac.compare_digest(mac, _mac(secret, site_id.hex, payload))
        for secret in settings.SIGNING_KEYS_RETIRED
    ):
        raise InvalidDecisionId
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError:
        raise InvalidDecisionId from None


def _text_of(raw: bytes) -> bytes:
    return binascii.b2a_base64(raw, newline=False).translate(_TO_URL).rstrip(b"=")


def _mac(secret: str, site_hex: str, payload: bytes) -> bytes:
    """Return the truncated HMAC-SHA256 of a payload under the site's key.

    RFC 2104 by its definition, from hash states that have taken the key in already: a third of the
    time of `hmac.digest`, four times in every decision.
    """
    keyed_inner, keyed_outer = _keyed(secret, site_hex)
    inner, outer = keyed_inner.copy(), keyed_outer.copy()
    inner.update(payload)
    outer.update(inner.digest())
    return outer.digest()[:_MAC_BYTES]


@lru_cache(maxsize=1024)
def _keyed(secret: str, site_hex: str) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The hashes of a site's padded key that every signature of the site starts from."""
    key = hmac.digest(secret.encode(), b"decision:" + site_hex.encode(), "sha256")
    block = key.ljust(hashlib.sha256().block_size, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))
