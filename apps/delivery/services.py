"""Deciding for doors of apps above: what a visitor is shown, recorded as /v1/decide records it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Final, NamedTuple

import msgspec

from apps.access.errors import Unavailable
from apps.access.types import Caller
from apps.decisions import selectors, services
from apps.decisions.selectors import Arrival, Served
from apps.delivery import deciding, wording
from apps.delivery.deciding import Call, Decided, Placed

NAMES_OF_UNITS: Final = ("anonymous_id", "user_id")  # what a visitor without a profile is split by


@dataclass(frozen=True, slots=True)
class Visit:
    """A visitor who has come, and what is served to them.

    Attributes:
        identities: "kind:value", the user's before the anonymous one; empty for nobody.
        context, facts: as /v1/decide takes them.
        meta: of the request.
    """

    caller: Caller
    request_id: str
    identities: Sequence[str]
    context: dict[str, Any]
    facts: dict[str, Any]
    meta: Mapping[str, Any]
    now_ms: int
    arrival: Arrival
    served: Served


class Texts(NamedTuple):
    """What a variant says in one language; `html` is None where it has no template."""

    fields: Mapping[str, Any]
    html: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What one placement shows to a visitor, and why.

    Attributes:
        reason, rule, experiment: as an answer of /v1/decide says them.
        items: of a list of recommendations; None of other content.
        valid_until_ms: until when nothing of it changes by itself; None: not known.
        besides: the same in the other languages that were asked for.
    """

    placement: str
    block: str
    variant: str
    version: int
    locale: str | None
    texts: Texts
    reason: str
    rule: str | None
    experiment: Mapping[str, str] | None
    decision_id: str
    items: Sequence[Mapping[str, Any]] | None = None
    valid_until_ms: int | None = None
    besides: Mapping[str, Texts] = field(default_factory=dict)


def welcome(
    caller: Caller,
    request_id: str,
    identities: Sequence[str],
    *,
    context: dict[str, Any],
    facts: dict[str, Any],
    meta: Mapping[str, Any],
    route: str,
    now_ms: int,
) -> Visit:
    """Charge the rate limit; find out who comes, and what serves.

    Raises:
        RateLimited: too many requests of this key or address.
        Unavailable: what serves is not known for a moment.
    """
    arrival = selectors.arrive(caller, identities, route)
    served = selectors.current(caller.site_id, arrival.announced)
    services.start_watching()
    if served is None:
        raise Unavailable("What this site shows is not known for a moment: try again.")
    return Visit(
        caller, request_id, identities, context, facts, meta, now_ms, arrival, served
    )  # fmt: skip


def show(visit: Visit, placements: Sequence[str], languages: Sequence[str] = ()) -> list[Shown]:
    """Return what the visitor is shown there, in order; recorded, and with ids to be exposed.

    Args:
        placements: keys of the publication; one that the caller may not see is left out.
        languages: that it is wanted in besides the one that suits the visitor.
    """
    start = perf_counter()
    call = Call(
        visit.caller,
        visit.request_id,
        visit.identities[0] if visit.identities else "",
        _unit_of(visit.identities),
        [(key, None) for key in placements],
        visit.context,
        visit.facts,
        visit.meta,
        False,
        visit.now_ms,
    )
    decided = deciding.decide(call, visit.arrival, visit.served)
    signer = wording.signer_of(decided)
    ids = [_id_of(decided, one, signer) for one in decided.placed]
    services.record(wording.record_of(decided, perf_counter() - start, decided.reads))
    besides = {language: _again(visit, decided, language) for language in languages}
    return [
        _shown(one, its, {lang: said[place] for lang, said in besides.items() if place in said})
        for place, (one, its) in enumerate(zip(decided.placed, ids, strict=True))
        if one.ready is not None
    ]


def _unit_of(identities: Sequence[str]) -> str:
    """A device before a login, as for /v1/decide: it is the same before and after the login."""
    by_kind = dict(name.partition(":")[::2] for name in identities)
    return next((by_kind[kind] for kind in NAMES_OF_UNITS if kind in by_kind), "")


def _id_of(decided: Decided, placed: Placed, signer: services.Signer) -> str:
    return "" if placed.ready is None else wording.id_of(decided, placed, signer).decode()


def _shown(placed: Placed, decision_id: str, besides: Mapping[str, Texts]) -> Shown:
    said = msgspec.json.decode(placed.body.data)
    return Shown(
        placed.decision.placement,
        said["block"],
        said["variant"],
        said["version"],
        said["locale"],
        Texts(said["fields"], said["html"]),
        said["reason"],
        said["rule"],
        said["experiment"],
        decision_id,
        said.get("items"),
        placed.decision.valid_until_ms,
        besides,
    )


def _again(visit: Visit, decided: Decided, language: str) -> dict[int, Texts]:
    """The same decisions in another language, by place. Nothing is decided or counted anew."""
    call = replace(
        decided.call, context={**decided.call.context, "locale": language}, is_pretended=True
    )
    other = Decided(call, visit.arrival, visit.served, decided.reads)
    other.reserved = decided.reserved  # how strongly a capped variant is shown
    found: dict[int, Texts] = {}
    for place, one in enumerate(decided.placed):
        if one.ready is None:
            continue
        placement = visit.served.compiled.placements[one.decision.placement]
        form = placement.form_of(one.decision.arm)
        body = deciding.place(other, form, one.decision, None).body
        said = msgspec.json.decode(body.data)
        if said["variant"] == one.ready.doc.key:  # else it cannot be rendered in this language
            found[place] = Texts(said["fields"], said["html"])
    return found
