"""What searches ask for: by a lexicon, and by what people looked at after such words."""

import json
import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from apps.access.models import Site
from apps.predictions import artifacts, services
from apps.predictions.domain.texts import grams_of, intent_of, learned, shared_grams
from apps.predictions.models import ModelSpec, ModelVersion, TrainingRun
from apps.profiles import state
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

SHOES = ("running shoes", "trail sneakers", "leather boots", "red sneakers", "winter boots")
HATS = ("straw hat", "wool beanie", "cheap sun hat", "warm beanie", "baseball cap")
SECRET = "zebulonquist"
MANY, FEW = 120, 9


def say(site: Site, event: Seen, query: str) -> None:
    """Give an event a query, as the tracker sends it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET properties = %s WHERE site_id = %s AND message_id = %s",
            [json.dumps({"query": query}), str(site.pk), event.message_id],
        )


def searched(site: Site, people: int, *, telling: bool = True) -> list[str]:
    """People who search, and then look at something; one writes a word of their own."""
    chance = random.Random(3)
    events, queries, ids = [], [], []
    for number in range(people):
        profile_id = make_profile(site)
        ids.append(str(profile_id))
        for visit in range(3):
            at = NOW - timedelta(days=chance.uniform(0.1, 20))
            wants = "shoes" if (number + visit) % 2 else "hats"
            query = chance.choice(SHOES if wants == "shoes" else HATS)
            if number == 0:
                query += f" {SECRET}"
            seen = Seen(profile_id, at, name="Products Searched", message_id=f"q{number}-{visit}")
            events.append(seen)
            queries.append((seen, query))
            category = wants if telling else chance.choice(["shoes", "hats"])
            events.append(Seen(profile_id, at + timedelta(minutes=1), category=category))
    store(site, events)
    for seen, query in queries:
        say(site, seen, query)
    return ids


@pytest.fixture
def site(db: None) -> Site:
    return make_site()


def question(site: Site) -> ModelSpec:
    return services.create_spec(
        site_id=site.pk, key="wants", name="Asks for", target_event="", kind="intent", now=NOW
    )


def test_the_interest_is_learned_from_what_was_looked_at_and_becomes_a_trait(site: Site) -> None:
    searched(site, MANY)
    spec = question(site)
    boss = User.objects.create_superuser("boss")
    run = services.train_now(spec=spec, now=NOW, approve_as=boss, note="For this test alone, then.")
    assert run.state == TrainingRun.State.PROMOTED, run.outcome
    wants = make_profile(site)
    asked = Seen(wants, NOW - timedelta(hours=1), name="Products Searched", message_id="new")
    store(site, [asked])
    say(site, asked, "best price for trail boots")
    services.score_now(spec=spec, now=NOW)
    (row,) = state.read([wants])
    assert row.traits["score.wants"][0] == "price"
    assert row.traits["score.wants.interest"][0] == "shoes"
    assert row.traits["score.wants.interest"][4] == "model"


def test_what_nobody_else_wrote_is_nowhere_in_the_model(site: Site) -> None:
    searched(site, MANY)
    services.train_now(spec=question(site), now=NOW)
    version = ModelVersion.objects.get()
    told = json.dumps(version.card, ensure_ascii=False)
    assert "sneakers" in told and SECRET not in told
    assert SECRET not in artifacts.load(version)


def test_where_words_tell_nothing_only_intents_are_told(site: Site) -> None:
    searched(site, MANY, telling=False)
    run = services.train_now(spec=question(site), now=NOW)
    assert run.state == TrainingRun.State.READY
    assert "Interests are not told" in run.outcome
    assert json.loads(artifacts.load(run.version))["interest"] is None


def test_too_few_people_is_said_with_the_number(site: Site) -> None:
    searched(site, FEW)
    run = services.train_now(spec=question(site), now=NOW)
    assert run.state == TrainingRun.State.REFUSED
    assert run.outcome.startswith("Too few texts: 9 people searched")


def test_the_same_texts_give_the_same_file(site: Site) -> None:
    searched(site, MANY)
    spec = question(site)
    one, two = (services.train_now(spec=spec, now=NOW).version for _ in range(2))
    assert (one.artifact_sha256, one.data_sha256) == (two.artifact_sha256, two.data_sha256)


@pytest.mark.parametrize(
    ("texts", "intent"),
    [
        ([], None),
        (["sofa"], None),
        (["cheap sofa"], "price"),
        (["how to clean a sofa"], "question"),
        (["sofa", "best sofa", "sofa vs couch"], "compare"),
        (["iphone 15 128"], "exact"),
    ],
)
def test_intents_by_the_lexicon(texts: list[str], intent: str | None) -> None:
    assert intent_of(texts) == intent


def test_any_text_can_be_cut_into_grams() -> None:
    assert grams_of("Red-shoes!") == [
        "red", "shoes", "red shoes", "#_re", "#red", "#ed_", "#_sh", "#sho", "#hoe", "#oes", "#es_",
    ]  # fmt: skip
    assert grams_of("") == grams_of("?!") == []
    assert grams_of("靴 \x00")[0] == "靴"


def test_grams_of_fewer_than_ten_people_do_not_count() -> None:
    texts = ["red shoes"] * 10 + ["blue shoes"] * 10
    people = [*range(10), *([1] * 10)]
    shared = shared_grams(texts, people)
    assert "red" in shared and "shoes" in shared and "blue" not in shared


def test_of_three_kinds_each_is_told_apart() -> None:
    texts = ["red shoes", "warm hat", "blue jeans"] * 30
    found = learned(texts, ["shoes", "hats", "jeans"] * 30, sorted(shared_grams(texts, range(90))))
    assert [found.about([text], 0.5) for text in texts[:3]] == ["shoes", "hats", "jeans"]
    assert found.about(["something else"], 0.5) is None
