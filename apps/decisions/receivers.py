"""State rows that others wrote: their copies in Redis follow, marked before, replaced after."""

from collections.abc import Sequence
from typing import Any

from apps.consent.types import Purpose
from apps.decisions import hot_state
from apps.decisions.hot_state import HotKey
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow


def connect() -> None:
    """Listen to every writer of state rows but the consumer, which does both steps itself."""
    states_changing.connect(_mark, dispatch_uid="decisions.mark")
    states_changed.connect(_follow, dispatch_uid="decisions.follow")


def _mark(rows: Sequence[StateRow], **_: Any) -> None:
    hot_state.mark(
        [HotKey(row.site_id, row.profile_id, row.consent_epoch, row.version) for row in rows]
    )


def _follow(rows: Sequence[StateRow], **_: Any) -> None:
    states = hot_state.hot_profiles_of([row.profile_id for row in rows])
    hot_state.publish([one for one in states if not one.denied & Purpose.PERSONALIZATION])
    for one in states:
        if one.denied & Purpose.PERSONALIZATION:
            hot_state.deny(one)
