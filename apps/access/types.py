"""What a request's key says about its sender, as the doors pass it on."""

from typing import Literal
from uuid import UUID

import msgspec

KeyKind = Literal["pk", "sk", "ek"]


class Rates(msgspec.Struct, frozen=True):
    """Requests per second of a key and of an address, and how many seconds' worth may burst."""

    per_key_s: int
    per_address_s: int
    burst_s: int


class Caller(msgspec.Struct, frozen=True):
    """Who calls: one key of one source of one site, and what its request carried.

    `origin` is the Origin header, `address` the client's address (forwarding headers of trusted
    proxies honoured), `gpc` whether it sent `Sec-GPC: 1`; `country` and `region` are what a trusted
    proxy says of the client's place, ISO 3166 upper case. `proof_secret` signs userHash and
    userToken. Everything else is the configuration of the source and its site: which regime
    applies to a request is for `apps.consent.gates` to say.
    """

    site_id: UUID
    site_key: str
    source_id: UUID
    key_id: UUID
    kind: KeyKind
    source_kind: str
    consent_mode: str
    regime: str
    rates: Rates
    plan_strict: bool
    retention_days: int
    time_zone: str
    is_user_proof_required: bool
    proof_secret: str
    site_hex: str
    key_hex: str
    origin: str | None
    address: str | None
    gpc: bool
    country: str | None = None
    region: str | None = None
    place_policy: str = "fixed"
    treats_gpc_as_refusal: bool | None = None
    tcf_vendor_id: int | None = None


class Origins:
    """Origins that a source allows: exact ones, `scheme://host:*` for any port, `*` for any."""

    __slots__ = ("_any_port", "_exact", "_is_open")

    def __init__(self, allowed: list[str]) -> None:
        wanted = {text.strip().rstrip("/").lower() for text in allowed if isinstance(text, str)}
        self._is_open = "*" in wanted
        self._any_port = frozenset(text[:-2] for text in wanted if text.endswith(":*"))
        self._exact = frozenset(wanted) | self._any_port

    def __contains__(self, origin: str) -> bool:
        origin = origin.lower()
        if self._is_open or origin in self._exact:
            return True
        host, _, port = origin.rpartition(":")
        return port.isdigit() and host in self._any_port
