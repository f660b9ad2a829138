"""A call and what has been decided of it: who asks, what is known of them, what they get."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from apps.access.types import Caller
from apps.consent.gates import permitted_to
from apps.consent.types import NOT_ASKED, Purpose
from apps.decisions.selectors import Arrival, Reads, Served, bindings_of, visitor_of
from apps.decisions.types import HotProfile
from apps.delivery import cacheable
from apps.delivery.answers import Body, Listed, Ready, Told
from apps.delivery.online_scores import with_online
from apps.delivery.request_facts import RequestFacts
from apps.delivery.reserving import Reserved
from apps.profiles.vault import opened
from apps.recommendations.selectors import OwnList
from engine.decide import Decision
from engine.members import Visitor

MAX_SUBSETS: Final = 2_000  # of segments asked for together: kept of them
_NOTHING: Final[dict[str, Any]] = {}
_NO_LISTS: Final[Mapping[str, bytes]] = {}
_SEGMENTS: Final = "segments asked for"  # of Served.prepared
_PERSONALIZATION: Final = int(Purpose.PERSONALIZATION)
_EXPERIMENTS: Final = int(Purpose.EXPERIMENTS)


@dataclass(slots=True)
class Call:
    """What one call asks, as its door read it.

    Attributes:
        subject: the identity that is decided for, "kind:value"; empty for nobody.
        unit_id: what a visitor without a profile is bucketed by.
        asked: (placement key, limit) pairs.
        besides: what else is asked of the visitor, `segment.<key>`.
        is_pretended: a preview, which shows what caps would allow and asks no store for budget.
        permitted: of a replay: the purposes that were allowed, as bits; None: asked now.
        own_lists: of a letter: what was recommended to its reader beforehand, by recommender.
        asks_to_split: nobody is dealt an arm without consent to experiments; of a replay: whether
            that was so then.
    """

    caller: Caller
    request_id: str
    subject: str
    unit_id: str
    asked: Sequence[tuple[str, int | None]]
    context: dict[str, Any]
    facts: dict[str, Any]
    meta: Mapping[str, Any]
    explain: bool
    now_ms: int
    besides: Sequence[str] = ()
    is_pretended: bool = False
    permitted: int | None = None
    own_lists: Mapping[str, OwnList] = field(default_factory=dict)
    asks_to_split: bool = True


class Placed(NamedTuple):
    """One placement of a call, decided and filled.

    Attributes:
        told: what an answer says; it may be another reason than the decision's.
        ready: None for a placement that does not exist, or of which nothing is known now.
        body: what is shown; see `answers.shown`.
        error: the code, where `ready` is None.
        items: the recommended items among it, as JSON.
        lists: the same of fields that hold products, by the field's name.
    """

    decision: Decision
    told: Told
    ready: Ready | None
    body: Body
    error: str = ""
    items: bytes = b""
    lists: Mapping[str, bytes] = _NO_LISTS


class Decided:
    """A call and what has been decided of it, placement by placement.

    Attributes:
        reserved: what was reserved for the call, by placement key.
        kept_lists: of a replay: the items of each placement, as they were; None: look them up.
        rules_s, render_s: seconds spent.
    """

    __slots__ = (
        "call", "context", "is_allowed", "is_away", "kept_lists", "permitted", "placed", "profile",
        "reads", "render_s", "reserved", "rules_s", "served", "stays", "values", "visitor",
    )  # fmt: skip

    def __init__(
        self, call: Call, arrival: Arrival, served: Served, reads: Reads | None = None
    ) -> None:
        """Take what is known of the visitor.

        Args:
            reads: what can be looked at; None: anything, and nothing is worked out anew.
        """
        profile = arrival.profile
        self.call = call
        self.served, self.reads = served, reads
        self.profile = profile
        self.is_away = arrival.is_away
        self.permitted = _permitted(call, profile)
        self.is_allowed = self.permitted & _PERSONALIZATION != 0
        if self.is_allowed:
            self.profile = profile = _afresh(call, profile, self.permitted, reads)
        self.stays: bytes = b""
        traits: Mapping[str, object] = _NOTHING
        bound: Mapping[str, object] = _NOTHING
        if profile is None:
            self.visitor = Visitor(call.unit_id, {}, traits, self.is_allowed, False)
        else:
            if self.is_allowed:
                self.stays, traits = profile.memberships, profile.traits
            self.visitor = visitor_of(
                profile,
                is_allowed=self.is_allowed,
                site_zone=call.caller.time_zone,
                now_ms=call.now_ms,
                segments=None if reads is None else _segments_of(served, reads),
            )
            wanted = None if reads is None or reads.every_segment else reads.bound
            memberships = self.visitor.memberships
            bound = bindings_of(memberships, served.compiled, call.now_ms, wanted)
        self.visitor.may_split = not call.asks_to_split or self.permitted & _EXPERIMENTS != 0
        self.context = RequestFacts(
            context=call.context,
            facts=call.facts,
            meta=call.meta,
            caller=call.caller,
            is_known=profile is not None,
            now_ms=call.now_ms,
        )
        self.values: dict[str, Any] = {
            "traits": _clear(call, profile, traits, reads),
            "segments": bound,
            "facts": call.facts,
            "context": call.context,
            "intensity": 1.0,
        }
        self.placed: list[Placed] = []
        self.reserved: dict[str, Reserved] = {}
        self.kept_lists: Mapping[str, Listed] | None = None
        self.rules_s = self.render_s = 0.0

    @property
    def may_repeat(self) -> bool:
        """Whether the same answer may be shown again: budgets and arms are for one showing."""
        return not any(
            one.decision.caps or one.decision.experiment is not None for one in self.placed
        )


def _permitted(call: Call, profile: HotProfile | None) -> int:
    if call.permitted is not None:
        return call.permitted
    return permitted_to(call.caller, profile or NOT_ASKED, call.now_ms)


def _afresh(
    call: Call, profile: HotProfile | None, permitted: int, reads: Reads | None
) -> HotProfile | None:
    """The profile with the scores that are worked out for this call."""
    if profile is None or reads is None:
        return profile
    caller = call.caller
    return with_online(profile, reads, caller.site_id, caller.time_zone, permitted, call.now_ms)


def _clear(
    call: Call, profile: HotProfile | None, traits: Mapping[str, object], reads: Reads | None
) -> Mapping[str, object]:
    """The traits as templates may show them, the encrypted ones opened."""
    if profile is None or not traits:
        return traits
    names = None if reads is None or reads.every_trait else reads.traits
    return opened(call.caller.site_id, profile.keys, traits, names)


def _segments_of(served: Served, reads: Reads) -> Collection[int] | None:
    """The segments that are asked for, by decisions or for the segment key; None: all."""
    if reads.every_segment:
        return None
    known: dict[frozenset[int], frozenset[int]] = served.prepared.setdefault(_SEGMENTS, {})
    found = known.get(reads.segments)
    if found is None:
        if len(known) >= MAX_SUBSETS:
            known.clear()  # callers choose what they ask for together
        found = known[reads.segments] = reads.segments | cacheable.plan_of(served).bits.keys()
    return found


def may_personalize(profile: HotProfile | None, caller: Caller, now_ms: int) -> bool:
    """Whether personalization is allowed; for somebody unknown silence decides."""
    return permitted_to(caller, profile or NOT_ASKED, now_ms) & _PERSONALIZATION != 0
