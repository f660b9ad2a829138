"""What models say of people, written where conditions read it: set by set, under the row locks.

A score is told where it says something new: another by 0.005 at least, on the other side of a
number that something live compares it with, or half as old as something live lets it become. Who
falls on the other side is looked at by the consumer; nobody else's segments can have changed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from django.db import connection, transaction

from apps.consent.declared import problem_of, purpose_of
from apps.consent.gates import sql_stands, stands
from apps.consent.regimes import STRICT_UNKNOWN
from apps.consent.vouching import vouched_sites
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.predictions.types import UNREAD, InForce, in_force
from apps.profiles import services as profiles
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow, TraitEntry, changed_ms, uuid_array
from apps.work import clock

LOCKED: Final = 2_000  # people under lock at once
# Copies of so few are replaced at once; of more they are marked, and made anew when asked for.
FOLLOWED: Final = 500
TOLD_FROM: Final = 0.005  # a smaller step of a number is not worth a write
SOURCE: Final = "model"  # what conditions name as the source of such a trait

Said: TypeAlias = float | str | None
Outputs: TypeAlias = Mapping[str, Mapping[UUID, Said]]

# {entries}: what each trait of the model says now. Who may be scored is asked of the locked row,
# both for a site that vouches and for one that does not: which it is, is read under the locks.
_LOCK = """
SELECT s.profile_id, s.consent_epoch, s.version, s.merged_into IS NULL AND {vouched},
  s.merged_into IS NULL AND {asked}, {entries}
FROM profiles_profilestate s WHERE s.profile_id = ANY(%(ids)s::uuid[]) AND s.site_id = %(site)s
ORDER BY s.profile_id FOR UPDATE
"""
_STATES = """
UPDATE profiles_profilestate s SET version = s.version + 1,
  traits = (s.traits - r.gone::text[]) || r.told::jsonb
FROM unnest(%(ids)s::uuid[], %(gone)s::text[], %(told)s::text[]) AS r(profile_id, gone, told)
WHERE s.profile_id = r.profile_id
"""
_SCORES = """
INSERT INTO predictions_score (profile_id, spec_id, version_id, output, value, label, as_of)
SELECT r.profile_id, %(spec)s, %(version)s, %(output)s, r.value, coalesce(r.label, ''), %(now)s
FROM unnest(%(ids)s::uuid[], %(values)s::float8[], %(labels)s::text[])
  AS r(profile_id, value, label)
ON CONFLICT (profile_id, spec_id, output) DO UPDATE SET version_id = excluded.version_id,
  value = excluded.value, label = excluded.label, as_of = excluded.as_of
"""
_FORGET = """
DELETE FROM predictions_score
WHERE spec_id = %(spec)s AND output = %(output)s AND profile_id = ANY(%(ids)s::uuid[])
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def write(spec: ModelSpec, version: ModelVersion | None, outputs: Outputs, now: datetime) -> int:
    """Write what a version says of people as traits and scores; return of how many people.

    Whether they allow it is asked anew, under their locks: who has refused since the features were
    read gets nothing, and loses what was said before.

    Args:
        version: may be None only where everything is taken back.
        outputs: by output ("" is the trait `score.<key>`, another `score.<key>.<output>`) and
            profile: a number, a label, or None, which takes it back. What is no finite number is
            not known, and taken back too.
    """
    everybody = {profile_id for said in outputs.values() for profile_id in said}
    ids = sorted(everybody, key=attrgetter("int"))  # as Postgres orders them
    writer = _Writer(spec, version, outputs, now, follows=len(ids) <= FOLLOWED)
    for start in range(0, len(ids), LOCKED):
        with transaction.atomic():
            writer.write(ids[start : start + LOCKED])
    return len(ids)


def take_back(spec: ModelSpec, profile_ids: Sequence[UUID], now: datetime) -> None:
    """Take back everything that a model has said of these people."""
    rows = Score.objects.filter(spec=spec, profile_id__in=profile_ids)
    outputs: dict[str, dict[UUID, Said]] = {"": dict.fromkeys(profile_ids)}
    for profile_id, output in rows.values_list("profile_id", "output"):
        outputs.setdefault(output, {})[profile_id] = None
    write(spec, None, outputs, now)


