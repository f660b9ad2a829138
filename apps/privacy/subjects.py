"""Whom a request is about: names kept encrypted in its row, digests to find its duplicates."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec
from django.conf import settings

from apps.privacy import mailing
from apps.privacy.models.requests import Request, RequestSubject
from apps.privacy.sealed_text import seal, unseal
from apps.privacy.sought import used_by_several
from apps.profiles import contacts, identities

Name = tuple[str, str]  # kind, value

EMAIL: Final = "email"  # in clear, as people type it; stored as its digest everywhere else
MOST_NAMES: Final = 20
_NAMES: Final = "names"
_EVIDENCE: Final = "proof"


class Names(msgspec.Struct, frozen=True):
    """What a request says of its person.

    Attributes:
        given: (kind, value) as they were given.
        contact: the address that answers go to; "" for none.
        told: in the person's own words what it is about; for the officer's eyes.
        agent: who asks on the person's behalf, "" for nobody.
    """

    given: tuple[Name, ...]
    contact: str = ""
    told: str = ""
    agent: str = ""


NOBODY: Final = Names(())


def sealed_names(request: Request, names: Names) -> bytes:
    """Return the names encrypted for this row and no other."""
    return seal(_NAMES, msgspec.msgpack.encode(names), bound=request.pk.bytes)


def names_of(request: Request) -> Names:
    """Return whom a request is about; NOBODY once it has ended."""
    plain = unseal(_NAMES, bytes(request.names_enc), bound=request.pk.bytes)
    return NOBODY if plain is None else msgspec.msgpack.decode(plain, type=Names)


def sealed_evidence(request: Request, words: str) -> bytes:
    """Return what an officer saw, encrypted for this row."""
    return seal(_EVIDENCE, words.encode(), bound=request.pk.bytes)


def evidence_of(request: Request) -> str:
    """Return what an officer saw; "" once it was decided."""
    plain = unseal(_EVIDENCE, bytes(request.evidence_enc), bound=request.pk.bytes)
    return "" if plain is None else plain.decode()


def identities_in(names: Iterable[Name]) -> list[Name]:
    """Return names as the record knows them: an address by its digest, or as somebody's login."""
    found: dict[Name, None] = {}
    for kind, value in names:
        for one in mailing.names_of(value) if kind == EMAIL else [(kind, value)]:
            found[one] = None
    return list(found)


def digests_of(site_id: UUID, names: Iterable[Name]) -> list[UUID]:
    """Return what stands for names in a row: keyed, so that nobody guesses them from it."""
    key = hashlib.blake2b(settings.SIGNING_KEY.encode(), person=b"attune.subjects").digest()
    return [
        UUID(
            bytes=hashlib.blake2b(
                msgspec.msgpack.encode((site_id.bytes, kind, value)), key=key, digest_size=16
            ).digest()
        )
        for kind, value in identities_in(names)
    ]


def profiles_of(
    site_id: UUID, names: Sequence[Name], *, with_shared: bool = True, with_told: bool = True
) -> dict[UUID, list[Name]]:
    """Return the profiles that any of the names leads to, with the names that do.

    An address also leads to those who have told it as a trait: many sites know their people by a
    number alone. One query, and one for each address.

    Args:
        with_shared: a device that several people used leads to whoever has it now; else to nobody.
        with_told: also those who have told an address as a trait.
    """
    wanted = [(site_id, kind, value) for kind, value in identities_in(names)]
    found: dict[UUID, list[Name]] = {}
    leading = identities.find(wanted)
    shared = [(kind, value) for (_, kind, value), known in leading.items() if known.is_shared]
    left_out = set() if with_shared else used_by_several(site_id, shared)
    for (_, kind, value), known in leading.items():
        if (kind, value) in left_out:
            continue
        found.setdefault(known.profile_id, []).append((kind, value))
    for kind, value in names if with_told else ():
        if kind in (EMAIL, "email_sha256"):
            for profile_id in contacts.profiles_by(site_id, kind, value):
                found.setdefault(profile_id, []).append((kind, value))
    return found


def subjects_of(request: Request) -> list[UUID]:
    """Return the profiles that a request was found to be about. One query."""
    rows = RequestSubject.objects.filter(request=request).order_by("id")
    return list(rows.values_list("profile_id", flat=True))


def masked(text: str) -> str:
    """Return a name so that an officer recognizes it and a glance over a shoulder does not."""
    name, at, domain = text.partition("@")
    return f"{name[:1]}***{at}{domain}" if at else f"{text[:2]}***"
