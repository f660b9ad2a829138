"""Fill published variants with one visitor's values: slots directly, Liquid in its sandbox.

Everything here works from the publication alone: no database, no clock. What Liquid makes is kept
by the text of its template and by the values that it can look at, so a result is reused for every
visitor who would get the same. Values that are only shown are filled in afterwards
(`rendering_shown`): a result is reused for every visitor who would get the same but for these.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeAlias

import msgspec

from apps.content.domain.cleaning import clean
from apps.content.domain.email_cleaning import clean_email, plain_text
from apps.content.domain.reading import Query, paths_of, queries_of, uses_liquid
from apps.content.domain.sandbox import Dialect, Path, Program, compile_liquid
from apps.content.domain.stored import is_made
from apps.content.errors import InvalidTemplate, RenderFailed
from apps.content.rendering_shown import (
    cut,
    escaped,
    filled,
    has_marks,
    is_plain,
    marked,
    only_shown,
)
from engine.snapshot import VariantDoc
from engine.templating import Slot, prepare, safe_url, shown

__all__ = [
    "Query",
    "found_at",
    "is_fixed",
    "paths_read",
    "plain_text",
    "prepared",
    "queries_of",
    "render",
    "render_fields",
    "roots_read",
    "unkept",
    "uses_liquid",
]

Values: TypeAlias = Mapping[str, object]
Render: TypeAlias = Callable[[Values], str]
Make: TypeAlias = Callable[[Values], Any]  # of a field
Key: TypeAlias = tuple[str, Dialect, bytes]
# Text and numbers of values in turn; empty: each visitor's text is their own.
Pieces: TypeAlias = tuple[str | int, ...]

MAX_KEPT_BYTES = 16 * 1024 * 1024  # of rendered text, per process
MAX_PREPARED = 4096  # variants, per process

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Prepared:
    """A published variant ready to be filled.

    Attributes:
        html: makes the template's HTML; None when the variant has no template.
        constants: the fields that are the same for everybody.
        makers: the fields that are made from values, by name.
    """

    html: Render | None
    constants: dict[str, Any]
    makers: tuple[tuple[str, Make], ...]


class _Kept:
    """Rendered texts, the least recently used dropped first, bounded by their size."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.texts: OrderedDict[Key, Pieces] = OrderedDict()
        self.lock = Lock()

    def get(self, key: Key) -> Pieces | None:
        text = self.texts.get(key)
        if text is not None:
            try:
                self.texts.move_to_end(key)
            except KeyError:  # another thread dropped it meanwhile; the text is still right
                return text
        return text

    def put(self, key: Key, text: Pieces) -> None:
        if not _keeps.get():
            return
        with self.lock:
            if key in self.texts:
                return
            self.texts[key] = text
            self.held_bytes += _weight(key, text)
            while self.held_bytes > self.limit_bytes:
                old = self.texts.popitem(last=False)
                self.held_bytes -= _weight(*old)

    def clear(self) -> None:
        with self.lock:
            self.texts.clear()
            self.held_bytes = 0


def _weight(key: Key, text: Pieces) -> int:
    # Four bytes a character at most; the entry itself is about 300, a piece 60. The source text is
    # shared.
    letters = sum(len(piece) for piece in text if isinstance(piece, str))
    return 300 + len(key[2]) + 60 * len(text) + 4 * letters


_keeps: ContextVar[bool] = ContextVar("keeps", default=True)
_kept = _Kept(MAX_KEPT_BYTES)
_prepared: dict[int, tuple[VariantDoc, Prepared]] = {}


@contextmanager
def unkept() -> Iterator[None]:
    """Keep none of the texts that are made meanwhile: a preview of a person leaves nothing."""
    token = _keeps.set(False)
    try:
        yield
    finally:
        _keeps.reset(token)


def cleaned(html: str) -> str:
    """Return HTML as it may be shown, whoever wrote it: for pages that show a field as HTML."""
    return clean(html)


def render(variant: VariantDoc, values: Values) -> str:
    """Return the variant's HTML for these values, "" when it has no template.

    `values` holds `traits`, `segments`, `items`, `facts` and `context`, each optional; all JSON.
    `lists` beside them are the products of fields that hold a query, by the field's name.

    Raises:
        RenderFailed: Liquid met one of its limits or could not compute; serve the default.
    """
    html = prepared(variant).html
    return "" if html is None else html(values)


def render_fields(variant: VariantDoc, values: Values) -> dict[str, Any]:
    """Return the variant's fields for these values. The dict may be shared: do not change it.

    Raises:
        RenderFailed: as `render`.
    """
    ready = prepared(variant)
    if not ready.makers:
        return ready.constants
    fields = dict(ready.constants)
    for name, make in ready.makers:
        fields[name] = make(values)
    return fields


def prepared(variant: VariantDoc) -> Prepared:
    """Return the variant made ready, from memory when this very object was asked for before.

    Raises:
        RenderFailed: the publication holds a template that this version cannot read.
    """
    found = _prepared.get(id(variant))
    # The document is held beside it, so its id cannot have gone to another object.
    if found is not None and found[0] is variant:
        return found[1]
    ready = _prepare(variant)
    if len(_prepared) >= MAX_PREPARED:
        _prepared.clear()
    _prepared[id(variant)] = (variant, ready)
    return ready


def roots_read(variant: VariantDoc) -> frozenset[str]:
    """Return the first names of the values that a variant can look at: "traits", "items", ...

    Raises:
        RenderFailed: as `render`.
    """
    return frozenset(path[0] for path in paths_read(variant))


