"""Scores become facts: conditions read them, and they go when they may not be."""

from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest

from apps.access.models import Site
from apps.consent.types import Purpose
from apps.consent.withdrawing import TakenBack
from apps.events import history
from apps.pipeline import fold
from apps.predictions import clearing, personal_data, scoring, selectors, services, types
from apps.predictions.fitted import Fitted
from apps.predictions.models import ModelSpec, ModelVersion, Score
from apps.predictions.types import InForce
from apps.profiles.models import Due, ProfileState
from apps.profiles.signals import states_changed, states_changing
from apps.segments import services as segments
from apps.segments.models import Membership
from apps.segments.refresh import refresh_site
from apps.work import performing
from apps.work.models import Intent
from tests.apps.predictions.champions import champion, learned, rows
from tests.apps.predictions.shop import VISITORS, fill, make_spec
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


@pytest.fixture
def spec(site: Site) -> ModelSpec:
    fill(site, telling=True)
    spec = make_spec(site)
    champion(spec)
    return spec


def traits(name: str = "score.order") -> dict[UUID, list]:
    rows = ProfileState.objects.values_list("pk", "traits")
    return {pk: found[name] for pk, found in rows if name in found}


def somebody(place: int = 0) -> UUID:
    return ProfileState.objects.order_by("pk").values_list("pk", flat=True)[place]


def due() -> set[UUID]:
    return set(Due.objects.filter(due_at__lte=NOW).values_list("profile_id", flat=True))


@pytest.fixture
def reads(monkeypatch):
    """Let something live read scores like this: reads(score_order=InForce((0.5,)))."""
    told: dict[str, InForce] = {}
    monkeypatch.setattr(types, "_watches", [lambda site_id: told])
    return told


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
    assert due() == {pk for pk, (value, *_) in traits().items()}  # each has appeared
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


def test_an_intent_brings_the_scores_up_to_date(spec):
    intent = services.ask_scoring(spec=spec, now=NOW)
    assert Intent.objects.get(pk=intent).queue == "slow"
    assert performing.perform(intent, now=NOW)
    assert len(traits()) == VISITORS


@pytest.mark.parametrize("refused", [Purpose.PERSONALIZATION, Purpose.MODEL_TRAINING])
def test_who_refuses_while_scores_are_worked_out_gets_none(site, spec, refused):
    profile_id = ProfileState.objects.order_by("pk")[0].pk
    version = spec.versions.get(state=ModelVersion.State.CHAMPION)
    ProfileState.objects.filter(pk=profile_id).update(denied=int(refused))
    scoring.write(spec, version, {"": {profile_id: 0.7}}, NOW)  # worked out before they refused
    assert not Score.objects.filter(profile_id=profile_id).exists()
    assert profile_id not in traits()


def test_nobody_is_scored_where_nobody_vouches_and_nobody_was_asked(site, spec):
    site.sources.update(consent_mode="required")
    assert services.score_now(spec=spec, now=NOW) == 0
    agreed = ProfileState.objects.order_by("pk")[0]
    ProfileState.objects.filter(pk=agreed.pk).update(granted=int(Purpose.PERSONALIZATION))
    assert services.score_now(spec=spec, now=NOW) == 1
    assert set(traits()) == {agreed.pk}


def told(spec: ModelSpec, value: float | str | None, at=NOW, output: str = "") -> list:
    """Say something of one person and return the trait's entry."""
    version = spec.versions.get(state=ModelVersion.State.CHAMPION)
    scoring.write(spec, version, {output: {somebody(): value}}, at)
    return traits(f"score.order.{output}" if output else "score.order").get(somebody())


@pytest.mark.parametrize(
    ("before", "after", "is_written"),
    [(0.4, 0.4049, False), (0.4, 0.405, True), (0.4, 0.395, True), ("shoes", "hats", True)],
    ids=["a little", "just enough", "less", "another label"],
)
def test_only_what_says_something_new_is_written(spec, reads, before, after, is_written):
    told(spec, before)
    later = NOW + timedelta(minutes=15)
    version = ProfileState.objects.get(pk=somebody()).version
    value, _, *_ = told(spec, after, later)
    row = ProfileState.objects.get(pk=somebody())
    assert value == (after if is_written else before)
    assert row.version == version + is_written
    kept = Score.objects.get(profile_id=somebody())
    assert (kept.label or kept.value, kept.as_of) == (value, later)


