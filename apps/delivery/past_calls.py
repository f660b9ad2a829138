"""The call and the visitor of a past decision, as far as its record has kept them."""

from typing import Any, Final, cast
from uuid import UUID

from apps.access.types import Caller, KeyKind, Rates
from apps.consent import gates
from apps.consent.types import OPTED_OUT, Choice, Purpose
from apps.decisions.past import Inputs, Record
from apps.decisions.types import HotProfile
from apps.delivery.deciding import Call
from apps.profiles import vault
from apps.work import clock

_NOBODY: Final = UUID(int=0)


def call_of(record: Record, inputs: Inputs, facts: dict[str, Any]) -> Call:
    """Return the call of a record, as far as it is kept."""
    site = record.site_id
    caller = Caller(
        site, "", record.source_id, _NOBODY, cast(KeyKind, inputs.kind), "", inputs.consent_mode,
        "", Rates(0, 0, 0), False, 0, inputs.zone, False, "", site.hex, "", None, None, inputs.gpc,
    )  # fmt: skip
    context: dict[str, Any] = {}
    for path, value in inputs.paths:
        into = context
        for name in path[1:-1]:
            into = into.setdefault(name, {})
        if len(path) > 1:
            into[path[-1]] = value
        else:
            context = value
    return Call(
        caller, record.request_id, inputs.subject, record.unit_id, [], context, facts, {}, False,
        clock.to_ms(record.at), permitted=permitted_then(inputs),
        asks_to_split=inputs.asks_to_split,
    )  # fmt: skip


def permitted_then(inputs: Inputs) -> int:
    """Return the purposes that were allowed, as bits.

    Records of before say it by what was recorded: silence was a no unless the source assumed, and
    the signal of a browser refused advertising and sale only.
    """
    if inputs.permitted is not None:
        return inputs.permitted
    choice = Choice(inputs.granted, inputs.denied)
    refused = OPTED_OUT if inputs.gpc else 0
    return gates.permitted(
        choice, mode=inputs.consent_mode, regime="", now_ms=0, refused_by_signal=refused
    )


def may_split_then(inputs: Inputs) -> bool:
    """Whether the visitor of a record could be dealt an arm."""
    return not inputs.asks_to_split or bool(permitted_then(inputs) & Purpose.EXPERIMENTS)


def profile_then(record: Record, inputs: Inputs) -> HotProfile | None:
    """Return what was kept of the visitor of a record; None: there was no profile."""
    if not inputs.is_known:
        return None
    return HotProfile(
        _NOBODY.bytes, record.unit_id, 0, 0, inputs.granted, inputs.denied, inputs.memberships,
        inputs.traits, [], 0, [], inputs.scored_ms, inputs.recent, inputs.trait_meta,
        keys=_keys_of(record, inputs),
    )  # fmt: skip


def _keys_of(record: Record, inputs: Inputs) -> list[bytes]:
    """The keys of the visitor's encrypted traits: one statement if a record holds any."""
    if record.profile_id is None or not any(map(vault.is_sealed, inputs.traits.values())):
        return []
    keys = vault.keys_of(record.site_id, [record.profile_id]).get(record.profile_id)
    return [] if keys is None else list(keys.packed)
