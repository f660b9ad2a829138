"""What Redis knows of somebody who is erased: keys by their names, never by a pattern.

A mark above every version stays for ten minutes: without it an answer that is still being made
could write the state back.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.decisions import generation, hot_state, notices
from apps.decisions.caps import Holder
from apps.decisions.hot_state import HotKey, Told
from apps.profiles.holders import Subject, found_by_name
from apps.work.redis import connection as redis

# The greatest that the header of a hot value can hold.
LAST_EPOCH: Final = 99_999_999
LAST_VERSION: Final = 999_999_999_999


def keys_of(
    site_id: UUID, profiles: Sequence[UUID], names: Sequence[tuple[str, str]]
) -> list[bytes]:
    """Return the keys under which decisions may know them, but for their states."""
    prefix = generation.prefix(generation.current())
    found = [Holder(site_id.hex, "", one.bytes).key(prefix) for one in profiles]
    for kind, value in names:
        identity = f"{kind}:{value}"
        found.append(hot_state.identity_key(prefix, site_id.hex, identity))
        found.append(Holder(site_id.hex, identity).key(prefix))
    return found


def states_of(profiles: Sequence[UUID]) -> int:
    """Return how many of these profiles' states are there; a mark is none. One round trip."""
    if not profiles:
        return 0
    prefix = generation.prefix(generation.current())
    values = redis().mget([notices.state_key(prefix, one.hex) for one in profiles])
    return sum(type(value) is bytes and value[:1] != b"M" for value in values)


def count_of(site_id: UUID, profiles: Sequence[UUID], names: Sequence[tuple[str, str]]) -> int:
    """Return how much Redis still knows of them. Two round trips.

    Raises:
        RedisAway: it cannot be asked.
    """
    keys = keys_of(site_id, profiles, names)
    return states_of(profiles) + (int(redis().exists(*keys)) if keys else 0)


def _forget(subject: Subject) -> int:
    """Clear the keys after the commit; return how many these are, whether there or not.

    What is there depends on how far an earlier attempt came.
    """
    profiles, own = subject.profile_ids, subject.names
    # Where a shared device leads is asked again; what it was shown may be the other's.
    pointers = [(kind, value) for kind, value, *_ in subject.shared]
    transaction.on_commit(lambda: _delete(subject, [*own, *pointers]))
    return len(profiles) + len(keys_of(subject.site_id, profiles, own))


def _delete(subject: Subject, names: Sequence[tuple[str, str]]) -> None:
    profiles = subject.profile_ids
    hot_state.mark([HotKey(subject.site_id, one, LAST_EPOCH, LAST_VERSION) for one in profiles])
    keys = keys_of(subject.site_id, profiles, names)
    if keys:
        redis().delete(*keys)
    # Open pages of theirs show everybody's content again.
    hot_state.tell(Told(list(profiles)))


HOLDER = found_by_name("keys in Redis", (), _forget, "use", is_outside=True)
