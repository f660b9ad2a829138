"""Whom an erasure is about, kept encrypted beside it for as long as it has to look for them.

The tables lose the names as they are erased, and a step that is taken up again after a crash still
has to know them. So they are collected first, under the locks of the person's rows.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.privacy import sealed_text
from apps.profiles import selectors, state, vault
from apps.profiles.holders import Subject
from apps.work import clock

_USE: Final = "erasure"
MOST_VALUES: Final = 300
MOST_MESSAGES: Final = 100  # a search for ten thousand is a search for none: the newest stand in

# Values of these say who somebody is, however short they are.
_NAMING: Final = frozenset(
    {
        "email", "phone", "name", "firstname", "lastname", "first_name", "last_name", "username",
        "address", "street", "birthday", "ip", "external_id",
    }
)  # fmt: skip
_DIGITS: Final = re.compile(r"\d")

_OWN = """
SELECT i.kind, i.value, i.is_shared, i.id FROM profiles_identity i
WHERE i.profile_id = ANY(%(ids)s::uuid[]) OR i.id IN (
  SELECT identity_id FROM profiles_identitylink WHERE profile_id = ANY(%(ids)s::uuid[]))
ORDER BY i.id
"""
_LINKS = """
SELECT identity_id, since, profile_id = ANY(%(ids)s::uuid[])
FROM profiles_identitylink WHERE identity_id = ANY(%(identities)s) ORDER BY identity_id, since
"""
_TRAITS = """
SELECT DISTINCT profile_id, key, value FROM profiles_traitchange
WHERE profile_id = ANY(%(ids)s::uuid[])
UNION SELECT profile_id, key, value FROM profiles_trait WHERE profile_id = ANY(%(ids)s::uuid[])
LIMIT 5000
"""
_MESSAGES = """
SELECT message_id FROM events_event WHERE profile_id = ANY(%(ids)s::uuid[])
ORDER BY occurred_at DESC LIMIT %(most)s
"""
_EVERY_MESSAGE = "SELECT message_id FROM events_event WHERE profile_id = ANY(%s::uuid[])"
_SEVERAL = """(i.is_shared AND 1 < (
  SELECT count(DISTINCT coalesce(o.merged_into_id, o.id)) FROM profiles_identitylink l
  JOIN profiles_profile o ON o.id = l.profile_id WHERE l.identity_id = i.id))
"""
_PROFILES = f"""
SELECT coalesce(p.merged_into_id, p.id), {_SEVERAL} FROM profiles_identity i
JOIN profiles_profile p ON p.id = i.profile_id
WHERE i.site_id = %s AND i.kind = %s AND i.value = %s
"""  # nosec B608


class Sought(msgspec.Struct):
    """Everything that leads to one person.

    Attributes:
        names: (kind, value) that are the person's alone.
        shared: (kind, value, since ms, until ms), 0 for open ends.
        values: of traits, which tell who somebody is.
        left_out: how many values say nothing of anybody (a plan, a colour), and are not sought.
        messages: ids of the newest messages.
    """

    profiles: list[UUID] = []
    names: list[tuple[str, str]] = []
    shared: list[tuple[str, str, int, int]] = []
    values: list[str] = []
    left_out: int = 0
    messages: list[str] = []


def people_behind(site_id: UUID, names: Iterable[tuple[str, str]]) -> list[UUID]:
    """Return the profiles that these identities lead to, those merged into them included.

    A device that several people used leads to none of them: whoever has it now may be another.
    """
    found: dict[UUID, None] = {}
    for _, profile_id, is_of_several in _led_to(site_id, names):
        if not is_of_several:
            found.update(dict.fromkeys(selectors.ids_of_person(profile_id)))
    return list(found)


def used_by_several(site_id: UUID, names: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of the identities that are devices of several people. A query for each."""
    return {name for name, _, is_of_several in _led_to(site_id, names) if is_of_several}


def _led_to(
    site_id: UUID, names: Iterable[tuple[str, str]]
) -> Iterator[tuple[tuple[str, str], UUID, bool]]:
    with connection.cursor() as cursor:
        for kind, value in names:
            cursor.execute(_PROFILES, [str(site_id), kind, value])
            for profile_id, is_of_several in cursor.fetchall():
                yield (kind, value), profile_id, is_of_several


