"""Rules in an editor's words: to whom, when, what is said against them."""

from datetime import datetime

from apps.access.site_time import wall_clock
from apps.rules.models import Rule
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import EVERYBODY, people
from engine.errors import InvalidCondition


def condition_words(rule: Rule, subject: str = EVERYBODY) -> str:
    """Return in plain English whom a rule means, or why it cannot be read."""
    try:
        return people(parse_condition(rule.condition), subject)
    except InvalidCondition as error:
        return f"refused at {error}"


def schedule_words(rule: Rule, now: datetime) -> str:
    """Return whether the rule takes part now, on its site's clock. The site comes with the rule."""
    if not rule.is_enabled:
        return "off"
    zone = rule.site.time_zone
    if rule.starts_at is not None and now < rule.starts_at:
        return f"starts {wall_clock(rule.starts_at, zone)} {zone}"
    if rule.ends_at is None:
        return "on"
    if now >= rule.ends_at:
        return f"ended {wall_clock(rule.ends_at, zone)} {zone}"
    return f"on until {wall_clock(rule.ends_at, zone)} {zone}"
