"""What intake hands to the fold: accepted events as they lie in the inbox, one JSON body a batch.

The body is written once and read once, so both shapes are arrays or short keys: every byte is
stored, parsed and thrown away for every event that ever comes in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from apps.access.proof import SignedIn

INBOX_VERSION = 1

FLAG_CLOCK_AHEAD = 1
FLAG_CONSENT_ASSUMED = 2
FLAG_LATE = 4
# Shown to somebody who allows personalization and refuses analytics: caps count it, then it is
# dropped.
FLAG_CAPS_ONLY = 8


class Accepted(msgspec.Struct, array_like=True):
    """One event as intake lets it in: validated, named, time-corrected, minimised, with consent.

    On the wire it is the array of its fields in this order. Times are milliseconds since 1970 UTC.
    `occurred_ms` is corrected; `original_ms` is what the sender's clock said, None when it said
    nothing. `epoch` and `purposes` are the consent epoch and the purposes allowed at intake, as
    bits of `apps.consent.types.Purpose`; `flags` are the FLAG_ bits above.
    """

    type: str
    name: str
    occurred_ms: int
    original_ms: int | None
    message_id: str
    anonymous_id: str | None
    user_id: str | None
    properties: dict[str, Any]
    traits: dict[str, Any] | None
    context: dict[str, Any]
    epoch: int
    purposes: int
    flags: int
    previous_id: str | None = None
    group_id: str | None = None


class InboxBody(msgspec.Struct):
    """One inbox row's body: the fresh events of one request.

    `r` received at and `s` sent at, in ms since 1970 (None: the sender did not say); `c` the
    batch's own context, already merged under each event's and so normally None; `e` the events.
    """

    v: int
    r: int
    s: int | None
    c: dict[str, Any] | None
    e: list[Accepted]


class HasSource(Protocol):
    """Anything that says whose events these are."""

    @property
    def site_id(self) -> UUID:
        """The tenant."""

    @property
    def source_id(self) -> UUID:
        """The sender within the tenant: message ids are unique per source."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and on which terms: what intake needs of an authenticated caller.

    `address` is the network address of the connection, None when it must not be used (servers);
    `has_gpc` that the request carried `Sec-GPC: 1`. `prove` see `domain.reading.Frame`. `signed_in`
    reads a userToken, None where none counts. The others are as of `apps.access.types.Caller`.
    """

    site_id: UUID
    source_id: UUID
    consent_mode: str
    regime: str
    is_plan_strict: bool
    retention_days: int
    is_browser: bool
    address: str | None
    has_gpc: bool
    prove: Callable[[str, Any, Any], str | None] | None
    source_kind: str = ""
    place_policy: str = "fixed"
    treats_gpc_as_refusal: bool | None = None
    country: str | None = None
    region: str | None = None
    tcf_vendor_id: int | None = None
    signed_in: Callable[[str, datetime], SignedIn | None] | None = None

    @property
    def gpc(self) -> bool:
        """As callers have it."""
        return self.has_gpc


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event of a call that was not let in: its place in the call, and why."""

    index: int
    message_id: str | None
    code: str
    detail: str
    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a call's events; the first four counts add up to the events that were sent.

    `erased` of those without consent were dropped because somebody they name was erased.
    """

    accepted: int
    duplicates: int
    without_consent: int
    rejected: list[Rejection]
    erased: int = 0
