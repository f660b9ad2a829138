"""Addresses in an editor's content: where they stand, and which of them cannot be meant."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from apps.content.domain.fields import Field, FieldType
from engine.templating import URL_SCHEMES

Trouble: TypeAlias = Literal["malformed", "placeholder"]

_LIQUID = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.ASCII | re.IGNORECASE)
_LIKE_A_HOST = re.compile(
    r"(?:www\.)?(?:[a-z0-9-]+\.)+(?:com|net|org|de|io|shop)(?:[/?#]|\Z)", re.I
)
_RESERVED = frozenset({"example.com", "example.net", "example.org", "domain.com", "yoursite.com"})


def addresses_in(field: Field, value: Any) -> Iterator[str]:
    """Yield the addresses that a field holds, as they were written."""
    match field.type:
        case FieldType.URL | FieldType.IMAGE | FieldType.LINK:
            found = value.get("url") if isinstance(value, dict) else value
            if isinstance(found, str) and found:
                yield found
        case FieldType.HTML | FieldType.RICH if isinstance(value, str):
            yield from addresses_of(value)


def addresses_of(html: str) -> Iterator[str]:
    """Yield the addresses of links and pictures in HTML, as they were written."""
    reader = _Addresses()
    reader.feed(html)
    reader.close()
    yield from reader.found


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


def is_made(address: str) -> bool:
    """Tell whether some of an address is known only when it is shown."""
    return _LIQUID.search(address) is not None


def trouble_of(address: str) -> tuple[Trouble, str] | None:
    """Return what is wrong with an address and a sentence about it, None when nothing is.

    Nothing is fetched: an address that is well written may still be dead.
    """
    text = _LIQUID.sub("x", address).strip()
    if is_made(address) and text == "x":
        return None
    scheme = _SCHEME.match(text)
    if text in ("", "#", "#!") or (scheme and scheme[1].lower() == "javascript"):
        return "placeholder", f"'{address}' leads nowhere: give the address that is meant."
    if scheme is None and not text.startswith("//"):
        return _relative_trouble(address, text)
    if scheme is not None and scheme[1].lower() not in URL_SCHEMES:
        return "malformed", f"'{address}' begins with '{scheme[1]}:', which no browser follows."
    if scheme is not None and scheme[1].lower() in ("mailto", "tel"):
        return None if text[scheme.end() :].strip() else _unfinished(address)
    return _host_trouble(address, text)


def _relative_trouble(address: str, text: str) -> tuple[Trouble, str] | None:
    if _LIKE_A_HOST.match(text):
        words = f"'{address}' is read as a page of this site: write https:// before it."
        return "malformed", words
    return _blank_trouble(address, text)


def _host_trouble(address: str, text: str) -> tuple[Trouble, str] | None:
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        return "malformed", f"'{address}' is no address that a browser can read."
    if not host:
        return _unfinished(address)
    if any(host == name or host.endswith(f".{name}") for name in _RESERVED):
        return "placeholder", f"'{address}' is an example: give the address that is meant."
    return _blank_trouble(address, text)


def _blank_trouble(address: str, text: str) -> tuple[Trouble, str] | None:
    if re.search(r"\s", text):
        return "malformed", f"'{address}' has a space in it: write %20, or leave it out."
    return None


def _unfinished(address: str) -> tuple[Trouble, str]:
    return "malformed", f"'{address}' is not finished: nothing follows its beginning."
