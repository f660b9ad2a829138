"""Refusals about segments. Each code is public and never reused."""

from collections.abc import Sequence

from apps.consent.declared import UNDECLARED
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


class SegmentUndeclared(PersonalizationError):
    """The segment declares no purpose, so it may be drafted and not be published."""

    code = "segment_undeclared"

    def __init__(self) -> None:
        super().__init__(UNDECLARED)


class SegmentInUse(PersonalizationError):
    """The segment cannot be archived while something uses it; `used_by` says what."""

    code = "segment_in_use"

    def __init__(self, key: str, used_by: Sequence[Usage]) -> None:
        self.used_by = list(used_by)
        names = ", ".join(f"{usage.kind} '{usage.name}'" for usage in used_by)
        super().__init__(f"The segment '{key}' is used by {names}.")


class InvalidTag(PersonalizationError):
    """A tag is a slug such as `high-value`, at most 20 a segment; `segment:` is reserved."""

    code = "invalid_tag"

    def __init__(self, tag: object) -> None:
        super().__init__(
            f"The tag {str(tag)[:80]!r} cannot be used: give at most 20 slugs, none of which names"
            " another segment."
        )


class NoteRequired(PersonalizationError):
    """Going back to an older version needs a note that says why."""

    code = "note_required"

    def __init__(self) -> None:
        super().__init__("Say in a note why the older version is restored.")


class VersionNotFound(PersonalizationError):
    """The segment has no such version."""

    code = "segment_version_not_found"

    def __init__(self, number: int) -> None:
        super().__init__(f"The segment has no version {number}.")


class SegmentNotKept(PersonalizationError):
    """Membership depends on the request, or nothing is live yet: there is no list of members."""

    code = "segment_not_kept"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Nobody is kept as a member of '{key}': it has no live version, or is answered while"
            " a page is asked for."
        )


class PreviewTooSlow(PersonalizationError):
    """The draft could not be counted within the time that a preview may take."""

    code = "preview_too_slow"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"The draft cannot be counted within {limit_s:g} s: publish it, and the refresh will."
        )


class ListNotFound(PersonalizationError):
    """No list of this key in this site."""

    code = "list_not_found"

    def __init__(self, key: object) -> None:
        super().__init__(f"There is no list '{key}' in this site.")


class UploadNotFound(PersonalizationError):
    """The list has no such upload."""

    code = "upload_not_found"

    def __init__(self) -> None:
        super().__init__("The list has no such upload.")


class UploadNotLatest(PersonalizationError):
    """Only the newest upload of a list that still counts can be undone."""

    code = "upload_not_latest"

    def __init__(self) -> None:
        super().__init__("Only the newest upload that still counts can be undone: undo that first.")


class InvalidFile(PersonalizationError):
    """An uploaded file that cannot be read as a list at all; single bad rows are only reported."""

    code = "invalid_file"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The file is no list: {problem}")


class NoModelAsked(PersonalizationError):
    """A fallback stands in for a model's score, and the segment asks no model."""

    code = "no_model_asked"

    def __init__(self) -> None:
        super().__init__("The segment asks no model, so there is nothing to fall back from.")


class StudyTooSlow(PersonalizationError):
    """A look at the whole population did not end within the time that it may take."""

    code = "study_too_slow"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"It cannot be counted within {limit_s:g} s now: ask for less, or again later."
        )


class TooManySegments(PersonalizationError):
    """More segments were chosen than can be set beside each other."""

    code = "too_many_segments"

    def __init__(self, most: int) -> None:
        super().__init__(f"Choose at most {most} segments.")


class InvalidStudy(PersonalizationError):
    """What a study was asked for makes no sense, or there is nobody to study."""

    code = "invalid_study"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)


class NotWaiting(PersonalizationError):
    """The proposal has been answered already."""

    code = "not_waiting"

    def __init__(self) -> None:
        super().__init__("This proposal has been answered already.")
