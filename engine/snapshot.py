"""A publication: the frozen document that is stored, and its compiled form that decides.

The document is plain JSON both ways. `engine.compiling` makes the one into the other, once per
publication.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from engine.allocation import Layer, Range
from engine.capping import CapDoc
from engine.conditions.compile import Compiled
from engine.conditions.nodes import Node
from engine.errors import InvalidSnapshot
from engine.experiment_docs import ArmDoc as ArmDoc
from engine.experiment_docs import ChangesDoc as ChangesDoc
from engine.experiment_docs import ContextDoc as ContextDoc
from engine.experiment_docs import ExperimentDoc as ExperimentDoc
from engine.experiment_docs import HoldoutDoc as HoldoutDoc
from engine.experiment_docs import ThresholdDoc as ThresholdDoc
from engine.templating import Render, TemplatePart

JSON: TypeAlias = Any  # whatever a JSON document can hold

BlockKind: TypeAlias = Literal["content", "recommendations", "flag"]
ValueType: TypeAlias = Literal["boolean", "string", "integer", "float", "object"]
BlockPurpose: TypeAlias = Literal["personalization", "necessary"]


class SegmentDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A segment that something in the publication asks for.

    Attributes:
        number: small, unique in the site, never reused; memberships are kept by it.
        depth: how many segments it is nested in; the deeper, the more specific.
        no_profile: its verdict on an empty history, for a visitor without a profile.
        request_condition: set when it depends on the request; then it has no kept membership.
    """

    number: int
    key: str
    name: str = ""
    depth: int = 0
    hidden: bool = False
    no_profile: bool = False
    request_condition: dict[str, JSON] | None = None


class LocaleDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a variant shows in one more language; see `engine.locales.localized`.

    Attributes:
        fields: those that differ from the variant's own.
        template, liquid: instead of the variant's own, when one of them is there.
    """

    fields: dict[str, JSON] = {}
    template: list[TemplatePart] | None = None
    liquid: str | None = None


class VariantDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a block.

    Attributes:
        segments: numbers; being in any of them makes this variant a candidate.
        template: the slot form; `liquid` is the source when only Liquid can render it.
        value: what a flag evaluates to.
        caps: numbers of the caps that showing it draws on.
        starts_at_ms, ends_at_ms: it is a candidate in [starts_at_ms, ends_at_ms); the default is
            always there.
        locales: the languages it is translated into.
        channel: by whose policy what Liquid makes is cleaned; no placement has one for e-mail.
    """

    key: str
    version: int
    segments: list[int] = []
    priority: int = 0
    fields: dict[str, JSON] = {}
    template: list[TemplatePart] | None = None
    liquid: str | None = None
    value: JSON = None
    caps: list[int] = []
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    locales: dict[str, LocaleDoc] = {}
    channel: Literal["page", "email"] = "page"


class BlockDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Content that can fill a placement.

    Attributes:
        default: the key of the variant for everyone else.
        caps: numbers of the caps that every variant but the default draws on.
        cacheable: its content may be kept for all visitors of the same segments, on servers between
            and at the edge.
        locale: the language of the variants' own texts; empty where the site has but one.
    """

    key: str
    kind: BlockKind
    variants: list[VariantDoc]
    default: str
    value_type: ValueType | None = None
    client_visible: bool = False
    purpose: BlockPurpose = "personalization"
    recommender: str | None = None
    limit: int = 0
    caps: list[int] = []
    cacheable: bool = False
    locale: str = ""


class PlacementDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place on a page; `caps` are drawn on by whatever it shows but the default."""

    key: str
    block: str
    enabled: bool = True
    caps: list[int] = []


class RuleDoc(msgspec.Struct, frozen=True, omit_defaults=True):
    """Serve `variant` in `placement` while `condition` holds, in [starts_at_ms, ends_at_ms).

    The condition holds no events: `scope.split_history` put hidden segments in their place.

    Attributes:
        variant: empty when the rule runs an experiment instead.
        experiment: its key; who is not in the experiment goes on to the next step.
    """

    key: str
    placement: str
    variant: str
    condition: dict[str, JSON]
    priority: int = 0
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    enabled: bool = True
    caps: list[int] = []
    experiment: str = ""


class SnapshotDoc(msgspec.Struct, frozen=True):
    site_id: str
    number: int
    published_at_ms: int
    placements: list[PlacementDoc] = []
    blocks: list[BlockDoc] = []
    segments: list[SegmentDoc] = []
    rules: list[RuleDoc] = []
    caps: list[CapDoc] = []
    experiments: list[ExperimentDoc] = []
    holdouts: list[HoldoutDoc] = []


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    doc: SegmentDoc
    number: int
    no_profile: bool
    request: Compiled | None


