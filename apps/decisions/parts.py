"""The drafts of a site as parts, made anew where something was written, beside what serves.

Looking at what waits to be published costs as much as was changed, however much there is.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from apps.content.drafted import Drafted, drafted_blocks, drafted_caps, drafted_placements
from apps.content.selectors import value_paths
from apps.content.services import RENDERING
from apps.decisions import manifests, stored
from apps.decisions.errors import Reason
from apps.decisions.manifests import Manifest
from apps.decisions.models import Part, PartState, Publication, PublishedPart, Touched
from apps.decisions.origins import frozen_at
from apps.experiments.drafted import DraftedExperiment, drafted_experiments, drafted_holdouts
from apps.rules.drafted import DraftedRule, drafted_rules, rules_of_arms, surroundings
from apps.segments.selectors import snapshot_documents
from engine.conditions.scope import HIDDEN_PREFIX
from engine.snapshot import BlockDoc

MADE_WITH: Final = f"{RENDERING}.1"  # the second is raised when parts are made in another way
BATCH: Final = 500
AT_ONCE: Final = 2_000  # marks that a page works off while somebody waits
_ALL: Final = ("block", "placement", "cap", "segment", "rule", "experiment", "holdout")

# kind -> the ids of what to make anew; None: all of it
Wanted: TypeAlias = dict[str, set[UUID] | None]


class Waiting(NamedTuple):
    """One thing whose draft is not what serves.

    Attributes:
        digest: of the draft; empty: it is taken out.
        served: digest of what serves; empty: it is new.
        served_part: where that is kept.
    """

    kind: str
    key: str
    object_id: UUID | None
    digest: str
    served: str
    served_part: str
    is_listed: bool
    served_at: datetime | None

    @property
    def verb(self) -> str:
        """What publishing does: added, changed or removed."""
        if not self.served:
            return "added"
        return "changed" if self.digest else "removed"


class _Made(NamedTuple):
    key: str
    object_id: UUID | None
    document: manifests.Doc | None
    problems: list[Reason]
    is_refused: bool = False
    is_listed: bool = True


_STANDING = """
SELECT s.made_with, s.number,
  coalesce((SELECT max(p.number) FROM decisions_publication p WHERE p.site_id = s.site_id), 0),
  EXISTS (SELECT FROM decisions_touched t WHERE t.site_id = s.site_id)
FROM decisions_partstate s WHERE s.site_id = %s::uuid
"""
_BEHIND = """
SELECT (SELECT count(*) FROM (SELECT FROM decisions_touched WHERE site_id = %(site)s::uuid
    LIMIT %(most)s + 1) t) > %(most)s
  OR NOT EXISTS (SELECT FROM decisions_partstate WHERE site_id = %(site)s::uuid
    AND made_with = %(made_with)s)
  AND EXISTS (SELECT FROM content_block WHERE site_id = %(site)s::uuid OFFSET %(most)s)
"""
_TAKE = """
DELETE FROM decisions_touched WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM decisions_touched WHERE site_id = %s::uuid LIMIT %s))
RETURNING kind, object_id
"""
_FOLLOW = """
INSERT INTO decisions_part
  (site_id, kind, key, digest, body, problems, is_refused, is_listed, served, served_part,
   served_at)
SELECT %(site)s::uuid, n.kind, n.key, '', '', '[]', false, NOT (n.kind = 'segment'
  AND starts_with(n.key, %(hidden)s)), n.content, n.part, n.at
FROM unnest(%(kinds)s::text[], %(keys)s::text[], %(contents)s::text[], %(parts)s::text[],
  %(ats)s::timestamptz[]) AS n(kind, key, content, part, at)
ON CONFLICT (site_id, kind, key)
DO UPDATE SET served = EXCLUDED.served, served_part = EXCLUDED.served_part,
  served_at = EXCLUDED.served_at
"""


def refresh_parts(site_id: UUID, *, is_patient: bool = True, most: int | None = None) -> int | None:
    """Make the parts anew whose drafts were written; return how many were looked at.

    One query when there are none. Who comes while others make them waits for these; None for the
    impatient: others are at it.

    Args:
        most: so many notes of what was written are worked off, and the rest is left; None: all.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STANDING, [str(site_id)])
        standing = cursor.fetchone()
    if standing is not None:
        made_with, number, latest, is_touched = standing
        if made_with == MADE_WITH and number == latest and not is_touched:
            return 0
    with transaction.atomic():
        PartState.objects.get_or_create(site_id=site_id)
        rows = PartState.objects.select_for_update(skip_locked=not is_patient)
        state = rows.filter(site_id=site_id).first()
        if state is None:
            return None
        count = _make(site_id, state, most)
        _follow(site_id, state)
        state.save(update_fields=["made_with", "number", "surroundings"])
    return count


