"""Four eyes on triggers: they act at once, so at some sites one writes and another switches on."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from apps.access.selectors import needs_approval
from apps.content.revisions import Actor, Kind, documents_of, revisions_of
from apps.content.revisions_rows import rows_kind
from apps.rules.models import Trigger

LOOKED_BACK = 100  # saves


def is_own_work(trigger: Trigger, user_id: int) -> bool:
    """Whether this person wrote some of what has not been switched on yet. Two queries."""
    rows = revisions_of("trigger", trigger.pk, LOOKED_BACK)
    documents = documents_of("trigger", trigger.pk, {row.number for row in rows})
    for row in rows:
        if documents[row.number].get("is_enabled"):
            return False  # up to here somebody has looked at it
        if row.by_id == user_id:
            return True
    return False


def kind() -> Kind:
    """The kind of a trigger's history: where others switch on, bringing one back does not."""
    plain = rows_kind("trigger", "Trigger", "rules.trigger")

    def restore(object_id: UUID, document: dict[str, object], actor: Actor, now: datetime) -> None:
        site_id = Trigger.objects.values_list("site_id", flat=True).get(pk=object_id)
        if needs_approval(site_id):
            document = {**document, "is_enabled": False}
        plain.restore(object_id, document, actor, now)  # type: ignore[arg-type]  # JSON is objects

    return replace(plain, restore=restore)  # type: ignore[arg-type]  # as above
