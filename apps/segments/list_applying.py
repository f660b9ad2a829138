"""Entries of lists brought into profiles: as traits of the state rows, under their locks.

What a profile's trait shall be is worked out from the entries of all its identities while its row
is locked, so it does not matter in which order uploads, merges and new identities come. A
profile's due time is moved to now: the consumer looks at once at the segments that ask.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from apps.profiles import services as profiles
from apps.profiles import state
from apps.profiles.services import TraitWrite
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow
from apps.segments.list_names import EMAIL_KIND, emails, names
from apps.segments.models import ListMember, ListUpload, SegmentList
from apps.work import clock
from apps.work import services as work

logger = logging.getLogger(__name__)

APPLY: Final = "segments.apply_list"
BATCH: Final = 500  # profiles under lock at once
UNDOABLE: Final = 10  # uploads of a list that can be undone; what older ones took off goes
SOURCE: Final = "list"

# Who has a new, changed or taken-off entry; and who an entry was applied to, though its identity
# leads to somebody else now. An address may be that of several people, so whoever has one that is
# on the list is looked at every time.
_TOUCHED = f"""
SELECT i.profile_id FROM segments_listmember m
JOIN profiles_identity i ON i.site_id = %(site)s AND i.kind = m.kind AND i.value = m.value
WHERE m.segment_list_id = %(list)s
  AND (NOT m.is_applied OR m.profile_id IS DISTINCT FROM i.profile_id)
UNION
SELECT m.profile_id FROM segments_listmember m
LEFT JOIN profiles_identity i ON i.site_id = %(site)s AND i.kind = m.kind AND i.value = m.value
WHERE m.segment_list_id = %(list)s AND m.profile_id IS NOT NULL
  AND m.kind <> '{EMAIL_KIND}' AND (NOT m.is_applied OR m.profile_id IS DISTINCT FROM i.profile_id)
UNION
SELECT i.profile_id FROM segments_listmember m JOIN ({emails("site_id = %(site)s")}) AS i
  ON m.segment_list_id = %(list)s AND m.kind = i.kind AND m.value = i.value
ORDER BY 1
"""
_WANTED = f"""
SELECT i.profile_id, bool_or(m.expires_at IS NULL), max(m.expires_at)
FROM ({names("profile_id = ANY(%(profiles)s::uuid[])")}) AS i
JOIN segments_listmember m ON m.segment_list_id = %(list)s AND m.removed_by_id IS NULL
  AND m.kind = i.kind AND m.value = i.value
GROUP BY i.profile_id
"""
_APPLIED = f"""
UPDATE segments_listmember m SET is_applied = true, profile_id = i.profile_id
FROM ({names("profile_id = ANY(%(profiles)s::uuid[])")}) AS i
WHERE i.site_id = %(site)s
  AND m.segment_list_id = %(list)s AND m.kind = i.kind AND m.value = i.value
  AND (NOT m.is_applied OR m.profile_id IS DISTINCT FROM i.profile_id)
"""
# Entries whose identity leads nowhere any more: nobody has them now.
_ORPHANED = f"""
UPDATE segments_listmember m SET profile_id = NULL, is_applied = false
WHERE m.segment_list_id = %(list)s AND m.profile_id = ANY(%(profiles)s::uuid[])
  AND NOT EXISTS (SELECT 1 FROM profiles_identity i
    WHERE i.site_id = %(site)s AND i.kind = m.kind AND i.value = m.value)
  AND NOT EXISTS (SELECT 1 FROM ({emails("profile_id = ANY(%(profiles)s::uuid[])")}) AS e
    WHERE e.site_id = %(site)s AND e.kind = m.kind AND e.value = m.value)
"""
# Taken off, known to whom it concerned (or concerning nobody), and no longer to be undone.
_CLEAR = """
DELETE FROM segments_listmember m USING segments_listupload u
WHERE m.segment_list_id = %(list)s AND u.id = m.removed_by_id
  AND (m.is_applied OR m.profile_id IS NULL)
  AND (m.upload_id = m.removed_by_id OR u.number <= %(oldest)s)
