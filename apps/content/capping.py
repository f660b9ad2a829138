"""Frequency caps of the draft: made, checked, said in words, and who draws on them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from apps.content.errors import FieldError, InvalidContent, refused
from apps.content.models import Block, Cap, Placement, Variant
from apps.content.types import KEY_RULE, is_key
from engine.capping import DAY_MS, MAX_SHOWINGS, SECOND_MS, UNITS, CapDoc, FatigueDoc, describe

MAX_WINDOW_MS: Final = 366 * DAY_MS


@transaction.atomic
def create_cap(
    *,
    site_id: UUID,
    key: str,
    name: str = "",
    most: int | None = None,
    window_ms: int | None = None,
    per: str = Cap.Per.VISITOR,
    cooldown_ms: int = 0,
    half_life_ms: int | None = None,
    step: float = 0.2,
    floor: float = 0.0,
    skip_below: float = 0.0,
) -> Cap:
    """Add a cap to the draft; it counts from the first publication that something names it in.

    Raises:
        InvalidContent: the key is taken, or it limits nothing.
    """
    if Cap.objects.filter(site_id=site_id, key=key).exists():
        raise refused("/key", f"This site has a cap '{key}' already.", "key_taken")
    cap = Cap(
        site_id=site_id,
        key=key,
        name=name or key,
        most=most,
        window_ms=window_ms,
        per=per,
        cooldown_ms=cooldown_ms,
        half_life_ms=half_life_ms,
        step=step,
        floor=floor,
        skip_below=skip_below,
    )
    check_cap(cap)
    number_cap(cap)
    cap.save(force_insert=True)
    return cap


def number_cap(cap: Cap) -> None:
    """Give a new cap its number: caps are never deleted, so the greatest is the last one given."""
    # One editor of a site at a time: two caps made at once must not share a number.
    cap._meta.get_field("site").related_model._default_manager.select_for_update(no_key=True).get(
        pk=cap.site_id
    )
    last = Cap.objects.filter(site_id=cap.site_id).aggregate(last=Max("number"))["last"]
    cap.number = (last or 0) + 1


def check_cap(cap: Cap) -> None:
    """Refuse a cap that limits nothing or cannot be counted.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    errors: list[FieldError] = []

    def wrong(place: str, detail: str) -> None:
        errors.append({"pointer": f"/{place}", "code": "invalid_content", "detail": detail})

    if not is_key(cap.key):
        errors.append({"pointer": "/key", "code": "invalid_key", "detail": KEY_RULE})
    if cap.most is None and not cap.cooldown_ms and cap.half_life_ms is None:
        wrong("most", "Say how many showings, a pause after each, or how fast it wears off.")
    if cap.most is not None and not 1 <= cap.most <= MAX_SHOWINGS:
        wrong("most", f"A cap counts 1 to {MAX_SHOWINGS} showings.")
    if cap.most is None and cap.window_ms is not None:
        wrong("window_ms", "A span needs a number of showings.")
    for place in ("window_ms", "cooldown_ms", "half_life_ms"):
        span = getattr(cap, place)
        if span and not SECOND_MS <= span <= MAX_WINDOW_MS:
            wrong(place, "Give a span of 1 second to 366 days.")
    if cap.half_life_ms == 0:
        wrong("half_life_ms", "Give a span of 1 second to 366 days.")
    for place in ("step", "floor", "skip_below"):
        if not 0 <= getattr(cap, place) <= 1:
            wrong(place, "Give a number from 0 to 1.")
    if errors:
        raise InvalidContent(errors)


def cap_document(cap: Cap) -> CapDoc:
    """Return a cap as a publication holds it."""
    fatigue = None
    if cap.half_life_ms is not None:
        fatigue = FatigueDoc(cap.half_life_ms, cap.step, cap.floor, cap.skip_below)
    return CapDoc(
        number=cap.number,
        key=cap.key,
        most=cap.most,
        window_ms=cap.window_ms,
        per=cap.per,  # type: ignore[arg-type]  # choices hold it to the literal
        cooldown_ms=cap.cooldown_ms,
        fatigue=fatigue,
    )


def caps_of(site_id: UUID | None) -> QuerySet[Cap]:
    """Return the site's caps by name. One query."""
    if site_id is None:
        return Cap.objects.none()
    return Cap.objects.filter(site_id=site_id).order_by("name")


def cap_ids(site_id: UUID, keys: Sequence[str]) -> list[Any]:
    """Return the ids of the site's caps of these keys, or refuse the first that is missing.

    Raises:
        InvalidContent
    """
    found: dict[str, Any] = dict(caps_of(site_id).filter(key__in=keys).values_list("key", "pk"))
    for key in keys:
        if key not in found:
            raise refused("/caps", f"This site has no cap '{key}'.", "unknown_cap")
    return list(found.values())


def users_of(cap: Cap) -> list[str]:
    """Return what draws on a cap, in words. Four queries."""
    variants = (
        Variant.objects.filter(caps=cap).select_related("block").order_by("block__name", "name")
    )
    return [
        *(f"the variant {one.block.name} / {one.name}" for one in variants),
        *(f"the block {one.name}" for one in Block.objects.filter(caps=cap).order_by("name")),
        *(f"the placement {one.key}" for one in Placement.objects.filter(caps=cap).order_by("key")),
        # Rules belong to an app above and are reached through their own relation to caps.
        *(f"the rule {one.name}" for one in _rules_of(cap)),
    ]


def _rules_of(cap: Cap) -> Any:
    relation: Any = getattr(cap, "rules", None)
    return () if relation is None else relation.order_by("name")


def words(cap: Cap, users: Sequence[str] = ()) -> str:
    """Return a cap as a sentence: "At most 2 showings in 7 days to one visitor, shared by ..."."""
    sentence = describe(cap_document(cap))
    if len(users) > 1:
        sentence += f"; one budget, shared by {', '.join(users[:-1])} and {users[-1]}"
    elif users:
        sentence += f"; for {users[0]}"
    return sentence[0].upper() + sentence[1:] + "."


def span_of(text: str) -> int | None:
    """Read "7 days", "1 hour" or "90 minutes" as milliseconds; None for anything else."""
    count, _, unit = text.strip().lower().partition(" ")
    sizes = dict(UNITS) | {"week": 7 * DAY_MS}
    size = sizes.get(unit.strip().removesuffix("s"))
    if size is None or not (count.isascii() and count.isdigit() and len(count) < 8):
        return None
    return int(count) * size