def is_behind(site_id: UUID) -> bool:
    """Tell whether more was written than a page makes anew while somebody waits. One query."""
    values: dict[str, Any] = {"site": str(site_id), "most": AT_ONCE, "made_with": MADE_WITH}
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, values)
        return bool(cursor.fetchone()[0])


def left_to_look_at(site_id: UUID) -> int:
    """Return how many notes of what was written are not worked off yet. One query."""
    return Touched.objects.filter(site_id=site_id).count()


def waiting(site_id: UUID) -> list[Waiting]:
    """Return what can be published, and what comes along unseen, by kind and key. One query."""
    rows = Part.objects.filter(site_id=site_id, is_refused=False).exclude(digest=F("served"))
    return [Waiting(*row) for row in rows.order_by("kind", "key").values_list(*Waiting._fields)]


def token_of(rows: Iterable[Waiting]) -> str:
    """Return a digest of what waits."""
    said = "\n".join(f"{row.kind} {row.key} {row.digest}" for row in rows)
    return hashlib.sha256(said.encode()).hexdigest()


def problems(site_id: UUID) -> list[tuple[Reason, bool]]:
    """Return (what stands against a draft, whether it keeps it from being published). One query."""
    rows = Part.objects.filter(site_id=site_id).exclude(problems=[]).order_by("kind", "key")
    return [
        (reason, is_refused)
        for found, is_refused in rows.values_list("problems", "is_refused")
        for reason in found
    ]


def drafted(site_id: UUID, names: Collection[manifests.Name]) -> dict[manifests.Name, str]:
    """Return the bodies of drafts by (kind, key). One query for every 500."""
    by_kind: dict[str, list[str]] = {}
    for kind, key in names:
        by_kind.setdefault(kind, []).append(key)
    found = {}
    for kind, keys in by_kind.items():
        for begin in range(0, len(keys), BATCH):
            rows = Part.objects.filter(
                site_id=site_id, kind=kind, key__in=keys[begin : begin + BATCH]
            )
            found.update({(kind, key): body for key, body in rows.values_list("key", "body")})
    return found


def keep(site_id: UUID, bodies: Iterable[tuple[str, str, bytes]]) -> None:
    """Keep parts for good, with the paths that they read: (kind, digest, body) of each.

    What is kept already costs a query for every 500, and no more.
    """
    given = {digest: (kind, body) for kind, digest, body in bodies}
    digests = list(given)
    for begin in range(0, len(digests), BATCH):
        some = digests[begin : begin + BATCH]
        there = set(
            PublishedPart.objects.filter(site_id=site_id, digest__in=some).values_list(
                "digest", flat=True
            )
        )
        rows = [
            PublishedPart(
                site_id=site_id,
                digest=digest,
                body=given[digest][1].decode(),
                reads=_reads(*given[digest]),
            )
            for digest in some
            if digest not in there
        ]
        PublishedPart.objects.bulk_create(rows, ignore_conflicts=True)


def _reads(kind: str, body: bytes) -> list[list[str]]:
    if kind != "block":
        return []
    document: BlockDoc = manifests.document_in(kind, body)
    paths = {path for own in value_paths([document]).values() for path in own}
    return [list(path) for path in sorted(paths)]


def _make(site_id: UUID, state: PartState, most: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [str(site_id), most])
        touched = cursor.fetchall()
    wanted: Wanted = {}
    if state.made_with != MADE_WITH:
        wanted = dict.fromkeys(_ALL)
        state.made_with = MADE_WITH
    else:
        for kind, object_id in touched:
            known = wanted.setdefault(kind, set())
            if known is not None and object_id is not None:
                known.add(object_id)
            else:
                wanted[kind] = None
    if "segment" in wanted:
        around = surroundings(site_id)
        if around != state.surroundings:
            wanted["rule"], wanted["experiment"] = None, None
            state.surroundings = around
    if "computed" in wanted:
        wanted["rule"], wanted["experiment"] = None, None
    rules = wanted.get("rule", set())
    if rules is not None and "experiment" in wanted:  # whose arms may switch rules on, or did
        wanted["rule"] = rules | rules_of_arms(site_id, wanted["experiment"])
    count = 0
    for kind in _ALL:
        if kind in wanted:
            made = list(_drafts(site_id, kind, wanted[kind]))
            _write(site_id, kind, wanted[kind], made)
            count += len(made)
    return count


def _drafts(site_id: UUID, kind: str, ids: set[UUID] | None) -> Iterator[_Made]:
    match kind:
        case "block":
            yield from map(_of_content, drafted_blocks(site_id, ids))
        case "placement":
            yield from map(_of_content, drafted_placements(site_id, ids))
        case "cap":
            yield from map(_of_content, drafted_caps(site_id))
        case "segment":
            for segment in snapshot_documents(site_id):
                yield _Made(segment.key, None, segment, [], is_listed=not segment.hidden)
        case "rule":
            yield from (
                _of_refusable(one, "rules", "invalid_rule") for one in drafted_rules(site_id, ids)
            )
        case "experiment":
            for one in drafted_experiments(site_id, ids):
                yield _of_refusable(one, "experiments", "invalid_experiment")
        case "holdout":
            for object_id, holdout in drafted_holdouts(site_id):
                yield _Made(holdout.key, object_id, holdout, [])


