"""What to look for, in every form in which a store may hold it; and all of it at once."""

import binascii
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple
from urllib.parse import quote
from uuid import UUID

if TYPE_CHECKING:
    from apps.privacy.windows import Windows

LEAST: Final = 6  # bytes: what is shorter is found by chance
_WINDOW: Final = 8  # as apps/privacy/windows.py has it, which searchers alone import
GOES_ON: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@+-")

# A name or an id leads to one person only; a value of a trait may be somebody else's too.
Kind = Literal["name", "id", "value", "message"]


@dataclass(frozen=True, slots=True)
class Needle:
    """One thing to look for; `number` stands for it wherever its text may not be said."""

    kind: Kind
    number: int
    owner: str = ""  # whose it is, where several people are looked for at once


class Hit(NamedTuple):
    """A needle that was found, the form that it was found in, and the place of one of those."""

    place: int
    needle: Needle
    form: bytes


def encodings_of(text: str) -> Iterator[bytes]:
    """Yield the forms in which a text may be stored, some of them twice."""
    plain = text.encode("utf-8", "surrogatepass")
    yield plain
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        yield text.encode(codec, "surrogatepass")
    escaped = json.dumps(text)[1:-1].encode()
    for one in (escaped, json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace")):
        yield one
        yield one.replace(b"\\", b"\\\\")  # in a text within JSON, and as COPY writes it
    percent = quote(plain, safe="").encode()
    yield percent
    yield re.sub(rb"%..", lambda escape: escape.group().lower(), percent)
    yield quote(plain, safe="").replace("%20", "+").encode()
    yield from _of_bytes(plain)
    if escaped != plain:
        yield from _base64_of(escaped)


def encodings_of_id(one: UUID) -> Iterator[bytes]:
    """Yield the forms of an id: as text with and without dashes, and as its sixteen bytes."""
    yield one.bytes
    yield from _of_bytes(one.bytes)
    for text in (one.hex, str(one)):
        yield from encodings_of(text)
        yield text.upper().encode()


def _of_bytes(plain: bytes) -> Iterator[bytes]:
    yield binascii.hexlify(plain)
    yield binascii.hexlify(plain).upper()
    yield from _base64_of(plain)


def _base64_of(plain: bytes) -> Iterator[bytes]:
    """Base64 at its three phases, without the characters that hold bits of neighbours."""
    for phase in range(3):
        whole = b64encode(b"\0" * phase + plain)
        start = (0, 2, 3)[phase]
        end = len(whole) - (0, 4, 4)[(phase + len(plain)) % 3]
        middle = whole[start:end] if end > start else b""
        yield middle
        yield middle.translate(bytes.maketrans(b"+/", b"-_"))


@dataclass(slots=True)
class Needles:
    """Every form of everything that is looked for. Add first; then `prepare`; then look."""

    forms: dict[bytes, Needle] = field(default_factory=dict)
    _names: set[bytes] = field(default_factory=set)  # as they are written
    _short: list[bytes] = field(default_factory=list)
    _windows: "Windows | None" = None
    _is_ready: bool = False
    _by_end: dict[bytes, list[bytes]] = field(default_factory=dict)

    def add_text(self, kind: Kind, text: str, number: int, owner: str = "") -> None:
        """Look for a text in all its encodings."""
        self._add(Needle(kind, number, owner), encodings_of(text))
        if kind in ("name", "message"):
            self._names.add(text.encode("utf-8", "surrogatepass"))

    def add_id(self, one: UUID, number: int, owner: str = "") -> None:
        """Look for an internal id."""
        self._add(Needle("id", number, owner), encodings_of_id(one))

    def _add(self, needle: Needle, forms: Iterable[bytes]) -> None:
        for form in forms:
            if len(form) >= LEAST:
                self.forms.setdefault(form, needle)

    def prepare(self) -> "Needles":
        """Build the table; to be called once all is added."""
        # Web processes load this module, and never look for anything: numpy is large.
        from apps.privacy.windows import Windows

        self._short = [form for form in self.forms if len(form) < _WINDOW]
        self._by_end = {}
        for form in self.forms:
            if len(form) >= _WINDOW:
                # Ends differ where beginnings ("user-", "https://") do not.
                self._by_end.setdefault(form[-_WINDOW:], []).append(form)
        self._windows = Windows(self._by_end) if self._by_end else None
        self._is_ready = True
        return self

    def in_bytes(self, content: bytes) -> list[Hit]:
        """Return everything found in a text, in no order, each form once."""
        assert self._is_ready, "prepare() comes first"
        found: dict[bytes, Hit] = {}
        for form in self._short:
            at = content.find(form)
            if at >= 0:
                found[form] = Hit(at, self.forms[form], form)
        for place in self._windows.places_in(content) if self._windows is not None else ():
            end = place + _WINDOW
            for form in self._by_end.get(content[place:end], ()):
                if form not in found and content.endswith(form, 0, end):
                    found[form] = Hit(end - len(form), self.forms[form], form)
        return list(found.values())

    def longer_words(
        self, content: bytes, form: bytes, goes_on: frozenset[int] = GOES_ON
    ) -> set[str] | None:
        """Return the longer words that a name is a part of, wherever it is in a text.

        `user-1` is in `user-10` too, who is somebody else. None: it stands somewhere by itself,
        or it is found in no form that could be read so.

        Args:
            goes_on: the bytes that words are made of.
        """
        if form not in self._names:
            return None
        words: set[str] = set()
        is_word = goes_on.issuperset(form)
        at = content.find(form)
        while at >= 0:
            start, end = at, at + len(form)
            while start and content[start - 1] in goes_on:
                start -= 1
            while end < len(content) and content[end] in goes_on:
                end += 1
            if end - start == len(form):
                return None
            words.add(content[start:end].decode("utf-8", "replace"))
            # All that is within one word has been seen; of "ab ab", more may begin in the middle.
            at = content.find(form, end if is_word else at + 1)
        return words

    @property
    def longest(self) -> int:
        """The length of the longest form, in bytes: by so much pieces of a file must overlap."""
        return max(map(len, self.forms), default=0)


def needles_of(
    *,
    names: Sequence[tuple[str, str]] = (),
    ids: Sequence[UUID] = (),
    values: Sequence[str] = (),
    messages: Sequence[str] = (),
    into: Needles | None = None,
    owner: str = "",
) -> Needles:
    """Add what leads to one person to needles, and return them; `prepare` is still to be called."""
    needles = into or Needles()
    for number, (_, value) in enumerate(names):
        if len(value) >= LEAST:
            needles.add_text("name", value, number, owner)
    for number, one in enumerate(ids):
        needles.add_id(one, number, owner)
    for number, text in enumerate(values):
        needles.add_text("value", text, number, owner)
    for number, text in enumerate(messages):
        needles.add_text("message", text, number, owner)
    return needles
