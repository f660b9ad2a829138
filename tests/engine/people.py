"""Random people: histories full of ties and edges, traits of changing type, facts of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias

from engine.facts import NO_DEVICE, SESSION_IDLE_MS, Facts, Happening, TraitMeta
from tests.engine.alphabets import (
    COMMON,
    CONTEXT,
    DATED_TRAITS,
    DATES,
    DAY_MS,
    EVENTS,
    INSTANTS,
    PAGE_EVENTS,
    PAGE_IDS,
    PROPERTIES,
    SCALARS,
    SEGMENTS,
    START_MS,
    TRAITS,
    VERSIONS,
    ZONES,
    suited,
)
from tests.engine.choices import Choices, once_in, some

# Where clocks and calendars are awkward: changes of the clocks in Paris and New York, a leap day,
# ends of a month and of a year. Unix ms, a little before it happens.
AWKWARD_MS = (
    1_711_846_800_000 - 1000,  # 2024-03-31 01:00 UTC: Paris goes from 02:00 to 03:00
    1_729_990_800_000 - 1000,  # 2024-10-27 01:00 UTC: Paris goes from 03:00 to 02:00
    1_710_054_000_000 - 1000,  # 2024-03-10 07:00 UTC: New York goes from 02:00 to 03:00
    1_730_613_600_000 - 1000,  # 2024-11-03 06:00 UTC: New York goes from 02:00 to 01:00
    1_709_164_800_000 - 1000,  # 2024-02-29 00:00 UTC
    1_738_281_600_000 - 1000,  # 2025-01-31 00:00 UTC
    1_735_689_600_000 - 1000,  # 2025-01-01 00:00 UTC
    1_711_839_600_000 - 1000,  # 2024-03-30 23:00 UTC: midnight in Paris, of a day of 23 hours
)
STARTS_MS = (START_MS, START_MS, *AWKWARD_MS)
GAPS_MS: tuple[int, ...] = (
    0,
    0,
    1,
    500,
    999,
    1000,
    1001,
    5000,
    10_000,
    10_001,
    59_999,
    60_000,
    600_000,
)
GAPS_MS += (SESSION_IDLE_MS - 1, SESSION_IDLE_MS, 3_600_000, DAY_MS, DAY_MS - 3_600_000)
FAR_GAPS_MS = (
    3_600_000,
    23 * 3_600_000,
    DAY_MS - 1,
    DAY_MS,
    25 * 3_600_000,
    28 * DAY_MS,
    31 * DAY_MS,
)
NAMES: tuple[str, ...] = (
    *EVENTS,
    *EVENTS,
    *EVENTS,
    "Page Heartbeat",
    "Page Heartbeat",
    "Page Left",
)
NAMES += ("Section Viewed", "Element Hovered", "Exposure", "Experiment Viewed")
# Names that occur together, so that short histories are about something.
THEMES: tuple[Sequence[str], ...] = (
    EVENTS,
    EVENTS,
    ("Product Viewed", "Product Added"),
    PAGE_EVENTS,
    (*PAGE_EVENTS, "Page Heartbeat", "Product Viewed"),
    NAMES,
)
# Few values in one history, so that they meet: sums of tenths, what only looks alike, all there is.
PALETTES: tuple[Sequence[Any], ...] = (
    SCALARS,
    (0.1, 0.2, 0.3, 0.7),
    (1, True, 1.0, "1", 2**53, 2**53 + 1, "true"),
    ("a", "b", 2, 3),
)
OFFSETS_MS = (0, 1, 1000, 60_000, 600_000, DAY_MS, -1000, -60_000, -DAY_MS, -DAY_MS + 1)
NOTHING: Mapping[str, Sequence[tuple[str, Any]]] = MappingProxyType({})
DEVICES = (1, 1, 2, NO_DEVICE)
ACTIVE_MS = (0, 4000, 5000, 10_000, 60_000, 5000.5, -1, 3_600_001, "5000", True)


# Property or trait -> the (operator, value) that a condition asks of it.
Wanted: TypeAlias = Mapping[str, Sequence[tuple[str, Any]]]


def happening(
    choices: Choices,
    at_ms: int,
    names: Sequence[str],
    wanted: Wanted = NOTHING,
    palette: Sequence[Any] = SCALARS,
) -> Happening:
    name = choices.pick(names)
    properties: dict[str, Any] = {}
    for key in PROPERTIES:
        if key in wanted and not once_in(choices, 3):
            properties[key] = suited(choices, *choices.pick(wanted[key]))
        elif not once_in(choices, 3):
            properties[key] = choices.pick(COMMON if once_in(choices, 3) else palette)
    if name in PAGE_EVENTS or once_in(choices, 4):
        if not once_in(choices, 8):
            properties["page_view_id"] = choices.pick(PAGE_IDS)
        if name != "Page Viewed":
            properties["active_ms"] = choices.pick(ACTIVE_MS)
    if name in ("Section Viewed", "Element Hovered"):
        properties["visible_ms" if name == "Section Viewed" else "dwell_ms"] = choices.pick(
            ACTIVE_MS
        )
    if name in ("Exposure", "Experiment Viewed"):
        keys = ("placement", "block", "variant", "experiment_id", "variation_id")
        properties |= {key: choices.pick(("a", "b")) for key in keys}
    return Happening(at_ms, name, choices.pick(DEVICES), properties)


def history(
    choices: Choices,
    most: int = 12,
    names: Sequence[str] = (),
    wanted: Wanted = NOTHING,
    spans_ms: Sequence[int] = (),
) -> list[Happening]:
    """Events in order, with ties, of two devices and of none, with gaps that just miss limits.

    Args:
        spans_ms: durations that a condition names; gaps are such, or a millisecond off.
    """
    at_ms, names = choices.pick(STARTS_MS), names or choices.pick(THEMES)
    at_ms += choices.pick((0, 0, 1000))
    gaps: Sequence[int] = [choices.pick(GAPS_MS) for _ in range(3)]
    if spans_ms and not once_in(choices, 3):
        near = [span_ms + choices.pick((0, 0, -1, 1)) for span_ms in spans_ms]
        gaps = [*gaps, *near, *near]
    elif once_in(choices, 5):
        gaps = FAR_GAPS_MS
    elif once_in(choices, 2):
        gaps = GAPS_MS
    found = []
    palette = choices.pick(PALETTES)
    snaps_to = choices.pick((0, 0, 0, 3_600_000, DAY_MS))
    for n in range(choices.whole(0, most)):
        if n or once_in(choices, 2):
            at_ms += choices.pick(gaps)
        if snaps_to and once_in(choices, 3):
            at_ms = _snapped(choices, at_ms, snaps_to)
        found.append(happening(choices, at_ms, names, wanted, palette))
    return found


def _snapped(choices: Choices, at_ms: int, step_ms: int) -> int:
    """Just at the next full hour or midnight UTC, sometimes the first of a month, or beside it."""
    edge = -(-at_ms // step_ms) * step_ms
    if step_ms == DAY_MS:
        # Midnight of Paris, New York or Lord Howe too, by some of their offsets.
        edge += choices.pick((0, 0, -1, -2, 4, 5, -11)) * 3_600_000
        edge += DAY_MS if edge < at_ms else 0
    if step_ms == DAY_MS and once_in(choices, 2):
        following = datetime.fromtimestamp(at_ms // 1000, UTC).replace(day=28) + timedelta(days=4)
        first = following.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        edge = int(first.timestamp()) * 1000
    return edge + choices.pick((0, 1)) if edge == at_ms else edge + choices.pick((0, 0, -1, 1))


def traits(choices: Choices, around_ms: int) -> dict[str, Any]:
    """Traits of any type; their dates are around an instant, or are none at all."""
    found: dict[str, Any] = {}
    for name in TRAITS:
        if not once_in(choices, 3):
            found[name] = _value(choices)
    for name in DATED_TRAITS:
        if not once_in(choices, 4):
            found[name] = choices.pick((*DATES, *INSTANTS, "2024-02-30", "soon", 5))
            if once_in(choices, 2):
                found[name] = _written(choices, around_ms + choices.pick(OFFSETS_MS))
    if once_in(choices, 2):
        found["timezone"] = choices.pick((*ZONES, "Nowhere/At_All", "", 5))
    if not once_in(choices, 3):
        ends_ms = around_ms + choices.pick(OFFSETS_MS)
        found["list.press"] = choices.pick((True, ends_ms, ends_ms, False, "true"))
    if not once_in(choices, 3):
        found["score.buy"] = choices.pick((0.75, 0.8, 0.5, 1, "a"))
    if not once_in(choices, 3):
        found["score.cluster"] = choices.pick(("a", "b", "c"))
    if not once_in(choices, 3):
        found["edge.member_of"] = choices.pick((["acme"], ["beta", "acme"], []))
    return found


def _written(choices: Choices, at_ms: int) -> str:
    """A date or an instant as text."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    day = moment.strftime("%Y-%m-%d")
    with_ms = f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"
    last_year = f"{moment.year - 1}-02-28" if moment.month == 2 else f"{moment.year - 1}{day[4:]}"
    return choices.pick((day, with_ms, last_year))


