"""What a decision read of its visitor and its request, packed so that it can be decided again.

Of a profile only that is kept which the placements can read at all (`reading`). Facts that a call
brought for this decision only are never kept: their names are, and a keyed digest of their values.
"""

import zlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

import msgspec

from apps.access.types import Caller
from apps.consent import gates
from apps.content import rendering
from apps.decisions import sealing
from apps.decisions.reading import Deal, Path, Reads, deals_of_holdouts, reads_together
from apps.decisions.snapshots import Served
from apps.decisions.types import HotProfile
from apps.segments.live import Stays, encode_stays
from engine.facts import TraitMeta
from engine.members import Visitor

FACTS: Final = "facts."
UNIT: Final = "unit"  # in `missing`: bucketed by an id that was not to be kept
STAND_INS: Final = 500
_STAND_INS: Final = "stand-ins"  # of Served.prepared

# What stands before the inputs. A few hundred bytes cost more to squeeze than to write.
_PLAIN: Final = b"\0"
_SQUEEZED: Final = b"\1"
_LARGE: Final = 1_200

_pack = msgspec.msgpack.Encoder().encode


class Said(NamedTuple):
    """What is said of one decision, the same for many; without an experiment for certain.

    `propensity`: see `engine.chances`; None: not known.
    """

    placement: str
    block: str | None
    variant: str | None
    version: int
    reason: str
    rule: str | None = None
    experiment: str | None = None
    arm: str | None = None
    probability: float = 1.0
    propensity: float | None = None


class Noted(NamedTuple):
    """One decision of a call.

    Attributes:
        digest: of what is shown (`sealing.content_digest`); empty for what does not exist.
        items: the recommended items among it, as JSON.
        lists: the same of fields that hold products, by the field's name.
    """

    said: Said
    digest: bytes = b""
    items: bytes = b""
    lists: Mapping[str, bytes] = {}


class Made(NamedTuple):
    """One call as the request leaves it; a thread makes a row of it. Nothing in it may change.

    Attributes:
        subject: the identity that was decided for, "kind:value"; empty for nobody.
        read: the facts of the request that were looked at, by name.
        values: what templates could look at.
        intensities: what fatigue leaves of a capped variant, by placement (see `engine.capping`).
        is_away: it could not be found out who asked.
        reads: what the placements can look at; None: it is worked out.
        permitted: the purposes that were allowed, as bits; None: nobody asked.
    """

    caller: Caller
    request_id: str
    subject: str
    profile: HotProfile | None
    visitor: Visitor
    served: Served
    at_ms: int
    placements: list[Noted]
    read: Mapping[str, object]
    values: Mapping[str, Any]
    intensities: Mapping[str, float]
    is_away: bool
    took_us: int
    reads: Reads | None = None
    permitted: int | None = None


class Inputs(msgspec.Struct, array_like=True):
    """All that a decision depended on besides the publication.

    Attributes:
        memberships: the stays of the segments that could be asked for, as hot state has them.
        items: the recommended items served, as JSON, by placement, or by "placement#field".
        paths: (path, value) of what else templates looked at.
        facts_digest: keyed, of the values of the call's own facts; empty without any.
        shown, session_since_ms: what the caps were asked with (see `engine.members.Visitor`).
        granted, denied: what was recorded; of a yes that had ended nothing.
        permitted: the purposes that were allowed, as bits; None in records of before: what was
            recorded and the mode say it.
        regime, regime_source, place: which default applied, how it was found, and where.
        asks_to_split: nobody was dealt an arm without consent to experiments; not so before.
    """

    kind: str
    consent_mode: str
    gpc: bool
    zone: str
    is_known: bool
    is_away: bool
    subject: str
    granted: int
    denied: int
    memberships: bytes
    traits: dict[str, Any]
    scored_ms: dict[str, int]
    trait_meta: dict[str, TraitMeta]
    recent: bytes
    read: dict[str, Any]
    paths: list[tuple[Path, Any]]
    items: dict[str, bytes]
    facts_digest: bytes
    shown: dict[int, list[int]]
    session_since_ms: int | None
    intensities: dict[str, float]
    permitted: int | None = None
    regime: str = ""
    regime_source: str = ""
    place: str = ""
    asks_to_split: bool = False


_decoder = msgspec.msgpack.Decoder(Inputs)


class Packed(NamedTuple):
    """What of the inputs goes into a row."""

    unit_id: str
    missing: list[str]
    inputs: bytes | None


NOTHING_PACKED: Final = Packed("", [], None)


