"""Which segments stand on a segment: asked before it is archived."""

from uuid import UUID

from apps.segments.models import Segment
from apps.segments.publication_checks import with_policy
from apps.segments.selectors import in_force
from apps.segments.types import Usage, UsageHolder
from engine.conditions.policy import NO_POLICY
from engine.conditions.scope import segment_keys


def used_by(site_id: UUID, kind: str, object_id: UUID) -> list[Usage]:
    """Return the published segments that nest this one, in the condition or in the policy."""
    if kind != "segment":
        return []
    segment = Segment.objects.get(site_id=site_id, pk=object_id)
    nodes, policies = in_force(site_id)
    outer = [
        key
        for key, node in nodes.items()
        if segment.key in segment_keys(with_policy(node, policies.get(key, NO_POLICY)))
    ]
    names = Segment.objects.filter(site_id=site_id, key__in=outer).order_by("name")
    return [Usage("segment", name) for name in names.values_list("name", flat=True)]


HOLDER = UsageHolder("segments", used_by)
