"""Who is held out, and who is not: taken from what was decided, not from who was shown something.

A visitor who is held out may be shown nothing at all, so exposures would compare those who came
with those who were shown. Both sides are here: everybody for whom something was decided.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.experiments.asked import Asked, asked
from apps.experiments.models import Holdout, HoldoutMember, HoldoutTurn, WorthAsked
from engine.allocation import position_of
from engine.snapshot import HoldoutDoc

HELD_OUT: Final = 0
PERSONALIZED: Final = 1
LATE: Final = timedelta(minutes=15)  # records are written so long after what they tell of, at most
FIRST: Final = timedelta(days=28)  # how far back the log is read the first time
SPAN: Final = timedelta(hours=6)  # of the log at once, so that memory stays bounded


def note_holdouts(*, site_id: UUID, publication: int, docs: Sequence[HoldoutDoc]) -> None:
    """Note how holdouts are served from a publication on, in its transaction. Two queries."""
    rows = {one.key: one for one in Holdout.objects.filter(site_id=site_id)}
    if not rows:
        return
    newest = _newest(rows.values())
    served = {doc.key: doc for doc in docs}
    found = []
    for key, row in rows.items():
        doc, last = served.get(key), newest.get(row.pk)
        now = ("", 0.0, []) if doc is None else (doc.seed, doc.share, sorted(doc.placements))
        before = ("", 0.0, []) if last is None else (last.seed, last.share, last.placements)
        if now != before:
            found.append(
                HoldoutTurn(
                    holdout=row, publication=publication, seed=now[0], share=now[1],
                    placements=now[2],
                )
            )  # fmt: skip
    HoldoutTurn.objects.bulk_create(found)


def _newest(rows: Iterable[Holdout]) -> dict[UUID, HoldoutTurn]:
    turns = HoldoutTurn.objects.filter(holdout__in=list(rows))
    return {
        one.holdout_id: one for one in turns.order_by("holdout", "-publication").distinct("holdout")
    }


def collect(site_id: UUID, *, now: datetime) -> int:
    """Take up for whom something was decided since the last time; return how many are new.

    Doing it again changes nothing.
    """
    turns = list(HoldoutTurn.objects.filter(holdout__site_id=site_id).order_by("publication"))
    state, _ = WorthAsked.objects.get_or_create(site_id=site_id)
    if not turns:
        return 0
    since = max(now - FIRST, (state.asked_upto or now - FIRST) - LATE)
    count = 0
    while since < now:
        until = min(since + SPAN, now)
        count += _take(turns, asked(site_id, since, until))
        WorthAsked.objects.filter(pk=site_id).update(asked_upto=until)
        since = until
    return count


@transaction.atomic
def _take(turns: Sequence[HoldoutTurn], rows: Sequence[Asked]) -> int:
    found: dict[tuple[str, UUID], HoldoutMember] = {}
    for row in rows:
        for turn in _served(turns, row.publication):
            held, decided = _about(turn, row.held), _about(turn, row.decided)
            if not held and not decided:
                continue
            arm = _side(row.unit_id, turn)
            # Answers that contradict the side: it was bucketed by something else then.
            is_mixed = bool(decided) if arm == HELD_OUT else bool(held) and _is_alone(turns, turn)
            known = found.get((turn.seed, row.profile_id))
            if known is None:
                found[turn.seed, row.profile_id] = HoldoutMember(
                    turn=turn, seed=turn.seed, profile_id=row.profile_id, arm=arm,
                    first_at=row.first_at, day=row.first_at.astimezone(UTC).date(),
                    is_mixed=is_mixed, segments=list(row.segments),
                )  # fmt: skip
            else:
                known.is_mixed = known.is_mixed or is_mixed or known.arm != arm
    return _keep(found)


def _keep(found: dict[tuple[str, UUID], HoldoutMember]) -> int:
    known = {
        (one.seed, one.profile_id): one
        for one in HoldoutMember.objects.filter(
            seed__in={seed for seed, _ in found}, profile_id__in={who for _, who in found}
        )
    }
    mixed = [
        own.pk
        for key, own in known.items()
        if key in found and (found[key].is_mixed or found[key].arm != own.arm)
    ]
    HoldoutMember.objects.filter(pk__in=mixed, is_mixed=False).update(is_mixed=True)
    fresh = [one for key, one in found.items() if key not in known]
    HoldoutMember.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=2_000)
    return len(fresh)


def _served(turns: Sequence[HoldoutTurn], publication: int) -> list[HoldoutTurn]:
    """The turn of each holdout that a publication served. `turns` are in order of publications."""
    newest = {one.holdout_id: one for one in turns if one.publication <= publication}
    return [one for one in newest.values() if one.share > 0]


def _about(turn: HoldoutTurn, placements: Sequence[str]) -> list[str]:
    return [key for key in placements if not turn.placements or key in turn.placements]


def _side(unit_id: str, turn: HoldoutTurn) -> int:
    return HELD_OUT if position_of(unit_id, seed=turn.seed) < turn.share else PERSONALIZED


def _is_alone(turns: Sequence[HoldoutTurn], turn: HoldoutTurn) -> bool:
    """Whether a visitor is held out by this holdout, or by none."""
    return all(one.holdout_id == turn.holdout_id for one in turns)
