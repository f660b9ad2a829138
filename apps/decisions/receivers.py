"""State rows that others wrote: their copies in Redis follow, marked before, replaced after."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from apps.decisions import hot_state
from apps.decisions.hot_state import HotKey, Remembered, Told
from apps.profiles.identities import Name
from apps.profiles.signals import states_changed, states_changing
from apps.profiles.state import StateRow

# A consent writes a row or two; a refresh writes all of a site, and a notice must stay small.
NAMED: Final = 50


def connect() -> None:
    """Listen to every writer of state rows but the consumer, which does both steps itself."""
    states_changing.connect(_mark, dispatch_uid="decisions.mark")
    states_changed.connect(_follow, dispatch_uid="decisions.follow")


def _mark(rows: Sequence[StateRow], **_: Any) -> None:
    hot_state.mark(
        [HotKey(row.site_id, row.profile_id, row.consent_epoch, row.version) for row in rows]
    )


def _follow(
    rows: Sequence[StateRow], names: Mapping[Name, UUID] = MappingProxyType({}), **_: Any
) -> None:
    # Who had no profile until now was believed absent: the identities must lead here at once.
    remembered = [
        Remembered(site_id, f"{kind}:{value}", profile_id)
        for (site_id, kind, value), profile_id in names.items()
    ]
    states = hot_state.hot_profiles_of([row.profile_id for row in rows])
    sites = {row.profile_id: row.site_id for row in rows} if len(rows) <= NAMED else {}
    # A withdrawal among them is written as one: nothing personal stays.
    hot_state.publish(states, remembered, Told([row.profile_id for row in rows], (), sites))
