"""Refusals about segments. Each code is public and never reused."""

from collections.abc import Sequence

from apps.segments.types import Usage
from engine.errors import PersonalizationError


class SegmentNotFound(PersonalizationError):
    """No such segment in this site."""

    code = "segment_not_found"

    def __init__(self, name: object) -> None:
        super().__init__(f"There is no segment '{name}' in this site.")


class SegmentKeyTaken(PersonalizationError):
    """The site has a segment of this key, perhaps an archived one: keys are never reused."""

    code = "segment_key_taken"

    def __init__(self, key: str) -> None:
        super().__init__(f"The key '{key}' is taken in this site.")


class SegmentNotPublished(PersonalizationError):
    """A condition nests a segment that is a draft only, archived, or not there."""

    code = "segment_not_published"

    def __init__(self, key: str) -> None:
        super().__init__(f"The condition names the segment '{key}', which is not published.")


class SegmentInUse(PersonalizationError):
    """The segment cannot be archived while something uses it; `used_by` says what."""

    code = "segment_in_use"

    def __init__(self, key: str, used_by: Sequence[Usage]) -> None:
        self.used_by = list(used_by)
        names = ", ".join(f"{usage.kind} '{usage.name}'" for usage in used_by)
        super().__init__(f"The segment '{key}' is used by {names}.")
