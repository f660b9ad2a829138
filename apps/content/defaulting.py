"""Another variant becomes what everybody else sees."""

from datetime import datetime
from uuid import UUID

from apps.access.services import record_audit
from apps.content.errors import refused
from apps.content.models import Variant
from apps.content.revisions import Actor, changing


def make_default(*, variant_id: UUID, note: str, actor: Actor, now: datetime) -> bool:
    """Make a variant the default of its block, in the draft; False: it is so already.

    The one before stays as it is, and is served where rules and segments ask for it.

    Raises:
        InvalidContent: it is archived, tagged with segments, capped or scheduled: a default is for
            everybody else, always.
    """
    variant = Variant.objects.select_related("block").get(pk=variant_id)
    if variant.is_default:
        return False
    if variant.archived_at is not None:
        raise refused("/is_default", f"'{variant.name}' is archived: bring it back first.")
    if variant.segments.exists():
        raise refused(
            "/is_default",
            f"'{variant.name}' is for segments, and a default is for everybody else: take its "
            "segments away, or let a rule serve it.",
        )
    if variant.caps.exists() or variant.starts_at or variant.ends_at:
        raise refused(
            "/is_default",
            f"'{variant.name}' has a cap or a schedule, and a default is always there: take them "
            "away, or let a rule serve it.",
        )
    block = variant.block
    with changing("block", block.pk, actor=actor, now=now, note=note):
        block.variants.filter(is_default=True).update(is_default=False)
        block.variants.filter(pk=variant.pk).update(is_default=True)
    record_audit(
        action="content.default_changed",
        actor=actor,
        site_id=block.site_id,
        target_kind="content.variant",
        target_id=str(variant.pk),
        detail={"block": block.key, "key": variant.key},
        now=now,
    )
    return True
