"""A question about the demo's visitors, for the page of models: which kinds of them are there?

Every visitor of the data comes once, so nobody can be foreseen to come back, or to buy: what can be
learned honestly is how visits differ. It is asked of a worker once everything that is measured is
over, and what it finds waits for a yes like every model.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from apps.predictions.services import ask_training, create_spec

KEY: Final = "kinds-of-visitors"
# One quick way of grouping; the page says that it was the only one that was asked for.
SETTINGS: Final = {"methods": ["kmeans"], "ks": [2, 6], "trajectories": False}


def ask_for_groups(site_id: UUID, *, oldest: datetime, now: datetime) -> UUID:
    """Have the visitors of the history and of the replay grouped; return the id of the intent.

    Repeatable: the question is made once.

    Args:
        oldest: when the first click of the history happened, as it was moved.
    """
    history_days = (now - oldest).days + 1
    spec = create_spec(
        site_id=site_id,
        key=KEY,
        name="Kinds of visitors",
        target_event="",
        kind="groups",
        active_days=history_days,
        window_days=history_days,
        retrain="by_hand",
        settings=dict(SETTINGS),
        now=now,
    )
    return ask_training(spec=spec, now=now)