def _of_refusable(one: DraftedRule | DraftedExperiment, place: str, code: str) -> _Made:
    text = one.refusal or one.hint
    found = [Reason(pointer=f"/{place}/{one.key}", code=code, detail=text)] if text else []
    return _Made(one.key, one.object_id, one.document, found, bool(one.refusal))


def _of_content(one: Drafted) -> _Made:
    found = [Reason(**error) for error in one.errors]
    return _Made(one.key, one.object_id, one.document, found, bool(found))


def _write(site_id: UUID, kind: str, ids: set[UUID] | None, made: list[_Made]) -> None:
    """Put what was made in the place of what was there, and take out what is no more."""
    there = Part.objects.filter(site_id=site_id, kind=kind)
    if ids is not None and kind not in {"cap", "segment", "holdout"}:
        gone = there.filter(object_id__in=list(ids)).exclude(key__in=[one.key for one in made])
    else:
        gone = there.exclude(key__in=[one.key for one in made])
    gone.filter(served="").delete()
    gone.update(digest="", body="", problems=[], is_refused=False)
    rows = []
    for one in made:
        body = digest = ""
        if one.document is not None:
            raw = manifests.body_of(manifests.without_versions(one.document))
            body, digest = raw.decode(), manifests.digest_of(kind, raw)
        rows.append(
            Part(
                site_id=site_id,
                kind=kind,
                key=one.key,
                object_id=one.object_id,
                digest=digest,
                body=body,
                problems=one.problems,
                is_refused=one.is_refused,
                is_listed=one.is_listed,
            )
        )
    Part.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["site", "kind", "key"],
        update_fields=["object_id", "digest", "body", "problems", "is_refused", "is_listed"],
    )


def _follow(site_id: UUID, state: PartState) -> None:
    """Put the digests of what serves beside the drafts, if another publication serves by now."""
    latest = stored.newest(site_id)
    number = 0 if latest is None else latest.number
    if latest is None or state.number == number:
        return
    manifest, bodies = stored.readable(latest)
    # One of an earlier version of this code is in no parts yet.
    keep(site_id, ((one.kind, one.part, bodies[one.part]) for one in manifest.values() if bodies))
    _serves(site_id, manifest, latest, is_next=state.number == number - 1)
    state.number = number


def _serves(
    site_id: UUID, manifest: Manifest, latest: Publication, *, is_next: bool = False
) -> None:
    """Note what serves now. The caller holds the site's `PartState`. Four statements and a few.

    Args:
        is_next: what served before it is noted: what differs came with this publication.
    """
    rows = Part.objects.filter(site_id=site_id).values_list("kind", "key", "served", "served_part")
    before = {(kind, key): (served, part) for kind, key, served, part in rows}
    changed: list[tuple[str, str, str, str]] = [
        (*name, entry.content, entry.part)
        for name, entry in manifest.items()
        if before.get(name) != (entry.content, entry.part)
    ]
    changed += [(*name, "", "") for name, old in before.items() if old[0] and name not in manifest]
    if not changed:
        return
    kinds, keys, contents, parts = (list(column) for column in zip(*changed, strict=True))
    ats = frozen_at(latest, {(kind, key): one for kind, key, one, _ in changed}, is_next=is_next)
    values: dict[str, Any] = {
        "site": str(site_id),
        "hidden": HIDDEN_PREFIX,
        "kinds": kinds,
        "keys": keys,
        "contents": contents,
        "parts": parts,
        "ats": [ats[kind, key] for kind, key, _, _ in changed],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW, values)
    Part.objects.filter(site_id=site_id, digest="", served="", problems=[]).delete()


def reads_of(site_id: UUID, manifest: Manifest) -> list[list[str]]:
    """Return the paths of the values that the templates of a publication read. One query."""
    parts = {entry.part for entry in manifest.values() if entry.kind == "block"}
    rows = PublishedPart.objects.filter(site_id=site_id).exclude(reads=[])
    return [
        path for digest, reads in rows.values_list("digest", "reads") if digest in parts
        for path in reads
    ]  # fmt: skip


def start_over(site_id: UUID) -> None:
    """Take what serves for nothing: this version of the code cannot read it, so all drafts wait.

    Call it inside a transaction.
    """
    refresh_parts(site_id)
    PartState.objects.select_for_update().get(site_id=site_id)
    latest = stored.newest(site_id)
    if latest is not None:
        _serves(site_id, {}, latest)


def forget(site_id: UUID) -> None:
    """Have all parts made anew the next time (after a change of what they are made from)."""
    PartState.objects.filter(site_id=site_id).update(made_with="", number=0)
    Touched.objects.filter(site_id=site_id).delete()
