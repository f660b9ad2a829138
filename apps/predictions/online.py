"""Models that are answered while somebody waits, in the memory of each web process.

A daemon thread looks every two seconds which versions serve online on the sites that were asked
for, reads their files, checks hash and signature and loads the trees. A decision looks into a
dictionary: what is not there (yet), or cannot be told, is answered by the stored score.
"""

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import Error, connection
from django.db.models import QuerySet

from apps.consent.declared import problem_of, purpose_of
from apps.consent.gates import finer_refused
from apps.predictions.domain.session_features import DAY_MS, is_online, session_row
from apps.predictions.errors import ArtifactBroken, ModelUnavailable, RowRefused
from apps.predictions.models import ModelSpec, ModelVersion
from apps.predictions.native import is_available
from apps.predictions.serving import Serving
from apps.work import clock
from engine.facts import Happening

logger = logging.getLogger(__name__)

CHECK_EVERY_S: Final = 2.0
# A model that has not been trained for so long is asked no more; `settings.max_age_days` says else.
MAX_AGE_DAYS: Final = 90
DIGITS: Final = 4  # as stored scores
_OF_DAYS: Final = {"events_1d": 1, "events_7d": 7, "events_30d": 30}
_OF_WINDOW: Final = frozenset({"count", "since_h", "category"})
# Of these a history says which of its events were not for them; of others it does not.
TOLD_APART: Final = frozenset(finer_refused(0))
KINDS: Final = (ModelSpec.Kind.PROPENSITY, ModelSpec.Kind.ABSENCE, ModelSpec.Kind.CATEGORIES)


@dataclass(frozen=True, slots=True)
class Online:
    """One model as decisions ask it.

    Attributes:
        key: of the question; its traits are `score.<key>` and `score.<key>.<output>`.
        names: the features, in order.
        purpose: what it is for, as a bit: who does not allow that is not asked about.
        threshold: from which probability on the likeliest of several outputs is told.
        stale_at_ms: from then on it is asked no more.
        reach_ms: how far back its features look.
    """

    key: str
    version_id: UUID
    names: tuple[str, ...]
    serving: Serving
    purpose: int
    window_days: int
    threshold: float
    stale_at_ms: int
    reach_ms: int

    def said(
        self,
        recent: Sequence[Happening],
        now_ms: int,
        zone: str = "UTC",
        complete_from_ms: int | None = None,
        *,
        refused_ms: int | None = None,
    ) -> dict[str, float | str]:
        """Return what is foreseen of somebody with these newest events, by trait.

        Empty where that cannot be told: no event, a model that is too old, a row that is refused,
        features that look back further than the events at hand reach, or than the last event that
        was not for what the model is for: a worker leaves just that out, so its score stands.

        Args:
            complete_from_ms: from then on all events are at hand; None: all there ever were.
            refused_ms: the last event among them that was not for the model's purpose, if any was.
        """
        if not recent or now_ms >= self.stale_at_ms:
            return {}
        if complete_from_ms is not None and complete_from_ms > now_ms - self.reach_ms:
            return {}
        if refused_ms is not None:
            if refused_ms > now_ms - max(self.reach_ms, DAY_MS):
                return {}
            recent = [one for one in recent if one.at_ms > refused_ms]
            if not recent:
                return {}
        context = {"window_days": self.window_days, "zone": zone}
        try:
            found = self.serving.probabilities(session_row(recent, context, self.names, now_ms))
        except (RowRefused, ModelUnavailable):
            logger.exception("predictions.online_refused", extra={"version": self.version_id})
            return {}
        trait = f"score.{self.key}"
        if "" in found:
            return {trait: round(found[""], DIGITS)}
        said: dict[str, float | str] = {
            f"{trait}.{output}": round(value, DIGITS) for output, value in found.items()
        }
        likeliest = max(found, key=found.__getitem__)  # of equals the first, as stored scores say
        if found[likeliest] >= self.threshold:
            said[trait] = likeliest
        return said

    def traits(self) -> Iterator[str]:
        """The traits that it may say something of."""
        yield f"score.{self.key}"
        yield from (f"score.{self.key}.{output}" for output in self.serving.parts if output)


Table = Mapping[str, Online]  # by trait

_NOTHING: Final[Table] = {}
_tables: dict[UUID, Table] = {}
_broken: dict[UUID, str] = {}  # version -> why it could not be loaded; told once
_watcher: threading.Thread | None = None
_stop = threading.Event()
_lock = threading.Lock()


def online_of(site_id: UUID) -> Table:
    """Return what a site's decisions can ask, by trait. No statement, and no waiting.

    Empty until the thread has looked for the first time.
    """
    found = _tables.get(site_id)
    if found is None:
        found = _tables[site_id] = _NOTHING
        _watch()
    return found


