"""Which traits of a site name a person or are sensitive, and so are encrypted: see vault.py.

What the site has marked counts; a trait that nobody marked is an identifier if its name says so,
and personal otherwise.
"""

import time
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.profiles.models import TraitKind

IDENTIFIER: Final = TraitKind.Kind.IDENTIFIER.value
SENSITIVE: Final = TraitKind.Kind.SENSITIVE.value
PERSONAL: Final = TraitKind.Kind.PERSONAL.value
ENCRYPTED: Final = frozenset({IDENTIFIER, SENSITIVE})
# In lower case and without what parts words: first_name, firstName and "First name" are one.
BY_NAME: Final = frozenset(
    {
        "address", "birthday", "birthdate", "dateofbirth", "email", "emailaddress", "familyname",
        "firstname", "fullname", "givenname", "homeaddress", "lastname", "middlename",
        "mobilephone", "name", "phone", "phonenumber", "postaladdress", "street", "streetaddress",
        "surname", "telephone", "username",
    }
)  # fmt: skip
_EMAILS: Final = frozenset({"email", "emailaddress"})
_PHONES: Final = frozenset({"phone", "phonenumber", "mobilephone", "telephone"})
# Only the product writes these: lists, scores, edges, computed ones. "group." is of a company.
_OURS: Final = ("list.", "score.", "edge.", "computed.", "group.")
KEPT_S: Final = 2.0


class Kinds:
    """What a site says of its traits, as it was read at most KEPT_S seconds ago."""

    __slots__ = ("marked",)

    def __init__(self, marked: Mapping[str, str]) -> None:
        self.marked = marked

    def of(self, key: str) -> str:
        """Return the kind of a trait: "plain", "personal", "identifier" or "sensitive"."""
        found = self.marked.get(key)
        if found is not None:
            return found
        return IDENTIFIER if _is_identifier(key) else PERSONAL

    def is_encrypted(self, key: str) -> bool:
        """Whether the values of a trait are kept as tokens."""
        return self.of(key) in ENCRYPTED

    def encrypted_of(self, keys: Iterable[str]) -> list[str]:
        """Return those of these traits whose values are kept as tokens."""
        return [key for key in keys if self.is_encrypted(key)]


_kept: dict[UUID, tuple[float, Any, Kinds]] = {}


def kinds_of(site_id: UUID) -> Kinds:
    """Return what a site says of its traits. One statement, at most every KEPT_S seconds.

    In a transaction of the caller's it is that of the statement, too.
    """
    now, database = time.monotonic(), connection.settings_dict["NAME"]
    kept = _kept.get(site_id)
    if kept is not None and kept[0] > now and kept[1] == database:
        return kept[2]
    rows = TraitKind.objects.filter(site_id=site_id).values_list("key", "kind")
    found = Kinds(dict(rows))
    _kept[site_id] = (now + KEPT_S, database, found)
    return found


def forget_kept() -> None:
    """Have the next question read the database: somebody has marked a trait."""
    _kept.clear()


@lru_cache(maxsize=8_192)
def contact_kind(key: str) -> str | None:
    """Return "email" or "phone" for traits that hold one, None for others."""
    plain = _plain(key)
    return "email" if plain in _EMAILS else "phone" if plain in _PHONES else None


@lru_cache(maxsize=8_192)
def _is_identifier(key: str) -> bool:
    return not key.startswith(_OURS) and _plain(key) in BY_NAME


def _plain(key: str) -> str:
    return "".join(sign for sign in key.lower() if sign.isalnum())
