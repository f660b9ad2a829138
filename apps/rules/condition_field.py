"""The form's field of a rule's condition: it begins with everyone."""

from typing import Any

from apps.rules.models import everyone
from apps.segments import condition_field


class ConditionField(condition_field.ConditionField):
    """A condition document of a rule or a trigger."""

    def __init__(self, **options: Any) -> None:
        super().__init__(initial=everyone, **options)
