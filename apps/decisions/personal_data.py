"""What the decision log keeps about a profile: how it moves, is shown and is forgotten."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from apps.decisions import cap_counts, forgetting, hot_state, sealing
from apps.decisions.hot_forgetting import LAST_EPOCH, LAST_VERSION
from apps.decisions.hot_state import HotKey, Told
from apps.decisions.models import DecisionRecord
from apps.profiles import state
from apps.profiles.holders import JSON, Division, PersonalDataHolder
from apps.profiles.state import StateRow
from apps.work import clock

_PASS_ON = """
UPDATE decisions_decisionrecord r SET profile_id = %s, seal = n.seal
FROM unnest(%s::uuid[], %s::bytea[]) AS n(id, seal) WHERE r.id = n.id
"""


def _reassign(loser_id: UUID, winner_id: UUID) -> int:
    return _pass_on(DecisionRecord.objects.filter(profile_id=loser_id), loser_id, winner_id)


def _pass_on(records: QuerySet[DecisionRecord], before: UUID, after: UUID) -> int:
    """Give records to another profile. They keep what their visitor was bucketed by."""
    rows = list(records.values_list("pk", "site_id", "key_id", "seal"))
    if rows:
        seals = [
            sealing.passed_on(site_id, key_id, bytes(seal), before, after)
            for _, site_id, key_id, seal in rows
        ]
        with connection.cursor() as cursor:
            cursor.execute(_PASS_ON, [str(after), [str(pk) for pk, *_ in rows], seals])
    return len(rows)


def _export(profile_id: UUID) -> Iterator[JSON]:
    rows = DecisionRecord.objects.filter(profile_id=profile_id).order_by("at")
    for row in rows.iterator(chunk_size=1_000):
        yield {
            "requestId": row.request_id,
            "at": row.at.isoformat(),
            "snapshot": row.snapshot,
            "placements": row.placements,
            "facts": row.facts,
        }
    for state_row in state.read([profile_id]):
        for number, packed in cap_counts.decode(state_row.caps).items():
            for at_ms in cap_counts.shown_ms(packed):
                yield {"cap": number, "shownAt": clock.from_ms(at_ms).isoformat()}


def _erase(profile_id: UUID) -> int:
    """Forget the records' person and the hot state; inside the transaction of the erasure."""
    # A mark above every version: readers go to the record, no late writer passes it, it expires.
    rows = state.read([profile_id])
    hot_state.mark([HotKey(row.site_id, profile_id, LAST_EPOCH, LAST_VERSION) for row in rows])
    transaction.on_commit(lambda: hot_state.forget_showings([profile_id.bytes]))
    # Open pages of theirs show everybody's content again.
    transaction.on_commit(lambda: hot_state.tell(Told([profile_id])))
    return forgetting.forget(profile_id)


def _keep(winner: StateRow, loser: StateRow) -> JSON:
    """The records of the loser: nothing in a record says later whose it was. So for showings."""
    rows = DecisionRecord.objects.filter(profile_id=loser.profile_id).values_list("pk", flat=True)
    return {
        "records": [pk.hex for pk in rows],
        "winner_caps": b64encode(winner.caps).decode(),
        "loser_caps": b64encode(loser.caps).decode(),
    }


def _divide(division: Division) -> int:
    """Give back what was the loser's before the merge; records made for both together stay.

    What was shown since counts for both: to whom it was is not known, and a cap must hold.
    """
    kept = division.kept or {}
    if isinstance(kept, list):
        kept = {"records": kept}  # a merge of before showings were counted
    winners, losers = (b64decode(kept.get(name, "")) for name in ("winner_caps", "loser_caps"))
    winner, loser = division.winner, division.loser
    since = cap_counts.without(cap_counts.without(winner.caps, losers), winners)
    loser.caps = cap_counts.merged(losers, since)
    winner.caps = cap_counts.without(winner.caps, cap_counts.without(losers, winners))
    rows = DecisionRecord.objects.filter(pk__in=kept.get("records", []))
    own = rows.filter(profile_id=division.winner.profile_id)
    return _pass_on(own, division.winner.profile_id, division.loser.profile_id)


HOLDER = PersonalDataHolder(
    name="decisions",
    tables=("decisions_decisionrecord",),
    reassign=_reassign,
    export=_export,
    erase=_erase,
    divide=_divide,
    keep=_keep,
)
