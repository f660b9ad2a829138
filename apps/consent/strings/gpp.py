"""Strings of the Global Privacy Platform: a header that names sections, and the sections.

Source: IAB Tech Lab, "Global Privacy Platform String", version 1.
"""

from dataclasses import dataclass
from typing import Final

from apps.consent.strings.bits import MAX_LENGTH, Bits, Damaged
from apps.consent.strings.tcf import Tcf, read_tcf
from apps.consent.strings.us_sections import LAYOUTS, UsSection, read_section
from apps.consent.strings.usp import Usp, read_usp

TYPE, VERSION = 3, 1
TCF_EU, US_PRIVACY = 2, 6
# Twice as many as are defined.
_MAX_SECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Gpp:
    """A GPP string: the sections that could be read, and the ids of those that could not.

    Sections of other laws (Canada's, and what may come) are among those that were not read.
    """

    tcf: Tcf | None
    usp: Usp | None
    us: tuple[UsSection, ...]
    unread: tuple[int, ...]

    @property
    def is_opt_out(self) -> bool:
        """True if any section of US law refuses sale, sharing or targeted advertising."""
        return any(section.is_opt_out for section in self.us) or (
            self.usp is not None and self.usp.has_opted_out is True
        )


def read_gpp(text: str) -> Gpp | None:
    """Return what a GPP string says; None if its header is not of version 1 or does not fit."""
    if len(text) > MAX_LENGTH:
        return None
    header, *sections = text.split("~", _MAX_SECTIONS + 1)
    try:
        ids = _header(header)
    except Damaged:
        return None
    if len(ids) != len(sections):
        return None
    tcf, usp = None, None
    us: list[UsSection] = []
    unread: list[int] = []
    for section_id, section in zip(ids, sections, strict=True):
        found: object = None
        if section_id == TCF_EU:
            found = tcf = read_tcf(section)
        elif section_id == US_PRIVACY:
            found = usp = read_usp(section)
        elif section_id in LAYOUTS:
            found = _us(section_id, section)
            us += [] if found is None else [found]
        if found is None:
            unread.append(section_id)
    return Gpp(tcf, usp, tuple(us), tuple(unread))


def _header(text: str) -> list[int]:
    """Return the ids of the sections in their order, which is ascending."""
    bits = Bits(text)
    if (bits.number(6), bits.number(6)) != (TYPE, VERSION):
        raise Damaged
    ids: list[int] = []
    last = 0
    for _ in range(bits.number(12)):
        is_group = bits.is_set()
        last += bits.fibonacci()
        ids.append(last)
        if is_group:
            length = bits.fibonacci()
            if len(ids) + length > _MAX_SECTIONS:
                raise Damaged
            ids += range(last + 1, last + length + 1)
            last += length
        if len(ids) > _MAX_SECTIONS:
            raise Damaged
    bits.finish()
    return ids


def _us(section_id: int, text: str) -> UsSection | None:
    try:
        return read_section(section_id, text)
    except Damaged:
        return None
