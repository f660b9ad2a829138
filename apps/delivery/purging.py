"""Telling a site's caches what a publication has changed, by the tags of cached content."""

import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from http.client import HTTPMessage
from typing import IO, Final
from uuid import UUID

import msgspec

from apps.decisions.selectors import publication_document
from apps.delivery.models import PurgeAddress
from apps.work import services as work
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
        OSError: the address did not take them; the intent is tried again.
    """
    assert task.site_id is not None
    address = PurgeAddress.objects.filter(site_id=task.site_id, is_enabled=True).first()
    latest = publication_document(task.site_id)
    if address is None or latest is None:
        return
    before = publication_document(task.site_id, int(task.payload["since"]))
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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A secret goes where it was addressed to, and no further."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Never: what comes back is the redirect itself, an error here."""
        return


def _post(address: PurgeAddress, tags: Sequence[str]) -> None:
    if not address.url.startswith(("https://", "http://")):
        raise ValueError("A purge address starts with https:// or http://.")
    headers = {"Content-Type": "application/json", "Surrogate-Key": " ".join(tags)}
    if address.secret:
        headers[address.header] = address.secret
    body = json.dumps({"tags": list(tags)}).encode()
    request = urllib.request.Request(address.url, data=body, headers=headers, method="POST")
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        answer.read(1)
