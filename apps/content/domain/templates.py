"""Turn an editor's HTML into what a publication stores: slots, or Liquid where it must run.

A template of literals and plain values (`{{ traits.name }}`) is cleaned once and split into
literals and slots, each escaped for the place it stands in. Tags, filters and places that cannot be
judged beforehand stay Liquid, whose output is cleaned each time.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape

from apps.content.domain.cleaning import URL_ATTRIBUTES, clean
from apps.content.domain.sandbox import MAX_SOURCE, ROOTS, compile_liquid, line_of, unknown_root
from apps.content.errors import InvalidTemplate
from engine.templating import Escape, Slot, TemplatePart

_MARKUP = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PATH = re.compile(r"\s*([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)\s*", re.ASCII)
# Dotted names that Liquid answers itself, for lists and texts.
_LIQUID_WORDS = frozenset({"size", "first", "last"})
_CONSTANTS = frozenset({"true", "false", "nil", "null", "empty", "blank"})

# What the cleaner writes: `<` never stands in text, and attribute values are always quoted.
_TAG = re.compile(r'<[^\s<>"]+(?:\s+[^\s<>"=]+(?:="[^"]*")?)*\s*/?>')
_ATTRIBUTE = re.compile(r'\s([^\s<>"=]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template: `parts` when it is slots, else `liquid`. Both None: there is no HTML."""

    parts: tuple[TemplatePart, ...] | None = None
    liquid: str | None = None


def parse_template(source: str, cleaned_by: Callable[[str], str] = clean) -> Template:
    """Return the publishable form of an HTML template.

    Args:
        cleaned_by: the policy for its literals: that of pages, or of e-mail.

    Raises:
        InvalidTemplate: it does not parse, names an unknown value, or has a value in a place (a
            tag's name, an event handler, a style) where none can be safe.
    """
    if not source.strip():
        return Template()
    if len(source) > MAX_SOURCE:
        raise InvalidTemplate(1, f"The template is longer than {MAX_SOURCE} characters.")
    paths = slot_paths(source)
    if paths is None:
        compile_liquid(source, "html")
        return Template(liquid=source)
    parts = _slots(source, paths, cleaned_by)
    return Template(liquid=source) if parts is None else Template(parts=parts)


def slot_paths(source: str) -> list[tuple[str, ...]] | None:
    """Return the value paths of a template that is only literals and plain values, in order.

    None when it has a tag, a filter or an index, which is Liquid's to read (and to refuse).
    """
    if "{%" in source:
        return None
    paths = []
    for found in _MARKUP.finditer(source):
        path = _PATH.fullmatch(found[1])
        names = tuple(path[1].split(".")) if path else ()
        if not names or _LIQUID_WORDS.intersection(names[1:]) or names[0] in _CONSTANTS:
            return None
        if names[0] not in ROOTS:
            raise unknown_root(names[0], line_of(source, found.start()))
        paths.append(names)
    # A lone "{{" or "}}" is an error or odd text: Liquid decides.
    rest = _MARKUP.sub("", source)
    return None if "{{" in rest or "}}" in rest else paths


def literal_pieces(source: str) -> list[str]:
    """Return the text around the values: one piece more than `slot_paths` has paths."""
    return _MARKUP.split(source)[::2]


def _slots(
    source: str, paths: list[tuple[str, ...]], cleaned_by: Callable[[str], str]
) -> tuple[TemplatePart, ...] | None:
    """Clean the literals and split; None when a URL is put together as only Liquid can check."""
    word = _absent_word(source)
    pieces = literal_pieces(source)
    marked = pieces[0] + "".join(
        f"{word}{number}z{piece}" for number, piece in enumerate(pieces[1:])
    )
    cleaned = cleaned_by(marked)
    marker = re.compile(rf"{word}(\d+)z")
    escapes: dict[int, Escape] = {}
    for escape, number in _places(cleaned, marker):
        if escape is None:
            return None
        escapes[number] = escape
    for number, found in enumerate(_MARKUP.finditer(source)):
        if number not in escapes:
            line = line_of(source, found.start())
            raise InvalidTemplate(line, _misplaced(found[0]))
    return _parts(cleaned, marker, paths)


def _parts(
    cleaned: str, marker: re.Pattern[str], paths: list[tuple[str, ...]]
) -> tuple[TemplatePart, ...]:
    """Split the cleaned HTML at its markers. One value may stand in several places afterwards."""
    places = _places(cleaned, marker)
    parts: list[TemplatePart] = []
    for index, text in enumerate(marker.split(cleaned)):
        if index % 2 == 0:
            if text:
                parts.append(text)
            continue
        escape, number = next(places)
        assert escape is not None and number == int(text)
        parts.append(Slot(path=paths[number], escape=escape))
    return tuple(parts)


def _places(cleaned: str, marker: re.Pattern[str]) -> Iterator[tuple[Escape | None, int]]:
    """Yield how each marker of cleaned HTML must be escaped, in order; None: it cannot be said."""
    position = 0
    for tag in _TAG.finditer(cleaned):
        yield from _in_text(cleaned[position : tag.start()], marker)
        for attribute in _ATTRIBUTE.finditer(tag[0]):
            yield from _in_attribute(attribute[1], attribute[2], marker)
        position = tag.end()
    yield from _in_text(cleaned[position:], marker)


def _in_text(text: str, marker: re.Pattern[str]) -> Iterator[tuple[Escape | None, int]]:
    for found in marker.finditer(text):
        yield "text", int(found[1])


def _in_attribute(
    name: str, value: str, marker: re.Pattern[str]
) -> Iterator[tuple[Escape | None, int]]:
    for found in marker.finditer(value):
        number = int(found[1])
        if name == "style":
            yield None, number  # whether it is harmless is seen when the value is there
        elif name not in URL_ATTRIBUTES:
            yield "attr", number
        elif found[0] == value:
            yield "url", number
        elif re.search("[/?#:]", marker.sub("", value[: found.start()])):
            # The scheme is settled before the value begins, and the cleaner has judged it.
            yield "attr", number
        else:
            yield None, number


def _absent_word(source: str) -> str:
    """Return letters that the text does not contain, to stand for values while it is cleaned."""
    word = "valueq"
    # The cleaner decodes references such as &#118;: look at what it will see.
    while word in unescape(source).lower():
        word += "q"
    return word


def _misplaced(value: str) -> str:
    return (
        f"{value} stands where no value can be safe: put values in text, or in the quoted value "
        "of an attribute such as href, title or class."
    )
