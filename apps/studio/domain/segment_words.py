"""What the draft of a segment changes, in words."""

from collections.abc import Mapping
from typing import Any

from apps.studio.types import Detail
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from engine.errors import InvalidCondition


def segment_detail(serving: Mapping[str, Any] | None, draft: Mapping[str, Any]) -> Detail:
    """Return who would be in a segment, beside who is now. Each is {"condition", "policy"}."""
    before = "" if serving is None else _who(serving)
    after = _who(draft)
    if before == after:
        return Detail("people come and go otherwise")
    return Detail("in it is", before, after)


def _who(document: Mapping[str, Any]) -> str:
    try:
        return people(parse_condition(document["condition"]))
    except InvalidCondition as error:
        return f"refused: {error}"
