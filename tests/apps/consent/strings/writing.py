"""The other way round: strings made from what they should say, by the letter of their formats."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from apps.consent.strings.tcf import Publisher, Tcf, Vendors
from apps.consent.strings.us_sections import LAYOUTS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
VENDOR = 812
CONTENT = (1, 5, 6, 8, 9)  # all that measurement and personalised content need
Ranges = tuple[tuple[int, int], ...]
Wanted = Iterable[int] | Iterable[tuple[int, int]]


def number(value: int, width: int) -> str:
    """The number as so many zeros and ones."""
    assert 0 <= value < 1 << width
    return format(value, f"0{width}b")


def web(bits: str) -> str:
    """The bits in base64 for addresses, filled up with zeros."""
    bits += "0" * (-len(bits) % 6)
    return "".join(LETTERS[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


def unweb(text: str) -> str:
    """The bits of such a text."""
    return "".join(number(LETTERS.index(letter), 6) for letter in text)


def fibonacci(value: int) -> str:
    """The number in Fibonacci coding."""
    places = [1, 2]
    while places[-1] <= value:
        places.append(places[-1] + places[-2])
    bits, left = "", value
    for place in reversed(places[:-1] if value > 1 else [1]):
        bits = ("1" if place <= left else "0") + bits
        left -= place if place <= left else 0
    return bits + "1"


def words(text: str) -> str:
    """Letters of six bits each."""
    return "".join(number(ord(letter) - 65, 6) for letter in text)


def field(ids: Iterable[int], width: int) -> str:
    """A one at each place that is an id."""
    wanted = set(ids)
    return "".join("1" if place in wanted else "0" for place in range(1, width + 1))


def ranges(pairs: Ranges) -> str:
    """The number of ranges, and each."""
    parts = [
        f"0{number(first, 16)}" if first == last else f"1{number(first, 16)}{number(last, 16)}"
        for first, last in pairs
    ]
    return number(len(pairs), 12) + "".join(parts)


def vendors(wanted: Wanted) -> str:
    """A field of bits for ids, ranges for pairs."""
    known = list(wanted)
    pairs = tuple(one for one in known if isinstance(one, tuple))
    ids = [one for one in known if isinstance(one, int)]
    if pairs:
        return number(max(last for _, last in pairs), 16) + "1" + ranges(pairs)
    last = max(ids, default=0)
    return number(last, 16) + "0" + field(ids, last)


@dataclass(frozen=True)
class Asked:
    """What a TCF string says. As it stands: our vendor may measure and personalise content."""

    version: int = 2
    created: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    updated: datetime = datetime(2026, 3, 1, tzinfo=UTC)
    policy: int = 5
    is_service_specific: bool = True
    consents: Iterable[int] = CONTENT
    interests: Iterable[int] = ()
    consented: Wanted = (5, VENDOR)
    interested: Wanted = ()
    disclosed: Wanted | None = (5, 7, VENDOR)
    restrictions: tuple[tuple[int, int, Ranges], ...] = ()
    more: str = ""

    def core(self) -> str:
        """The bits of the core segment."""
        deciseconds = [int(at.timestamp() * 10) for at in (self.created, self.updated)]
        restrictions = "".join(
            number(purpose, 6) + number(kind, 2) + ranges(whom)
            for purpose, kind, whom in self.restrictions
        )
        return (
            number(self.version, 6)
            + "".join(number(at, 36) for at in deciseconds)
            + number(31, 12) + number(2, 12) + number(1, 6) + words("EN") + number(126, 12)
            + number(self.policy, 6) + str(int(self.is_service_specific)) + "0"
            + field((), 12) + field(self.consents, 24) + field(self.interests, 24)
            + "0" + words("DE") + vendors(self.consented) + vendors(self.interested)
            + number(len(self.restrictions), 12) + restrictions
        )  # fmt: skip

    def text(self) -> str:
        """The whole string."""
        told = "" if self.disclosed is None else "." + web("001" + vendors(self.disclosed))
        return web(self.core()) + told + self.more


def gpp(sections: Mapping[int, str]) -> str:
    """A GPP string with these sections, by id."""
    bits, last = number(3, 6) + number(1, 6) + number(len(sections), 12), 0
    for section_id in sorted(sections):
        bits += "0" + fibonacci(section_id - last)
        last = section_id
    return "~".join([web(bits), *(sections[one] for one in sorted(sections))])


def us(section_id: int, *, version: int = 0, gpc: object = None, **said: int) -> str:
    """A section of US law; every value of a field that is named is the one given, others 0."""
    layout = LAYOUTS[section_id]
    version = version or max(layout.versions)
    bits = number(version, 6)
    for name, count in layout.versions[version]:
        bits += number(said.get(name, 0), 2) * count
    return web(bits) + ("" if gpc is None else "." + web("01" + str(int(gpc is True))))


def rewritten(tcf: Tcf) -> str:
    """The string that says what was read: to see that nothing in the text was passed over."""
    bits = number(2, 6) + number(tcf.created_ms // 100, 36) + number(tcf.updated_ms // 100, 36)
    bits += number(tcf.cmp_id, 12) + number(tcf.cmp_version, 12) + number(tcf.consent_screen, 6)
    bits += words(tcf.language) + number(tcf.vendor_list_version, 12)
    bits += number(tcf.policy_version, 6) + str(int(tcf.is_service_specific))
    bits += str(int(tcf.uses_other_texts)) + field(tcf.special_features, 12)
    bits += field(tcf.consents, 24) + field(tcf.legitimate_interests, 24)
    bits += str(int(tcf.is_purpose_one_untold)) + words(tcf.country)
    bits += _as_read(tcf.vendor_consents) + _as_read(tcf.vendor_legitimate_interests)
    bits += number(len(tcf.restrictions), 12)
    for one in tcf.restrictions:
        bits += number(one.purpose, 6) + number(one.kind, 2) + ranges(one.vendors.ranges or ())
    segments = [bits]
    if tcf.disclosed is not None:
        segments.append("001" + _as_read(tcf.disclosed))
    if tcf.allowed is not None:
        segments.append("010" + _as_read(tcf.allowed))
    if tcf.publisher is not None:
        segments.append("011" + _publisher(tcf.publisher))
    return ".".join(web(one) for one in segments)


def _as_read(one: Vendors) -> str:
    if one.ranges is None:
        return number(one.last, 16) + "0" + one.field
    return number(one.last, 16) + "1" + ranges(one.ranges)


def _publisher(one: Publisher) -> str:
    own = one.custom
    return (
        field(one.consents, 24) + field(one.legitimate_interests, 24) + number(own, 6)
        + field(one.custom_consents, own) + field(one.custom_legitimate_interests, own)
    )  # fmt: skip


def alike(one: str, other: str) -> bool:
    """True if two strings differ in the order of their segments and in padding at most."""
    return _bare(one) == _bare(other)


def _bare(text: str) -> list[str]:
    core, *others = [unweb(part).rstrip("0") for part in text.split(".")]
    return [core, *sorted(others)]