def packed(made: Made) -> Packed:
    """Return the inputs of a call as a row keeps them."""
    reads = _reads_of_call(made)
    profile, visitor, caller = made.profile, made.visitor, made.caller
    facts, kept_paths = _split(reads.paths, made.values)
    read: dict[str, object] = {}
    for name, value in made.read.items():
        if not name.startswith(FACTS) or value is None:
            read[name] = value
        else:
            facts[name] = value
    missing = sorted(facts)
    is_open = profile is not None and visitor.allowed
    unit_id = visitor.unit_id
    if not visitor.allowed:
        unit_id = _stand_in(made, frozenset()) if reads.unit and not reads.unit_exactly else ""
        if reads.unit_exactly or (reads.unit and not unit_id):
            missing.append(UNIT)
    elif profile is None and unit_id:
        # By a profile a record is found when its visitor is to be forgotten; this one has none.
        unit_id = _stand_in(made, reads.deals)
        if not unit_id:
            missing.append(UNIT)
    inputs = Inputs(
        caller.kind,
        caller.consent_mode,
        caller.gpc,
        caller.time_zone,
        profile is not None,
        made.is_away,
        made.subject if is_open else "",
        gates.granted_now(profile, made.at_ms) if profile is not None else 0,
        profile.denied if profile is not None else 0,
        _stays(visitor, reads),
        _named(visitor.traits, None if reads.every_trait else reads.traits),
        _named(profile.scored_ms, reads.traits) if is_open and profile is not None else {},
        _named(profile.trait_meta, reads.traits) if is_open and profile is not None else {},
        profile.recent if is_open and profile is not None and reads.history else b"",
        read,
        kept_paths,
        _items(made.placements),
        sealing.hidden(caller.site_id, facts) if facts else b"",
        {n: list(shown) for n, shown in visitor.shown.items() if n in reads.caps},
        visitor.session_since_ms,
        dict(made.intensities),
        made.permitted,
        *gates.found_for(caller, "" if profile is None else profile.residence),
        asks_to_split=True,
    )
    return Packed(unit_id, missing, _kept(inputs))


def _kept(inputs: Inputs) -> bytes:
    raw = _pack(inputs)
    return _PLAIN + raw if len(raw) < _LARGE else _SQUEEZED + _squeezed(raw)


def unpacked(inputs: bytes | memoryview, format: int) -> Inputs:
    """Return what `packed` kept.

    Args:
        format: of the record.

    Raises:
        ValueError: it is not what this version of the code writes.
    """
    raw = bytes(inputs)
    is_squeezed = format == 1
    if not is_squeezed:
        is_squeezed, raw = raw[:1] == _SQUEEZED, raw[1:]
    try:
        return _decoder.decode(zlib.decompress(raw, wbits=-15) if is_squeezed else raw)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"These inputs cannot be read: {error}") from error


def segments_read(made: Made) -> Collection[int]:
    """Return the numbers of the segments that a call could ask for."""
    reads = _reads_of_call(made)
    return made.visitor.memberships.keys() if reads.every_segment else reads.segments


def _reads_of_call(made: Made) -> Reads:
    if made.reads is not None:
        return made.reads
    return reads_together(made.served, [noted.said.placement for noted in made.placements])


def _stand_in(made: Made, deals: frozenset[Deal]) -> str:
    """Return an id that is no visitor's and is dealt the same: the own one is not kept.

    Empty when none is found in a few hundred tries.

    Args:
        deals: what matters besides holdouts.
    """
    every = [*deals_of_holdouts(made.served.compiled), *deals]
    dealt = frozenset((deal, deal.place(made.visitor.unit_id)) for deal in every)
    known: dict[frozenset[tuple[Deal, int]], str] = made.served.prepared.setdefault(_STAND_INS, {})
    found = known.get(dealt)
    if found is None:
        if len(known) >= STAND_INS:
            known.clear()  # callers choose what they ask for together
        names = (f"stand-in {number}" for number in range(STAND_INS))
        same = (name for name in names if all(deal.place(name) == at for deal, at in dealt))
        found = known[dealt] = next(same, "")
    return found


def _split(
    paths: Iterable[Path], values: Mapping[str, Any]
) -> tuple[dict[str, object], list[tuple[Path, Any]]]:
    """What templates looked at: facts of the call by name, and the rest by path."""
    facts: dict[str, object] = {}
    kept: list[tuple[Path, Any]] = []
    for path in paths:
        value = rendering.found_at(path, values)
        if value is None:
            continue
        if path[0] == "facts":
            facts[".".join(path)] = value
        else:
            kept.append((path, value))
    return facts, kept


def _items(placements: Iterable[Noted]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for noted in placements:
        key = noted.said.placement
        if noted.items:
            found[key] = noted.items
        found |= {f"{key}#{field}": items for field, items in noted.lists.items()}
    return found


def _stays(visitor: Visitor, reads: Reads) -> bytes:
    stays = cast(Stays, visitor.memberships)
    if reads.every_segment or not stays:
        return encode_stays(stays)
    wanted = reads.segments
    return encode_stays({number: stay for number, stay in stays.items() if number in wanted})


def _named(values: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    if names is None:
        return dict(values)
    return {name: values[name] for name in names if name in values}


def _squeezed(raw: bytes) -> bytes:
    # A small window and table: these are a few hundred bytes, and a large one costs more to clear
    # than they cost to compress.
    squeezer = zlib.compressobj(1, zlib.DEFLATED, -10, 4)
    return squeezer.compress(raw) + squeezer.flush()