def specs_online(site_id: UUID) -> QuerySet[ModelSpec]:
    """Return the questions of a site that are answered online once they have a champion."""
    return ModelSpec.objects.filter(
        site_id=site_id, is_enabled=True, serves_online=True, kind__in=KINDS
    )


def refresh(site_id: UUID) -> Table:
    """Load what has changed of what a site asks online. Two statements.

    While the database is away everything stays as it is.
    """
    known = _tables.get(site_id, _NOTHING)
    loaded = {one.version_id: one.serving for one in known.values()}
    found: dict[str, Online] = {}
    try:
        specs = {spec.pk: spec for spec in specs_online(site_id)}
        champions = ModelVersion.objects.filter(
            spec__in=specs, state=ModelVersion.State.CHAMPION, deleted_at=None
        )
        for version in champions:
            one = _of(specs[version.spec_id], version, loaded.get(version.pk))
            if one is not None:
                found |= dict.fromkeys(one.traits(), one)
    except Error:
        logger.warning("predictions.database_away", extra={"site": site_id})
        connection.close_if_unusable_or_obsolete()
        return known
    _tables[site_id] = found
    return found


def why_not(version: ModelVersion) -> str:
    """Return why a version is not answered in the request, for people; empty where it is.

    Nothing where nobody has asked for that.
    """
    spec = version.spec
    if not spec.serves_online or version.state != ModelVersion.State.CHAMPION:
        return ""
    if spec.kind not in KINDS:
        return "Only what foresees something is worked out for each decision; this is stored."
    if problem_of(spec.purpose) is None and purpose_of(spec.purpose) not in TOLD_APART:
        return (
            "The newest events of a visitor do not tell which of them are for what it is for: the"
            " stored scores serve. Choose “Models”, and train it again."
        )
    others = [name for name in version.feature_names if not is_online(name)]
    if others:
        return (
            f"It looks at {', '.join(others[:5])}{' and more' if len(others) > 5 else ''}, which"
            " the newest events of a visitor do not tell: the stored scores serve. Choose nothing"
            " to look at, and train it again."
        )
    if clock.to_ms(clock.now()) >= _stale_at_ms(spec, version):
        return "It was not trained for too long: the stored scores serve. Train it again."
    if version.method in ("trees", "forest") and not is_available():
        return "LightGBM's library cannot be loaded by the web processes: the stored scores serve."
    return ""


def _reach(name: str, window_days: int) -> int:
    """How many days back a feature looks; of the visit under way and the last event none."""
    if name in _OF_DAYS:
        return min(_OF_DAYS[name], window_days)
    is_of_window = name == "events" or name.partition(":")[0] in _OF_WINDOW
    return window_days if is_of_window else 0


def _stale_at_ms(spec: ModelSpec, version: ModelVersion) -> int:
    days = spec.settings.get("max_age_days", MAX_AGE_DAYS)
    return clock.to_ms(version.trained_at + timedelta(days=days))


def _of(spec: ModelSpec, version: ModelVersion, loaded: Serving | None) -> Online | None:
    """A champion as decisions ask it; None where it cannot be: its stored scores serve."""
    if problem_of(spec.purpose) is not None or not all(map(is_online, version.feature_names)):
        return None
    if purpose_of(spec.purpose) not in TOLD_APART:
        return None
    if loaded is None:
        try:
            loaded = Serving.of(version)
        except (ArtifactBroken, ModelUnavailable) as error:
            if _broken.get(version.pk) != str(error):
                _broken[version.pk] = str(error)
                logger.exception("predictions.not_online", extra={"version": version.pk})
            return None
    return Online(
        key=spec.key,
        version_id=version.pk,
        names=tuple(version.feature_names),
        serving=loaded,
        purpose=int(purpose_of(spec.purpose)),
        window_days=spec.window_days,
        threshold=spec.threshold,
        stale_at_ms=_stale_at_ms(spec, version),
        reach_ms=DAY_MS * max(_reach(name, spec.window_days) for name in version.feature_names),
    )


def forget() -> None:
    """Forget everything loaded (tests)."""
    _tables.clear()
    _broken.clear()


def _watch() -> None:
    global _watcher
    with _lock:
        if _watcher is None or not _watcher.is_alive():
            _watcher = threading.Thread(target=_look, name="online models", daemon=True)
            _watcher.start()


def stop() -> None:
    """End the thread and its connection (tests, so that their database can be dropped)."""
    global _watcher
    with _lock:
        thread, _watcher = _watcher, None
    if thread is not None:
        _stop.set()
        thread.join()
        _stop.clear()


def _look() -> None:
    while True:
        for site_id in list(_tables):
            try:
                refresh(site_id)
            except Exception:  # this thread is the only one that looks
                logger.exception("predictions.refresh_failed", extra={"site": site_id})
        if _stop.wait(CHECK_EVERY_S):
            break
    connection.close()
