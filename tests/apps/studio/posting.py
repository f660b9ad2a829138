"""A form of a page, read as a browser would send it back untouched."""

from html.parser import HTMLParser
from typing import Any

NEVER_SENT = {"submit", "button", "file", "image", "reset"}


class _Inputs(HTMLParser):
    """Gathers names and values of one form."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id = form_id
        self.found: list[tuple[str, str]] = []
        self.is_inside = False
        self.is_text = False
        self.choice: str | None = None
        self.options: list[tuple[str, bool]] = []
        self.is_many = False
        self.templates = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        if tag == "form":
            self.is_inside = given.get("id") == self.form_id
        if tag == "template":
            self.templates += 1
        if not self.is_inside or self.templates or "disabled" in given:
            return
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "option" and self.choice is not None:
            self.options.append((given.get("value", ""), "selected" in given))
        elif not name or "__prefix__" in name:
            return
        elif tag == "textarea":
            self.is_text = True
            self.found.append((name, ""))
        elif tag == "select":
            self.choice, self.options, self.is_many = name, [], "multiple" in given
        elif tag == "input" and kind not in NEVER_SENT:
            if kind in {"checkbox", "radio"} and "checked" not in given:
                return
            self.found.append((name, given.get("value", "on" if kind == "checkbox" else "")))

    def handle_data(self, data: str) -> None:
        if self.is_text:
            name, before = self.found[-1]
            # A line break right after the tag is the markup's.
            self.found[-1] = (
                name,
                before + (data if before else data.removeprefix("\r\n").removeprefix("\n")),
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self.templates -= 1
        elif tag == "form":
            self.is_inside = False
        elif tag == "textarea":
            self.is_text = False
        elif tag == "select" and self.choice is not None:
            chosen = [value for value, is_chosen in self.options if is_chosen]
            if not chosen and self.options and not self.is_many:
                chosen = [self.options[0][0]]
            self.found += [(self.choice, value) for value in chosen]
            self.choice = None


def inputs_of(page: str, form_id: str) -> list[tuple[str, str]]:
    """Return the names and values of a form, in its order."""
    reader = _Inputs(form_id)
    reader.feed(page)
    return reader.found


def posted(pairs: list[tuple[str, str]], **changed: str) -> dict[str, list[str]]:
    """Return the pairs as Django's test client sends them, some with other values."""
    data: dict[str, list[str]] = {}
    for name, value in pairs:
        data.setdefault(name, []).append(value)
    return data | {name: [value] for name, value in changed.items()}
