"""State rows in SQL: locked in id order, written back in one statement each way."""

import base64
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from django.db import connection

from apps.work import clock, numbers
from apps.work.prepared import Prepared
from engine.facts import TraitMeta

MAX_IDENTITIES = 20
SCORE_PREFIX = "score."
MAX_TRAIT_NAME = 120  # characters
# A sender who makes up names must not make a row that every event of theirs writes again.
MAX_TRAITS = 1_000
# Of a word in the column `inside`: segment n is bit n % 62 of word n / 62. None is the sign.
WORD_BITS = 62
_WORD = (1 << WORD_BITS) - 1
# value, observed at in ms, message id; then, as far as known: since when it has had this value in
# ms, where it came from, how sure that was. Rows from before these were kept have the first three.
TraitEntry: TypeAlias = tuple[Any, ...]


class StateRow(msgspec.Struct):
    """One profile's state as read under its row lock. `version` is raised by `save`.

    `stored_history` and `stored_memberships` are what the row in the database holds; None: not
    known. These sections are written only when they are others.
    """

    profile_id: UUID
    site_id: UUID
    unit_id: str
    identities: list[str]
    version: int = 0
    consent_epoch: int = 0
    granted: int = 0
    denied: int = 0
    history: bytes = b""
    memberships: bytes = b""
    caps: bytes = b""
    traits: dict[str, TraitEntry] = {}
    event_count: int = 0
    first_seen_ms: int | None = None
    last_seen_ms: int | None = None
    last_message_id: str = ""
    merged_into: UUID | None = None
    consents: bytes = b""
    consent_until_ms: int = 0
    holds: int = 0
    residence: str = ""
    is_new: bool = False
    stored_history: bytes | None = None
    stored_memberships: bytes | None = None

    def trait_values(self) -> dict[str, Any]:
        """The traits as conditions and templates see them: key to value, nulls left out."""
        return {key: entry[0] for key, entry in self.traits.items() if entry[0] is not None}

    def add_identity(self, kind: str, value: str) -> None:
        """Note an identity as the newest of this profile."""
        name = f"{kind}:{value}"
        if name in self.identities:
            return
        self.identities = newest_identities([*self.identities, name])

    def drop_identity(self, kind: str, value: str) -> None:
        """Forget an identity that leads to somebody else now."""
        gone = f"{kind}:{value}"
        self.identities = [name for name in self.identities if name != gone]


def is_newer(entry: TraitEntry, known: TraitEntry | None) -> bool:
    """Whether an observation stands over another: by when it was made, then by its message."""
    return known is None or tuple(entry[1:3]) > tuple(known[1:3])


def changed_ms(entry: TraitEntry) -> int | None:
    """Since when the trait has had its present value, in ms; None: not known."""
    return entry[3] if len(entry) > 3 else None


def meta_of(entry: TraitEntry) -> TraitMeta:
    """When and by whom a trait was observed, as conditions ask."""
    return TraitMeta(entry[1], *entry[3:6])


