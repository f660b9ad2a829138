"""Asking for an experiment's part to be published, by a worker that has changed what runs."""

from datetime import datetime

from apps.experiments.models import Experiment
from apps.experiments.types import PUBLISH
from apps.work import services as work


def publish_part(experiment: Experiment, *, note: str, now: datetime) -> None:
    """Have the shares and the stopped arms of a running experiment served as they are now.

    Nothing else of it is published, nor anything else that waits: see
    `publishing.as_it_runs`. Call it in the transaction that changed them.
    """
    work.ask(
        PUBLISH,
        key=str(experiment.pk),
        site_id=experiment.site_id,
        payload={"experiment": experiment.key, "note": note[:200]},
        queue="fast",
        now=now,
    )
