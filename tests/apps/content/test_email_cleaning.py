"""An e-mail may carry styles of a list, and nothing that runs or fetches; and reads as text."""

import pytest

from apps.content.domain.cleaning import clean
from apps.content.domain.email_cleaning import (
    clean_email,
    plain_text,
    removed_by_email_cleaning,
)


@pytest.mark.parametrize(
    "html",
    [
        '<p style="color: #fff; padding: 0 4px">a</p>',
        "<p style=\"font-family: 'Open Sans', Arial, sans-serif\">a</p>",
        '<p style="color: rgb(1, 2, 3); width: 50% !important">a</p>',
        '<table width="600" cellpadding="0" bgcolor="#ffffff"><tbody><tr><td align="center" '
        'valign="top">a</td></tr></tbody></table>',
    ],
    ids=["colours", "fonts", "functions", "tables"],
)
def test_what_letters_are_made_of_stays(html: str):
    assert clean_email(html).replace("&quot;", '"') == html
    assert clean(html) != html  # and reaches no page


@pytest.mark.parametrize(
    "style",
    [
        "background: url(https://spy.example/a.png)",
        "background: u\\72l(https://spy.example)",
        "width: expression(alert(1))",
        "position: fixed",
        "behavior: url(a.htc)",
        "-moz-binding: url(a)",
        "color: red/**/",
        "color: @import 'a'",
        "color: 'a",
        "color: " + "a" * 2_000,
    ],
    ids=[
        "url", "escaped url", "expression", "position", "behavior", "binding", "comment", "import",
        "open quote", "endless",
    ],
)  # fmt: skip
def test_a_style_that_fetches_or_runs_goes(style: str):
    assert clean_email(f'<p style="{style}">a</p>') == "<p>a</p>"
    assert "color: red" in clean_email(f'<p style="color: red; {style[:200]}">a</p>')


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<style>p { color: red }</style>",
        '<p onclick="a()"></p>',
        '<a href="javascript:a()"></a>',
        '<img src="data:image/svg+xml,a">',
        "<iframe src='https://a'></iframe>",
        "<form><input></form>",
        "<svg><script>1</script></svg>",
    ],
    ids=["script", "sheet", "handler", "scheme", "data", "frame", "form", "svg"],
)
def test_what_runs_goes_and_is_named(html: str):
    cleaned = clean_email(html)
    assert not any(word in cleaned for word in ("script", "alert", "onclick", "color", "data:"))
    assert "<iframe" not in cleaned and "<form" not in cleaned
    assert removed_by_email_cleaning(html)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<h1>A</h1><p>b  c\n d</p><p>e<br>f</p>", "A\n\nb c d\n\ne\nf"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ('<p>See <a href="https://a.example">this</a>!</p>', "See this (https://a.example)!"),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example"),
        ('<a href="#top">up</a>', "up"),
        ('<p><img src="a.png" alt="A blouse"></p>', "A blouse"),
        ("<table><tbody><tr><td>a</td><td>b</td></tr></tbody></table>", "a b"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("", ""),
    ],
    ids=["paragraphs", "list", "link", "bare", "anchor", "picture", "table", "entities", "nothing"],
)
def test_a_letter_reads_as_plain_text(html: str, text: str):
    assert plain_text(html) == text
