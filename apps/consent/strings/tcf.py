"""TCF strings of version 2, read strictly: every field, every segment, no bit left over.

Source: IAB Tech Lab, "Consent string and vendor list formats v2".
"""

from dataclasses import dataclass
from typing import Final

from apps.consent.strings.bits import MAX_LENGTH, Bits, Damaged

VERSION: Final = 2
PURPOSES: Final = 24
SPECIAL_FEATURES: Final = 12
_DISCLOSED, _ALLOWED, _PUBLISHER = 1, 2, 3  # types of segments; the core has none
_UNDEFINED: Final = 3  # kind of a restriction
_MAX_SEGMENTS: Final = 4
_MAX_RESTRICTIONS: Final = PURPOSES * 3  # of each kind, one for each purpose
_LAST_VENDOR: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class Vendors:
    """A set of vendor ids as it was written: a field of zeros and ones, or ranges (first, last).

    It is never spread out: a short string can name the same 65,535 vendors a thousand times. `last`
    is the highest id that it says anything about, `ranges` is None where it is a field.
    """

    last: int
    field: str = ""
    ranges: tuple[tuple[int, int], ...] | None = None

    def __contains__(self, vendor_id: int) -> bool:
        """True if the vendor is one of them."""
        if self.ranges is None:
            return 1 <= vendor_id <= self.last and self.field[vendor_id - 1] == "1"
        return any(first <= vendor_id <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True)
class Restriction:
    """What the site allows some vendors for one purpose: 0 nothing, 1 by consent only, 2 by
    legitimate interest only."""

    purpose: int
    kind: int
    vendors: Vendors


@dataclass(frozen=True, slots=True)
class Publisher:
    """The site's own purposes, apart from those of vendors; custom ones are numbered from 1."""

    consents: frozenset[int]
    legitimate_interests: frozenset[int]
    custom: int
    custom_consents: frozenset[int]
    custom_legitimate_interests: frozenset[int]


@dataclass(frozen=True, slots=True)
class Tcf:
    """A whole TCF string. Times are milliseconds since 1970 UTC; purposes are TCF's numbers.

    `disclosed` are the vendors that the visitor was told of, None without that segment.
    """

    created_ms: int
    updated_ms: int
    cmp_id: int
    cmp_version: int
    consent_screen: int
    language: str
    vendor_list_version: int
    policy_version: int
    is_service_specific: bool
    uses_other_texts: bool
    special_features: frozenset[int]
    consents: frozenset[int]
    legitimate_interests: frozenset[int]
    is_purpose_one_untold: bool
    country: str
    vendor_consents: Vendors
    vendor_legitimate_interests: Vendors
    restrictions: tuple[Restriction, ...]
    disclosed: Vendors | None = None
    allowed: Vendors | None = None
    publisher: Publisher | None = None

    def forbids(self, purpose: int, vendor_id: int) -> bool:
        """True if the site lets this vendor not use consent for the purpose."""
        return any(
            one.purpose == purpose and one.kind != 1 and vendor_id in one.vendors
            for one in self.restrictions
        )


def read_tcf(text: str) -> Tcf | None:
    """Return what a TCF string says; None if it is not a whole string of version 2."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        return _read(text)
    except Damaged:
        return None


def _read(text: str) -> Tcf:
    core, *others = text.split(".")
    if len(others) >= _MAX_SEGMENTS:
        raise Damaged
    disclosed = allowed = publisher = None
    seen = set()
    for other in others:
        bits = Bits(other)
        kind = bits.number(3)
        if kind in seen:
            raise Damaged
        seen.add(kind)
        if kind == _DISCLOSED:
            disclosed = _vendors(bits)
        elif kind == _ALLOWED:
            allowed = _vendors(bits)
        elif kind == _PUBLISHER:
            publisher = _publisher(bits)
        else:
            raise Damaged  # of a newer version
        bits.finish()
    return _core(Bits(core), disclosed, allowed, publisher)


def _core(
    bits: Bits, disclosed: Vendors | None, allowed: Vendors | None, publisher: Publisher | None
) -> Tcf:
    if bits.number(6) != VERSION:
        raise Damaged
    tcf = Tcf(  # arguments are evaluated in their order, which is that of the string
        created_ms=bits.number(36) * 100,
        updated_ms=bits.number(36) * 100,
        cmp_id=bits.number(12),
        cmp_version=bits.number(12),
        consent_screen=bits.number(6),
        language=bits.letters(2),
        vendor_list_version=bits.number(12),
        policy_version=bits.number(6),
        is_service_specific=bits.is_set(),
        uses_other_texts=bits.is_set(),
        special_features=bits.ids(SPECIAL_FEATURES),
        consents=bits.ids(PURPOSES),
        legitimate_interests=bits.ids(PURPOSES),
        is_purpose_one_untold=bits.is_set(),
        country=bits.letters(2),
        vendor_consents=_vendors(bits),
        vendor_legitimate_interests=_vendors(bits),
        restrictions=_restrictions(bits),
        disclosed=disclosed,
        allowed=allowed,
        publisher=publisher,
    )
    bits.finish()
    return tcf


def _vendors(bits: Bits) -> Vendors:
    last = bits.number(16)
    if bits.is_set():
        return Vendors(last, ranges=_ranges(bits, last))
    return Vendors(last, field=bits.take(last))


def _ranges(bits: Bits, most: int) -> tuple[tuple[int, int], ...]:
    """Read ranges, which may overlap and come in any order."""
    ranges = tuple(bits.pairs(bits.number(12), 16))
    for first, last in ranges:
        if not 1 <= first <= last <= most:
            raise Damaged
    return ranges


def _restrictions(bits: Bits) -> tuple[Restriction, ...]:
    count = bits.number(12)
    if count > _MAX_RESTRICTIONS:
        raise Damaged
    return tuple(_restriction(bits) for _ in range(count))


def _restriction(bits: Bits) -> Restriction:
    purpose, kind = bits.number(6), bits.number(2)
    if not 1 <= purpose <= PURPOSES or kind == _UNDEFINED:
        raise Damaged
    return Restriction(purpose, kind, Vendors(_LAST_VENDOR, ranges=_ranges(bits, _LAST_VENDOR)))


def _publisher(bits: Bits) -> Publisher:
    consents, interests = bits.ids(PURPOSES), bits.ids(PURPOSES)
    own = bits.number(6)
    return Publisher(consents, interests, own, bits.ids(own), bits.ids(own))
