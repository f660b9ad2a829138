"""Who was erased does not come back by an old event: every way in asks here first.

An erasure leaves a tombstone for each identity: a keyed digest that nobody can turn back. Of an
identity with one, what happened before the erasure is dropped for ever, and what comes later until
the person is back of their own will: by a fresh choice, or, where the law lets people opt out, by
a sign-in that the site's server signed after the erasure. Then they are somebody new.

An identity that several people used, such as a shared device, is barred for the erased one's times
only; events of those times that name another user are that user's.

No statement is added where nobody was erased: intake asks together with the choices, in
`apps.consent.selectors.choices_of`, and the fold asks once a batch.
"""

import hmac
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection, transaction

from apps.consent.types import Choice
from apps.profiles.holders import Subject
from apps.profiles.identities import Name
from apps.work.clock import to_ms
from apps.work.prepared import Prepared
from apps.work.writers import LONGEST_S, wait_for_older

Identity = tuple[str, str]  # kind, value
Spans = Sequence[tuple[int, int]]  # (from ms, before ms), barred
How = Literal["consent", "signed"]

KEPT_DAYS: Final = 395
ALWAYS_MS: Final = 2**62
_DEVICE: Final = "anonymous_id"

_encode = msgspec.json.Encoder().encode

_INSERT = """
INSERT INTO consent_tombstone
    (site_id, digest, erased_at, since_ms, until_ms, opened_by, expires_at)
SELECT %s, w.digest, %s, w.since_ms, w.until_ms, '', %s
FROM jsonb_to_recordset(%s::jsonb) AS w(digest uuid, since_ms bigint, until_ms bigint)
ORDER BY w.digest
ON CONFLICT DO NOTHING
"""
# Whether a site has any, always by the index: where another one has a hundred thousand, the planner
# would take the first rows it meets to be this one's, and read all of them to find out.
HAS_ANY: Final = (
    "(SELECT t.site_id FROM consent_tombstone t WHERE t.site_id >= {0}"
    " ORDER BY t.site_id LIMIT 1) = {0}"
)
# The last row of a site says whether it has any: most have none, and need no digests made.
_SPANS = Prepared(
    "attune_tombstones",
    f"""
SELECT t.site_id, t.digest, coalesce(t.since_ms, -{ALWAYS_MS}), coalesce(t.until_ms, {ALWAYS_MS})
FROM unnest(%s::uuid[], %s::uuid[]) AS w(site_id, digest), LATERAL (
    SELECT * FROM consent_tombstone t WHERE t.digest = w.digest AND t.site_id = w.site_id OFFSET 0
) t  -- one by one along the index, however many are asked about
UNION ALL
SELECT s, NULL, 0, 0 FROM unnest(%s::uuid[]) AS s WHERE {HAS_ANY.format("s")}
""",  # nosec B608
    ("uuid[]", "uuid[]", "uuid[]"),
)
_OPEN = """
UPDATE consent_tombstone SET until_ms = %s, opened_at = %s, opened_by = %s
WHERE site_id = %s AND digest = ANY(%s::uuid[]) AND until_ms IS NULL
  AND erased_at <= %s AND erased_at <= %s
"""
_FORGET = """
DELETE FROM consent_tombstone t USING access_site s
WHERE s.id = t.site_id AND t.expires_at < %s
  AND t.erased_at < %s - s.retention_days * interval '1 day'
"""

# Sites that had tombstones when they were last asked about. A hint: every statement asks again.
_sites: set[UUID] = set()
_lock = threading.Lock()


class Choices(dict[Identity, Choice]):
    """What is recorded, by identity.

    Attributes:
        barred: by identity, the times of which nothing is taken, because the person was erased.
    """

    def __init__(self) -> None:
        super().__init__()
        self.barred: dict[Identity, list[tuple[int, int]]] = {}


