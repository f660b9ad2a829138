"""Where a variant came from, on the page of its block."""

from typing import Any

from django import template

from apps.integrations.synced import CameFrom, came_from

register = template.Library()
_KEPT = "_came_from"  # of the block, while its page is drawn


@register.inclusion_tag("admin/integrations/_came_from.html", takes_context=True)
def variant_came_from(context: Any, variant: Any) -> dict[str, CameFrom | None]:
    """Say of which entry a variant is made. One query for all variants of a page."""
    block = context.get("original")
    if variant is None or block is None:
        return {"came": None}
    known: dict[Any, CameFrom] | None = getattr(block, _KEPT, None)
    if known is None:
        known = came_from(list(block.variants.values_list("pk", flat=True)))
        setattr(block, _KEPT, known)
    return {"came": known.get(variant.pk)}
