"""Models answered in the request: what one row costs, and what that adds to a decision."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID, uuid4

from bench.models.scoring import model_of
from bench.report import Bar
from bench.segments.parts import django_on_servers

NOW: Final = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FEATURES: Final = 40
EVENTS: Final = 30  # of the visitor, at hand
THREADS: Final = 8
ROUNDS: Final = 7


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Answer single rows, alone and from eight threads; decide with and without a model."""
    with django_on_servers(), TemporaryDirectory() as folder:
        from django.conf import settings

        settings.ARTIFACT_DIR = Path(folder)
        rows = _rows(2_000 if quick else 20_000)
        decisions = _decisions(300 if quick else 3_000)
    print(
        f"a row of {FEATURES} features: {rows['us']:.1f} us, p99 {rows['p99_us']:.1f};"
        f" from {THREADS} threads {rows['threads_us']:.1f}; memory {rows['memory_mb']:.0f} MB"
    )
    print(
        f"a decision: {decisions['without_us']:.0f} us, with a model {decisions['with_us']:.0f} us"
    )
    bars = [
        Bar("one row of 40 features, 200 trees", rows["us"], 100, True, "us"),
        Bar("the same, p99", rows["p99_us"], 100, True, "us"),
    ]
    return bars, {"rows": rows, "decisions": decisions}


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def _rows(count: int) -> dict[str, Any]:
    import numpy as np

    from apps.predictions import native

    fitted = model_of(FEATURES)
    x = np.random.default_rng(1).gamma(1.0, 5.0, (count, FEATURES))
    x[np.random.default_rng(2).random(x.shape) < 0.1] = np.nan
    text = fitted.estimator.text()
    before = _memory_mb()
    model = native.Booster.load(text, FEATURES)
    given: list[list[float]] = x.tolist()
    assert [model.raw(row) for row in given] == fitted.raw_scores(x).tolist(), "other numbers"
    memory_mb = _memory_mb() - before
    each: list[float] = []
    for row in given:
        start = time.perf_counter()
        model.raw(row)
        each.append((time.perf_counter() - start) * 1e6)
    each.sort()
    start = time.perf_counter()
    threads = [
        threading.Thread(target=lambda: [model.raw(row) for row in given]) for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threads_us = (time.perf_counter() - start) / (count * THREADS) * 1e6
    return {
        "us": median(each),
        "p99_us": each[int(len(each) * 0.99)],
        "threads_us": threads_us,
        "memory_mb": memory_mb,
        "contributions_us": _each_us(lambda: model.contributions(given[0]), 50),
    }


def _each_us(work: Callable[[], object], count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - start) / count * 1e6


def _decisions(count: int) -> dict[str, Any]:
    """Rounds with and without the model, in turns: what else the machine does hits both."""
    from apps.predictions import online

    site_id, decide = _site()
    loaded = online.refresh(site_id)
    assert set(loaded) == {"score.order"}
    sides: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(ROUNDS):
        for side, table in (("without", {}), ("with", loaded)):
            online._tables[site_id] = table
            assert decide() == ("all" if side == "without" else "likely")
            sides[side].append(_each_us(decide, count))
    added = [b - a for a, b in zip(sides["without"], sides["with"], strict=True)]
    return {
        "without_us": median(sides["without"]),
        "with_us": median(sides["with"]),
        "added_us": median(added),
        "rounds": sides,
    }


def _site() -> tuple[UUID, Callable[[], str]]:
    """A site with a rule on a model's score; and what decides for one visitor and says what."""
    from apps.access import services as access
    from apps.access.types import Caller, Rates
    from apps.decisions import snapshots
    from apps.decisions.models import Publication
    from apps.decisions.selectors import Arrival
    from apps.delivery import deciding
    from apps.work import clock
    from engine.snapshot import BlockDoc, PlacementDoc, RuleDoc, SnapshotDoc, VariantDoc

    site = access.create_site(key=f"shop-{uuid4().hex[:8]}", name="Shop", now=NOW)
    _champion(site.pk)
    now_ms = clock.to_ms(NOW)
    where = {"v": 1, "where": {"kind": "model", "name": "order", "op": "gte", "value": 0.0}}
    hero = BlockDoc(
        "hero", "content", [VariantDoc("all", 1), VariantDoc("likely", 2)], "all"
    )  # fmt: skip
    document = SnapshotDoc(
        str(site.pk), 1, now_ms, [PlacementDoc("hero", "hero")], [hero], [],
        [RuleDoc("likely", "hero", "likely", where, 1)],
    )  # fmt: skip
    Publication.objects.create(
        site_id=site.pk, number=1, document=_plain(document), digest="0" * 64, published_at=NOW
    )
    served = snapshots.current(site.pk, None)
    assert served is not None
    caller = Caller(
        site.pk, site.key, uuid4(), UUID(int=1), "pk", "browser", "assumed", "us_opt_out",
        Rates(9, 9, 9), False, 30, "UTC", False, "", site.pk.hex, "", None, None, False,
    )  # fmt: skip
    profile = _profile(now_ms)
    call = deciding.Call(
        caller, "req_1", "anonymous_id:a1", "a1", [("hero", None)], {}, {}, {}, False, now_ms
    )

    def decide() -> str:
        return str(deciding.decide(call, Arrival(profile), served).placed[0].decision.variant)

    return site.pk, decide


def _plain(document: object) -> Any:
    import msgspec

    return msgspec.to_builtins(document)


def _names() -> list[str]:
    return [
        "events", "events_1d", "events_7d", "recency_h", "session_events", "session_minutes",
        "session_categories", "hour_sin", "hour_cos", "in_session",
        *(f"count:Event {number}" for number in range(10)),
        *(f"since_h:Event {number}" for number in range(10)),
        *(f"category:kind {number}" for number in range(10)),
    ]  # fmt: skip


def _champion(site_id: UUID) -> None:
    from apps.predictions import artifacts, services
    from apps.predictions.fitted import Fitted
    from apps.predictions.models import ModelSpec, ModelVersion

    spec = services.create_spec(
        site_id=site_id, key="order", name="Will order", target_event="Order Completed", now=NOW
    )
    ModelSpec.objects.filter(pk=spec.pk).update(serves_online=True)
    fitted = Fitted({"": model_of(FEATURES)})
    version = ModelVersion(
        spec=spec, number=1, state=ModelVersion.State.CHAMPION, trained_at=NOW - timedelta(days=1),
        promoted_at=NOW, feature_names=_names(), calibration=fitted.calibration(), lineage={},
        card={},
    )  # fmt: skip
    assert len(_names()) == FEATURES
    version.artifact_sha256 = artifacts.store(version.pk, fitted.text())
    version.signature = artifacts.sign(version)
    version.save(force_insert=True)


def _profile(now_ms: int) -> Any:
    from apps.decisions.types import HotProfile
    from apps.events import history
    from engine.facts import Happening

    draw = random.Random(0)
    happened: Sequence[Happening] = [
        Happening(
            now_ms - (EVENTS - place) * 60_000, f"Event {draw.randrange(10)}", 1,
            {"category": f"kind {draw.randrange(10)}"},
        )
        for place in range(EVENTS)
    ]  # fmt: skip
    kept = history.History(history.Wanted(frozenset({"category"})))
    kept.add(happened)
    blob = history.encode(kept)
    return HotProfile(
        UUID(int=5, version=4).bytes, "a1", 0, 0, 0, 0, b"", {}, [], now_ms - 60_000,
        ["anonymous_id:a1"], {}, blob,
    )  # fmt: skip
