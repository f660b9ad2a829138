"""HTML of a rich text as Contentful's rich text: what its own clients and renderers read. Pure.

The way back from `rich_text`. Whatever HTML comes, the document is one that Contentful's renderers
know: blocks below the document, paragraphs inside list items and quotes, texts inside paragraphs.
"""

from html.parser import HTMLParser
from typing import Any, Final

Node = dict[str, Any]

MOST_DEPTH: Final = 30
_HOLDERS: Final = {
    "ul": "unordered-list",
    "ol": "ordered-list",
    "li": "list-item",
    "blockquote": "blockquote",
}
_TEXT_BLOCKS: Final = {
    "p": "paragraph",
    **{f"h{level}": f"heading-{level}" for level in range(1, 7)},
}
_MARKS: Final = {
    "strong": "bold",
    "b": "bold",
    "em": "italic",
    "i": "italic",
    "u": "underline",
    "code": "code",
}
# What begins a new line in a page, and is nothing of its own here.
_APART: Final = frozenset({"div", "section", "article", "table", "tr", "figure", "dl", "dt", "dd"})
_LISTS: Final = frozenset({"unordered-list", "ordered-list"})
_SILENT: Final = frozenset({"script", "style"})


def document_of(html: str) -> Node:
    """Return HTML as a document of rich text. Pictures stand as a link with their description."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.document


def _node(kind: str, **data: Any) -> Node:
    return {"nodeType": kind, "data": data, "content": []}


class _Reader(HTMLParser):
    """Puts each tag where a document may have it; what it does not know is its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.document = _node("document")
        self._open = [self.document]  # the last one takes what comes
        self._marks: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag in _SILENT:
            self._silent += 1
        elif tag in _MARKS:
            self._marks.append(tag)
        elif tag in _TEXT_BLOCKS:
            self._end_line()
            self._begin(_node(_TEXT_BLOCKS[tag]))
        elif tag in _HOLDERS:
            self._end_line()
            self._begin_holder(_HOLDERS[tag])
        elif tag == "a":
            self._end_link()
            self._begin_link(said.get("href") or "")
        elif tag == "br":
            self._say("\n")
        elif tag == "img":
            self._picture(said)
        elif tag == "hr":
            self._end_line()
            self._begin(_node("hr"))
            self._open.pop()
        elif tag in _APART:
            self._end_line()

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag in _MARKS:
            if tag in self._marks:
                self._marks.remove(tag)
        elif tag == "a":
            self._end_link()
        elif tag in _TEXT_BLOCKS or tag in _APART:
            self._end_line()
        elif tag in _HOLDERS:
            self._end_line()
            self._end_holder(_HOLDERS[tag])

    def handle_data(self, data: str) -> None:
        if self._silent or (not data.strip() and not self._is_in_text()):
            return
        self._say(data)

    # Where things go

    def _is_in_text(self) -> bool:
        kind = self._open[-1]["nodeType"]
        return kind == "hyperlink" or kind in _TEXT_BLOCKS.values()

    def _begin_holder(self, kind: str) -> None:
        """Open a list, an item or a quote; deeper than renderers go, its content stays outside."""
        if kind == "list-item":
            if self._open[-1]["nodeType"] == kind:
                self._open.pop()  # an item ends where the next one begins
            if not self._is_in_list():
                self._begin_holder("unordered-list")
            if self._is_in_list():
                self._put(_node(kind))
        elif len(self._open) <= MOST_DEPTH:
            self._begin(_node(kind))

    def _begin(self, node: Node) -> None:
        """Open a node; a list takes nothing but items."""
        if self._is_in_list():
            self._put(_node("list-item"))
        self._put(node)

    def _put(self, node: Node) -> None:
        self._open[-1]["content"].append(node)
        self._open.append(node)

    def _is_in_list(self) -> bool:
        return self._open[-1]["nodeType"] in _LISTS

    def _begin_line(self) -> None:
        if not self._is_in_text():
            self._begin(_node("paragraph"))

    def _begin_link(self, address: str) -> None:
        self._begin_line()
        self._put(_node("hyperlink", uri=address))

    def _end_link(self) -> None:
        if self._open[-1]["nodeType"] == "hyperlink":
            self._open.pop()

    def _end_line(self) -> None:
        """Close what holds text, so that a block can follow."""
        while self._is_in_text():
            self._open.pop()

    def _end_holder(self, kind: str) -> None:
        """Close the nearest one of this kind and what is open in it; without one, nothing."""
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place]["nodeType"] == kind:
                del self._open[place:]
                return

    def _say(self, text: str) -> None:
        self._begin_line()
        marks = [{"type": kind} for kind in dict.fromkeys(_MARKS[tag] for tag in self._marks)]
        told = {"nodeType": "text", "value": text, "marks": marks, "data": {}}
        content = self._open[-1]["content"]
        last = content[-1] if content else None
        if last is not None and last["nodeType"] == "text" and last["marks"] == marks:
            last["value"] += text
        else:
            content.append(told)

    def _picture(self, said: dict[str, str | None]) -> None:
        text = said.get("alt") or said.get("src") or ""
        if self._open[-1]["nodeType"] == "hyperlink":  # links are not nested
            self._say(text)
            return
        self._begin_link(said.get("src") or "")
        self._say(text)
        self._end_link()