def digests_of(site_id: UUID, kind: str, value: str) -> list[UUID]:
    """Return the digests that an identity may have: under today's key first, then under retired."""
    return [UUID(digest) for digest in hexes_of(site_id.hex, kind, value)]


def hexes_of(site_hex: str, kind: str, value: str) -> list[str]:
    """Return the same as text, for a third of the time."""
    said = f"{site_hex}:{kind}:{value}".encode("utf-8", "surrogatepass")
    return [
        hmac.digest(key.encode(), said, "sha256")[:16].hex()
        for key in (settings.TOMBSTONE_KEY, *settings.TOMBSTONE_KEYS_RETIRED)
    ]


def write(
    subject: Subject,
    *,
    erased_at: datetime,
    intervals: Mapping[Identity, Spans] | None = None,
    now: datetime,
) -> int:
    """Bar the identities of an erased person; return how many tombstones are new. Repeatable.

    To be committed before anything is deleted; then `wait_until_seen`.

    Args:
        subject: `names` are barred altogether.
        erased_at: of the erasure, the same each time.
        intervals: identities that others use too, with the person's times: (from, before) in ms.
    """
    rows: list[dict[str, object]] = [
        {"digest": digests_of(subject.site_id, *name)[0], "since_ms": None, "until_ms": None}
        for name in subject.names
    ]
    for name, spans in (intervals or {}).items():
        digest = digests_of(subject.site_id, *name)[0]
        rows += [{"digest": digest, "since_ms": a, "until_ms": b} for a, b in spans]
    if not rows:
        return 0
    site_id, expires_at = str(subject.site_id), erased_at + timedelta(days=KEPT_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [site_id, erased_at, expires_at, _encode(rows).decode()])
        return int(cursor.rowcount)


def wait_until_seen(longest_s: float = LONGEST_S) -> bool:
    """Wait until whoever may not have seen the tombstones that were just committed has finished.

    What such a writer made of the person's identities, it has committed then: look for them once
    more. Not to be called inside a transaction. False: some are still writing after so long.
    """
    with connection.cursor() as cursor:
        # Not the number of the transaction that wrote them: a fold that began between that one's
        # beginning and its end has a later number, and has seen nothing of it.
        cursor.execute("SELECT pg_current_xact_id()::text")
        own = int(cursor.fetchone()[0])
    return wait_for_older(own, longest_s)


def barred(names: Collection[Name]) -> Mapping[Name, Spans]:
    """Return the barred times of those identities that have any. One statement, of no site two.

    In a transaction it sees what was committed until now.
    """
    if not names:
        return {}
    sites = {site_id for site_id, _, _ in names}
    found, has_missed = _ask(names, sites)
    if has_missed:  # the first tombstones of a site, as far as this process knew
        found, _ = _ask(names, sites)
    return found


def _ask(
    names: Collection[Name], sites: Collection[UUID]
) -> tuple[dict[Name, list[tuple[int, int]]], bool]:
    asked: dict[tuple[str, str], Name] = {}
    for name in names:
        if name[0] in _sites:
            site = name[0].hex
            for digest in hexes_of(site, name[1], name[2]):
                asked[site, digest] = name
    found: dict[Name, list[tuple[int, int]]] = {}
    having: set[UUID] = set()
    columns = [_array(site for site, _ in asked), _array(digest for _, digest in asked)]
    for site_id, digest, since_ms, until_ms in _SPANS.fetch([*columns, _array(sites)]):
        if digest is None:
            having.add(site_id)
        else:
            name = asked[site_id.hex, digest.hex]
            found.setdefault(name, []).append((since_ms, until_ms))
    return found, remember(having, sites)


def remember(having: Collection[UUID], asked: Collection[UUID]) -> bool:
    """Note which of the sites asked about have tombstones; True if that is news of any."""
    news = set(having) - _sites
    gone = _sites.intersection(asked).difference(having)
    if news or gone:
        with _lock:
            _sites.difference_update(gone)
            _sites.update(news)
    return bool(news)