def _value(choices: Choices) -> Any:
    kind = choices.whole(1, 10)
    if kind == 10:
        return None
    if kind == 9:
        return [choices.pick(SCALARS) for _ in range(choices.whole(0, 2))]
    return choices.pick(VERSIONS) if kind == 8 else choices.pick(SCALARS)


def meta(choices: Choices, around_ms: int) -> TraitMeta:
    times = (None, around_ms, around_ms - 60_000, around_ms + choices.pick(OFFSETS_MS))
    return TraitMeta(
        choices.pick(times),
        choices.pick(times),
        choices.pick((None, "model", "api")),
        choices.pick((None, 0.8, 0.8, 0.79, 1.0)),
    )


def person(
    choices: Choices,
    most: int = 12,
    names: Sequence[str] = (),
    wanted: Wanted = NOTHING,
    spans_ms: Sequence[int] = (),
) -> Facts:
    """Facts of one person, as a request would see them."""
    happened = history(choices, most, names, wanted, spans_ms)
    around_ms = choices.pick(happened).at_ms if happened else START_MS
    known = traits(choices, around_ms)
    for name in (*TRAITS, *DATED_TRAITS):
        if name in wanted and once_in(choices, 2):
            known[name] = suited(choices, *choices.pick(wanted[name]))
    context: dict[str, Any] = {}
    for name in CONTEXT:
        if name in wanted and once_in(choices, 2):
            context[name] = suited(choices, *choices.pick(wanted[name]))
        elif once_in(choices, 2):
            context[name] = _value(choices)
    if once_in(choices, 6):
        context["device"] = choices.pick(([48.85, 2.35], [0, 0], [48.9, 2.4], [1], ["a", "b"]))
    return Facts(
        traits=known,
        history=happened,
        memberships={key: choices.pick((True, False)) for key in some(choices, SEGMENTS, 2)},
        context={name: value for name, value in context.items() if value is not None},
        unit_id=choices.pick(("u1", "u2", "u3")),
        trait_meta={name: meta(choices, around_ms) for name in known if not once_in(choices, 3)},
        consents={
            key: choices.pick((True, False))
            for key in some(choices, ("analytics", "advertising", "necessary"), 2)
        },
        site_zone=choices.pick(ZONES),
    )