class _Told(NamedTuple):
    """What becomes of one trait of one person: `entry` None takes it away."""

    trait: str
    entry: TraitEntry | None
    is_crossing: bool


class _Kept:
    """The rows of one output's scores, column by column."""

    def __init__(self) -> None:
        self.ids: list[UUID] = []
        self.values: list[float | None] = []
        self.labels: list[str | None] = []
        self.gone: list[UUID] = []

    def add(self, profile_id: UUID, said: Said) -> None:
        if said is None:
            self.gone.append(profile_id)
            return
        is_label = isinstance(said, str)
        self.ids.append(profile_id)
        self.values.append(None if is_label else said)  # type: ignore[arg-type]  # a number then
        self.labels.append(said if is_label else None)  # type: ignore[arg-type]  # a text then


class _Writer:
    """Writes one batch after the other, each under its own locks."""

    def __init__(
        self,
        spec: ModelSpec,
        version: ModelVersion | None,
        outputs: Outputs,
        now: datetime,
        *,
        follows: bool,
    ) -> None:
        self._spec, self._version, self._outputs = spec, version, outputs
        self._now, self._now_ms = now, clock.to_ms(now)
        self._follows = follows
        self._traits = {output: trait_of(spec, output) for output in outputs}
        self._lock = _LOCK.format(
            vouched=willing(spec, "true"),
            asked=willing(spec, "false"),
            entries=", ".join(f"(s.traits -> %(t{n})s)::text" for n in range(len(outputs))),
        )

    def write(self, ids: Sequence[UUID]) -> None:
        """Write what is said of these people. In a transaction of the caller's."""
        rows = self._locked(ids)
        # All asked under the locks: a choice or a publication of meanwhile is seen.
        place = 3 if vouched_sites([self._spec.site_id]) else 4
        read = in_force(self._spec.site_id)
        kept = {output: _Kept() for output in self._outputs}
        states = _States(self._spec.site_id)
        for row in rows:
            told: list[_Told] = []
            for (output, said), text in zip(self._outputs.items(), row[5:], strict=True):
                if row[0] not in said:
                    continue
                value = _known(said[row[0]]) if row[place] else None
                trait = self._traits[output]
                before = None if text is None else tuple(_decode(text))
                found = self._told(trait, before, value, read.get(trait, UNREAD))
                if found is not None:
                    told.append(found)
                elif before is not None:
                    value = before[0]  # the table says what conditions read
                kept[output].add(row[0], value)
            if told:
                states.add(row, told)
        self._unknown(ids, rows, kept)
        self._keep(kept)
        self._save(states)

    def _locked(self, ids: Sequence[UUID]) -> list[tuple[Any, ...]]:
        parameters = {f"t{n}": trait for n, trait in enumerate(self._traits.values())}
        with connection.cursor() as cursor:
            cursor.execute(
                self._lock,
                {
                    "ids": uuid_array(ids),
                    "site": str(self._spec.site_id),
                    "now": self._now,
                    **parameters,
                },
            )
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _told(
        self, trait: str, before: TraitEntry | None, value: Said, read: InForce
    ) -> _Told | None:
        """What becomes of a trait; None where it stays as it is."""
        if value is None:
            return None if before is None else _Told(trait, None, read != UNREAD)
        since_ms, is_crossing = self._now_ms, read != UNREAD
        if before is not None:
            age_ms = self._now_ms - before[1]
            is_old = bool(read.max_age_ms) and age_ms * 2 >= read.max_age_ms
            is_crossing = _crosses(before[0], value, read)
            if not (is_old or is_crossing or _differs(before[0], value)):
                return None
            # What was foretold of it holds longer now, or again.
            is_crossing = is_crossing or is_old
            if before[0] == value:
                since_ms = changed_ms(before) or before[1]
        return _Told(trait, (value, self._now_ms, "", since_ms, SOURCE, None), is_crossing)

    def _unknown(
        self, ids: Sequence[UUID], rows: Sequence[tuple[Any, ...]], kept: Mapping[str, _Kept]
    ) -> None:
        """Whose state row is gone has no score either."""
        missing = set(ids) - {row[0] for row in rows}
        for output, said in self._outputs.items():
            kept[output].gone += [profile_id for profile_id in missing if profile_id in said]

    def _keep(self, kept: Mapping[str, _Kept]) -> None:
        asked: dict[str, Any] = {"spec": str(self._spec.pk), "now": self._now}
        with connection.cursor() as cursor:
            for output, columns in kept.items():
                own = asked | {"output": output}
                if columns.ids:
                    assert self._version is not None, "somebody has to have said it"
                    own |= {
                        "version": str(self._version.pk),
                        "ids": uuid_array(columns.ids),
                        "values": columns.values,
                        "labels": columns.labels,
                    }
                    cursor.execute(_SCORES, own)
                if columns.gone:
                    cursor.execute(_FORGET, own | {"ids": uuid_array(columns.gone)})

    def _save(self, states: "_States") -> None:
        if not states.rows:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                _STATES,
                {"ids": uuid_array(states.ids), "gone": states.gone, "told": states.told},
            )
        if states.crossing:
            profiles.look_at(states.crossing, now=self._now)
        rows = states.rows
        states_changing.send(sender=None, rows=rows)
        if self._follows:
            transaction.on_commit(lambda: states_changed.send(sender=None, rows=rows))


