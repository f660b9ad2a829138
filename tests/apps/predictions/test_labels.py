"""What came after a moment, and nothing before it or after the horizon."""

import json
from datetime import timedelta

import pytest
from django.db import connection

from apps.access.models import Site
from apps.predictions.errors import InvalidTarget
from apps.predictions.fitted import Fitted
from apps.predictions.labels import labels_of, read
from apps.predictions.models import ModelSpec, Score
from apps.predictions.writing import take_back, write
from apps.profiles.models import ProfileState
from tests.apps.predictions.champions import champion, learned
from tests.apps.recommendations.world import (
    NECESSARY_ONLY,
    NOW,
    Seen,
    make_profile,
    make_site,
    store,
)

AS_OF = NOW - timedelta(days=3)
HOUR = timedelta(hours=1)


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def asked(site: Site, **options) -> ModelSpec:
    """Whether somebody orders within a day, unless said otherwise."""
    return ModelSpec(
        **{"site": site, "key": "k", "name": "K", "target_event": "Order", "horizon_hours": 24}
        | options
    )


def answers(spec: ModelSpec, *people) -> list:
    """The answer of each person; a list of answers where there are several."""
    found = read(spec, people, as_of=AS_OF)
    return [row[0] if len(row) == 1 else row for row in found]


def seen(site: Site, at, name: str = "Order", properties: dict | None = None, **more):
    """Somebody with one event."""
    who = make_profile(site)
    store(site, [Seen(who, at, name=name, message_id=f"of-{who}", **more)])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET properties = %s WHERE message_id = %s",
            [json.dumps(properties or {}), f"of-{who}"],
        )
    return who


def test_the_event_counts_from_just_after_the_moment_to_the_end_of_the_horizon(site):
    people = [
        seen(site, AS_OF),
        seen(site, AS_OF + timedelta(microseconds=1)),
        seen(site, AS_OF + 24 * HOUR),
        seen(site, AS_OF + 24 * HOUR + timedelta(microseconds=1)),
        seen(site, AS_OF + HOUR, name="Product Viewed"),
    ]
    assert answers(asked(site), *people) == [0, 1, 1, 0, 0]


def test_answers_come_in_the_order_of_the_question(site):
    did, did_not = seen(site, AS_OF + HOUR), make_profile(site)
    assert answers(asked(site), did_not, did, did_not) == [0, 1, 0]


def test_an_absence_is_the_opposite_and_of_no_event_it_means_any(site):
    ordered, looked, gone = (
        seen(site, AS_OF + HOUR),
        seen(site, AS_OF + HOUR, name="Product Viewed"),
        make_profile(site),
    )
    absent = asked(site, kind=ModelSpec.Kind.ABSENCE)
    assert answers(absent, ordered, looked, gone) == [0, 1, 1]
    churned = asked(site, kind=ModelSpec.Kind.ABSENCE, target_event="")
    assert answers(churned, ordered, looked, gone) == [0, 0, 1]
    back = asked(site, target_event="")
    assert answers(back, ordered, looked, gone) == [1, 1, 0]


def test_a_category_has_to_be_that_of_the_event(site):
    people = [
        seen(site, AS_OF + HOUR, category="shoes"),
        seen(site, AS_OF + HOUR, category="hats"),
        seen(site, AS_OF + HOUR),
    ]
    assert answers(asked(site, target={"category": "shoes"}), *people) == [1, 0, 0]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([{"property": "total", "op": "gte", "value": 50}], [0, 1, 0, 0]),
        ([{"property": "currency", "op": "eq", "value": "EUR"}], [1, 1, 0, 0]),
        ([{"property": "currency", "op": "in", "value": ["USD", "CHF"]}], [0, 0, 1, 0]),
        ([{"property": "is_gift", "op": "eq", "value": True}], [0, 1, 0, 0]),
        ([{"property": "currency", "op": "eq", "value": "EUR"},
          {"property": "total", "op": "lt", "value": 50}], [1, 0, 0, 0]),
        ([{"property": "total", "op": "ne", "value": 20}], [0, 1, 0, 0]),
        ([{"property": "total", "op": "ne", "value": "20"}], [0, 0, 1, 0]),
        ({"currency": "EUR"}, [1, 1, 0, 0]),
    ],
    ids=["at least", "equal", "one of", "a truth", "both", "not the number",
         "not the text", "short form"],
)  # fmt: skip
def test_filters_on_properties_pass_what_they_say_and_no_other_type(site, where, expected):
    people = [
        seen(site, AS_OF + HOUR, properties={"total": 20, "currency": "EUR"}),
        seen(site, AS_OF + HOUR, properties={"total": 80, "currency": "EUR", "is_gift": True}),
        seen(site, AS_OF + HOUR, properties={"total": "80", "currency": "CHF", "is_gift": 1}),
        seen(site, AS_OF + HOUR),
    ]
    assert answers(asked(site, target={"where": where}), *people) == expected


