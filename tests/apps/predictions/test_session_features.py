"""What is worked out online is what the statement says, of whoever the newest events tell of."""

import math
import random
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from apps.predictions import days, features, services
from apps.predictions.domain.feature_names import feature_of
from apps.predictions.domain.paths import path_of
from apps.predictions.domain.searches import INTENTS, PATTERNS, complexity_of, intents_of, words_of
from apps.predictions.domain.session_features import is_online, session_row
from apps.work import clock
from engine.facts import Happening
from tests.apps.predictions.busy import EVERYTHING, QUERIES, Crowd
from tests.apps.recommendations.world import NOW, Seen, make_profile, make_site, store

NOW_MS = clock.to_ms(NOW)
ONLINE = [name for name in EVERYTHING if is_online(name)]


def newest(profile_id: UUID) -> list[Happening]:
    """The events that travel with a hot profile, of those that models may learn from."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT occurred_at, name, identity_id, category FROM events_event"
            " WHERE profile_id = %s AND kind <> 7 AND purposes & 264 = 8 AND occurred_at <= %s"
            " ORDER BY occurred_at DESC, coalesce(original_at, occurred_at) DESC,"
            ' message_id COLLATE "C" DESC LIMIT 100',
            [str(profile_id), NOW],
        )
        rows = cursor.fetchall()
    return [
        Happening(clock.to_ms(at), name, device, {"category": category} if category else {})
        for at, name, device, category in reversed(rows)
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("is_summed", [False, True], ids=["from events", "from days"])
def test_the_online_row_is_what_the_statement_says(is_summed):
    site = make_site()
    site.time_zone = "Asia/Kathmandu"
    site.save(update_fields=["time_zone"])
    crowd = Crowd.gathered(site, 200, seed=5)
    crowd.live()
    # Half of them are in the middle of a visit.
    crowd.live(days=1, until=NOW, who=crowd.people[:100])
    crowd.store(
        [crowd.event(who, NOW - timedelta(minutes=crowd.chance.randint(0, 40)))
         for who in crowd.people[:100] for _ in range(3)]
    )  # fmt: skip
    spec = services.create_spec(
        site_id=site.pk, key="k", name="K", target_event="A", active_days=31, window_days=31,
        now=NOW,
    )  # fmt: skip
    if is_summed:
        days.fill(site.pk, now=NOW)
    context = {"window_days": 31, "zone": site.time_zone}
    known, x = features.rows_of(spec, ONLINE, crowd.people, as_of=NOW)
    in_visit = 0
    for profile_id, row in zip(known, x.tolist(), strict=True):
        online = session_row(newest(profile_id), context, ONLINE, NOW_MS)
        said = dict(zip(ONLINE, online, strict=True))
        assert said == pytest.approx(dict(zip(ONLINE, row, strict=True)), nan_ok=True, abs=1e-12)
        in_visit += said["in_session"] == 1
    assert len(known) > 150 and 40 < in_visit < len(known)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_feature_says_whether_it_is_worked_out_online(name):
    assert feature_of(name).is_online is is_online(name)
    if not is_online(name):
        with pytest.raises(KeyError):
            session_row([], {}, [name], NOW_MS)


def test_of_somebody_unknown_nothing_is_made_up():
    row = session_row([], {}, ["events", "recency_h", "in_session", "since_h:A"], NOW_MS)
    assert row[0] == row[2] == 0 and math.isnan(row[1]) and math.isnan(row[3])


def test_a_visit_ends_with_a_pause_of_half_an_hour_and_never_holds_the_future():
    minutes = [90, 50, 25, 5, -1]
    recent = [Happening(NOW_MS - m * 60_000, "A", 1, {"category": f"c{m}"}) for m in minutes]
    names = ["session_events", "session_minutes", "session_categories", "last_category:c5"]
    assert session_row(recent, {}, names, NOW_MS) == [3, 45, 3, 1]
    assert session_row(recent, {}, names, NOW_MS + 31 * 60_000)[:2] == [0, 0]


@pytest.mark.parametrize("zone", ["Nowhere/Town", "../etc", 7, None], ids=str)
def test_an_unknown_zone_is_utc(zone):
    sine = session_row([], {"zone": zone}, ["hour_sin"], NOW_MS)
    assert sine == [pytest.approx(math.sin(math.pi), abs=1e-9)]


# Paths and searches: the other implementations there are


@pytest.mark.django_db
def test_entropy_is_that_of_a_click_path():
    site = make_site()
    people = [make_profile(site) for _ in range(6)]
    chance = random.Random(4)
    paths = {
        who: [chance.choice("abcd") for _ in range(chance.randint(1, 12))] for who in people
    }  # fmt: skip
    start = NOW - timedelta(days=3)
    store(site, [Seen(who, start, category=one) for who in people for one in "abcd"])
    begin = NOW - timedelta(days=1)
    store(
        site,
        [Seen(who, begin + timedelta(minutes=n), category=page)
         for who, path in paths.items() for n, page in enumerate(path)],
    )  # fmt: skip
    days.fill(site.pk, now=NOW)
    spec = services.create_spec(
        site_id=site.pk, key="k", name="K", target_event="A", active_days=9, window_days=2,
        knows_by="occurred", now=NOW,
    )  # fmt: skip
    names = ["path_entropy", "path_entropy_norm", "self_loops", "steps", "gram:a>b"]
    known, x = features.rows_of(spec, names, people, as_of=NOW)
    for who, row in zip(known, x, strict=True):
        path = path_of(paths[who])
        steps = list(zip(paths[who], paths[who][1:], strict=False))
        loops = math.nan if path.self_loop_share is None else path.self_loop_share
        expected = [path.entropy_bits, path.normalised, loops, len(steps), steps.count(("a", "b"))]
        assert row.tolist() == pytest.approx(expected, nan_ok=True, abs=1e-9)


MORE_QUERIES = (
    "How much is it?", "sale", "wholesale", "COMPARE a vs. b", "  two   words ", "size 42", "",
    "is this on sale", "café crème", "x" * 400 + " cheap", "best-price", "(offers)",
)  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("query", [*QUERIES, *MORE_QUERIES], ids=lambda q: q[:20] or "nothing")
def test_the_database_reads_a_search_as_the_lexicon_does(query):
    site = make_site()
    crowd = Crowd.gathered(site, 1)
    (who,) = crowd.people
    at = NOW - timedelta(hours=1)
    search = {"kind": 1, "purposes": 63, "name": "Searched", "properties": {"q": query}}
    crowd.store([crowd.event(who, at, **search)])
    spec = services.create_spec(
        site_id=site.pk, key="k", name="K", target_event="A", active_days=9, window_days=2,
        knows_by="occurred", now=NOW,
    )  # fmt: skip
    names = ["searches", "search_words", *(f"intent:{one}" for one in INTENTS)]
    ((searches, words, *intents),) = features.rows_of(spec, names, [who], as_of=NOW)[1].tolist()
    assert searches == 1
    assert (0 if math.isnan(words) else words) == words_of(query)
    assert tuple(one for one, n in zip(INTENTS, intents, strict=True) if n) == intents_of(query)
    assert 0 <= complexity_of(query) <= 1


def test_the_lexicon_has_no_pattern_that_only_one_side_understands():
    assert not any(
        sign in pattern for pattern in PATTERNS.values() for sign in ("\\b", "\\w", "(?")
    )
