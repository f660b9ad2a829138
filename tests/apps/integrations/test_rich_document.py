"""HTML as Contentful's rich text: the same text again, and always what a renderer knows."""

import random
from typing import Any

import pytest

from apps.integrations.domain.rich_document import document_of
from apps.integrations.domain.rich_text import html_of

TAGS = [
    "p", "h2", "ul", "ol", "li", "blockquote", "strong", "em", "a", "br", "img", "div", "script",
    "hr", "table", "td",
]  # fmt: skip
LISTS = ("unordered-list", "ordered-list")


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hi <strong>you</strong></p>",
        "<ul><li><p>one</p></li><li><p>two</p></li></ul>",
        "<blockquote><p>said</p></blockquote><h2>Head</h2>",
        '<p>Go <a href="https://example.org/a?b=1&amp;c=2">there</a></p>',
        "<p>3 &lt; 4 &amp; more</p>",
    ],
    ids=["marks", "list", "quote", "link", "signs"],
)
def test_what_both_know_comes_back_as_it_was(html: str) -> None:
    assert html_of(document_of(html)) == html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("plain", "<p>plain</p>"),
        ("<ul><li>one<li>two</ul>", "<ul><li><p>one</p></li><li><p>two</p></li></ul>"),
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ('<a href="/x"><img src="/p.png" alt="A hat"></a>', '<p><a href="/x">A hat</a></p>'),
        ('<img src="/p.png">', '<p><a href="/p.png">/p.png</a></p>'),
        ("<script>alert(1)</script><p>b</p>", "<p>b</p>"),
        ("", ""),
    ],
    ids=["no-tag", "open-items", "open-paragraphs", "linked-picture", "picture", "script", "empty"],
)
def test_what_they_have_not_is_put_into_what_they_have(html: str, expected: str) -> None:
    assert html_of(document_of(html)) == expected


def test_whatever_comes_is_a_document_that_renderers_know() -> None:
    chance = random.Random(5)
    for _ in range(400):
        tags = chance.choices(TAGS, k=40)
        html = "".join(chance.choice([f"<{tag}>", f"</{tag}>", "x", " "]) for tag in tags)
        assert_known(document_of(html), html)
    for html in ("<blockquote>" * 500 + "x", "<ul><li>" * 500 + "x", "<li>" * 500 + "<a>x"):
        document = document_of(html)
        assert_known(document, html)
        assert depth(document) < 60


def assert_known(node: dict[str, Any], html: str) -> None:
    kind = node["nodeType"]
    for one in node.get("content", []):
        inner = one["nodeType"]
        if kind in LISTS:
            assert inner == "list-item", html
        elif kind in ("document", "list-item", "blockquote"):
            assert inner not in ("text", "hyperlink", "list-item"), html
        else:
            assert inner == "text" or (inner == "hyperlink" and kind != "hyperlink"), html
        assert_known(one, html)


def depth(node: dict[str, Any]) -> int:
    return 1 + max((depth(one) for one in node.get("content", [])), default=0)
