"""Stays and lists when a merge is undone: what was open before it goes on, as far as it is true."""

import base64

from django.db import connection

from apps.profiles.holders import JSON, Division
from apps.profiles.state import StateRow, uuid_array
from apps.segments import list_applying
from apps.segments.models import Membership, SegmentList, SegmentVersion
from apps.segments.stays import decode_stays, encode_stays

_ENTERED = """
INSERT INTO work_changefeed (site_id, at, kind, profile_id, payload)
SELECT s.site_id, %s, 'membership.entered', m.profile_id,
  jsonb_build_object('segment', s.key, 'number', s.number)
FROM segments_membership m JOIN segments_segment s ON s.id = m.segment_id
WHERE m.id = ANY(%s) AND NOT s.is_hidden ORDER BY s.number
"""


def keep(winner: StateRow, loser: StateRow) -> JSON:
    """The loser's stays: which rows, which of them are open, and what its state row says."""
    rows = Membership.objects.filter(profile_id=loser.profile_id).values_list("id", "left_at")
    return {
        "stays": [number for number, _ in rows],
        "open": [number for number, left_at in rows if left_at is None],
        "section": base64.b64encode(loser.memberships).decode(),
    }


def divide(division: Division) -> int:
    """Give the loser its stays back, and have the open ones go on until all segments are asked.

    A stay in a version that does not serve any more has ended with the merge. Entries of lists
    follow their identities: the lists concerned are applied again after the commit.
    """
    winner, loser, note = division.winner, division.loser, division.kept
    back = Membership.objects.filter(profile_id=winner.profile_id, pk__in=note["stays"])
    moved = back.update(profile_id=loser.profile_id)
    again = Membership.objects.filter(
        profile_id=loser.profile_id,
        pk__in=note["open"],
        version__state=SegmentVersion.State.LIVE,
        segment__is_archived=False,
    )
    reopened = {row.pk: row.segment.number for row in again.select_related("segment")}
    Membership.objects.filter(pk__in=reopened).update(left_at=None)
    with connection.cursor() as cursor:
        cursor.execute(_ENTERED, [division.now, list(reopened)])
    numbers = set(reopened.values())
    before = decode_stays(base64.b64decode(note["section"]))
    loser.memberships = encode_stays({n: stay for n, stay in before.items() if n in numbers})
    both = uuid_array([winner.profile_id, loser.profile_id])
    for found in SegmentList.objects.raw(_LISTS, [both]):
        list_applying.ask_to_apply(found, now=division.now)
    return moved


_LISTS = """
SELECT l.* FROM segments_segmentlist l WHERE EXISTS (
  SELECT FROM segments_listmember m
  WHERE m.segment_list_id = l.id AND m.profile_id = ANY(%s::uuid[]))
"""
