"""What can be previewed: as whom, when, from where, by which content; and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from apps.decisions.selectors import Served
from engine.decide import Step

MAX_SHOWN: Final = 50  # placements and blocks of one preview
MAX_SEGMENTS: Final = 100
BLOCK_PREFIX: Final = "block:"  # of the placement that a block is shown in by itself


class Nobody(msgspec.Struct, frozen=True, tag="nobody"):
    """Somebody who is here for the first time; `is_allowed`: personalization is consented to."""

    is_allowed: bool = True


class AsSegments(msgspec.Struct, frozen=True, tag="segments"):
    """Somebody who is in these segments, in what they imply, and in no others.

    Attributes:
        answers: key of a hidden part of a rule -> whether it holds; absent: not said, counts as no.
    """

    keys: tuple[str, ...] = ()
    answers: dict[str, bool] = {}


class AsPersona(msgspec.Struct, frozen=True, tag="persona"):
    """A person whom an editor has invented."""

    persona_id: UUID


class AsPerson(msgspec.Struct, frozen=True, tag="person"):
    """A real person; `is_masked`: nothing of what is known of them is shown."""

    profile_id: UUID
    is_masked: bool = True


class AsVisitor(msgspec.Struct, frozen=True, tag="visitor"):
    """Whoever asks, as the page says."""


class Serving(msgspec.Struct, frozen=True, tag="serving"):
    """What serves now."""


class Drafts(msgspec.Struct, frozen=True, tag="drafts"):
    """All drafts, as if they were published now."""


class OfRelease(msgspec.Struct, frozen=True, tag="release"):
    """What would serve once a release is published."""

    release_id: UUID


class OfPublication(msgspec.Struct, frozen=True, tag="publication"):
    """An earlier publication."""

    number: int


Who: TypeAlias = Nobody | AsSegments | AsPersona | AsPerson | AsVisitor
Content: TypeAlias = Serving | Drafts | OfRelease | OfPublication


class PreviewSpec(msgspec.Struct, frozen=True):
    """One preview.

    Attributes:
        at_ms: the instant to decide at, Unix ms; None: now.
        context: what a page would send of itself, nested as in /v1/decide.
        given: facts that the server works out otherwise, such as the country.
        facts: the call's own facts.
        locale: language of the request; empty: none is said.
        placements: keys; a flag has one by the key of its block.
        blocks: keys of blocks to be shown by themselves.
        variants: placement or block key -> the variant to show whoever looks.
        arms: experiment key -> the arm that whoever takes part is dealt; absent: their own.
        mode: consent mode of the source that would ask, where a real person is shown.
    """

    site_id: UUID
    who: Who = Nobody()
    at_ms: int | None = None
    context: dict[str, Any] = {}
    given: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    locale: str = ""
    content: Content = Serving()
    placements: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    variants: dict[str, str] = {}
    mode: str = "assumed"
    arms: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Switch:
    """A hidden part of a rule that a preview as segments cannot know.

    Attributes:
        words: what it says: "viewed 3 articles within 10 minutes".
        answer: as the preview was told; None: not said, which counts as no.
    """

    key: str
    words: str
    answer: bool | None


@dataclass(frozen=True, slots=True)
class Split:
    """An experiment that runs in what is shown.

    Attributes:
        arms: (key of the arm, key of its variant), in their order.
        arm: the one that the preview was told to deal; empty: the visitor's own.
    """

    key: str
    placement: str
    arms: Sequence[tuple[str, str]]
    arm: str


@dataclass(frozen=True, slots=True)
class Pane:
    """One placement or block of a preview.

    Attributes:
        key: of the placement, or of the block where it is shown by itself (`is_block`).
        reason: the true one, as a visitor's decision would have it; PREVIEW for a variant that was
            chosen on purpose.
        error: a code where nothing can be shown.
        steps: the trace; without what was found about somebody who is masked.
        experiment: the one that would split visitors here.
        has_caps: showing it draws on frequency caps.
        is_email: of a block that is sent, and never shown on a page.
    """

    key: str
    is_block: bool
    kind: str
    block: str | None
    variant: str | None
    version: int
    locale: str | None
    reason: str
    rule: str | None
    experiment: str | None
    fields: Mapping[str, Any]
    html: str | None
    value: Any
    items: Sequence[Mapping[str, Any]]
    steps: Sequence[Step]
    valid_until_ms: int | None
    error: str = ""
    has_caps: bool = False
    is_email: bool = False


@dataclass(frozen=True, slots=True)
class Previewed:
    """What came of a preview.

    Attributes:
        at_ms: the instant that was decided at.
        number: of the publication; 0 for drafts and releases.
        notes: sentences about what the preview cannot know, or takes for granted.
        switches: what could be said of somebody in segments, and was or was not.
        splits: the experiments that run in the placements shown.
        served: what was decided by.
        is_masked: nothing personal is in it.
    """

    panes: Sequence[Pane]
    at_ms: int
    number: int
    notes: Sequence[str]
    switches: Sequence[Switch]
    served: Served
    is_masked: bool = False
    splits: Sequence[Split] = ()


def place_of(block_key: str) -> str:
    """The key of the placement that a block is shown in by itself: no key can hold a colon."""
    return f"{BLOCK_PREFIX}{block_key}"
