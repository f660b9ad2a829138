"""Every error code of the API: its status and what it means, in the words of its class."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from apps.events.errors import EventRefused
from engine.errors import PersonalizationError

STATUS: Final[Mapping[str, int]] = {
    "invalid_request": 400,
    "invalid_decision_id": 400,
    "invalid_preview": 400,
    **dict.fromkeys(EventRefused.CODES, 400),
    "unauthorized": 401,
    "invalid_ticket": 401,
    "invalid_signature": 401,
    "entry_refused": 422,
    "forbidden": 403,
    "secret_key_in_browser": 403,
    "not_found": 404,
    "profile_not_found": 404,
    "placement_not_found": 404,
    "segment_not_found": 404,
    "publication_not_found": 404,
    "segment_version_not_found": 404,
    "invalid_items": 400,
    "recommender_not_found": 404,
    "version_not_servable": 409,
    "list_not_found": 404,
    "revision_not_found": 404,
    "upload_not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "segment_key_taken": 409,
    "segment_in_use": 409,
    "in_use": 409,
    "edit_conflict": 409,
    "restore_refused": 409,
    "other_user": 409,
    "upload_not_latest": 409,
    "cannot_merge_profiles": 409,
    "cannot_undo_merge": 409,
    "idempotency_key_in_use": 409,
    "length_required": 411,
    "payload_too_large": 413,
    "idempotency_key_reused": 422,
    "invalid_condition": 422,
    "invalid_snapshot": 422,
    "invalid_content": 422,
    "invalid_template": 422,
    "experiment_state": 409,
    "invalid_experiment": 422,
    "invalid_rule": 422,
    "invalid_rule_table": 422,
    "rules_changed": 409,
    "segment_not_published": 422,
    "segment_undeclared": 422,
    "segment_not_kept": 422,
    "invalid_tag": 422,
    "invalid_form": 422,
    "note_required": 422,
    "reason_required": 422,
    "request_not_open": 409,
    "request_not_verified": 409,
    "second_officer_required": 403,
    "unknown_person": 422,
    "no_model_asked": 422,
    "preview_too_slow": 422,
    "study_too_slow": 422,
    "too_many_segments": 422,
    "invalid_study": 422,
    "not_waiting": 409,
    "invalid_file": 422,
    "approval_required": 403,
    "drafts_moved": 409,
    "release_conflict": 409,
    "release_refused": 409,
    "publication_refused": 422,
    "unknown_feature": 422,
    "invalid_hyperparameters": 422,
    "invalid_target": 422,
    "model_refused": 422,
    "gate_failed": 409,
    "row_refused": 422,
    "model_not_found": 404,
    "model_unavailable": 503,
    "rate_limited": 429,
    "internal_error": 500,
    "unknown_intent": 500,
    "lease_lost": 500,
    "render_failed": 500,
    "artifact_broken": 500,
    "unavailable": 503,
}
# Well-formed but refused: what a refusal means when the table does not know better.
DEFAULT_STATUS: Final = 422

# Codes without a class of their own, or with several.
_WORDED_HERE: Final = {
    "invalid_request": "The request cannot be read as a whole; `errors` names the places.",
    "payload_too_large": "More bytes or events than this address takes.",
    "internal_error": "Something went wrong on our side; nothing of the inside is told.",
    "invalid_ticket": "The address of a stream carries a ticket that this server did not give.",
    "conflict": "Another request changed the same thing first.",
    "placement_not_found": "The site has no placement of this key; inside a decision, still 200.",
}


_STATUS_IN_TEXT: Final = re.compile(r" \(\d{3}\)")


def status_of(code: str) -> int:
    """Return the HTTP status of a code."""
    return STATUS.get(code, DEFAULT_STATUS)


def meanings() -> dict[str, str]:
    """Return code -> one sentence, sorted, for documents."""
    found = {**_WORDED_HERE, **EventRefused.CODES}
    for kind in classes(PersonalizationError):
        if "code" in kind.__dict__:
            first = " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())
            found.setdefault(kind.code, _STATUS_IN_TEXT.sub("", first))
    return dict(sorted(found.items()))


def classes(base: type[PersonalizationError]) -> Iterator[type[PersonalizationError]]:
    """Yield every refusal class of ours below `base`."""
    for kind in base.__subclasses__():
        if kind.__module__.startswith(("apps.", "engine.")):
            yield kind
        yield from classes(kind)
