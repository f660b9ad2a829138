"""Staff roles as permission groups: who may do what in the admin."""

from collections.abc import Callable
from typing import Final

from django.contrib.auth.models import Group, Permission

EDITOR: Final = "editor"
ANALYST: Final = "analyst"
PRIVACY_OFFICER: Final = "privacy_officer"
ADMINISTRATOR: Final = "administrator"
AUDITOR: Final = "auditor"

_CONTENT: Final = frozenset({"content", "rules", "segments", "recommendations"})
_MODELS: Final = frozenset({"predictions", "recommendations"})
# What an analyst prepares and somebody else publishes: drafts of segments, invented visitors.
_DRAFTS: Final = frozenset({"segment", "persona"})
_PEOPLE: Final = frozenset({"profiles", "consent", "events", "privacy"})
_OURS: Final = (
    _CONTENT
    | _MODELS
    | _PEOPLE
    | {"access", "work", "decisions", "experiments", "insights", "integrations"}
)
# Rows about single people: the privacy officer's, and nobody else's.
_OF_ONE_PERSON: Final = frozenset(
    {
        "profile", "mergerecord", "duplicate", "consentevent", "disclosure", "quarantine",
        "changefeed", "decisionrecord", "firing", "membership", "listmember", "score", "request",
        "requestevent", "requestsubject", "reminder", "package", "note", "message", "bulkaction",
        "bulkvote", "erasure", "erasurestep", "recipienttelling", "personlist", "participant",
        "holdoutmember",
    }
)  # fmt: skip
# Permissions of our own that lead to single people.
_TO_PEOPLE: Final = frozenset({"view_people", "undo_merge", "merge_profiles"})
# Proofs without an identity: the auditor's work beside the audit trail.
_PROOFS: Final = frozenset({"consentevent", "erasurestep", "requestevent"})
_STANDARD: Final = frozenset({"add", "change", "delete", "view"})

# (app label, action, model) -> granted; the action of a permission of our own is its codename.
Grant = Callable[[str, str, str], bool]


def _is_of_people(action: str, model: str) -> bool:
    return model in _OF_ONE_PERSON or action in _TO_PEOPLE


def _editor(app: str, action: str, model: str) -> bool:
    if _is_of_people(action, model):
        return False
    if app == "decisions":
        return action.startswith(("view", "publish", "approve", "share"))
    if app in _CONTENT:
        return True
    if app == "experiments":  # what was begun is concluded, not deleted
        return action != "delete"
    if app == "integrations":  # connections are made by administrators, with their secrets
        return action in {"view", "change"} or model == "mapping"
    return action == "view" and (app == "predictions" or (app, model) == ("access", "site"))


def _analyst(app: str, action: str, model: str) -> bool:
    # Aggregates and definitions; the people behind them are the privacy officer's. Experiments are
    # read and taken along as files: who checks the numbers has not chosen what is compared.
    if _is_of_people(action, model):
        return False
    if app in _MODELS:
        # A gate that was not passed is the administrator's to open.
        return not action.startswith(("delete", "overrule"))
    if app == "segments" and model in _DRAFTS:
        return action in {"add", "change", "view"}
    if app == "access":
        return action == "view" and model in {"site", "source"}
    return action == "view" and app in _OURS - {"profiles", "consent", "privacy"}


def _privacy_officer(app: str, action: str, model: str) -> bool:
    """People, their requests and their consent; nothing that is published."""
    if app in {"consent", "privacy"}:
        return action != "delete"
    if app == "events":
        return True  # quarantined events hold what visitors sent
    if app == "profiles":
        return action in {"view", "change", "add"} or action in _TO_PEOPLE
    return action == "view" and app in {"decisions", "work", "access"}


def _administrator(app: str, action: str, model: str) -> bool:
    """Settings of every kind, and no row about a single person."""
    if _is_of_people(action, model):
        return False
    if (app, model) == ("access", "auditentry"):
        return action == "view"
    return app in _OURS | {"auth", "django_celery_beat", "delivery"}


def _auditor(app: str, action: str, model: str) -> bool:
    """What was done, by whom, and the definitions by which it was; not what was done to whom."""
    if _is_of_people(action, model) and model not in _PROOFS:
        return False
    return action == "view" and app in _OURS | {"auth", "django_celery_beat"}


ROLES: Final[dict[str, Grant]] = {
    EDITOR: _editor,
    ANALYST: _analyst,
    PRIVACY_OFFICER: _privacy_officer,
    ADMINISTRATOR: _administrator,
    AUDITOR: _auditor,
}


def ensure_roles() -> None:
    """Make the five groups and set their permissions to what this version grants. Repeatable.

    Permissions granted by hand to these groups are taken back: make a group of your own for them.
    """
    permissions = list(Permission.objects.select_related("content_type"))
    for name, grants in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([p for p in permissions if grants(*_parts(p))])


def _parts(permission: Permission) -> tuple[str, str, str]:
    action, _, model = permission.codename.partition("_")
    app = permission.content_type.app_label
    if action in _STANDARD and model == permission.content_type.model:
        return app, action, model
    return app, permission.codename, permission.content_type.model