def scored_ms(traits: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """When models said what they say, by trait: conditions ask how old that is."""
    return {key: entry[1] for key, entry in traits.items() if key.startswith(SCORE_PREFIX)}


def told_meta(traits: Mapping[str, Sequence[Any]], wanted: Collection[str]) -> dict[str, TraitMeta]:
    """When and by whom the wanted ones among the traits were observed."""
    return {key: meta_of(tuple(traits[key])) for key in wanted if key in traits}


def same_value(one: object, other: object) -> bool:
    """Equal as JSON: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[k], other[k]) for k in one)
    return one == other


def newest_identities(names: list[str]) -> list[str]:
    """Return the newest of a list of "kind:value"; logins stay, whatever their age."""
    surplus = len(names) - MAX_IDENTITIES
    if surplus <= 0:
        return names
    old = [n for n in names if not n.startswith("user_id:")][:surplus]
    return [name for name in names if name not in old]


_COLUMNS = (
    "profile_id, site_id, unit_id, identities, version, consent_epoch, granted, denied, history,"
    " memberships, caps, traits, event_count, first_seen_at, last_seen_at, last_message_id,"
    " merged_into, consents, consent_until, holds, residence"
)
_SELECT = f"SELECT {_COLUMNS} FROM profiles_profilestate WHERE profile_id = ANY(%s::uuid[])"
_READ = Prepared("attune_states", _SELECT, ("uuid[]",))
_LOCK = Prepared("attune_lock", _SELECT + " ORDER BY profile_id FOR UPDATE", ("uuid[]",))
_LOCK_FREE = Prepared(
    "attune_lock_free", _SELECT + " ORDER BY profile_id FOR UPDATE SKIP LOCKED", ("uuid[]",)
)

_RECORD = """
jsonb_to_recordset(%s::jsonb) AS r(profile_id uuid, site_id uuid, unit_id text, identities jsonb,
  version bigint, consent_epoch int, granted int2, denied int2, history text, memberships text,
  inside bigint[], caps text, traits jsonb, event_count bigint, first_seen_at timestamptz,
  last_seen_at timestamptz, last_message_id text, merged_into uuid, consents text,
  consent_until timestamptz, holds int2, residence text)
"""
_UPDATE = Prepared(
    "attune_save",
    f"""
UPDATE profiles_profilestate AS s SET identities = r.identities, version = r.version,
  consent_epoch = r.consent_epoch, granted = r.granted, denied = r.denied,
  history = coalesce(decode(r.history, 'base64'), s.history),
  memberships = coalesce(decode(r.memberships, 'base64'), s.memberships),
  inside = coalesce(r.inside, s.inside), caps = decode(r.caps, 'base64'), traits = r.traits,
  event_count = r.event_count, first_seen_at = r.first_seen_at, last_seen_at = r.last_seen_at,
  last_message_id = r.last_message_id, merged_into = r.merged_into,
  consents = decode(r.consents, 'base64'), consent_until = r.consent_until, holds = r.holds,
  residence = r.residence
FROM {_RECORD} WHERE s.profile_id = r.profile_id
""",
    ("jsonb",),
)
_INSERT = f"""
INSERT INTO profiles_profilestate ({_COLUMNS}, inside)
SELECT profile_id, site_id, unit_id, identities, version, consent_epoch, granted, denied,
  decode(history, 'base64'), decode(memberships, 'base64'), decode(caps, 'base64'), traits,
  event_count, first_seen_at, last_seen_at, last_message_id, merged_into,
  decode(consents, 'base64'), consent_until, holds, residence, inside
FROM {_RECORD} ORDER BY profile_id
"""


_decode_names = msgspec.json.Decoder(list[str]).decode


def uuid_array(ids: Collection[UUID]) -> str:
    """Return a Postgres array literal: adapting a Python list costs far more."""
    return "{" + ",".join(map(str, ids)) + "}"


def read(profile_ids: Collection[UUID]) -> list[StateRow]:
    """Read state rows without a lock. One statement on the primary key."""
    return _fetch(_READ, profile_ids)


def lock(profile_ids: Collection[UUID], *, skip_locked: bool = False) -> list[StateRow]:
    """Lock state rows in id order, as every writer does, and return them. One statement.

    Args:
        profile_ids: whose rows.
        skip_locked: leave out the rows that another transaction holds instead of waiting.
    """
    return _fetch(_LOCK_FREE if skip_locked else _LOCK, profile_ids)


def _fetch(statement: Prepared, profile_ids: Collection[UUID]) -> list[StateRow]:
    if not profile_ids:
        return []
    return [_row(columns) for columns in statement.fetch([uuid_array(profile_ids)])]


def _row(columns: Sequence[Any]) -> StateRow:
    (profile_id, site_id, unit_id, identities, version, epoch, granted, denied, *rest) = columns
    history, memberships, caps, traits, count, first_seen, last_seen, message_id, *rest = rest
    merged_into, consents, consent_until, holds, residence = rest
    stored, stays = bytes(history), bytes(memberships)
    return StateRow(
        profile_id=profile_id,
        site_id=site_id,
        unit_id=unit_id,
        identities=_decode_names(identities),
        version=version,
        consent_epoch=epoch,
        granted=granted,
        denied=denied,
        history=stored,
        stored_history=stored,
        memberships=stays,
        stored_memberships=stays,
        caps=bytes(caps),
        traits={key: tuple(entry) for key, entry in numbers.loads(traits).items()},
        event_count=count,
        first_seen_ms=None if first_seen is None else clock.to_ms(first_seen),
        last_seen_ms=None if last_seen is None else clock.to_ms(last_seen),
        last_message_id=message_id,
        merged_into=merged_into,
        consents=bytes(consents),
        consent_until_ms=0 if consent_until is None else clock.to_ms(consent_until),
        holds=holds,
        residence=residence,
    )


def save(rows: Collection[StateRow]) -> None:
    """Write rows back, each with a version one higher, or insert them. At most two statements.

    The caller holds the locks of the rows that exist.
    """
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for row in rows:
        row.version += 1
        (fresh if row.is_new else changed).append(_document(row))
        row.is_new = False
        row.stored_history = row.stored_memberships = None
    if fresh:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [msgspec.json.encode(fresh).decode()])
    if changed:
        _UPDATE.fetch([msgspec.json.encode(changed).decode()])


ReadInside: TypeAlias = Callable[[bytes], Iterable[int]]
_read_inside: list[ReadInside] = []


def read_inside_with(read: ReadInside) -> None:
    """Have the column `inside` derived from the memberships section, whoever writes that.

    Args:
        read: returns the numbers of the segments that a section says the person is in. It belongs
            to the app that owns the section.
    """
    _read_inside[:] = [read]


def words_of(segments: Iterable[int]) -> list[int]:
    """Segment numbers as the bits of words; the last word is not 0."""
    bits = 0
    for number in segments:
        bits |= 1 << number
    words: list[int] = []
    while bits:
        words.append(bits & _WORD)
        bits >>= WORD_BITS
    return words


_UPDATE_STAYS = Prepared(
    "attune_save_stays",
    """
UPDATE profiles_profilestate AS s SET version = s.version + 1,
  memberships = decode(r.memberships, 'base64'), inside = r.inside::bigint[]
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS r(profile_id, memberships, inside)
WHERE s.profile_id = r.profile_id
""",
    ("uuid[]", "text[]", "text[]"),
)


def save_stays(rows: Collection[StateRow]) -> None:
    """Write back, of rows that exist, only `memberships`, each with a version one higher.

    One statement, for far less than `save` costs. The caller holds the locks.
    """
    if not rows:
        return
    (read_inside,) = _read_inside
    stays: list[str] = []
    inside: list[str] = []
    for row in rows:
        row.version += 1
        row.stored_memberships = row.memberships
        stays.append(f'"{base64.b64encode(row.memberships).decode()}"')
        inside.append(f'"{{{",".join(map(str, words_of(read_inside(row.memberships))))}}}"')
    ids = uuid_array([row.profile_id for row in rows])
    _UPDATE_STAYS.fetch([ids, "{" + ",".join(stays) + "}", "{" + ",".join(inside) + "}"])


def _document(row: StateRow) -> dict[str, Any]:
    is_same = row.memberships == row.stored_memberships and not row.is_new
    (read_inside,) = _read_inside
    return {
        "profile_id": row.profile_id,
        "site_id": row.site_id,
        "unit_id": row.unit_id,
        "identities": row.identities,
        "version": row.version,
        "consent_epoch": row.consent_epoch,
        "granted": row.granted,
        "denied": row.denied,
        "history": (
            None
            if row.history == row.stored_history and not row.is_new
            else base64.b64encode(row.history).decode()
        ),
        "memberships": None if is_same else base64.b64encode(row.memberships).decode(),
        "inside": None if is_same else words_of(read_inside(row.memberships)),
        "caps": base64.b64encode(row.caps).decode(),
        "traits": row.traits,
        "event_count": row.event_count,
        "first_seen_at": _instant(row.first_seen_ms),
        "last_seen_at": _instant(row.last_seen_ms),
        "last_message_id": row.last_message_id,
        "merged_into": row.merged_into,
        "consents": base64.b64encode(row.consents).decode(),
        "consent_until": _instant(row.consent_until_ms or None),
        "holds": row.holds,
        "residence": row.residence,
    }


def _instant(ms: int | None) -> str | None:
    return None if ms is None else clock.from_ms(ms).isoformat()
