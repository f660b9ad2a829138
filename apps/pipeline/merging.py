"""Two profiles that are one person become one: the older keeps its bucketing key."""

from datetime import datetime

from apps.consent import services as consent
from apps.consent import withdrawing
from apps.decisions import cap_counts
from apps.events import history
from apps.pipeline import bought
from apps.pipeline.person import MAX_GROUPS, MEMBER_OF, Person
from apps.profiles import services as profiles
from apps.profiles.state import is_newer, newest_identities
from apps.work import clock


def merge(
    winner: Person, loser: Person, message_id: str, *, now: datetime, cause: str = "event"
) -> None:
    """Fold `loser` into `winner`. Both rows are locked; every holder's rows move.

    Consent becomes the stricter of the two, traits the newer, history the union. The epoch rises,
    so that whatever was derived under either one is looked at again.
    """
    into, out = winner.row, loser.row
    withdrawing.settle(out)
    profiles.merge_profiles(into, out, message_id=message_id, now=now, cause=cause)
    consent.join_rows(into, out, clock.to_ms(now))
    for key, entry in out.traits.items():
        known = into.traits.get(key)
        if key == bought.TRAIT and known is not None:
            into.traits[key] = bought.merged_entry(known, entry)
            continue
        if known is not None:
            winner.retold.add(key)
        if key == MEMBER_OF and known is not None:
            groups = sorted({*known[0], *entry[0]})[:MAX_GROUPS]
            newest = entry if is_newer(entry, known) else known
            into.traits[key] = (groups, *newest[1:])
        elif is_newer(entry, known):
            into.traits[key] = entry
    forgotten = [key for key, entry in into.traits.items() if entry[0] is None]
    if forgotten:
        profiles.forget_traits(into.profile_id, forgotten)
    into.identities = newest_identities([*out.identities, *into.identities])
    into.event_count += out.event_count
    into.first_seen_ms = min(filter(None, (into.first_seen_ms, out.first_seen_ms)), default=None)
    into.last_seen_ms = max(filter(None, (into.last_seen_ms, out.last_seen_ms)), default=None)
    both = history.merged(winner.history, loser.history)
    if both is None:
        winner.reload()
    else:
        winner.history = both
    into.caps = cap_counts.merged(into.caps, out.caps)
    winner.joined()
    out.merged_into = into.profile_id
    out.history = out.memberships = out.caps = b""
    out.traits, out.identities, out.event_count = {}, [], 0
    out.consent_epoch = into.consent_epoch
