"""Features as of a moment: what was known of a profile then, in one statement per moment.

Only events at or before `as_of` count, and only those that allow what the model is for. Who does
not allow it as of now is neither learned from nor scored. Exposures are left out: they are what we
did. Closed days are read from their sums, the rest from the events (`features_sql`).

Only workers import this module (numpy).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection

from apps.consent.declared import MODEL_TRAINING, purpose_of
from apps.predictions import days, leaks
from apps.predictions.choosing import names_for
from apps.predictions.days import Filled, allowed_for, fill
from apps.predictions.domain.feature_names import Feature, feature_of, features_of
from apps.predictions.labels import Label, labels_of
from apps.predictions.leaks import Leak
from apps.predictions.looking import GIVEN, RECEIVED, SEEN, Matrix, Wanted, read
from apps.predictions.models import ModelSpec
from apps.profiles.state import uuid_array

__all__ = [
    "Feature",
    "Filled",
    "Leak",
    "Matrix",
    "Moment",
    "Wanted",
    "check",
    "feature_of",
    "features_of",
    "fill",
    "knows_by",
    "moment",
    "moments",
    "names_for",
    "rows_of",
]

# So many events that came in more than a day late are an import, not what was known then.
IMPORTED: Final = 0.2
OCCURRED: Final = ModelSpec.KnowsBy.OCCURRED.value
_LABELLED: Final = (
    ModelSpec.Kind.PROPENSITY,
    ModelSpec.Kind.ABSENCE,
    ModelSpec.Kind.CATEGORIES,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """Visitors looked at from one past instant, in the order of their ids.

    Attributes:
        as_of: the instant; nothing later is in `x`.
        x: float64 (rows, features), NaN where there is nothing to measure.
        y: what came after. float64 (rows,), 1 where it came true, or (rows, outputs) where several
            are told apart; NaN for questions that have no such answer.
        profiles: whose rows they are.
        knows_by: "occurred" or "received": what counted as known.
        joined: the share of them who were found, since then, to be one with somebody else: their
            rows say a little more than could have been known.
    """

    as_of: datetime
    x: Matrix
    y: Matrix
    profiles: list[UUID] = field(default_factory=list)
    knows_by: str = OCCURRED
    joined: float = 0.0


_JOINED = (
    "EXISTS (SELECT FROM profiles_mergerecord m WHERE m.winner_id = p.profile_id"
    " AND m.at > p.as_of AND m.undone_at IS NULL)::int"
)


def moments(
    spec: ModelSpec, names: Sequence[str], instants: Sequence[datetime], *, now: datetime
) -> Iterator[Moment]:
    """Yield the visitors active at each instant, with what was known then and what came after.

    Instants that are midnights (UTC) are read from sums of closed days alone. The days are closed,
    and what is marked is counted again, before the first.

    Raises:
        UnknownFeature: a name that nothing computes.
        InvalidTarget: nothing that could be foreseen.
    """
    if instants and spec.purpose == MODEL_TRAINING and not connection.in_atomic_block:
        fill(spec.site_id, now=now)
    known = knows_by(spec, instants)
    for as_of in instants:
        yield _moment(spec, names, as_of, now, known)


def moment(
    spec: ModelSpec, names: Sequence[str], *, as_of: datetime, now: datetime | None = None
) -> Moment:
    """Return the visitors active at `as_of`, with what was known then and what came after.

    Beyond `looking.MAX_ROWS_A_MOMENT` a sample, the same for the same seed.

    Args:
        now: the moment as of which they have to allow it; `as_of` unless given.
    """
    return _moment(spec, names, as_of, now or as_of, knows_by(spec, [as_of]))


def rows_of(
    spec: ModelSpec,
    names: Sequence[str],
    profile_ids: Sequence[UUID],
    *,
    as_of: datetime,
    now: datetime | None = None,
) -> tuple[list[UUID], Matrix]:
    """Return those of the profiles that were active, and their features: float64 (those, features).

    Who is active is decided as for training: by an event that allows what the model is for. They
    come in the order of their ids.

    Args:
        now: the moment as of which they have to allow it; `as_of` unless given.
    """
    # At the present everything that is stored has been received.
    known = RECEIVED if spec.knows_by == RECEIVED else OCCURRED
    wanted = Wanted(tuple(names), spec.purpose, known, spec.window_days)
    more = {"profiles": uuid_array(profile_ids)}
    return read(spec, wanted, GIVEN, [], as_of, now or as_of, more)


def knows_by(spec: ModelSpec, instants: Sequence[datetime]) -> str:
    """Return what counts as known at past instants: what had occurred, or been received by then.

    Unless the model says so, events have to have been received; but of a site whose past was
    imported, nearly nothing would have been known then: there it is what had occurred.
    """
    if spec.knows_by != ModelSpec.KnowsBy.AUTO or not instants:
        return spec.knows_by if spec.knows_by != ModelSpec.KnowsBy.AUTO else OCCURRED
    since = min(instants) - timedelta(days=spec.window_days)
    share = days.late_share(spec.site_id, since, max(instants))
    return OCCURRED if share is None or share > IMPORTED else RECEIVED


def _moment(
    spec: ModelSpec, names: Sequence[str], as_of: datetime, now: datetime, known: str
) -> Moment:
    wanted = Wanted(tuple(names), spec.purpose, known, spec.window_days)
    labels = labels_of(spec) if spec.kind in _LABELLED else []
    many = 1 + max(len(labels), 1)
    profiles, found = read(spec, wanted, SEEN, _told(spec, labels), as_of, now, _bound(labels))
    x, y = found[:, many:], found[:, 1:many]
    return Moment(
        as_of,
        np.ascontiguousarray(x),
        np.ascontiguousarray(y if len(labels) > 1 else y[:, 0]),
        profiles,
        known,
        float(found[:, 0].mean()) if len(found) else 0.0,
    )


def _told(spec: ModelSpec, labels: Sequence[Label]) -> list[str]:
    allowed = allowed_for(purpose_of(spec.purpose))
    told = [f"({one.sql.format(allowed=allowed)})::int" for one in labels] or ["NULL::int"]
    return [_JOINED, *told]


def _bound(labels: Sequence[Label]) -> dict[str, Any]:
    return {name: value for one in labels for name, value in one.params.items()}


def check(
    names: Sequence[str], y: Matrix, x: Matrix, *, spec: ModelSpec | None = None
) -> list[Leak]:
    """Return the features that know, or may know, what they are to foresee.

    What reads past the moment, or is the model's own score, is one for certain; what tells nearly
    everything by itself has to be vouched for by a person.

    Args:
        y: float64 (rows,), what came after.
        x: float64 (rows, names).
    """
    found = []
    for name, column in zip(names, x.T, strict=True):
        feature = feature_of(name)
        auc = leaks.auc_alone(column, y)
        if feature.reads_until_h > 0:
            words = f"{feature.words}: it reads {feature.reads_until_h:g} hours past the moment"
            found.append(Leak(name, "future", auc, words))
        elif spec is not None and name.startswith(f"trait:{spec.trait}"):
            found.append(Leak(name, "own", auc, f"{feature.words}: it is this model's own answer"))
    known = {leak.name for leak in found}
    return [*found, *(leak for leak in leaks.alone(names, y, x) if leak.name not in known)]