def any_of(site_id: UUID) -> bool:
    """Whether anybody of the site was erased, as far as this process knows: no statement."""
    return site_id in _sites


def is_barred(
    spans: Mapping[Identity, Spans], identities: Iterable[Identity], occurred_ms: int
) -> bool:
    """Tell whether something that names these identities happened in a time that is barred."""
    identities = tuple(identities)
    has_user = any(kind == "user_id" for kind, _ in identities)
    for name in identities:
        for since_ms, until_ms in spans.get(name, ()):
            # A device that others use too: who says which user it was says whose event it is.
            if since_ms > -ALWAYS_MS and has_user and name[0] == _DEVICE:
                continue
            if since_ms <= occurred_ms < until_ms:
                return True
    return False


def dropped(site_id: UUID, happened: Sequence[tuple[str, str, int]]) -> set[int]:
    """Return the places of those (kind, value, occurred ms) that are to be dropped. One statement.

    Each by itself: for an event that names several identities see `is_barred`.
    """
    found = barred({(site_id, kind, value) for kind, value, _ in happened})
    spans = {(kind, value): times for (_, kind, value), times in found.items()}
    return {
        place
        for place, (kind, value, at_ms) in enumerate(happened)
        if is_barred(spans, [(kind, value)], at_ms)
    }


def open_for(
    site_id: UUID,
    names: Iterable[Identity],
    *,
    how: How,
    now: datetime,
    since: datetime | None = None,
    signed_at: datetime | None = None,
) -> int:
    """Let erased identities in again, as somebody new; return how many tombstones were opened.

    What happened before `since` stays barred for ever. Nothing is opened by what was said before
    the erasure, however late it comes.

    Args:
        how: "consent": a fresh choice; "signed": a sign-in under the site's signature.
        since: when it was said, `now` if not given.
        signed_at: when the site's server signed it; not before the erasure either.
    """
    said_at = min(since or now, now)
    digests = [digest for kind, value in names for digest in digests_of(site_id, kind, value)]
    with connection.cursor() as cursor:
        cursor.execute(
            _OPEN,
            [to_ms(said_at), now, how, str(site_id), _array(digests), said_at, signed_at or now],
        )
        return int(cursor.rowcount)


def admit_choice(
    site_id: UUID,
    identities: Iterable[Identity],
    *,
    has_yes: bool,
    now: datetime,
    said_at: datetime | None = None,
) -> bool:
    """Tell whether a choice may be recorded; of erased people a fresh yes opens the way back.

    A refusal of somebody erased asks for nothing that is not so already, and would make them known
    again; a choice from before the erasure is gone like everything else. Neither is recorded. One
    statement, a second for who was erased.
    """
    names = [(site_id, kind, value) for kind, value in identities]
    spans = {(kind, value): times for (_, kind, value), times in barred(names).items()}
    if not spans:
        return True
    at = min(said_at or now, now)
    known = [(kind, value) for _, kind, value in names]
    if not is_barred(spans, known, to_ms(at)):
        return True
    if not has_yes:
        return False
    with transaction.atomic():
        open_for(site_id, known, how="consent", now=now, since=at)
        left = {(kind, value): times for (_, kind, value), times in barred(names).items()}
    return not is_barred(left, known, to_ms(at))


def forget_old(*, now: datetime) -> int:
    """Delete tombstones that nothing can come in under any more; return how many.

    They live 395 days, longer where a site takes older events than that.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [now, now])
        return int(cursor.rowcount)


def oldest() -> datetime | None:
    """When the erasure was that left the oldest tombstone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(erased_at) FROM consent_tombstone")
        found: datetime | None = cursor.fetchone()[0]
    return found


def forget_sites() -> None:
    """Forget which sites have any (for another database)."""
    with _lock:
        _sites.clear()


def _array(values: Iterable[UUID | str]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
