"""Sections of US law in GPP strings: which fields each has, and what is an opt-out.

Source: IAB Tech Lab, Global Privacy Platform, Sections/US-National and Sections/US-States; where
a text and the reference encoder (iabgpp-es 3.2) differ, what the encoder writes. Maryland, Indiana,
Kentucky and Rhode Island: their drafts describe a header in front, which cannot be written as it is
described (there is no 0 in Fibonacci coding) and which that encoder does not write; a section with
one is unreadable here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from apps.consent.strings.bits import Bits, Damaged

YES: Final = 1  # opted out; of a consent: not given
# Any of these is a refusal of advertising and sale.
_OPT_OUTS: Final = ("sale_opt_out", "sharing_opt_out", "targeted_advertising_opt_out")
_CHILD: Final = "known_child_sensitive_data_consents"
_GPC_TYPE: Final = 1


@dataclass(frozen=True, slots=True)
class UsSection:
    """One section: its fields by name, each a tuple of two-bit values, and its GPC part.

    Of an opt-out 1 is yes, 2 no, 0 not applicable and 3 undefined; of a consent 1 is no and 2 yes.
    `gpc` is None when the section has no such part, which is not the same as false.
    """

    id: int
    key: str
    version: int
    fields: Mapping[str, tuple[int, ...]]
    gpc: bool | None

    @property
    def is_opt_out(self) -> bool:
        """True if it refuses sale, sharing or targeted advertising, also for a child."""
        return (
            self.gpc is True
            or any(YES in self.fields.get(name, ()) for name in _OPT_OUTS)
            or YES in self.fields.get(_CHILD, ())
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """The core's fields, name and count, by version; and the one part that may follow it."""

    key: str
    versions: Mapping[int, tuple[tuple[str, int], ...]]
    follows: str


def _fields(text: str) -> tuple[tuple[str, int], ...]:
    parts = (word.partition("*") for word in text.split())
    return tuple((name, int(count or 1)) for name, _, count in parts)


_MSPA = " mspa_covered_transaction mspa_opt_out_option_mode mspa_service_provider_mode"
_ADVERTISING = (
    " sale_opt_out_notice targeted_advertising_opt_out_notice"
    " sale_opt_out targeted_advertising_opt_out"
)


def _national(sensitive: int, child: int) -> tuple[tuple[str, int], ...]:
    return _fields(
        "sharing_notice sale_opt_out_notice sharing_opt_out_notice"
        " targeted_advertising_opt_out_notice sensitive_data_processing_opt_out_notice"
        " sensitive_data_limit_use_notice sale_opt_out sharing_opt_out targeted_advertising_opt_out"
        f" sensitive_data_processing*{sensitive} {_CHILD}*{child} personal_data_consents{_MSPA}"
    )


def _state(key: str, notice: str, sensitive: int, child: int, more: str, follows: str) -> _Layout:
    text = f"{notice}{_ADVERTISING} sensitive_data_processing*{sensitive} {_CHILD}*{child}"
    return _Layout(key, {1: _fields(f"{text} {more}{_MSPA}")}, follows)


def _late(key: str, child: str, follows: str) -> _Layout:
    """Return the layout of the states that came last: the agreement's version comes first."""
    text = f"mspa_covered_transaction mspa_mode processing_notice{_ADVERTISING} {child}"
    return _Layout(key, {1: _fields(f"{text} additional_data_processing_consent")}, follows)


_MORE = "additional_data_processing_consent"
_CALIFORNIA = (
    "sale_opt_out_notice sharing_opt_out_notice sensitive_data_limit_use_notice sale_opt_out"
    f" sharing_opt_out sensitive_data_processing*9 {_CHILD}*2 personal_data_consents{_MSPA}"
)
_UTAH = (
    "sharing_notice sale_opt_out_notice targeted_advertising_opt_out_notice"
    " sensitive_data_processing_opt_out_notice sale_opt_out targeted_advertising_opt_out"
    f" sensitive_data_processing*8 {_CHILD}{_MSPA}"
)
_IOWA = (
    "processing_notice sale_opt_out_notice targeted_advertising_opt_out_notice"
    " sensitive_data_opt_out_notice sale_opt_out targeted_advertising_opt_out"
    f" sensitive_data_processing*8 {_CHILD}{_MSPA}"
)
LAYOUTS: Final[Mapping[int, _Layout]] = {
    7: _Layout("usnat", {1: _national(12, 2), 2: _national(16, 3)}, "gpc"),
    8: _Layout("usca", {1: _fields(_CALIFORNIA)}, "gpc"),
    9: _state("usva", "sharing_notice", 8, 1, "", ""),
    10: _state("usco", "sharing_notice", 7, 1, "", "gpc"),
    11: _Layout("usut", {1: _fields(_UTAH)}, ""),
    12: _state("usct", "sharing_notice", 8, 3, "", "gpc"),
    13: _state("usfl", "processing_notice", 8, 3, _MORE, ""),
    14: _state("usmt", "sharing_notice", 8, 3, _MORE, "gpc"),
    15: _state("usor", "processing_notice", 11, 3, _MORE, "gpc"),
    16: _state("ustx", "processing_notice", 8, 1, _MORE, "gpc"),
    17: _state("usde", "processing_notice", 9, 5, _MORE, "gpc"),
    18: _Layout("usia", {1: _fields(_IOWA)}, "gpc"),
    19: _state("usne", "processing_notice", 8, 1, _MORE, "gpc"),
    20: _state("usnh", "processing_notice", 8, 3, _MORE, "gpc"),
    21: _state("usnj", "processing_notice", 10, 5, _MORE, "gpc"),
    22: _state("ustn", "processing_notice", 8, 1, _MORE, "gpc"),
    23: _state("usmn", "processing_notice", 8, 1, _MORE, "gpc"),
    24: _late("usmd", "", "gpc"),
    25: _late("usin", _CHILD, "sensitive"),
    26: _late("usky", _CHILD, "sensitive"),
    27: _late("usri", _CHILD, "sensitive"),
}


def read_section(section_id: int, text: str) -> UsSection:
    """Read the section of a US law; its id is one of `LAYOUTS`.

    Raises:
        Damaged: not a whole section of a version that is known.
    """
    layout = LAYOUTS[section_id]
    core, *others = text.split(".")
    bits = Bits(core)
    version = bits.number(6)
    if version not in layout.versions:
        raise Damaged
    fields = {
        name: tuple(bits.number(2) for _ in range(count))
        for name, count in layout.versions[version]
    }
    bits.finish()
    if len(others) > (1 if layout.follows else 0):
        raise Damaged
    gpc = None
    for other in others:
        bits = Bits(other)
        if layout.follows == "gpc":
            gpc = _gpc(bits)
        else:
            fields["sensitive_data_processing"] = tuple(bits.number(2) for _ in range(8))
        bits.finish()
    return UsSection(section_id, layout.key, version, fields, gpc)


def _gpc(bits: Bits) -> bool:
    if bits.number(2) != _GPC_TYPE:
        raise Damaged
    return bits.is_set()
