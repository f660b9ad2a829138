"""Features know what was known then: nothing after, nothing forbidden, nobody else."""

from datetime import timedelta

import numpy as np
import pytest

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.predictions import features, services
from apps.predictions.domain.feature_names import DEFAULTS
from apps.predictions.errors import UnknownFeature
from apps.predictions.models import ModelSpec
from tests.apps.recommendations.world import (
    NECESSARY_ONLY,
    NOW,
    Seen,
    make_profile,
    make_site,
    store,
)

NAMES = [
    "events", "events_1d", "events_7d", "events_30d", "sessions", "days_active", "recency_h",
    "tenure_h", "mean_gap_h", "items", "categories", "devices", "value_sum", "value_mean",
    "value_max", "count:Product Viewed", "since_h:Cart Viewed", "category:shoes",
]  # fmt: skip


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def spec(site: Site) -> ModelSpec:
    return services.create_spec(
        site_id=site.pk, key="k", name="K", target_event="Order Completed", horizon_hours=24,
        active_days=10, window_days=20, now=NOW,
    )  # fmt: skip


def known(spec: ModelSpec, profile_id, *, as_of=NOW, names=NAMES) -> dict[str, float]:
    (found,), x = features.rows_of(spec, names, [profile_id], as_of=as_of)
    assert found == profile_id
    return dict(zip(names, x[0].tolist(), strict=True))


def test_each_feature_is_what_it_says(site, spec):
    who = make_profile(site)
    store(
        site,
        [
            Seen(who, NOW - timedelta(hours=50), "A", category="shoes", value=10.0),
            Seen(who, NOW - timedelta(hours=49, minutes=50), "B", category="hats", value=30.0),
            Seen(who, NOW - timedelta(hours=5), "A", category="shoes", device=2),
            Seen(who, NOW - timedelta(hours=2), name="Cart Viewed"),
        ],
    )
    found = known(spec, who)
    assert found == pytest.approx(
        {
            "events": 4,
            "events_1d": 2,
            "events_7d": 4,
            "events_30d": 4,
            "sessions": 3,
            "days_active": 2,
            "recency_h": 2,
            "tenure_h": 50,
            "mean_gap_h": 48 / 3,
            "items": 2,
            "categories": 2,
            "value_sum": 40,
            "value_mean": 20,
            "value_max": 30,
            "devices": 2,
            "count:Product Viewed": 3,
            "since_h:Cart Viewed": 2,
            "category:shoes": 2,
        }
    )


def test_what_comes_after_the_moment_changes_nothing(site, spec):
    who = make_profile(site)
    store(site, [Seen(who, NOW - timedelta(hours=3), "A", category="shoes", value=5.0)])
    as_of = NOW - timedelta(hours=2)
    before = known(spec, who, as_of=as_of)
    store(
        site,
        [
            Seen(who, NOW - timedelta(hours=1), "Z", category="shoes", value=900.0, device=7),
            Seen(who, NOW, name="Cart Viewed"),
        ],
    )
    after = known(spec, who, as_of=as_of)
    assert np.array_equal(list(before.values()), list(after.values()), equal_nan=True)


def test_forbidden_events_exposures_and_what_is_too_old_do_not_count(site, spec):
    who = make_profile(site)
    store(
        site,
        [
            Seen(who, NOW - timedelta(days=1), "A"),
            Seen(who, NOW - timedelta(days=1), "B", purposes=NECESSARY_ONLY),
            Seen(who, NOW - timedelta(days=1), name="Exposure", kind=7),
            Seen(who, NOW - timedelta(days=30), "C"),
        ],
    )
    assert known(spec, who, names=["events", "items"]) == {"events": 1, "items": 1}


def test_a_moment_holds_who_was_active_and_labels_what_came_within_the_horizon(site, spec):
    as_of = NOW - timedelta(days=2)
    buyer, late, idle, unwilling = (
        make_profile(site, denied=denied) for denied in (0, 0, 0, int(Purpose.PERSONALIZATION))
    )
    before = as_of - timedelta(days=1)
    store(
        site,
        [
            *(Seen(who, before, "A") for who in (buyer, late, unwilling)),
            Seen(idle, as_of - timedelta(days=11), "A"),
            Seen(buyer, as_of + timedelta(hours=24), name="Order Completed"),
            Seen(late, as_of + timedelta(hours=25), name="Order Completed"),
            Seen(late, as_of, name="Order Completed"),
        ],
    )
    found = features.moment(spec, ["events"], as_of=as_of)
    by_profile = dict(zip(sorted([buyer, late]), found.y.tolist(), strict=True))
    assert by_profile == {buyer: 1.0, late: 0.0}


def test_names_are_chosen_from_what_had_been_sent_by_then(site, spec):
    people = [make_profile(site) for _ in range(5)]
    early, late = NOW - timedelta(days=2), NOW - timedelta(hours=1)
    store(
        site,
        [
            *(Seen(who, early, "A", category="shoes") for who in people),
            *(Seen(who, late, name="Later", category="later") for who in people),
            # What fewer people brought says something of them alone.
            *(Seen(who, early, name="Rare", category="rare") for who in people[:4]),
        ],
    )
    assert features.names_for(spec, as_of=NOW - timedelta(days=1)) == [
        *DEFAULTS,
        "count:Product Viewed",
        "since_h:Product Viewed",
        "category:shoes",
    ]


@pytest.mark.parametrize(
    "names",
    [
        ["nothing"], ["count:"], ["sum:A"], ["events", "events"], ["gram:A"], ["gram:>A"],
        ["intent:joy"], ["rfm_r:"], ["rfm_m:5,5"], ["rfm_f:nan"], ["rfm_f:1e400"],
        ["count:A@+24h", "trait:"],
    ],
    ids=lambda names: " ".join(names),
)  # fmt: skip
def test_a_feature_that_nothing_computes_is_refused(names):
    with pytest.raises(UnknownFeature):
        features.features_of(names)


def test_an_event_name_is_a_value_never_sql(site, spec):
    who = make_profile(site)
    hostile = "x') OR true; -- %s {0} %(site)s"
    store(site, [Seen(who, NOW, name=hostile), Seen(who, NOW, "A")])
    found = known(spec, who, names=[f"count:{hostile}", f"category:{hostile}"])
    assert list(found.values()) == [1, 0]