def collected(
    site_id: UUID, profile_ids: Sequence[UUID], names: Sequence[tuple[str, str]]
) -> Sought:
    """Lock the person's state rows and read what leads to them. In the caller's transaction."""
    state.lock(profile_ids)
    ids = state.uuid_array(profile_ids)
    sought = Sought(profiles=list(profile_ids))
    own: dict[tuple[str, str], None] = {}
    with connection.cursor() as cursor:
        cursor.execute(_OWN, {"ids": ids})
        identities = cursor.fetchall()
        shared = [number for *_, is_shared, number in identities if is_shared]
        cursor.execute(_LINKS, {"ids": ids, "identities": shared})
        spans = _spans(cursor.fetchall())
        for kind, value, is_shared, number in identities:
            if is_shared and number in spans and not spans[number].is_alone:
                sought.shared += [(kind, value, *span) for span in spans[number].own]
            else:
                own[kind, value] = None
        taken = {(kind, value) for kind, value, *_ in sought.shared}
        others = used_by_several(site_id, names) - taken
        own.update(dict.fromkeys(name for name in names if name not in taken | others))
        cursor.execute(_TRAITS, {"ids": ids})
        sought.values, sought.left_out = _telling(_opened(site_id, profile_ids, cursor.fetchall()))
        cursor.execute(_MESSAGES, {"ids": ids, "most": MOST_MESSAGES})
        sought.messages = [message for (message,) in cursor.fetchall()]
    sought.names = list(own)
    return sought


class _Spans:
    """Whose a shared device was, and when."""

    def __init__(self) -> None:
        self.own: list[tuple[int, int]] = []
        self.is_alone = True


def _spans(links: Iterable[tuple[int, datetime, bool]]) -> dict[int, _Spans]:
    """Links in order of time; what came before the first is the first's."""
    found: dict[int, _Spans] = {}
    open_since: dict[int, int] = {}
    for number, since, is_own in links:
        is_first = number not in found
        spans = found.setdefault(number, _Spans())
        at = 0 if is_first else clock.to_ms(since)
        spans.is_alone = spans.is_alone and is_own
        if is_own:
            open_since.setdefault(number, at)
        elif number in open_since:
            spans.own.append((open_since.pop(number), at))
    for number, at in open_since.items():
        found[number].own.append((at, 0))
    return found


def _opened(
    site_id: UUID, profile_ids: Sequence[UUID], rows: Iterable[tuple[UUID, str, str | None]]
) -> Iterator[tuple[str, Any]]:
    """The traits as they were before they were encrypted."""
    keys = vault.keys_of(site_id, profile_ids)
    for profile_id, name, text in rows:
        value = None if text is None else msgspec.json.decode(text)
        if vault.is_sealed(value) and profile_id in keys:
            yield name, value
            value = keys[profile_id].open(name, value)
        yield name, value


def _telling(traits: Iterable[tuple[str, Any]]) -> tuple[list[str], int]:
    found: dict[str, None] = {}
    left_out = 0
    for key, whole in traits:
        for value in _plain(whole):
            if _tells(key, value) and len(found) < MOST_VALUES:
                found[value] = None
            elif value:
                left_out += 1
    return list(found), left_out


def _plain(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case bool() | None:
            return
        case int() | float():
            yield msgspec.json.encode(value).decode()
        case list():
            for one in value:
                yield from _plain(one)
        case dict():
            for one in value.values():
                yield from _plain(one)


def _tells(key: str, value: str) -> bool:
    """Whether a value leads to a person: a plan or a colour is shared with thousands."""
    if len(value) < 6:
        return False
    if key.lower() in _NAMING or "@" in value:
        return True
    digits = len(_DIGITS.findall(value))
    return digits >= 6 or (digits > 0 and len(value) >= 12)


def subject_of(site_id: UUID, sought: Sought) -> Subject:
    """Return the person as holders know one."""
    return Subject(
        site_id=site_id,
        profile_ids=tuple(sought.profiles),
        names=tuple(sought.names),
        message_ids=lambda: _messages_of(sought.profiles),
        shared=tuple(
            (
                kind,
                value,
                clock.from_ms(since) if since else None,
                clock.from_ms(until) if until else None,
            )
            for kind, value, since, until in sought.shared
        ),
    )


def _messages_of(profile_ids: Sequence[UUID]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(_EVERY_MESSAGE, [state.uuid_array(profile_ids)])
        while rows := cursor.fetchmany(2_000):
            yield from (message for (message,) in rows)


def sealed(erasure_id: UUID, sought: Sought) -> bytes:
    """Return it encrypted, bound to its erasure."""
    return sealed_text.seal(_USE, msgspec.msgpack.encode(sought), bound=erasure_id.bytes)


def opened(erasure_id: UUID, content: bytes) -> Sought | None:
    """Return what was sealed; None once it has been emptied, or under a key that is gone."""
    if not content:
        return None
    plain = sealed_text.unseal(_USE, content, bound=erasure_id.bytes)
    return None if plain is None else msgspec.msgpack.decode(plain, type=Sought)
