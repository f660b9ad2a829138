"""Words of content for templates."""

from django import template

from apps.content.admin_variants import NEW_STATE
from apps.content.admin_words import State, variant_state
from apps.content.models import Variant

register = template.Library()


@register.filter(name="variant_state")
def state(variant: Variant | None) -> State:
    """Where a variant's draft stands; a form without a variant is a new one."""
    return NEW_STATE if variant is None else variant_state(variant)