@dataclass(frozen=True, slots=True)
class CompiledVariant:
    doc: VariantDoc
    key: str
    version: int
    render: Render | None  # None: no slot form, see `doc.liquid` and `doc.fields`
    is_scheduled: bool = False


@dataclass(frozen=True, slots=True)
class CompiledArm:
    """`caps`: all that showing it in this placement draws on; the default draws on none."""

    doc: ArmDoc
    variant: CompiledVariant
    is_default: bool
    caps: tuple[CapDoc, ...]


@dataclass(frozen=True, slots=True)
class CompiledShares:
    """What each arm gets of those in a segment."""

    segment: CompiledSegment
    weights: tuple[float, ...]
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class CompiledExperiment:
    """An experiment that splits.

    Attributes:
        arms: empty for one by change, whose arms are places (see `CompiledChoice`).
        contexts: shares of those in a segment, the first that somebody is in; else `ranges`.
    """

    doc: ExperimentDoc
    key: str
    seed: str
    arms: tuple[CompiledArm, ...]
    ranges: tuple[Range, ...]
    layer: Layer | None
    node: Node | None
    condition: Compiled | None
    contexts: tuple[CompiledShares, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """Serves `variant`, or what `experiment` says; `caps`: all that serving it draws on."""

    doc: RuleDoc
    key: str
    node: Node
    condition: Compiled
    variant: CompiledVariant | None
    experiment: CompiledExperiment | None
    caps: tuple[CapDoc, ...]
    starts_at_ms: int | None
    ends_at_ms: int | None


@dataclass(frozen=True, slots=True)
class CompiledBlock:
    """`tagged`: every (segment, variant) pair, the most specific first."""

    doc: BlockDoc
    key: str
    variants: dict[str, CompiledVariant]
    default: CompiledVariant
    tagged: tuple[tuple[CompiledSegment, CompiledVariant], ...]


@dataclass(frozen=True, slots=True)
class CompiledPlacement:
    """A place on a page, or a flag that has none.

    Attributes:
        rules: the enabled ones, by priority (greatest first), then key.
        experiment: the placement's own, which comes after the rules.
        tagged_caps: what serving each of `block.tagged` here draws on.
        choice: the experiment by change, which says by which of several such forms is decided.
        arm: of such an experiment, whose form this is; empty: as it is without.
    """

    doc: PlacementDoc
    key: str
    block: CompiledBlock
    rules: tuple[CompiledRule, ...]
    experiment: CompiledExperiment | None
    tagged_caps: tuple[tuple[CapDoc, ...], ...]
    choice: CompiledChoice | None = None
    arm: str = ""

    @property
    def forms(self) -> tuple[CompiledPlacement, ...]:
        """Every form by which something here may be decided: itself, and those of arms."""
        if self.choice is None:
            return (self,)
        return (self, *(one for one in self.choice.places if one is not None and one.arm))

    def form_of(self, arm: str | None) -> CompiledPlacement:
        """The form by which an arm decides; itself for any other, and for none."""
        if self.choice is not None and arm:
            for place in self.choice.places:
                if place is not None and place.arm == arm:
                    return place
        return self


@dataclass(frozen=True, slots=True)
class CompiledChoice:
    """An experiment by change: by which form of the placement somebody is decided.

    Attributes:
        places: of each arm; one without changes has the placement's own; None: the arm is stopped.
    """

    experiment: CompiledExperiment
    places: tuple[CompiledPlacement | None, ...]


@dataclass(frozen=True, slots=True)
class CompiledSnapshot:
    """`placements` holds every flag that no placement shows too, by the key of its block."""

    doc: SnapshotDoc
    site_id: str
    number: int
    placements: dict[str, CompiledPlacement]
    blocks: dict[str, CompiledBlock]
    segments: dict[str, CompiledSegment]
    segments_by_number: dict[int, CompiledSegment]
    caps: dict[int, CapDoc]
    holdouts: tuple[HoldoutDoc, ...]


def encode_snapshot(doc: SnapshotDoc) -> bytes:
    """Return the document as JSON; equal documents give equal bytes."""
    return msgspec.json.encode(doc, order="deterministic")


def decode_snapshot(body: bytes | str) -> SnapshotDoc:
    """Read a stored document.

    Raises:
        InvalidSnapshot: not JSON, or of another shape.
    """
    try:
        return msgspec.json.decode(body, type=SnapshotDoc)
    except msgspec.MsgspecError as error:
        raise InvalidSnapshot("snapshot", str(error)) from error
