"""Which HTML may reach a page: one policy for literals (once) and for what Liquid made (after)."""

from collections.abc import Iterator
from html.parser import HTMLParser

import nh3

from engine.templating import URL_SCHEMES

# No script, style, form, iframe or SVG: none can be made harmless by looking at it. No id or name:
# they would shadow the page's own variables.
TAGS = set(nh3.ALLOWED_TAGS) - {"map", "area"} | {"section", "main", "address", "picture"}
URL_ATTRIBUTES = frozenset({"href", "src", "cite"})

_ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
_ATTRIBUTES["a"] |= {"hreflang", "download"}
_ATTRIBUTES["img"] |= {"loading", "decoding"}
_ATTRIBUTES["time"] = {"datetime"}
_ATTRIBUTES["data"] = {"value"}
_ATTRIBUTES["*"] = {"class", "title", "lang", "dir", "role"}
_PREFIXES = {"data-", "aria-"}

_CLEANER = nh3.Cleaner(
    tags=TAGS,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    tag_attribute_values={"a": {"target": {"_self", "_blank"}}},
    generic_attribute_prefixes=_PREFIXES,
    url_schemes=set(URL_SCHEMES),
    # The page keeps its own referrer policy; a new window must not reach back.
    link_rel="noopener",
)

# What a rich text may hold: the same set as the editor's component offers.
RICH_ATTRIBUTES = {
    "a": frozenset({"href", "title", "target"}),
    "img": frozenset({"src", "alt", "title", "width", "height"}),
}
RICH_TAGS = frozenset(RICH_ATTRIBUTES) | {
    "p", "h2", "h3", "h4", "ul", "ol", "li", "blockquote", "strong", "em", "br",
}  # fmt: skip

_RICH = nh3.Cleaner(
    tags=set(RICH_TAGS),
    clean_content_tags={"script", "style"},
    attributes={tag: set(names - {"target"}) for tag, names in RICH_ATTRIBUTES.items()},
    tag_attribute_values={"a": {"target": {"_self", "_blank"}}},
    url_schemes=set(URL_SCHEMES),
    link_rel="noopener",
)


def clean(html: str) -> str:
    """Return the HTML fragment, well-formed, with everything outside the policy taken out."""
    return _CLEANER.clean(html)


class _Names(HTMLParser):
    """Collects what the editor wrote, to say afterwards what was taken out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(f"<{tag}>")
        self.found.update(f"{name} of <{tag}>" for name, _ in attrs)


def _names(html: str) -> set[str]:
    reader = _Names()
    reader.feed(html)
    reader.close()
    return reader.found


def removed_by_cleaning(html: str) -> Iterator[str]:
    """Yield the tags and attributes of the fragment that `clean` takes out, by name, sorted."""
    yield from removed_from(html, clean(html))


def too_rich(html: str) -> list[str]:
    """Return the tags and attributes that no rich text may hold, by name, sorted.

    Attributes are named "href of <a>". An address of a harmful scheme is among them.
    """
    # The cleaner writes it itself, whatever was there.
    return [name for name in removed_from(html, _RICH.clean(html)) if name != "rel of <a>"]


def removed_from(html: str, cleaned: str) -> Iterator[str]:
    """Yield the tags and attributes that some cleaning has taken out, by name, sorted."""
    if html == cleaned:  # most often, and reading it twice takes longer than cleaning it
        return
    kept = _names(cleaned)
    for name in sorted(_names(html) - kept):
        tag = name.rpartition("<")[2]
        # A removed tag says enough without its attributes.
        if name.startswith("<") or f"<{tag}" in kept:
            yield name
