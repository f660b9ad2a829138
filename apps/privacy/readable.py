"""A package in words: sections with titles, entries with labels. For people, not for computers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

# What a holder calls itself -> what a person calls it. Others are shown by their own name.
TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "profiles": ("Who you are to us", "Names you are known by, and what you have told about you."),
    "consent": ("Your choices", "Each yes and no, with the time and how you said it."),
    "events": ("What you did", "Pages, clicks, orders and other events, as they were recorded."),
    "segments": ("Groups you are in", "Groups that follow from what you did, with their rule."),
    "rules": ("Messages that were triggered", "What was sent because of something you did."),
    "predictions": ("Estimates about you", "What models worked out from what you did."),
    "decisions": ("What you were shown", "Content that was chosen for you, and why."),
    "disclosures": ("Who was told about you", "Others who received your data from us."),
}
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True)
class Section:
    """One store: its title, what it is, and its entries as (label, text) pairs."""

    title: str
    about: str
    entries: list[list[tuple[str, str]]]


def sections_of(content: Mapping[str, Any]) -> list[Section]:
    """Return the sections of a package, those with entries first."""
    if "stores" not in content:
        return _portable(content)
    rules = content.get("segmentRules", {})
    found = []
    for store in content["stores"]:
        title, about = TITLES.get(store["store"], (str(store["store"]).capitalize(), ""))
        entries = [_entry(item, rules) for item in store["items"]]
        found.append(Section(title, about, entries))
    recipients = [_entry(item, {}) for item in content.get("recipients", [])]
    found.append(Section("Recipients of the last twelve months", "", recipients))
    return sorted(found, key=lambda section: not section.entries)


def _portable(content: Mapping[str, Any]) -> list[Section]:
    traits = [
        [(_label(key), _text(entry["value"]))] for key, entry in content.get("traits", {}).items()
    ]
    found = [Section("What you have told about you", "", traits)]
    for key, title in (
        ("identities", "Names you are known by"),
        ("messages", "What you did"),
        ("choices", "Your choices"),
        ("observed", "What you were shown"),
    ):
        found.append(Section(title, "", [_entry(item, {}) for item in content.get(key, [])]))
    return found


def _entry(item: Any, rules: Mapping[str, str]) -> list[tuple[str, str]]:
    if not isinstance(item, Mapping):
        return [("Entry", _text(item))]
    pairs = [
        (_label(key), _text(value))
        for key, value in item.items()
        if value not in ("", None, {}, [])
    ]
    rule = rules.get(str(item.get("segment", "")))
    return [*pairs, ("Rule", rule)] if rule else pairs


def _label(name: str) -> str:
    """ "receivedAt" is "Received at"."""
    words = " ".join(part for part in _WORDS.split(str(name)) if part)
    return words[:1].upper() + words[1:].lower()


def _text(value: Any) -> str:
    """A value in one line, nested ones as "key: value, key: value"."""
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(key).lower()}: {_text(one)}" for key, one in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
