"""Words and marks for the admin's templates."""

from datetime import datetime

from django import template

from apps.studio.domain.ages import ago_words, span_words
from apps.studio.domain.reasons import reason_level, reason_words
from apps.work import clock

register = template.Library()

_STATES = {"done": "ok", "live": "ok", "running": "info", "building": "info", "failed": "bad"}


@register.filter
def ago(moment: datetime | None) -> str:
    """`{{ moment|ago }}`: how long ago it was."""
    return ago_words(moment, clock.now())


@register.filter
def span(seconds: float) -> str:
    """`{{ seconds|span }}`: a length of time."""
    return span_words(seconds)


@register.filter
def state_level(state: str) -> str:
    """`{{ state|state_level }}`: the colour of a badge for a state of work or of a version."""
    return _STATES.get(state, "plain")


register.filter("reason_level", reason_level)
register.filter("reason_words", reason_words)


@register.filter
def kind_of(identity: str) -> str:
    """The kind of a "kind:value": values stay out of pages that do not need them."""
    return identity.partition(":")[0]