"""


def ask_to_apply(found: SegmentList, *, now: datetime) -> UUID:
    """Ask for a list's entries to reach profiles after the commit; the intent shows progress."""
    payload = {"list": str(found.pk)}
    return work.ask(APPLY, key=str(found.pk), site_id=found.site_id, payload=payload, now=now).pk


def perform(task: work.Work, now: datetime) -> None:
    """Carry out the intent: every profile that an entry concerns gets its trait. Repeatable."""
    found = SegmentList.objects.filter(pk=task.payload["list"]).first()
    if found is None:
        return
    # Uploads that come from here on ask again.
    uploads = list(found.uploads.filter(state=ListUpload.State.APPLYING).values_list("pk"))
    params = {"site": str(found.site_id), "list": str(found.pk)}
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, params)
        touched = [profile_id for (profile_id,) in cursor.fetchall()]
    for done, batch in batches(touched):
        apply(found, batch, now=now)
        task.progress(done, len(touched), "profiles")
    found.uploads.filter(pk__in=[pk for (pk,) in uploads], state=ListUpload.State.APPLYING).update(
        state=ListUpload.State.APPLIED
    )
    _clear(found)
    logger.info("segments.list_applied", extra={"list": found.pk, "profiles": len(touched)})


def batches(ids: Sequence[UUID]) -> Iterator[tuple[int, Sequence[UUID]]]:
    """Yield (how many up to here, those to lock at once)."""
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        yield start + len(batch), batch


@transaction.atomic
def apply(found: SegmentList, profile_ids: Sequence[UUID], *, now: datetime) -> int:
    """Set or forget the trait of these profiles as the list's entries say; return how many changed.

    The ids are in the order of everyone who locks rows.
    """
    trait = f"list.{found.key}"
    rows = state.lock(profile_ids)
    array = state.uuid_array(profile_ids)
    params = {"site": str(found.site_id), "list": str(found.pk), "profiles": array}
    with connection.cursor() as cursor:
        cursor.execute(_WANTED, params)
        wanted: dict[UUID, Any] = {
            profile_id: True if lasts else clock.to_ms(expires_at)
            for profile_id, lasts, expires_at in cursor.fetchall()
        }
    living = [row for row in rows if row.merged_into is None]
    changed = [row for row in living if _put(row, trait, wanted.get(row.profile_id), now)]
    state.save(changed)
    profiles.write_traits([_observed(row, trait, now) for row in changed])
    with connection.cursor() as cursor:
        cursor.execute(_APPLIED, params)
        cursor.execute(_ORPHANED, params)
    if changed:
        profiles.look_at([row.profile_id for row in changed], now=now)
        states_changing.send(sender=None, rows=changed)
        transaction.on_commit(lambda: states_changed.send(sender=None, rows=changed))
    return len(changed)


def _put(row: StateRow, trait: str, value: int | bool | None, now: datetime) -> bool:
    """Set or forget the trait; return whether that changed anything."""
    before = row.traits.get(trait)
    if (before[0] if before is not None else None) == value and (
        before is None or type(before[0]) is type(value)
    ):
        return False
    # What was forgotten is remembered as such: a merge must not bring it back.
    now_ms = clock.to_ms(now)
    row.traits[trait] = (value, now_ms, SOURCE, now_ms, SOURCE)
    return True


def _observed(row: StateRow, trait: str, now: datetime) -> TraitWrite:
    return TraitWrite(
        profile_id=row.profile_id,
        key=trait,
        value=row.traits[trait][0],
        source=SOURCE,
        observed_at=now,
        received_at=now,
        consent_epoch=row.consent_epoch,
        message_id=SOURCE,
        is_newest=True,
    )


def _clear(found: SegmentList) -> None:
    """Forget entries that were taken off so long ago that nobody can undo it."""
    kept = found.uploads.exclude(state=ListUpload.State.UNDONE).order_by("-number")
    oldest = kept.values_list("number", flat=True)[UNDOABLE : UNDOABLE + 1]
    number = next(iter(oldest), 0)
    found.uploads.filter(number__lte=number, is_final=False).update(is_final=True)
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR, {"list": str(found.pk), "oldest": number})


def size_of(found: SegmentList) -> int:
    """Return how many entries count now. One query."""
    return ListMember.objects.filter(segment_list=found, removed_by=None).count()
