"""A site that runs many experiments at once: their participants and their sums by day, made inside
Postgres. What the sums say is drawn by chance around a tenth who convert; the seed is fixed.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.access import services as access
from apps.content import services as content
from apps.content.models import Placement
from apps.experiments.models import Arm, Experiment, Goal, Metric, Phase
from bench.segments.data import NOW

DAYS: Final = 14
ARMS: Final = 3
BEGIN: Final = NOW - timedelta(days=DAYS)
_KINDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("conversion", {}),
    ("conversion", {}),
    ("conversion", {}),
    ("conversion", {}),
    ("mean", {"of": "value"}),
    ("mean", {"of": "value"}),
    ("mean", {"of": "count"}),
    ("ratio", {"of": "value", "per_event": "Product Viewed"}),
    ("retention", {"after_hours": 24}),
    ("quantile", {"of": "value"}),
)
METRICS: Final = len(_KINDS)
_PROFILES: Final = """
INSERT INTO profiles_profile (id, site_id, bucketing_key, created_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(site)s::uuid,
  'visitor-' || n, %(begin)s
FROM generate_series(0, %(people)s - 1) n
"""
_PARTICIPANTS: Final = """
INSERT INTO experiments_participant
  (phase_id, profile_id, arm, first_at, day, is_mixed, is_bot, segments, facts)
SELECT h.id, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, n %% %(arms)s,
  %(begin)s::timestamptz + (n %% %(days)s) * interval '1 day',
  (%(begin)s::timestamptz AT TIME ZONE 'UTC')::date + (n %% %(days)s)::int, false, false,
  CASE WHEN n %% 5 = 0 THEN '[["vip", 1]]'::jsonb ELSE '[]'::jsonb END,
  jsonb_build_object('browser', CASE WHEN n %% 3 = 0 THEN 'Firefox' ELSE 'Chrome' END)
FROM experiments_phase h CROSS JOIN generate_series(0, %(people)s - 1) n
"""
# A day's sums as participants would leave them: a tenth convert, values are around 40.
_SUMS: Final = """
INSERT INTO experiments_daysum (phase_id, metric_id, arm, segment, day, n, y, yy, d, dd, yd, x, xx,
  xy, sample, left_out, counted_at)
SELECT h.id, m.id, a, s.segment, (%(begin)s::timestamptz AT TIME ZONE 'UTC')::date + d, s.n,
  CASE WHEN m.is_share THEN v.y ELSE 40 * v.y END,
  CASE WHEN m.is_share THEN v.y ELSE 1800 * v.y END, 2 * s.n, 5 * s.n,
  CASE WHEN m.is_share THEN 2 * v.y ELSE 80 * v.y END,
  CASE WHEN m.is_share THEN v.x ELSE 40 * v.x END,
  CASE WHEN m.is_share THEN v.x ELSE 1800 * v.x END,
  CASE WHEN m.is_share THEN least(v.x, v.y) / 2 ELSE 900 * least(v.x, v.y) END,
  CASE WHEN m.kind = 'quantile' THEN %(sample)s::jsonb ELSE '[]'::jsonb END, 0, %(now)s
FROM experiments_phase h
CROSS JOIN (SELECT id, kind, kind IN ('conversion', 'retention') AS is_share
  FROM experiments_metric) m
CROSS JOIN generate_series(0, %(arms)s - 1) a CROSS JOIN generate_series(0, %(days)s - 1) d
CROSS JOIN (VALUES ('', %(n)s), ('vip', %(n)s / 5)) s(segment, n)
CROSS JOIN LATERAL (SELECT round(s.n * (0.05 + 0.1 * random() + 0 * (a + d))) AS y,
  round(s.n * (0.05 + 0.1 * random() + 0 * (a + d))) AS x) v
"""
# The days before the last look said the same as it: a page shows them all.
_LOOKS: Final = """
INSERT INTO experiments_look (phase_id, day, figures)
SELECT l.phase_id, l.day - d, l.figures
FROM experiments_look l JOIN experiments_phase h ON h.id = l.phase_id
JOIN experiments_experiment e ON e.id = h.experiment_id
CROSS JOIN generate_series(1, %(days)s - 1) d
WHERE e.site_id = %(site)s
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How many experiments, and participants in each."""

    experiments: int
    people: int


def make_site(size: Size) -> UUID:
    """Make the site with all its rows; return its id."""
    site = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=BEGIN)
    block = content.create_block(site_id=site.pk, key="hero")
    variants = [
        content.create_variant(block=block, key=f"v{n}", is_default=n == 0, template=f"<p>{n}</p>")
        for n in range(ARMS)
    ]
    metrics = [
        Metric.objects.create(
            site=site, key=f"metric-{n}", name=f"Metric {n}", kind=kind, event="Order Completed",
            **options,
        )
        for n, (kind, options) in enumerate(_KINDS)
    ]  # fmt: skip
    names = range(size.experiments)
    places = Placement.objects.bulk_create(
        Placement(site=site, key=f"place.{n}", name=f"Place {n}", block=block) for n in names
    )
    experiments = Experiment.objects.bulk_create(
        Experiment(
            site=site, key=f"test-{n}", name=f"Test {n}", placement=places[n], per_arm=5_000,
            state="running", phase=1, segments=["vip"], created_at=BEGIN,
        )
        for n in names
    )  # fmt: skip
    arms = [
        {"number": n, "key": f"arm{n}", "name": f"Arm {n}", "variant": str(variants[n].pk),
         "variant_key": f"v{n}", "weight": 1 / ARMS, "is_control": n == 0, "levels": {}}
        for n in range(ARMS)
    ]  # fmt: skip
    _design(experiments, arms, metrics)
    _fill(site.pk, size)
    return site.pk


def _design(
    experiments: list[Experiment], arms: list[dict[str, Any]], metrics: list[Metric]
) -> None:
    Arm.objects.bulk_create(
        Arm(
            experiment=one, number=arm["number"], key=arm["key"], name=arm["name"],
            variant_id=arm["variant"], weight=arm["weight"], is_control=arm["is_control"],
        )
        for one in experiments
        for arm in arms
    )  # fmt: skip
    Goal.objects.bulk_create(
        Goal(
            experiment=one, metric=metric, added_at=BEGIN,
            role="goal" if place == 0 else "guardrail" if place == 1 else "watched",
            margin=0.05 if place == 1 else None,
        )
        for one in experiments
        for place, metric in enumerate(metrics)
    )  # fmt: skip
    Phase.objects.bulk_create(
        Phase(
            experiment=one, number=1, seed=f"{one.pk.hex}.1", arms=arms, coverage=1.0,
            segments=["vip"], started_at=BEGIN,
        )
        for one in experiments
    )  # fmt: skip


def _fill(site_id: UUID, size: Size) -> None:
    named: dict[str, Any] = {
        "site": str(site_id),
        "people": size.people,
        "arms": ARMS,
        "days": DAYS,
        "begin": BEGIN,
        "now": NOW,
        "n": size.people // ARMS // DAYS,
        "sample": str([float(10 + 3 * n) for n in range(20)]),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        for statement in (_PROFILES, _PARTICIPANTS, _SUMS):
            cursor.execute(statement, named)
        cursor.execute("VACUUM (ANALYZE) experiments_participant")
        cursor.execute("VACUUM (ANALYZE) experiments_daysum")


def add_past_looks(site_id: UUID) -> None:
    """Give every experiment the looks of the days before, as one has that was analysed daily."""
    with connection.cursor() as cursor:
        cursor.execute(_LOOKS, {"site": str(site_id), "days": DAYS})
