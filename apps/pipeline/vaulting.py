"""Encrypted traits in the fold: sealed before anything of a batch is written, looked up after."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from apps.decisions.hot_state import Remembered
from apps.events.fold import Placed
from apps.pipeline.person import Person
from apps.profiles import contacts, trait_kinds, vault
from apps.profiles.trait_kinds import Kinds


class _Clear(NamedTuple):
    """Traits of an event, as it carries them, and which of them must not be stored as they are."""

    person: Person
    traits: dict[str, Any]
    names: list[str]


def seal(placed: Sequence[Placed], persons: Mapping[UUID, Person]) -> None:
    """Replace the values of encrypted traits in events by tokens of whom the events belong to.

    What an event carries of them beside its traits is dropped: nothing reads it there. One
    statement for each site that has any, another for people who have no key yet. The caller holds
    the state rows.
    """
    sites: dict[UUID, list[_Clear]] = {}
    for one in placed:
        event = one.event
        beside = event.context.get("traits")
        if event.traits is None and beside is None:
            continue
        kinds = trait_kinds.kinds_of(one.batch.site_id)
        if type(beside) is dict:
            event.context["traits"] = {
                name: value for name, value in beside.items() if not kinds.is_encrypted(name)
            }
        # The traits of a group are the group's, whatever they are called.
        if event.traits is None or event.type == "group":
            continue
        names = _clear_names(event.traits, kinds)
        if names:
            person = persons[one.profile_id]
            sites.setdefault(one.batch.site_id, []).append(_Clear(person, event.traits, names))
    for site_id, found in sites.items():
        ids = sorted({one.person.row.profile_id for one in found})
        keys = vault.keys_of(site_id, ids, made_for=ids)
        for person, traits, names in found:
            person.keys = keys[person.row.profile_id]
            for name in names:
                traits[name] = person.keys.seal(name, traits[name])


def _clear_names(traits: Mapping[str, Any], kinds: Kinds) -> list[str]:
    """What must be sealed: also a text that only looks like a token, for it comes from outside."""
    return [
        name
        for name, value in traits.items()
        if value is not None and (kinds.is_encrypted(name) or vault.is_sealed(value))
    ]


def find_by_new(
    persons: Mapping[UUID, Person], remembered: Iterable[Remembered], winners: Iterable[UUID]
) -> None:
    """Note whose addresses and numbers may be others than before this batch.

    Args:
        remembered: identities that are new or moved.
        winners: profiles that another one was folded into.
    """
    for person in persons.values():
        person.is_found_anew |= any(
            trait_kinds.contact_kind(name) is not None for name, _, _ in person.trait_changes
        )
    for one in remembered:
        if contacts.names_somebody(one.identity) and one.profile_id in persons:
            persons[one.profile_id].is_found_anew = True
    for winner in winners:
        persons[winner].is_found_anew = True


def take_keys(persons: Collection[Person]) -> None:
    """Give people whose rows hold tokens their keys, for their hot state; renew the index.

    One statement for each site that has tokens, another where somebody is found anew.
    """
    tokens: dict[UUID, list[Person]] = {}
    anew: dict[UUID, list[Person]] = {}
    for person in persons:
        row = person.row
        if any(vault.is_sealed(entry[0]) for entry in row.traits.values()):
            tokens.setdefault(row.site_id, []).append(person)
        if person.is_found_anew:
            anew.setdefault(row.site_id, []).append(person)
    for site_id, those in tokens.items():
        keys = vault.keys_of(site_id, [person.row.profile_id for person in those])
        for person in those:
            person.keys = keys.get(person.row.profile_id)
    for site_id, those in anew.items():
        contacts.replace(
            site_id, {p.row.profile_id: contacts.contacts_in(p.row, p.keys) for p in those}
        )
