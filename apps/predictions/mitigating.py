"""What can be done about an unfair model, as its question says under `settings["mitigation"]`.

"drop": what tells the trait is not learned from. "reweigh": rows count so that, while it is taught,
outcome and group are independent. Thresholds by group are worked out and told, and never applied:
treating people differently by such a trait is itself forbidden in many places and uses.
Only workers import this module.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from apps.predictions.domain import fairness
from apps.predictions.models import FairnessAudit, ModelSpec
from apps.predictions.reading import TEACH, Looked
from apps.predictions.watched_groups import groups_of

MITIGATION: Final = "mitigation"
DROP: Final = "drop"
REWEIGH: Final = "reweigh"


def is_mitigated(spec: ModelSpec) -> bool:
    """Whether something is done against what outcomes owe to groups."""
    return bool(spec.audited_trait) and spec.settings.get(MITIGATION) in (DROP, REWEIGH)


def is_reweighed(spec: ModelSpec) -> bool:
    """Whether rows are weighed so that outcome and group are independent."""
    return bool(spec.audited_trait) and spec.settings.get(MITIGATION) == REWEIGH


def proxies_of(spec: ModelSpec) -> list[str]:
    """Return the features that the newest audit of any version calls proxies, if they are to go.

    One query.
    """
    if not spec.audited_trait or spec.settings.get(MITIGATION) != DROP:
        return []
    audits = FairnessAudit.objects.filter(version__spec=spec, trait=spec.audited_trait)
    found: set[str] = set()
    # A version without the proxies of the last has none to tell: those of all count.
    for rows in audits.values_list("proxies", flat=True):
        found |= {str(one["name"]) for one in rows}
    return sorted(found)


def without(spec: ModelSpec, looked: Looked) -> Looked:
    """Return what was looked at without the proxies that are to go, each with the reason."""
    gone = [name for name in proxies_of(spec) if name in looked.names]
    kept = [name for name in looked.names if name not in gone]
    if not gone or not kept:
        return looked
    reason = f"tells “{spec.audited_trait}”, which it is not to go by"
    dropped = {**looked.dropped, **dict.fromkeys(gone, reason)}
    return Looked(kept, dropped, looked.all_names, looked.moments)


def weights_of(
    spec: ModelSpec, looked: Looked, output: int, *, now: datetime
) -> NDArray[np.float64] | None:
    """Return a weight for each teaching row, None where all count alike. float64 (rows,)."""
    if not is_reweighed(spec):
        return None
    group = [
        one
        for moment in looked.of(TEACH)
        for one in groups_of(spec.site_id, moment.profiles, spec.audited_trait, now=now)
    ]
    y: Sequence[int] = looked.y(TEACH, output).astype(int).tolist()
    return np.array(fairness.reweighed(y, group), dtype=np.float64)


def advice(spec: ModelSpec, has_proxies: bool) -> str:
    """Say what is left to do about an unfair version."""
    chosen = spec.settings.get(MITIGATION, "")
    options = []
    if chosen != DROP and has_proxies:
        options.append("leave out what tells the trait")
    if chosen != REWEIGH:
        options.append("weigh visitors so that outcome and group are independent while it learns")
    told = f"You can {', or '.join(options)}, and train again. " if options else ""
    return (
        f"{told}A threshold of each group's own would select alike; it is shown and not applied, "
        "as treating people differently by such a trait is forbidden in many places."
    )
