"""Scores of many people: how fast they are worked out, and how fast they are written."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final
from uuid import UUID, uuid4

from bench.report import Bar
from bench.segments.parts import django_on_servers

NOW: Final = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FEATURES: Final = 40
ROUNDS: Final = 5

# As wide as rows of a shop are: a history of a kilobyte, ten traits.
_PEOPLE: Final = """
WITH made AS (
  INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
  SELECT gen_random_uuid(), %(site)s, 'unit-' || n, %(now)s FROM generate_series(1, %(count)s) n
  RETURNING id
)
INSERT INTO profiles_profilestate (profile_id, site_id, unit_id, identities, version,
  consent_epoch, granted, denied, history, memberships, caps, traits, event_count, first_seen_at,
  last_seen_at, last_message_id)
SELECT id, %(site)s, 'unit', '["anonymous_id:a1"]', 1, 0, 0, 0, %(history)s, %(stays)s, '',
  (SELECT jsonb_object_agg('trait_' || k, jsonb_build_array('value ' || k, 1, '', 1, 'api', null))
   FROM generate_series(1, 10) k), 40, %(now)s, %(now)s, 'm'
FROM made
"""


def measure(quick: bool) -> tuple[list[Bar], dict[str, Any]]:
    """Predict a million rows, then write the scores of 200,000 people in every way there is."""
    with django_on_servers() as servers, TemporaryDirectory() as folder:
        from django.conf import settings

        from apps.work.collector import spare_the_collector

        spare_the_collector()  # as the worker does
        settings.ARTIFACT_DIR = Path(folder)
        predicted = _predicted(50_000 if quick else 1_000_000)
        written = _written(10_000 if quick else 200_000, servers.cpu_us)
    found = {"predicted": predicted, "written": written}
    bars = [
        Bar(
            "profiles scored, without reading or writing", predicted["per_s"], 300_000, False, "/s"
        ),
        Bar("scores written, nothing to tell", written["table alone"], 50_000, False, "/s"),
        Bar("scores written, every state row and mark", written["all told"], 50_000, False, "/s"),
    ]
    return bars, found


def _timed(count: int, work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append(count / (time.perf_counter() - start))
    return found


def model_of(features: int, trees: int = 200) -> Any:
    """A fitted model of so many features, that follows a made-up rule."""
    import numpy as np

    from apps.predictions import estimators

    draw = np.random.default_rng(0)
    x = draw.gamma(1.0, 5.0, (20_000, features))
    x[draw.random(x.shape) < 0.1] = np.nan
    chance = 1 / (1 + np.exp(-(np.nan_to_num(x[:, 0]) - np.nan_to_num(x[:, 1])) / 4 + 1))
    y = (draw.random(len(x)) < chance).astype(np.float64)
    half = len(x) // 2
    return estimators.fitted(
        "trees",
        {"trees": trees},
        seed=0,
        teach=(x[:half], y[:half]),
        calibrate=(x[half:], y[half:]),
    )


def _predicted(rows: int) -> dict[str, Any]:
    import numpy as np

    from apps.predictions.fitted import Fitted
    from apps.predictions.scoring import BATCH, foreseen

    model = Fitted({"": model_of(FEATURES)})
    x = np.random.default_rng(1).gamma(1.0, 5.0, (rows, FEATURES))

    def work() -> None:
        for start in range(0, rows, BATCH):
            found = foreseen(model, x[start : start + BATCH])[""]
            assert len(found) and 0 < found[0] < 1

    own_s = time.process_time()
    rates = _timed(rows, work)
    used = (time.process_time() - own_s) / ROUNDS / rows * 1e6
    print(
        f"{rows:,} rows of {FEATURES} features: {median(rates):,.0f}/s,"
        f" {used:.2f} us of processors each"
    )
    return {"rows": rows, "per_s": median(rates), "rounds": rates, "cpu_us": used}


def _written(people: int, servers_us: Callable[[], float]) -> dict[str, Any]:
    from django.db import connection

    from apps.predictions import artifacts, services
    from apps.predictions.fitted import Fitted
    from apps.predictions.models import ModelVersion, Score
    from apps.predictions.writing import write
    from apps.profiles.models import ProfileState

    site_id = _site(people)
    spec = services.create_spec(
        site_id=site_id, key="order", name="Will order", target_event="Order Completed", now=NOW
    )
    version = ModelVersion(
        spec=spec, number=1, state="champion", trained_at=NOW, promoted_at=NOW,
        feature_names=["events"], calibration={}, lineage={}, card={},
    )  # fmt: skip
    version.artifact_sha256 = artifacts.store(version.pk, Fitted({"": model_of(2, 2)}).text())
    version.save(force_insert=True)
    ids: list[UUID] = list(ProfileState.objects.order_by("pk").values_list("pk", flat=True))
    figures: dict[str, list[float]] = {"first": [], "table alone": [], "all told": []}
    used: dict[str, list[float]] = {name: [] for name in figures}  # processor us a person

    def say(name: str, step: float, minute: int) -> None:
        said = {
            "": {one: round(0.2 + step + (place % 50) / 100, 4) for place, one in enumerate(ids)}
        }
        start, own_s, theirs_us = time.perf_counter(), time.process_time(), servers_us()
        write(spec, version, said, NOW + timedelta(minutes=minute))
        figures[name].append(people / (time.perf_counter() - start))
        spent_us = (time.process_time() - own_s) * 1e6 + servers_us() - theirs_us
        used[name].append(spent_us / people)

    say("first", 0.0, 0)
    for number in range(ROUNDS):
        say("table alone", (number % 2) * 0.0001 + number // 9, 2 * number + 1)
    for number in range(ROUNDS):
        say("all told", 0.1 * (number % 2 + 1), 100 + number)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM profiles_profilestate, predictions_score")
    assert Score.objects.count() == people
    assert ProfileState.objects.filter(version=2 + ROUNDS).count() == people
    for name, rates in figures.items():
        print(
            f"{people:,} people, {name}: {median(rates):,.0f}/s,"
            f" {median(used[name]):.1f} us of processors each"
        )
    return {name: median(rates) for name, rates in figures.items()} | {
        "people": people, "rounds": figures, "cpu_us": used,
    }  # fmt: skip


def _site(people: int) -> UUID:
    from django.db import connection

    from apps.access import services as access

    site = access.create_site(key=f"shop-{uuid4().hex[:8]}", name="Shop", now=NOW)
    access.create_source(
        site_id=site.pk, name="server", kind="server", consent_mode="assumed", now=NOW
    )
    with connection.cursor() as cursor:
        cursor.execute(
            _PEOPLE,
            {
                "site": str(site.pk), "now": NOW, "count": people,
                "history": bytes(range(256)) * 4, "stays": b"",
            },
        )  # fmt: skip
        cursor.execute("ANALYZE")
    return site.pk
