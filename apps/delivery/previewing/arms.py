"""An arm of an experiment looked at on purpose, on the real site, by somebody of the staff.

The token of such a preview travels in the page's address. What it shows has no decision id, so that
nothing of it can be exposed, and nobody who looks takes part.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.delivery.previewing.tokens import token_of
from apps.delivery.previewing.types import AsVisitor, Drafts, PreviewSpec, Serving
from apps.work import clock

HOURS: Final = 8  # a working day


def arm_token(
    site_id: UUID,
    *,
    now: datetime,
    arms: Mapping[str, str] | None = None,
    variants: Mapping[str, str] | None = None,
    drafts: bool = False,
) -> str:
    """Return a token that puts whoever opens a page with it into arms, for HOURS.

    Args:
        arms: experiment key -> arm key, of experiments that are published.
        variants: placement key -> variant key, of an experiment that has not begun: nobody can be
            dealt one of its arms yet, so what the arm would show is shown.
        drafts: what waits is shown instead of what is published.
    """
    spec = PreviewSpec(
        site_id=site_id,
        who=AsVisitor(),
        content=Drafts() if drafts else Serving(),
        arms=dict(arms or {}),
        variants=dict(variants or {}),
    )
    return token_of(spec, clock.to_ms(now + timedelta(hours=HOURS)))
