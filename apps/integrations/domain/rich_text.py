"""Contentful's rich text as HTML: what our fields hold. Pure; everything is escaped."""

from html import escape
from typing import Any, Final

from apps.integrations.errors import EntryRefused

MOST_DEPTH: Final = 40
_TAGS: Final = {
    "paragraph": "p",
    "unordered-list": "ul",
    "ordered-list": "ol",
    "list-item": "li",
    "blockquote": "blockquote",
    # What a rich text of ours may hold: the page has its own first heading.
    **{f"heading-{level}": f"h{min(max(level, 2), 4)}" for level in range(1, 7)},
}
_MARKS: Final = {"bold": "strong", "italic": "em"}


def is_rich_text(value: object) -> bool:
    """Tell whether a value is a document of rich text."""
    return isinstance(value, dict) and value.get("nodeType") == "document"


def html_of(document: dict[str, Any]) -> str:
    """Return the document as HTML. What is embedded in it, such as pictures, is left out.

    Raises:
        EntryRefused: it is nested too deeply, or malformed.
    """
    return _inside(document, 0)


def _inside(node: dict[str, Any], depth: int) -> str:
    content = node.get("content", [])
    if depth > MOST_DEPTH or not isinstance(content, list):
        raise EntryRefused("malformed", "A rich text is malformed or nested too deeply.")
    return "".join(_node(one, depth + 1) for one in content if isinstance(one, dict))


def _node(node: dict[str, Any], depth: int) -> str:
    kind = str(node.get("nodeType"))
    if kind == "text":
        return _marked(node)
    inside = _inside(node, depth)
    if kind == "hyperlink":
        data = node.get("data")
        address = str(data.get("uri", "")) if isinstance(data, dict) else ""
        return f'<a href="{escape(address)}">{inside}</a>'
    tag = _TAGS.get(kind)
    return f"<{tag}>{inside}</{tag}>" if tag else inside


def _marked(node: dict[str, Any]) -> str:
    text = escape(str(node.get("value", "")), quote=False)
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else []:
        tag = _MARKS.get(str(mark.get("type"))) if isinstance(mark, dict) else None
        text = f"<{tag}>{text}</{tag}>" if tag else text
    return text
