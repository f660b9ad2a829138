"""Which HTML may go into an e-mail, and the same as plain text.

Mail programs know no style sheets worth the name, so styles stand in the elements: of listed
properties, with values that fetch nothing and run nothing. No page is ever served such HTML.
"""

import re
from html.parser import HTMLParser
from typing import Final

import nh3

from apps.content.domain.cleaning import removed_from
from engine.templating import URL_SCHEMES

_NOT_FOR_MAIL: Final = {"map", "area", "rp", "rt", "rtc", "ruby", "wbr", "bdi", "bdo"}
_TAGS: Final = (set(nh3.ALLOWED_TAGS) - _NOT_FOR_MAIL) | {"font", "section", "main", "address"}
_BOX: Final = {"width", "height", "align", "valign", "bgcolor"}
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "*": {"style", "title", "lang", "dir", "role", "aria-label", "aria-hidden", "class"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "border", "align"},
    "table": _BOX | {"border", "cellpadding", "cellspacing"},
    "tr": _BOX,
    "td": _BOX | {"colspan", "rowspan"},
    "th": _BOX | {"colspan", "rowspan", "scope"},
    "tbody": {"align", "valign"},
    "thead": {"align", "valign"},
    "col": {"span", "width"},
    "font": {"color", "face", "size"},
    "div": {"align"},
    "p": {"align"},
    "ol": {"start", "type"},
}
_PROPERTIES: Final = """
    background background-color border border-bottom border-bottom-color border-bottom-style
    border-bottom-width border-collapse border-color border-left border-radius border-right
    border-spacing border-style border-top border-width box-sizing color direction display font
    font-family font-size font-style font-variant font-weight height letter-spacing line-height
    list-style-type margin margin-bottom margin-left margin-right margin-top max-height max-width
    min-height min-width mso-line-height-rule mso-padding-alt mso-table-lspace mso-table-rspace
    opacity overflow padding padding-bottom padding-left padding-right padding-top table-layout
    text-align text-decoration text-indent text-transform vertical-align visibility white-space
    width word-break word-spacing word-wrap
"""
PROPERTIES: Final = frozenset(_PROPERTIES.split())
# Names, numbers, colours, fonts in quotes. No backslash, no "@", no comment, and of functions only
# the two that make colours: url() would fetch, expression() run.
_VALUE: Final = re.compile(r"(?:[\w\s.,%#!+-]|rgba?\([\d\s.,%]+\)|'[\w\s-]*'|\"[\w\s-]*\")+", re.A)
MAX_STYLE: Final = 2_000  # characters of one element's


def clean_email(html: str) -> str:
    """Return the HTML fragment, well-formed, with everything outside the policy taken out."""
    return _CLEANER.clean(html)


def removed_by_email_cleaning(html: str) -> list[str]:
    """Return the tags and attributes that `clean_email` takes out, by name, sorted."""
    return list(removed_from(html, clean_email(html)))


def _harmless(tag: str, name: str, value: str) -> str | None:
    return _styles(value) if name == "style" else value


def _styles(text: str) -> str | None:
    """Return the declarations that are allowed; None: there are none."""
    kept = []
    for declaration in text.split(";") if len(text) <= MAX_STYLE else ():
        name, _, value = declaration.partition(":")
        name, value = name.strip().lower(), value.strip()
        if name in PROPERTIES and _VALUE.fullmatch(value):
            kept.append(f"{name}: {value}")
    return "; ".join(kept) or None


_CLEANER: Final = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    tag_attribute_values={"a": {"target": {"_blank"}}},
    attribute_filter=_harmless,
    url_schemes=set(URL_SCHEMES),
    link_rel="noopener",
)

_BLOCKS: Final = """
    address article aside blockquote center dd details div dl dt figcaption figure footer h1 h2 h3
    h4 h5 h6 header hr main nav ol p pre section summary table tr ul
"""
_BREAKS: Final = frozenset(_BLOCKS.split())
_APART: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol", "hr"})


def plain_text(html: str) -> str:
    """Return what a fragment of HTML says as plain text: links with their addresses behind them.

    Paragraphs are a blank line apart, list items begin with "- "; a picture is its description.
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = [""]
        self.links: list[tuple[str, int, int]] = []  # address, line and column where it began

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "br":
            self.lines.append("")
        elif tag == "img":
            self._say(said.get("alt", ""))
        elif tag == "li":
            self._break(is_apart=False)
            self.lines[-1] = "- "
        elif tag in ("td", "th"):
            self._say(" ")
        elif tag in _BREAKS:
            self._break(is_apart=tag in _APART)
        elif tag == "a":
            self.links.append((said.get("href", ""), len(self.lines), len(self.lines[-1])))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKS or tag == "li":
            self._break(is_apart=tag in _APART)
        elif tag == "a" and self.links:
            address, line, column = self.links.pop()
            shown = self.lines[line - 1][column:].strip()
            if address and not address.startswith("#") and address != shown:
                self._say(f" ({address.removeprefix('mailto:')})")

    def handle_data(self, data: str) -> None:
        self._say(data)

    def text(self) -> str:
        text = "\n".join(line.rstrip() for line in self.lines)
        return re.sub(r"\n{3,}", "\n\n", text).strip("\n")

    def _say(self, text: str) -> None:
        text = re.sub(r"\s+", " ", text)
        line = self.lines[-1]
        self.lines[-1] += text.lstrip() if not line or line.endswith(" ") else text

    def _break(self, *, is_apart: bool) -> None:
        if self.lines[-1].strip():
            self.lines.append("")
        if is_apart and len(self.lines) > 1 and self.lines[-2]:
            self.lines.append("")
