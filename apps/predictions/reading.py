"""The rows of one training, read once: what teaches, what calibrates, what judges.

    ... teach | teach | calibrate | judge | now

Moments lie one horizon apart, so what one teaches had happened before the next began. The features
of whatever serves now are read along: both answer for the same visitors, known as they were then.
Only workers import this module.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np

from apps.predictions import baselines, features, splitting
from apps.predictions.domain.feature_names import features_of
from apps.predictions.domain.judging import MIN_OF_EACH
from apps.predictions.errors import ModelRefused, UnknownFeature
from apps.predictions.features import Matrix, Moment
from apps.predictions.models import ModelSpec, ModelVersion
from apps.work.types import Progress

MOST_MISSING: Final = 0.95  # of a column: beyond it nothing can be learned from the rest
TEACH: Final = "teach"
CALIBRATE: Final = "calibrate"
JUDGE: Final = "judge"


@dataclass(frozen=True, slots=True)
class Looked:
    """Everything one training looks at, oldest first; no part knows anything of a later one.

    Attributes:
        names: the columns that are learned from.
        dropped: columns that were not, each with the reason.
        all_names: the columns of `moments`: also those of rules and of what serves.
    """

    names: list[str]
    dropped: dict[str, str]
    all_names: list[str]
    moments: list[Moment]

    def parts(self) -> list[tuple[str, Moment]]:
        """Return every moment with its part."""
        names = [TEACH] * (len(self.moments) - 2) + [CALIBRATE, JUDGE]
        return list(zip(names, self.moments, strict=True))

    def of(self, part: str) -> list[Moment]:
        """Return the moments of a part."""
        return [moment for name, moment in self.parts() if name == part]

    def x(self, part: str, names: Sequence[str] | None = None) -> Matrix:
        """Return features of a part: float64 (rows, names), those learned from without `names`."""
        places = {name: place for place, name in enumerate(self.all_names)}
        columns = [places[name] for name in (self.names if names is None else names)]
        return np.concatenate([moment.x[:, columns] for moment in self.of(part)])

    def y(self, part: str, output: int = 0) -> Matrix:
        """Return what came true: float64 (rows,), of one output where there are several."""
        return np.concatenate([self.outcome(one, output) for one in self.of(part)])

    @staticmethod
    def outcome(moment: Moment, output: int) -> Matrix:
        """Return one moment's answers to one output: float64 (rows,)."""
        return moment.y if moment.y.ndim == 1 else moment.y[:, output]

    def times(self, part: str) -> Matrix:
        """Return each row's moment in seconds since 1970: float64 (rows,)."""
        return np.concatenate([np.full(len(one.x), one.as_of.timestamp()) for one in self.of(part)])

    def people(self, part: str) -> Any:
        """Return a number for each row that is the same for the same person: int64 (rows,)."""
        ids = [profile_id for one in self.of(part) for profile_id in one.profiles]
        places = {profile_id: place for place, profile_id in enumerate(dict.fromkeys(ids))}
        return np.array([places[profile_id] for profile_id in ids], dtype=np.int64)

    def sha256(self) -> str:
        """Return a digest of all that was learned from, in hex."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for part in (TEACH, CALIBRATE, JUDGE):
            x = np.ascontiguousarray(self.x(part))
            digest.update(f"{part} {x.dtype} {x.shape}".encode())
            digest.update(x.tobytes())
        for moment in self.moments:
            digest.update(np.ascontiguousarray(moment.y).tobytes())
        return digest.hexdigest()


def read(
    spec: ModelSpec, champion: ModelVersion | None, *, now: datetime, progress: Progress
) -> Looked:
    """Look back at the spec's moments, each with what was known then and what came after.

    Raises:
        UnknownFeature: the spec names a feature that nothing computes.
        ModelRefused: nothing is left to learn from.
    """
    instants = splitting.instants(
        now,
        horizon_hours=spec.horizon_hours,
        embargo_hours=spec.embargo_hours,
        moments=spec.moments,
    )
    # Names are chosen from what had happened when the last teaching moment was looked at.
    names = features.names_for(spec, as_of=instants[-3])
    beside = [] if champion is None else computable(champion.feature_names)
    needed = [*names, *baselines.needed(spec.target_event), *beside]
    all_names = list(dict.fromkeys(needed))
    moments = []
    for number, one in enumerate(features.moments(spec, all_names, instants, now=now)):
        progress(number + 1, spec.moments, "Looking back")
        moments.append(one)
    looked = Looked(names, {}, all_names, moments)
    dropped = useless(names, looked.x(TEACH))
    kept = [name for name in names if name not in dropped]
    if not kept and len(looked.x(TEACH)):
        raise ModelRefused(
            "Nothing that is known of visitors differs between them, so nothing can be learned."
        )
    return Looked(kept or names, dropped, all_names, moments)


def computable(names: Sequence[str]) -> list[str]:
    """Return the names if all of them can still be computed, else none."""
    try:
        features_of(names)
    except UnknownFeature:
        return []
    return list(names)


def useless(names: Sequence[str], x: Matrix) -> dict[str, str]:
    """Return the columns that teach nothing, each with the reason."""
    found = {}
    for name, column in zip(names, x.T, strict=True) if len(x) else ():
        known = column[np.isfinite(column)]
        if len(known) <= (1 - MOST_MISSING) * len(column):
            found[name] = f"unknown of more than {MOST_MISSING:.0%} of visitors"
        elif len(known) == len(column) and np.ptp(known) == 0:
            found[name] = "the same for everybody"
    return found


def infinities(looked: Looked) -> int:
    """Return how many values were infinite; they are taken as unknown."""
    return int(sum(np.isinf(one.x).sum() for one in looked.moments))


def require_enough(looked: Looked, what: str, output: int = 0) -> None:
    """Raise ModelRefused when a part has too few visitors who did, or did not, do it."""
    for part in (TEACH, CALIBRATE, JUDGE):
        y = looked.y(part, output)
        did = int(y.sum())
        did_not = len(y) - did
        if min(did, did_not) < MIN_OF_EACH:
            raise ModelRefused(
                f"Too little to {part} with: {what} for {did} of {did + did_not} visitors looked "
                f"at, and at least {MIN_OF_EACH} of whom it is true and of whom it is not are "
                "needed. More visitors, a longer horizon or a more frequent event help."
            )