def paths_read(variant: VariantDoc) -> frozenset[Path]:
    """Return the paths of the values that a variant can look at, in any of its languages.

    Raises:
        RenderFailed: as `render`.
    """
    try:
        return frozenset(path for path in paths_of(variant) if path)
    except InvalidTemplate as error:
        raise RenderFailed(f"The published template cannot be read: {error}") from error


def is_fixed(variant: VariantDoc) -> bool:
    """Whether it is the same for every visitor, in the language that it is in."""
    has_slots = variant.template is not None and any(
        type(part) is not str for part in variant.template
    )
    return (
        variant.liquid is None and not has_slots and not any(map(is_made, variant.fields.values()))
    )


def forget() -> None:
    """Drop everything kept in this process (for measurements and tests)."""
    _kept.clear()
    _prepared.clear()


def _prepare(variant: VariantDoc) -> Prepared:
    html: Render | None = None
    if variant.template is not None:
        html = prepare(variant.template)
    elif variant.liquid is not None:
        html = _liquid(variant.liquid, "email" if variant.channel == "email" else "html")
    constants: dict[str, Any] = {}
    makers: list[tuple[str, Make]] = []
    for name, stored in variant.fields.items():
        if is_made(stored):
            makers.append((name, _field(name, stored)))
        else:
            constants[name] = _constant(stored)
    return Prepared(html, constants, tuple(makers))


def _constant(stored: Any) -> Any:
    return stored["value"] if isinstance(stored, dict) else stored


def _field(name: str, stored: Mapping[str, Any]) -> Make:
    """Return the maker of a stored field (the shapes of `domain.stored`)."""
    kind = stored.get("as")
    if kind == "parts":
        return _parts(name, stored["of"])
    if kind == "items":
        return lambda values: found_at(("lists", name), values) or []
    slots = stored.get("slots")
    if kind == "html":
        if slots is None:
            return _liquid(stored["liquid"], "html")
        return prepare(msgspec.convert(slots, list[str | Slot]))
    plain = _liquid(stored["liquid"], "text") if slots is None else _joined(slots)
    return _address(plain) if kind == "url" else plain


def _parts(name: str, parts: dict[str, Any] | list[Any]) -> Make:
    """Return the maker of a list or an object, each part of which is a stored field."""
    pairs = parts.items() if isinstance(parts, dict) else enumerate(parts)
    makers: list[tuple[Any, Make | None, Any]] = [
        (key, _field(name, one), None) if is_made(one) else (key, None, _constant(one))
        for key, one in pairs
    ]

    def make(values: Values) -> Any:
        made = [(key, one if maker is None else maker(values)) for key, maker, one in makers]
        return dict(made) if isinstance(parts, dict) else [part for _, part in made]

    return make


def _joined(slots: Sequence[str | Sequence[str]]) -> Render:
    """Return the maker of a plain text: values as they are, because JSON is no HTML."""
    pieces = [piece if isinstance(piece, str) else tuple(piece) for piece in slots]

    def make(values: Values) -> str:
        return "".join(
            [
                piece if isinstance(piece, str) else shown(found_at(piece, values))
                for piece in pieces
            ]
        )

    return make


def _address(plain: Render) -> Render:
    """Return the maker of a URL: "#" when what came out has a scheme that is not harmless."""

    def make(values: Values) -> str:
        url = plain(values).strip()
        return "#" if safe_url(url) == "#" else url

    return make


def _liquid(source: str, dialect: Dialect) -> Render:
    """Return the memoised maker of a Liquid template."""
    try:
        program = compile_liquid(source, dialect)
    except InvalidTemplate as error:
        raise RenderFailed(f"The published template cannot be read: {error}") from error
    later = only_shown(program, source)
    asked = [path for path in program.reads if path not in later]
    escape = None if dialect == "text" else escaped

    def make(values: Values) -> str:
        inputs: list[object] = [found_at(path, values) for path in asked]
        shown = [found_at(path, values) for path in later]
        for value in shown:
            inputs.append(_LATER if is_plain(value) else (value,))
        key = _key(source, dialect, inputs)
        pieces = _kept.get(key)
        if pieces is None:
            pieces = ()
            if not has_marks(key[2]):
                marks = [is_plain(value) for value in shown]
                pieces = _pieces(program, dialect, values, later, marks)
            _kept.put(key, pieces)
        if pieces:
            return filled(pieces, shown, escape)
        # A value stands where it is more than text: each has a result of its own.
        key = _key(source, dialect, {"own": [found_at(path, values) for path in program.reads]})
        own = _kept.get(key)
        if own is None:
            own = (_made(program, dialect, values)[1],)
            _kept.put(key, own)
        return filled(own, (), None)

    return make


_LATER: Final = 0  # beside values, which come in lists


def _key(source: str, dialect: Dialect, inputs: object) -> Key:
    try:
        return source, dialect, _encode(inputs)
    except (TypeError, ValueError) as error:
        raise RenderFailed("A value of the template is not JSON.") from error


def _made(program: Program, dialect: Dialect, values: Values) -> tuple[str, str]:
    """What Liquid makes, and the same cleaned."""
    text = program.run(values)
    if dialect == "email":
        return text, clean_email(text)
    return text, clean(text) if dialect == "html" else text


def _pieces(
    program: Program,
    dialect: Dialect,
    values: Values,
    later: Sequence[Path],
    marks: Sequence[bool],
) -> Pieces:
    """What Liquid makes of these and of all values that differ in the marked ones only.

    Empty when it cannot be made for all of them at once.
    """
    if not any(marks):
        return (_made(program, dialect, values)[1],)
    return cut(*_made(program, dialect, marked(values, later, marks)), dialect) or ()


def found_at(path: Path, values: Values) -> object:
    """Return the value at a path, None when there is none."""
    found: object = values
    for name in path:
        if type(found) is not dict and not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found