def test_small_steps_are_not_lost_they_add_up(spec, reads):
    for minutes in range(4):
        found = told(spec, 0.4 + minutes * 0.002, NOW + timedelta(minutes=minutes))
    assert found[0] == pytest.approx(0.406)


def test_the_smallest_step_over_an_edge_is_written_and_looked_at(spec, reads):
    reads["score.order"] = InForce((0.75,))
    told(spec, 0.749)
    Due.objects.all().delete()
    assert told(spec, 0.7495)[0] == 0.749
    assert due() == set()
    assert told(spec, 0.75)[0] == 0.75
    assert due() == {somebody()}


def test_who_stays_on_one_side_of_every_edge_is_not_looked_at(spec, reads):
    reads["score.order"] = InForce((0.2, 0.75))
    told(spec, 0.3)
    assert due() == {somebody()}  # there was none before
    Due.objects.all().delete()
    told(spec, 0.7)
    assert due() == set()
    told(spec, None)
    assert due() == {somebody()}  # there is none any more


def test_where_nothing_reads_a_score_nobody_is_looked_at(spec, reads):
    told(spec, 0.9)
    told(spec, 0.1)
    told(spec, None)
    assert due() == set()


def test_a_score_is_told_again_before_it_counts_no_more(spec, reads):
    reads["score.order"] = InForce((0.75,), max_age_ms=3_600_000)
    since = told(spec, 0.4)[3]
    _, at_ms, *_ = told(spec, 0.4, NOW + timedelta(minutes=29))
    assert at_ms == since
    Due.objects.all().delete()
    _, at_ms, _, told_since, *_ = told(spec, 0.4, NOW + timedelta(minutes=30))
    assert (at_ms, told_since) == (since + 30 * 60_000, since)
    assert due() == set()
    # Once it has counted no more, it counts again: that changes the answer.
    told(spec, 0.4, NOW + timedelta(minutes=95))
    assert Due.objects.filter(profile_id=somebody()).exists()


def test_the_shortest_age_that_is_asked_for_says_who_is_scored_again(spec, reads):
    services.score_now(spec=spec, now=NOW)
    assert services.score_now(spec=spec, now=NOW + timedelta(hours=2)) == 0
    reads["score.order"] = InForce((), max_age_ms=4 * 3_600_000)
    assert services.score_now(spec=spec, now=NOW + timedelta(hours=2)) == VISITORS


def test_what_is_no_number_is_not_known(spec, reads):
    told(spec, 0.4)
    assert told(spec, float("nan")) is None
    assert not Score.objects.exists()


def test_outputs_and_labels_are_traits_of_their_own(spec, reads):
    version = spec.versions.get(state=ModelVersion.State.CHAMPION)
    who = somebody()
    said = {"": {who: "shoes"}, "shoes": {who: 0.8}, "hats": {who: 0.1}}
    assert scoring.write(spec, version, said, NOW) == 1
    found = ProfileState.objects.get(pk=who).traits
    assert {name: entry[0] for name, entry in found.items()} == {
        "score.order": "shoes",
        "score.order.shoes": 0.8,
        "score.order.hats": 0.1,
    }
    assert selectors.scores_of(who) == {"order": "shoes", "order.shoes": 0.8, "order.hats": 0.1}


