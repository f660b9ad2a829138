"""What would be shown: to somebody else, at another time, by the drafts. The one way to ask it.

`answer` decides as /v1/decide does and leaves nothing behind: nothing is recorded or counted, no
budget is held or even looked at, no decision has an id to expose, nobody is copied into Redis, and
no text that was made for a person is kept in memory.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from apps.access.selectors import zone_of
from apps.access.types import Caller, Rates
from apps.content.rendering import unkept
from apps.decisions.selectors import Arrival
from apps.delivery import deciding
from apps.delivery.deciding import Decided, Placed
from apps.delivery.previewing import people
from apps.delivery.previewing.content import Source, source_of, splits_of
from apps.delivery.previewing.people import Seen
from apps.delivery.previewing.types import Pane, Previewed, PreviewSpec, place_of
from apps.work import clock
from engine.conditions.nodes import PercentLeaf
from engine.conditions.scope import leaves_of
from engine.decide import Decision, Reason
from engine.snapshot import CompiledPlacement

REQUEST: Final = "preview"  # in the place of a request id
_NOBODY: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Asker:
    """A page that asks by the API, beside what the preview itself says.

    Attributes:
        asked: (placement key, limit) pairs, in the place of the preview's own placements.
        identities: "kind:value" of whom the page is, the user's first.
    """

    caller: Caller
    request_id: str
    asked: Sequence[tuple[str, int | None]]
    identities: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    explain: bool = False


class Answered(NamedTuple):
    """A preview as decided, for whoever words it."""

    decided: Decided
    seen: Seen
    source: Source
    at_ms: int


def answer(spec: PreviewSpec, now: datetime) -> Previewed:
    """Return what a preview shows, with its trace.

    Raises:
        InvalidRequest: what it is about is not there any more.
        InvalidContent, InvalidCondition, InvalidSnapshot: the drafts contradict themselves.
        Unavailable: what serves is not known for a moment.
    """
    asked: list[tuple[str, int | None]] = [(key, None) for key in spec.placements]
    asked += [(place_of(key), None) for key in spec.blocks]
    found = decided_for(spec, now, Asker(_desk(spec.site_id), REQUEST, asked, explain=True))
    decided, seen = found.decided, found.seen
    keys = [*spec.placements, *spec.blocks]
    panes = [
        _pane(key, placed, decided, is_block=place >= len(spec.placements), seen=seen)
        for place, (key, placed) in enumerate(zip(keys, decided.placed, strict=True))
    ]
    notes = list(seen.notes)
    if any(pane.has_caps for pane in panes):
        notes.append("Frequency caps are shown as if nothing had been shown before.")
    splits = splits_of(spec, found.source.served)
    running = {pane.experiment for pane in panes if pane.experiment}
    chosen = {split.key for split in splits if split.arm}
    if running - chosen:
        notes.append(
            "An experiment splits visitors here: this shows the arm that this one would get."
        )
    if running & chosen:
        notes.append("An experiment splits visitors here: this shows the arm that you chose.")
    if decided.profile is None or decided.visitor.unit_id == people.UNIT:
        notes += _drawn_by_lot(decided)
    if seen.is_masked:
        notes.append(
            "What is known of this person stays hidden: texts stand as ‹name›, numbers as 0."
        )
    return Previewed(
        panes=panes,
        at_ms=found.at_ms,
        number=found.source.served.number,
        notes=notes,
        switches=people.switches_of(spec, found.source.served),
        served=found.source.served,
        is_masked=seen.is_masked,
        splits=splits,
    )


def _drawn_by_lot(decided: Decided) -> list[str]:
    """Say which rules take a share of visitors: somebody made up is in it or not, by lot."""
    places = (decided.served.compiled.placements.get(key) for key, _ in decided.call.asked)
    rules = [
        f"“{rule.key}”"
        for placement in places
        for form in (() if placement is None else placement.forms)
        for rule in form.rules
        if any(isinstance(leaf, PercentLeaf) for leaf in leaves_of(rule.node))
    ]
    if not rules:
        return []
    return [f"{', '.join(rules)}: for a share of visitors, drawn by lot. Others may see otherwise."]


def decided_for(spec: PreviewSpec, now: datetime, asker: Asker) -> Answered:
    """Decide a preview: every door to one leads through here. Errors as `answer`."""
    placements = tuple(key for key, _ in asker.asked if not key.startswith(place_of("")))
    spec = msgspec.structs.replace(spec, placements=placements)
    real_now_ms = clock.to_ms(now)
    now_ms = real_now_ms if spec.at_ms is None else spec.at_ms
    pretended = people.pretended_by(spec)
    source = source_of(spec, pretended)
    seen = people.seen_of(spec, source, pretended, now_ms, real_now_ms, asker.identities)
    context = {**asker.context, **spec.context}
    if spec.locale:
        context["locale"] = spec.locale
    call = deciding.Call(
        # An editor looks: nobody's consent is needed to show them everything, unless it is asked.
        msgspec.structs.replace(asker.caller, consent_mode=seen.mode),
        asker.request_id,
        people.UNIT,
        people.UNIT,
        asker.asked,
        context,
        {**asker.facts, **spec.facts},
        asker.meta,
        asker.explain,
        now_ms,
        is_pretended=True,
    )
    decided = Decided(call, Arrival(seen.profile), source.served)
    decided.context.read.update(_own_facts(seen, spec) | spec.given)
    if seen.is_refused:
        decided.is_allowed = decided.visitor.allowed = False
    people.settle_in(decided, seen)
    if spec.arms:  # looked at on purpose: it is no experiment with who looks
        decided.visitor.may_split = True
    with unkept():
        deciding.settle(decided, "placement_not_found", perf_counter())
        _put_chosen(decided, spec.variants)
    return Answered(decided, seen, source, now_ms)


def _own_facts(seen: Seen, spec: PreviewSpec) -> dict[str, Any]:
    """The facts of a persona's request, but for what the preview says itself."""
    said: set[str] = set()
    if "userAgent" in spec.context:
        said |= {"device", "browser", "os"}
    if spec.locale:
        said |= {"locale", "language"}
    return {name: value for name, value in seen.context.items() if name not in said}


