"""Values that a Liquid template only shows: they need not be known to run it.

Where a template says `{{ traits.name }}` and does nothing else with the name, what it makes for one
visitor is what it makes for all others but for the name. So it is run once with a mark in its
place, cleaned once, and cut at the marks; every visitor's name then goes between the pieces. It is
the same text to the byte: a mark counts only where it stands as plain text among plain elements,
where the cleaner has nothing to say about letters.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from liquid.static_analysis import Segments

from apps.content.domain.sandbox import MAX_OUTPUT, Path, Program

# What may stand for a value: of these letters no text has any that `is_plain` lets pass.
_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
_MARK: Final = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
MAX_TEXT: Final = 500  # characters; a longer value is no name
_MAX_ESCAPED: Final = 5 * MAX_TEXT

_BEFORE: Final = re.compile(r"\{\{-?\s*\Z")
_AFTER: Final = re.compile(r"\s*-?\}\}")
# A capture makes a value of what is shown, which the template may then ask about.
_KEEPING: Final = frozenset({"capture"})

# Elements in which letters are letters: no table (which throws text out), nothing that is read as
# raw text, nothing that drops a line.
_NAMES: Final = (
    "a abbr address article aside b blockquote br cite code dd div dl dt em figcaption figure"
    " footer h1 h2 h3 h4 h5 h6 header hr i img kbd li main mark nav ol p picture q s samp section"
    " small span strong sub sup time u ul var"
)
_PLAIN: Final = frozenset(_NAMES.split())
_TAG_OPENS: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)?")
_TAG: Final = re.compile(r"<(?:[^\"<>]|\"[^\"]*\")*>")


def only_shown(program: Program, source: str) -> tuple[Path, ...]:
    """Return the paths that a template shows as they are and does nothing else with."""
    analysis = program.template.analyze(include_partials=False)
    if _KEEPING & analysis.tags.keys() or has_marks(source.encode()):
        return ()
    shown: set[Path] = set()
    asked: set[Path] = set()
    for uses in analysis.globals.values():
        for use in uses:
            path = _fixed(use.segments)
            is_whole = len(path) == len(use.segments) and path in program.reads
            if is_whole and _is_shown(source, use.span.index, path):
                shown.add(path)
            else:
                asked.add(path)
    return tuple(sorted(path for path in shown if not any(_touch(path, one) for one in asked)))


def _fixed(segments: Segments) -> Path:
    """The names that a path begins with, up to an index or a looked-up name."""
    found: list[str] = []
    for segment in segments:
        if not isinstance(segment, str):
            break
        found.append(segment)
    return tuple(found)


def _is_shown(source: str, index: int, path: Path) -> bool:
    """Whether a path stands alone between braces at this place."""
    name = ".".join(path)
    end = index + len(name)
    return (
        source[index:end] == name
        and _BEFORE.search(source[max(0, index - 40) : index]) is not None
        and _AFTER.match(source, end) is not None
    )


def _touch(one: Path, other: Path) -> bool:
    """Whether one path is a part of the other's; what ends in a looked-up name may be anything."""
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def is_plain(value: object) -> bool:
    """Whether a value is a short text of letters that mean nothing to a parser of HTML."""
    return (
        type(value) is str
        and 0 < len(value) <= MAX_TEXT
        and value.isprintable()
        and not value.isspace()
    )


def has_marks(text: bytes) -> bool:
    """Whether letters of ours stand in a text that somebody else has written."""
    return _OPEN.encode() in text


def marked(
    values: Mapping[str, object], paths: Sequence[Path], marks: Sequence[bool]
) -> dict[str, object]:
    """Return the values with marks at those paths that are to be filled in later."""
    found: dict[str, Any] = dict(values)
    for number, (path, is_later) in enumerate(zip(paths, marks, strict=True)):
        if not is_later:
            continue
        into = found
        for name in path[:-1]:
            into[name] = into = dict(into[name])
        into[path[-1]] = f"{_OPEN}{number}{_CLOSE}"
    return found


def cut(raw: str, made: str, dialect: str) -> tuple[str | int, ...] | None:
    """Return what was made with marks as pieces of text and numbers of paths in turn.

    None: some value stands where it is more than text, so each must be seen by the cleaner.

    Args:
        raw: what Liquid made.
        made: the same, cleaned; in text the same.
    """
    pieces: list[str | int] = list(_MARK.split(made))
    count = len(pieces) // 2
    if count != len(_MARK.findall(raw)) or len(raw) + count * _MAX_ESCAPED > MAX_OUTPUT:
        return None
    if dialect != "text" and not (_has_plain_tags(raw) and _are_text(made, count)):
        return None
    pieces[1::2] = [int(number) for number in pieces[1::2]]
    return tuple(pieces)


def _has_plain_tags(raw: str) -> bool:
    return all((name or "").lower() in _PLAIN for _, name in _TAG_OPENS.findall(raw))


def _are_text(made: str, count: int) -> bool:
    """Whether no mark stands within a tag; the cleaner has put attributes into quotes."""
    return len(_MARK.findall(_TAG.sub("", made))) == count


def filled(
    pieces: Sequence[str | int], shown: Sequence[Any], escape: Callable[[str], str] | None
) -> str:
    """Return the text with the values in their places."""
    if len(pieces) == 1:
        return str(pieces[0])
    if escape is not None:
        shown = [escape(value) if type(value) is str else value for value in shown]
    return "".join([piece if type(piece) is str else shown[piece] for piece in pieces])  # type: ignore[index]  # every other one


def escaped(value: str) -> str:
    """Return a text as the cleaner writes it between tags."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