def test_categories_are_answered_one_by_one(site):
    both = make_profile(site)
    store(site, [Seen(both, AS_OF + HOUR, category=one, name="Click") for one in ("a", "b")])
    one, none = seen(site, AS_OF + HOUR, name="Click", category="c"), make_profile(site)
    spec = asked(
        site, kind=ModelSpec.Kind.CATEGORIES, target_event="Click",
        target={"categories": ["a", "b", "c"]},
    )  # fmt: skip
    assert [label.output for label in labels_of(spec)] == ["a", "b", "c"]
    assert answers(spec, both, one, none) == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_what_nobody_allowed_and_what_we_showed_ourselves_answers_nothing(site):
    people = [
        seen(site, AS_OF + HOUR, purposes=NECESSARY_ONLY),
        seen(site, AS_OF + HOUR, kind=7),
        seen(make_site(), AS_OF + HOUR),
    ]
    assert answers(asked(site), *people) == [0, 0, 0]
    assert answers(asked(site, kind=ModelSpec.Kind.ABSENCE), *people) == [1, 1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": {"colour": "red"}}, "no 'colour'"),
        ({"target": {"category": 3}}, "a text"),
        ({"target": {"where": [{"property": "a", "op": "matches", "value": "x"}]}}, "not know"),
        ({"target": {"where": [{"property": "a", "op": "gt", "value": "x"}]}}, "expected|number"),
        ({"target": {"where": "everything"}}, "cannot be read"),
        ({"target": {"where": [{"property": "a", "op": "in", "value": []}]}}, "."),
        ({"kind": "categories", "target": {"categories": ["a"]}}, "2 to 20"),
        ({"kind": "categories", "target": {"categories": ["a", "a"]}}, "twice"),
        ({"kind": "categories", "target": {"categories": ["a", 1]}}, "a text"),
        ({"kind": "categories", "target": {"categories": ["a", "b" * 101]}}, "100 characters at"),
        ({"kind": "categories", "target": {"category": "a"}}, "no 'category'"),
    ],
    ids=["unknown part", "category", "operator", "text as number", "no filters", "one of nothing",
         "one category",
         "twice", "number as category", "longer than scores", "category of categories"],
)  # fmt: skip
def test_a_target_that_nobody_could_reach_is_refused_in_words(site, options, words):
    with pytest.raises(InvalidTarget, match=words):
        labels_of(asked(site, **options))


def test_a_score_is_kept_and_taken_back_of_a_category_with_the_longest_name(site):
    names = ["ä" * 100, "b"]
    spec = asked(site, kind="categories", target={"categories": names}, created_at=NOW)
    spec.save()
    assert [one.output for one in labels_of(spec)] == names
    who = make_profile(site)
    version = champion(spec, ("events",), fitted=Fitted(dict.fromkeys(names, learned(1))))
    write(spec, version, {"": {who: names[0]}, names[0]: {who: 0.9}, "b": {who: 0.1}}, NOW)
    assert set(Score.objects.values_list("output", flat=True)) == {"", *names}
    take_back(spec, [who], NOW)
    assert not Score.objects.exists()
    assert ProfileState.objects.get(pk=who).traits == {}


def test_names_are_bound_and_never_become_sql(site):
    nasty = """x' OR true; -- {allowed} %(site)s"""
    who = seen(site, AS_OF + HOUR, name=nasty, category=nasty, properties={nasty: nasty})
    spec = asked(site, target_event=nasty, target={"category": nasty, "where": {nasty: nasty}})
    assert answers(spec, who, make_profile(site)) == [1, 0]


def test_what_is_foreseen_is_said_in_words(site):
    (label,) = labels_of(asked(site, target={"category": "shoes", "where": {"currency": "EUR"}}))
    assert label.words == 'do "Order" in the category "shoes", where currency = EUR'
    (label,) = labels_of(asked(site, kind=ModelSpec.Kind.ABSENCE, target_event=""))
    assert label.words == "not do anything at all"