def test_categories_are_scored_one_by_one_and_the_likeliest_is_named(site, spec):
    spec.kind, spec.threshold = ModelSpec.Kind.CATEGORIES, 0.2
    spec.save()
    shoes, hats = learned(4), learned(4, rule=lambda x: -x[:, 0] / 3 - 3)
    champion(spec, fitted=Fitted({"shoes": shoes, "hats": hats}))
    services.score_now(spec=spec, now=NOW)
    named = traits()
    by_output = {output: traits(f"score.order.{output}") for output in ("shoes", "hats")}
    assert {len(found) for found in by_output.values()} == {VISITORS}
    assert 0 < len(named) < VISITORS
    for profile_id, (label, *_) in named.items():
        other = "hats" if label == "shoes" else "shoes"
        assert by_output[label][profile_id][0] >= 0.2
        assert by_output[label][profile_id][0] >= by_output[other][profile_id][0]
    # Another model tells other categories apart: what is said no more goes.
    champion(spec, fitted=Fitted({"shoes": shoes, "coats": hats}))
    services.score_now(spec=spec, now=NOW + timedelta(minutes=1))
    assert not traits("score.order.hats")
    assert set(Score.objects.values_list("output", flat=True)) == {"", "shoes", "coats"}
    spec.is_enabled = False
    spec.save()
    services.score_now(spec=spec, now=NOW + timedelta(minutes=2))
    assert not Score.objects.exists()
    assert not traits("score.order.coats")


def test_a_score_that_stayed_is_told_with_the_version_that_says_it_now(spec):
    services.score_now(spec=spec, now=NOW)
    newer = champion(spec, fitted=Fitted({"": learned(4)}))
    services.score_now(spec=spec, now=NOW + timedelta(minutes=1))
    assert set(Score.objects.values_list("version_id", flat=True)) == {newer.pk}
    assert services.score_now(spec=spec, now=NOW + timedelta(minutes=2)) == 0


def test_what_a_model_is_for_taken_back_takes_row_and_traits(site, spec, reads):
    version = spec.versions.get(state=ModelVersion.State.CHAMPION)
    who = somebody()
    scoring.write(spec, version, {"": {who: "shoes"}, "shoes": {who: 0.8}}, NOW)

    def takes_back(purpose: Purpose) -> None:
        ProfileState.objects.filter(pk=who).update(denied=int(purpose))
        clearing.CLEARING.at_once(TakenBack(site.pk, who, int(purpose), 1, NOW))
        for intent in Intent.objects.filter(kind=clearing.TAKE_BACK):
            assert performing.perform(intent.pk, now=NOW)

    takes_back(Purpose.AUDIENCES)
    assert set(ProfileState.objects.get(pk=who).traits) == {"score.order", "score.order.shoes"}
    takes_back(Purpose.MODEL_TRAINING)
    assert ProfileState.objects.get(pk=who).traits == {}
    assert not Score.objects.filter(profile_id=who).exists()


def test_without_personalization_what_was_said_is_gone_at_once(site, spec, reads):
    told(spec, 0.4)
    taken = TakenBack(site.pk, somebody(), int(Purpose.PERSONALIZATION), 1, NOW)
    clearing.CLEARING.at_once(taken)
    assert not Score.objects.exists()
    assert not Intent.objects.filter(kind=clearing.TAKE_BACK).exists()


def test_on_a_merge_each_output_keeps_its_newer_score(spec, reads):
    version = spec.versions.get(state=ModelVersion.State.CHAMPION)
    one, two = somebody(), somebody(1)
    scoring.write(spec, version, {"": {one: "shoes"}, "shoes": {one: 0.8}}, NOW)
    later = NOW + timedelta(hours=1)
    scoring.write(spec, version, {"": {two: "hats"}}, later)
    assert personal_data.reassign(one, two) == 1
    assert selectors.scores_of(two) == {"order": "hats", "order.shoes": 0.8}
    told = [(row["output"], row["probability"], row["label"]) for row in personal_data.export(two)]
    assert told == [("", None, "hats"), ("shoes", 0.8, "")]


def test_rows_answered_by_several_threads_are_the_same_rows(monkeypatch):
    model = Fitted({"shoes": learned(4), "hats": learned(4, seed=3)})
    monkeypatch.setattr(scoring, "THREADS", 3)
    x = np.concatenate([rows(4, seed=seed) for seed in range(4)])
    whole = model.outputs(x)
    for output, found in scoring.foreseen(model, x).items():
        assert found.tolist() == whole[output].tolist()
