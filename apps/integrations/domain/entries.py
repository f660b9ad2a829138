"""What a content system says of an entry, in one form for all of them. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from apps.integrations.domain.rich_text import html_of, is_rich_text
from apps.integrations.errors import EntryRefused

ALL: Final = ""  # a locale that stands for the whole entry
EARLIEST_YEAR: Final = 2000

_CONTENTFUL_GONE: Final = frozenset({"unpublish", "delete", "archive"})
_STRAPI_GONE: Final = frozenset({"entry.unpublish", "entry.delete"})
_STRAPI_MAYBE: Final = frozenset({"entry.create", "entry.update"})
# What Strapi keeps about an entry, beside its fields.
_STRAPI_OWN: Final = frozenset(
    {
        "id", "documentId", "locale", "localizations", "createdAt", "updatedAt", "publishedAt",
        "createdBy", "updatedBy", "tags", "status",
    }
)  # fmt: skip
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it is now.

    Attributes:
        entry: its id there.
        at: when it was so, by the clock of the content system.
        is_gone: no longer published, or deleted.
        fields: locale -> field -> value; the locale `ALL` for values of no language.
        locale: the one that `is_gone` is about; `ALL` for the whole entry.
        links: fields that only point at something else, such as a picture: they hold no value.
    """

    entry: str
    content_type: str
    at: datetime
    is_gone: bool
    tags: list[str]
    fields: dict[str, dict[str, Any]]
    locale: str = ALL
    links: frozenset[str] = field(default_factory=frozenset)


def read_entry(kind: str, event: str, text: str | bytes) -> Entry | None:
    """Return what a call says; None if it says nothing about a published entry.

    Raises:
        EntryRefused: it is not JSON, or not of the form that this system sends.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise EntryRefused("not_json", "What came is not JSON.") from None
    if not isinstance(found, dict):
        raise EntryRefused("malformed", "What came is not an object.")
    return _READERS[kind](event, found)


def event_of(kind: str, headers: Mapping[str, str]) -> str:
    """Return what a call is about, as its headers (by lower-case name) say."""
    return headers.get(_EVENT_HEADERS.get(kind, ""), "")[:200]


def _contentful(event: str, body: dict[str, Any]) -> Entry | None:
    parts = event.split(".")
    if len(parts) != 3 or parts[1] != "Entry":
        return None
    is_gone = parts[2] in _CONTENTFUL_GONE
    if not is_gone and parts[2] != "publish":
        return None
    sys = _object(body, "sys")
    content_type = _object(_object(sys, "contentType"), "sys")
    fields: dict[str, dict[str, Any]] = {}
    links = set()
    for name, by_locale in _object(body, "fields", {}).items():
        if not isinstance(by_locale, dict):
            raise EntryRefused("malformed", f"The field '{name}' has no languages.")
        for locale, value in by_locale.items():
            if _is_link(value):
                links.add(name)
                continue
            plain = html_of(value) if is_rich_text(value) else value
            fields.setdefault(locale, {})[name] = plain
    tags = _list(_object(body, "metadata", {}), "tags")
    found = [_object(one, "sys").get("id") for one in tags if isinstance(one, dict)]
    return Entry(
        entry=_text(sys, "id"),
        content_type=_text(content_type, "id"),
        at=_moment(sys.get("deletedAt") or sys.get("updatedAt")),
        is_gone=is_gone,
        tags=[tag for tag in found if isinstance(tag, str)],
        fields=fields,
        links=frozenset(links),
    )


def _strapi(event: str, body: dict[str, Any]) -> Entry | None:
    event = str(body.get("event") or event)
    entry = body.get("entry")
    if not isinstance(entry, dict):
        return None
    is_gone = event in _STRAPI_GONE
    if event in _STRAPI_MAYBE:
        # A type without drafts has no such event as "publish"; a draft has no such time.
        if entry.get("publishedAt", _MISSING) is None:
            return None
    elif not is_gone and event != "entry.publish":
        return None
    model = _text(body, "model")
    locale = entry.get("locale") or ALL
    # A language of an entry has an id of its own; what they share is the document's.
    own = _text(entry, "documentId") if "documentId" in entry else f"{model}:{entry.get('id')}"
    fields = {name: value for name, value in entry.items() if name not in _STRAPI_OWN}
    tags = _list(entry, "tags")
    names = [one.get("name") if isinstance(one, dict) else one for one in tags]
    return Entry(
        entry=own[:200],
        content_type=model,
        at=_moment(body.get("createdAt") or body.get("created_at")),
        is_gone=is_gone,
        tags=[name for name in names if isinstance(name, str)],
        fields={str(locale): {name: _of_strapi(value) for name, value in fields.items()}},
        locale=str(locale),
    )


def _of_strapi(value: Any) -> Any:
    """A picture as our fields hold one; anything else as it is."""
    if isinstance(value, dict) and isinstance(value.get("url"), str) and "mime" in value:
        made = {"url": value["url"]}
        if value.get("alternativeText"):
            made["alt"] = value["alternativeText"]
        return made
    return value


def _standard(event: str, body: dict[str, Any]) -> Entry | None:
    kind = body.get("type")
    if kind not in ("entry.published", "entry.removed"):
        return None
    data = _object(body, "data")
    fields = _object(data, "fields", {})
    if not all(isinstance(own, dict) for own in fields.values()):
        raise EntryRefused("malformed", "'fields' is {language: {field: value}}.")
    tags = _list(data, "tags")
    return Entry(
        entry=_text(data, "id"),
        content_type=_text(data, "contentType"),
        at=_moment(body.get("timestamp")),
        is_gone=kind == "entry.removed",
        tags=[tag for tag in tags if isinstance(tag, str)],
        fields=fields,
    )


def _object(holder: dict[str, Any], name: str, absent: Any = None) -> dict[str, Any]:
    found = holder.get(name, absent) if isinstance(holder, dict) else None
    if not isinstance(found, dict):
        raise EntryRefused("malformed", f"'{name}' is missing or is not an object.")
    return found


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    found = holder.get(name) or []
    if not isinstance(found, list):
        raise EntryRefused("malformed", f"'{name}' is not a list.")
    return found


def _text(holder: dict[str, Any], name: str) -> str:
    found = holder.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= 200 or not found.isprintable():
        raise EntryRefused("malformed", f"'{name}' is missing or is not a short text.")
    return found


def _moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise EntryRefused("malformed", "It does not say when the entry was changed.") from None
    if found.year < EARLIEST_YEAR:
        raise EntryRefused("malformed", f"It says that the entry was changed in {found.year}.")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _is_link(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_is_link, value))
    sys = value.get("sys") if isinstance(value, dict) else None
    return isinstance(sys, dict) and sys.get("type") in ("Link", "ResourceLink")


_READERS: Final = {"contentful": _contentful, "strapi": _strapi, "standard": _standard}
_EVENT_HEADERS: Final = {"contentful": "x-contentful-topic", "strapi": "x-strapi-event"}
