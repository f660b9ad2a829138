"""Only what an experiment has to do with is published; what else waits goes on waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.access.selectors import needs_approval
from apps.decisions import parts, releases
from apps.decisions import services as decisions
from apps.decisions.errors import PublicationRefused
from apps.decisions.manifests import Name

MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Served:
    """What came of it: a publication that serves, or a release that waits for somebody's yes.

    Neither, when what serves says the same already.
    """

    publication: int | None = None
    release: Any = None


def waiting(site_id: UUID, names: Sequence[Name]) -> dict[Name, parts.Waiting]:
    """Return what of these waits to be published. Two queries, and what was written anew."""
    parts.refresh_parts(site_id)
    rows = {(row.kind, row.key): row for row in parts.waiting(site_id)}
    return {name: rows[name] for name in names if name in rows}


def serve(*, site_id: UUID, names: Sequence[Name], note: str, actor: Any, now: datetime) -> Served:
    """Publish these parts and what they need, or freeze them as a release where others approve.

    Call it in the transaction that changed them: refused, it takes the change back.

    Raises:
        PublicationRefused, DraftsMoved: they cannot be published.
    """
    decisions.lock(site_id)  # before the parts, as everybody does who publishes
    rows = waiting(site_id, names)
    refused = [
        reason
        for reason, is_refused in parts.problems(site_id)
        if is_refused and _place_of(reason) in names
    ]
    if refused:
        raise PublicationRefused(refused)
    if not rows:
        return Served()
    only = {name: row.digest for name, row in rows.items()}
    if needs_approval(site_id):
        release = releases.create_release(
            site_id=site_id, name=note[:MAX_NAME], note=note, only=only, actor=actor, now=now
        )
        return Served(release=releases.submit(release_id=release.pk, actor=actor, now=now))
    published = decisions.publish(site_id=site_id, actor=actor, note=note, now=now, only=only)
    return Served(publication=published.number)


def _place_of(reason: Any) -> Name:
    """(kind, key) of a refusal: "/experiments/words" is of the experiment "words"."""
    _, kind, key, *_ = [*str(reason["pointer"]).split("/"), "", ""]
    return kind.removesuffix("s"), key


def said(served: Served, done: str) -> str:
    """Return what came of it, in a sentence."""
    if served.release is not None:
        return (
            f"{done} It is frozen in {served.release} and waits for a yes of somebody else: "
            "visitors see it once the release is published."
        )
    if served.publication is not None:
        return (
            f"{done} Publication {served.publication} serves now. The page of publications brings "
            "the one before back."
        )
    return f"{done} What visitors see is the same."
