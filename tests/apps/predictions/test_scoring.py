"""Scores become facts: conditions read them, and they go when they may not be."""

from datetime import timedelta
from uuid import UUID

import pytest

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.events import history
from apps.pipeline import fold
from apps.predictions import personal_data, scoring, selectors, services
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.profiles.models import Due, ProfileState
from apps.profiles.signals import states_changed, states_changing
from apps.segments import services as segments
from apps.segments.models import Membership
from apps.segments.refresh import refresh_site
from apps.work import performing
from apps.work.models import Intent
from tests.apps.predictions.shop import VISITORS, fill, make_spec
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def spec(site: Site) -> ModelSpec:
    fill(site, telling=True)
    spec = make_spec(site)
    services.train_now(spec=spec, now=NOW)
    return spec


def traits() -> dict[UUID, list]:
    rows = ProfileState.objects.values_list("pk", "traits")
    return {pk: found["score.order"] for pk, found in rows if "score.order" in found}


def test_every_active_visitor_gets_a_score_in_the_state_row_and_the_table(spec):
    assert services.score_now(spec=spec, now=NOW) == VISITORS
    found = traits()
    rows = dict(Score.objects.values_list("profile_id", "value"))
    assert {pk: entry[0] for pk, entry in found.items()} == rows
    assert len(rows) == VISITORS
    assert 0 < min(rows.values()) < max(rows.values()) < 1
    assert set(ProfileState.objects.values_list("version", flat=True)) == {2}
    assert selectors.scores_of(next(iter(rows))) == {"order": rows[next(iter(rows))]}


def test_only_profiles_with_something_new_are_scored_again(site, spec):
    services.score_now(spec=spec, now=NOW)
    assert services.score_now(spec=spec, now=NOW + timedelta(hours=1)) == 0
    changed = ProfileState.objects.order_by("pk")[0]
    later = NOW + timedelta(hours=2)
    ProfileState.objects.filter(pk=changed.pk).update(last_seen_at=later)
    store(site, [Seen(changed.pk, later, "shoes-1", category="shoes")])
    assert services.score_now(spec=spec, now=later) == 1
    assert Score.objects.get(profile_id=changed.pk).as_of == later
    # A day later time alone has changed what is known of everybody.
    assert services.score_now(spec=spec, now=NOW + timedelta(days=1, hours=1)) == VISITORS - 1


def test_rows_are_marked_before_the_commit_and_told_after_it(
    spec, django_capture_on_commit_callbacks
):
    order: list[tuple[str, int]] = []

    def before(rows, **_):
        order.append(("changing", len(rows)))

    def after(rows, **_):
        order.append(("changed", len(rows)))

    states_changing.connect(before)
    states_changed.connect(after)
    with django_capture_on_commit_callbacks(execute=True):
        services.score_now(spec=spec, now=NOW)
        assert order == [("changing", VISITORS)]
    assert order == [("changing", VISITORS), ("changed", VISITORS)]


def test_a_segment_of_a_score_is_entered_by_the_timer(site, spec):
    condition = {
        "v": 1,
        "where": {"kind": "trait", "name": "score.order", "op": "gte", "value": 0.2},
    }
    made = segments.create_segment(
        site_id=site.pk, key="likely", name="Likely to order", condition=condition, now=NOW
    )
    segments.publish_segment(site_id=site.pk, segment_id=made.pk, actor=None, now=NOW)
    refresh_site(site_id=site.pk, read_clock=lambda: NOW)
    assert not Membership.objects.exists()
    services.score_now(spec=spec, now=NOW)
    assert Due.objects.filter(due_at__lte=NOW).count() == VISITORS
    while fold.fold_due(now=NOW):
        pass
    inside = set(Membership.objects.filter(left_at=None).values_list("profile_id", flat=True))
    assert inside == {pk for pk, (value, *_) in traits().items() if value >= 0.2}
    assert 0 < len(inside) < VISITORS


def test_scores_go_with_a_no_with_time_and_with_the_model(site, spec):
    services.score_now(spec=spec, now=NOW)
    ids = list(ProfileState.objects.order_by("pk").values_list("pk", flat=True))
    said_no = ProfileState.objects.filter(pk=ids[0])
    said_no.update(denied=int(Purpose.PERSONALIZATION), history=history.encode(EMPTY))
    gone = ProfileState.objects.filter(pk=ids[1])
    gone.update(last_seen_at=NOW - timedelta(days=31))
    services.score_now(spec=spec, now=NOW)
    assert set(traits()) == set(ids[2:])
    assert set(Score.objects.values_list("profile_id", flat=True)) == set(ids[2:])
    spec.is_enabled = False
    spec.save()
    services.score_now(spec=spec, now=NOW)
    assert traits() == {}
    assert not Score.objects.exists()


EMPTY = history.History()


def test_who_never_allowed_personalization_has_no_score(site, spec):
    silent = make_profile(site)
    store(site, [Seen(silent, NOW, "shoes-1", purposes=1)])
    services.score_now(spec=spec, now=NOW)
    assert silent not in traits()


def test_another_site_is_another_site(site, spec):
    other = make_profile(make_site())
    services.score_now(spec=spec, now=NOW)
    assert other not in traits()


def test_on_a_merge_the_newer_score_stays_and_export_and_erase_know_it(site, spec):
    services.score_now(spec=spec, now=NOW)
    one, two, *_ = ProfileState.objects.order_by("pk").values_list("pk", flat=True)
    Score.objects.filter(profile_id=one).update(as_of=NOW + timedelta(hours=1), value=0.9)
    assert personal_data.reassign(one, two) == 1
    assert personal_data.reassign(one, two) == 0
    assert selectors.scores_of(two) == {"order": 0.9}
    (shown,) = personal_data.export(two)
    assert (shown["model"], shown["probability"]) == ("order", 0.9)
    assert personal_data.erase(two) == 1
    assert selectors.scores_of(two) == {}


def test_an_intent_trains_and_a_promoted_model_asks_for_its_scores(site):
    fill(site, telling=True)
    spec = make_spec(site)
    assert performing.perform(services.ask_training(spec=spec, now=NOW), now=NOW)
    scoring = Intent.objects.get(kind="predictions.score")
    assert scoring.queue == "slow"
    assert performing.perform(scoring.pk, now=scoring.run_after)
    assert spec.runs.get().state == "promoted"


@pytest.mark.parametrize("refused", [Purpose.PERSONALIZATION, Purpose.MODEL_TRAINING])
def test_who_refuses_while_scores_are_worked_out_gets_none(site, spec, refused):
    profile_id = ProfileState.objects.order_by("pk")[0].pk
    champion = spec.versions.get(state=ModelVersion.State.CHAMPION)
    ProfileState.objects.filter(pk=profile_id).update(denied=int(refused))
    scoring._write(spec, champion, {profile_id: 0.7}, NOW)  # worked out before they refused
    assert not Score.objects.filter(profile_id=profile_id).exists()
    assert profile_id not in traits()


def test_nobody_is_scored_where_nobody_vouches_and_nobody_was_asked(site, spec):
    site.sources.update(consent_mode="required")
    assert services.score_now(spec=spec, now=NOW) == 0
    agreed = ProfileState.objects.order_by("pk")[0]
    ProfileState.objects.filter(pk=agreed.pk).update(granted=int(Purpose.PERSONALIZATION))
    assert services.score_now(spec=spec, now=NOW) == 1
    assert set(traits()) == {agreed.pk}