def _desk(site_id: UUID) -> Caller:
    """Who asks where no page does: somebody who may see flags that pages may not."""
    return Caller(
        site_id, "", _NOBODY, _NOBODY, "sk", "", "assumed", "", Rates(0, 0, 0), False, 0,
        zone_of(site_id), False, "", site_id.hex, "", None, None, False,
    )  # fmt: skip


def _put_chosen(decided: Decided, variants: Mapping[str, str]) -> None:
    """Show the variants that were chosen on purpose, whoever looks."""
    for place, (key, limit) in enumerate(decided.call.asked):
        wanted = variants.get(key.removeprefix(place_of("")))
        placement = decided.served.compiled.placements.get(key)
        if wanted is None or placement is None or wanted not in placement.block.variants:
            continue
        decided.placed[place] = deciding.place(
            decided, placement, _chosen(placement, wanted), limit
        )


def _chosen(placement: CompiledPlacement, wanted: str) -> Decision:
    variant = placement.block.variants[wanted]
    return Decision(
        placement.key, placement.block.key, variant.key, variant.version, Reason.PREVIEW, steps=[]
    )


def _pane(key: str, placed: Placed, decided: Decided, *, is_block: bool, seen: Seen) -> Pane:
    decision = placed.decision
    steps = decision.steps or []
    if placed.ready is None:
        return Pane(
            key, is_block, "content", None, None, 0, None, Reason.ERROR.value, None, None, {},
            None, None, (), steps, None, error=placed.error,
        )  # fmt: skip
    said = msgspec.json.decode(placed.body.data)
    return Pane(
        key=key,
        is_block=is_block,
        kind=placed.ready.block.kind,
        block=said["block"],
        variant=said["variant"],
        version=said["version"],
        locale=said.get("locale"),
        reason=said["reason"],
        rule=decision.rule,
        experiment=decision.experiment,
        fields=said["fields"],
        html=said["html"],
        value=said.get("value"),
        items=said.get("items") or (),
        steps=people.stripped(steps) if seen.is_masked else steps,
        valid_until_ms=None if seen.is_masked else decision.valid_until_ms,
        has_caps=bool(decision.caps),
        is_email=placed.ready.doc.channel == "email",
    )
