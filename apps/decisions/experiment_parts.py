"""The shares and stopped arms of one running experiment, published without anybody's act.

Who approved the start of an experiment approved that a bandit's shares move, and that an arm is
stopped: so this asks for no second pair of eyes. It changes these two things of what serves, and
nothing else: neither drafts that wait nor other parts come along.
"""

from datetime import datetime
from typing import Final, cast
from uuid import UUID

from django.db import transaction

from apps.decisions import manifests, publishing, stored
from apps.decisions.manifests import Name
from apps.decisions.models import Publication
from apps.experiments.publishing import as_it_runs
from engine.snapshot import ExperimentDoc

KIND: Final = "experiment"


@transaction.atomic
def publish_experiment(*, site_id: UUID, key: str, note: str, now: datetime) -> Publication | None:
    """Serve an experiment as it runs now; None: it is not served, or it is served like that.

    Raises:
        PublicationRefused: with it, what serves would contradict itself.
    """
    latest = publishing.lock(site_id)
    if latest is None or not stored.is_readable(latest):
        return None
    manifest = stored.readable(latest)[0]
    name: Name = (KIND, key)
    if name not in manifest:
        return None
    wanted = {name: manifest[name]}
    served = cast(ExperimentDoc, stored.documents(site_id, wanted)[manifest[name].part])
    segments = {key for kind, key in manifest if kind == "segment"}
    entry, body = manifests.entry_of(KIND, as_it_runs(site_id, served, segments))
    if entry.content == manifest[name].content:
        return None
    return publishing.put_in_place(
        site_id, latest, {name: entry}, {entry.part: body}, actor=None, note=note, now=now
    )