class _States:
    """The state rows that become others, column by column."""

    def __init__(self, site_id: UUID) -> None:
        self._site_id = site_id
        self.ids: list[UUID] = []
        self.gone: list[str] = []
        self.told: list[str] = []
        self.crossing: list[UUID] = []
        # Of each only what whoever marks its copies reads: whose it is, and which it becomes.
        self.rows: list[StateRow] = []

    def add(self, row: Sequence[Any], told: Sequence[_Told]) -> None:
        profile_id, epoch, version, *_ = row
        self.ids.append(profile_id)
        gone = [one.trait for one in told if one.entry is None]
        self.gone.append("{" + ",".join(map(_quoted, gone)) + "}")
        self.told.append(
            _encode({one.trait: one.entry for one in told if one.entry is not None}).decode()
        )
        if any(one.is_crossing for one in told):
            self.crossing.append(profile_id)
        self.rows.append(
            StateRow(profile_id, self._site_id, "", [], version=version + 1, consent_epoch=epoch)
        )


def trait_of(spec: ModelSpec, output: str = "") -> str:
    """Return the trait that one output of a model is read as."""
    return f"{spec.trait}.{output}" if output else spec.trait


def willing(spec: ModelSpec, vouched: str) -> str:
    """Return the condition of SQL that what a model is for stands for a state row `s`, at %(now)s.

    Args:
        vouched: a condition: silence is a yes.
    """
    if problem_of(spec.purpose) is not None:
        return "false"
    return sql_stands("s", purpose_of(spec.purpose), vouched=vouched, now="%(now)s::timestamptz")


def is_willing(spec: ModelSpec, row: StateRow, now: datetime) -> bool:
    """Whether what a model is for stands for somebody. One statement."""
    return problem_of(spec.purpose) is None and stands(
        row,
        purpose_of(spec.purpose),
        is_vouched=bool(vouched_sites([row.site_id])),
        regime=STRICT_UNKNOWN,
        now_ms=clock.to_ms(now),
    )


def _quoted(text: str) -> str:
    """A text as an element of an array of Postgres: only its quotes and backslashes are special."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _known(said: Said) -> Said:
    return None if isinstance(said, float) and not isfinite(said) else said


def _differs(before: object, value: float | str) -> bool:
    """Whether a value says something that the one before did not."""
    if isinstance(value, str) or isinstance(before, bool) or not isinstance(before, int | float):
        return before != value
    return abs(before - value) >= TOLD_FROM


def _crosses(before: object, value: float | str, read: InForce) -> bool:
    """Whether what is live may answer otherwise than before."""
    if before == value or read == UNREAD:
        return False
    if read.is_any or isinstance(value, str) or not isinstance(before, int | float):
        return True
    return any(
        (before > edge, before >= edge) != (value > edge, value >= edge) for edge in read.thresholds
    )
