"""Telling a site's caches what a publication has changed, by the tags of cached content."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from apps.access import targets
from apps.decisions.selectors import publication_document
from apps.delivery.models import PurgeAddress
from apps.work import services as work
from engine.errors import InvalidSnapshot
from engine.snapshot import ExperimentDoc, RuleDoc, SnapshotDoc

PURGE: Final = "delivery.purge"
TAGS_AT_ONCE: Final = 30  # the least that a known CDN takes in one call
TIMEOUT_S: Final = 10.0


def ask_for_purge(*, site_id: UUID, number: int, now: datetime) -> None:
    """Ask for the caches to be told what publication `number` changed, if somebody is to be told.

    While one such intent waits, it tells of this publication too.
    """
    if PurgeAddress.objects.filter(site_id=site_id, is_enabled=True).exists():
        work.ask(PURGE, key="tags", site_id=site_id, now=now, payload={"since": number - 1})


def perform(task: work.Work) -> None:
    """Post the tags of all that has changed since a publication.

    Raises:
        OSError: the address did not take them, or may not be called; the intent is tried again.
    """
    assert task.site_id is not None
    address = PurgeAddress.objects.filter(site_id=task.site_id, is_enabled=True).first()
    latest = publication_document(task.site_id)
    if address is None or latest is None:
        return
    before = _before(task.site_id, int(task.payload["since"]))
    tags = changed_tags(before, latest)
    for begin in range(0, len(tags), TAGS_AT_ONCE):
        _post(address, tags[begin : begin + TAGS_AT_ONCE])
        task.progress(min(begin + TAGS_AT_ONCE, len(tags)), len(tags))


def changed_tags(before: SnapshotDoc | None, after: SnapshotDoc) -> list[str]:
    """Return the tags of the placements and blocks that may look different, each once, in order."""
    old = {} if before is None else dict(_parts_of(before))
    new = dict(_parts_of(after))
    return sorted(tag for tag in old.keys() | new.keys() if old.get(tag) != new.get(tag))


def _parts_of(document: SnapshotDoc) -> Iterator[tuple[str, bytes]]:
    """Each tag with all that decides what its content looks like."""
    blocks = {block.key: msgspec.json.encode(block) for block in document.blocks}
    yield from ((f"block-{key}", body) for key, body in blocks.items())
    more: dict[str, list[RuleDoc | ExperimentDoc]] = defaultdict(list)
    asking: list[RuleDoc | ExperimentDoc] = [*document.rules, *document.experiments]
    for one in asking:
        more[one.placement].append(one)
    for placement in document.placements:
        parts = (placement, blocks.get(placement.block), more[placement.key])
        yield f"placement-{placement.key}", msgspec.json.encode(parts)


def _before(site_id: UUID, number: int) -> SnapshotDoc | None:
    """The publication that caches may still show; None: it cannot be told, so all has changed."""
    try:
        return publication_document(site_id, number)
    except InvalidSnapshot:  # stored by another version of this code
        return None


def _post(address: PurgeAddress, tags: Sequence[str]) -> None:
    headers = {"Content-Type": "application/json", "Surrogate-Key": " ".join(tags)}
    if address.secret:
        if not targets.is_free_header(address.header):
            raise targets.ForbiddenTarget(f"The header {address.header} is not for secrets.")
        headers[address.header] = address.secret
    body = json.dumps({"tags": list(tags)}).encode()
    targets.post(address.url, body, headers, timeout_s=TIMEOUT_S)
