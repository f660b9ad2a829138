"""The results page, its files and the archive: what they tell, and what they never do."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape

from apps.access.roles import ensure_roles
from apps.experiments.models import Experiment, Look, Phase, Result
from apps.work import clock
from apps.work.models import Intent
from tests.apps.experiments.results import NOW, Story, full_story

pytestmark = pytest.mark.django_db(transaction=True)
NO_NUMBER = re.compile(r"\b(NaN|nan|inf|Infinity|None|null|undefined)\b")


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    clock.replace(lambda: NOW)
    yield
    clock.replace(None)


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def address(story: Story, name: str = "results", *more: str) -> str:
    return reverse(f"admin:experiment_{name}", args=[story.experiment.pk, *more])


def text_of(client: Client, story: Story, query: str = "") -> str:
    """What the page says, without its marks."""
    answer = client.get(address(story) + query)
    assert answer.status_code == 200
    page = answer.content.decode().split('<main id="content-start"')[1]
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)))


def table(client: Client, story: Story, of: str) -> list[dict[str, str]]:
    answer = client.get(address(story, "download", "csv"), {"of": of})
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def document(client: Client, story: Story) -> dict[str, Any]:
    answer = client.get(address(story, "download", "json"))
    found: dict[str, Any] = json.loads(answer.content)
    return found


def simple(**more: Any) -> Story:
    story = Story(per_arm=5_000, **more)
    orders = story.metric("orders", "Orders")
    story.joined(500, 510)
    story.did(orders, (5_000, 5_100), (0.10, 0.14))
    return story


def test_the_page_begins_with_the_verdict_and_tells_everything(client: Client) -> None:
    story = full_story()
    result = story.looked_at_daily()
    text = text_of(client, story)
    assert result["verdict"]["kind"] == "winner"
    assert text.index("raises Orders by") < text.index("Goal:") < text.index("Guardrails")
    for words in (
        "Short headline", "Headline with the price", "Comes back", "holds", "too small",
        "Cochran's Q", "added later", "Nothing broke in five days", "if all were alike before",
        "Why there is no plain p-value to watch", "42 had a plain p", "112", "of 3,000",
    ):  # fmt: skip
        assert words in text, words
    assert not NO_NUMBER.search(text)


def test_the_files_say_what_the_page_says(client: Client) -> None:
    story = full_story()
    story.looked_at_daily()
    text = text_of(client, story)
    rows = table(client, story, "result")
    told = document(client, story)
    effects = {
        (metric["key"], one["arm"]): one
        for metric in told["result"]["metrics"]
        for one in metric["effects"]
    }
    assert len(rows) == len(effects) == 6 * 2
    for row in rows:
        effect = effects[row["metric"], row["arm"]]
        assert float(row["value"]) == effect["value"]
        assert float(row["difference"]) == effect["diff"]
        assert [float(row["low"]), float(row["high"])] == effect["interval"]
    [orders] = [row for row in rows if (row["metric"], row["arm"]) == ("orders", "arm1")]
    assert f"{100 * float(orders['value']):.2f}%" in text
    assert f"+{100 * float(orders['relative']):.1f}%" in text
    assert f"+{100 * float(orders['difference']):.2f} points" in text
    days = table(client, story, "days")
    assert len(days) == 21 * 6 * 3 == len(told["days"])
    of_one = [row for row in days if (row["metric"], row["arm"]) == ("orders", "arm1")]
    people = sum(int(row["participants"]) for row in of_one)
    assert sum(float(row["y"]) for row in of_one) / people == pytest.approx(float(orders["value"]))
    assert "profile" not in json.dumps(told)


def test_an_unhealthy_experiment_marks_no_winner_anywhere(client: Client) -> None:
    story = Story(per_arm=2_000)
    orders = story.metric("orders", "Orders")
    story.joined(300, 420)
    story.did(orders, (3_000, 4_200), (0.1, 0.15))
    assert story.analysed()["verdict"]["kind"] == "unhealthy"
    answer = client.get(address(story)).content.decode()
    assert "cannot be believed" in answer and "Do not decide by them" in answer
    assert ">better</span>" not in answer and "if all were alike before" not in answer
    assert answer.index("arms did not get their shares") < answer.index("not-believed")


def bad(kind: str, rates: Any, people: Any, **fields: Any) -> Callable[[], Story]:
    def made() -> Story:
        story = Story(per_arm=2_000)
        metric = story.metric("m", "Measure", kind, per_event="Viewed")
        story.joined(*people)
        story.did(metric, people, rates, **fields)
        return story

    return made


CASES: dict[str, tuple[Callable[[], Story], str]] = {
    "empty_arm": (bad("conversion", (0.1, 0.1), (400, 0)), "Fewer than ten people"),
    "empty_arm_of_a_mean": (bad("mean", (5.0, 5.0), (400, 0)), "Fewer than ten people"),
    "one_visitor": (bad("conversion", (1.0, 1.0), (1, 1)), "Fewer than ten people"),
    "zero_variance": (bad("mean", (5.0, 5.0), (420, 420), y=150.0, yy=750.0), "Nothing varies"),
    "everybody_did_it": (bad("conversion", (1.0, 1.0), (420, 420)), "Nothing varies"),
    "never_fires": (bad("conversion", (0.0, 0.0), (420, 420)), "too few to judge"),
    "never_fires_mean": (bad("mean", (5, 5), (420, 420), y=0.0, yy=0.0), "Nothing varies"),
    "nothing_to_divide_by": (
        bad("ratio", (5, 5), (420, 420), d=0.0, dd=0.0, yd=0.0), "nothing to divide by",
    ),
    "huge": (bad("mean", (5, 5), (420, 420), y=1e200, yy=1e308), "too large, or too small"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_where_there_is_no_number_there_is_a_reason(client: Client, name: str) -> None:
    make, reason = CASES[name]
    story = make()
    result = story.analysed()
    json.dumps(result, allow_nan=False)
    [effect] = result["metrics"][0]["effects"]
    if effect["interval"] is None:
        assert effect["reason"]
    text = text_of(client, story)
    assert reason in text
    assert not NO_NUMBER.search(text), NO_NUMBER.search(text)
    assert result["verdict"]["kind"] not in ("winner", "harm", "worse")
    for of in ("result", "days"):
        for row in table(client, story, of):
            assert not any(NO_NUMBER.search(cell) for cell in row.values())


def test_of_a_control_at_zero_there_is_a_difference_and_no_change_in_parts(client: Client) -> None:
    story = Story(per_arm=2_000)
    metric = story.metric("m", "Measure", "mean")
    story.joined(420, 420)
    story.did(metric, (420, 0), (5.0, 5.0), y=0.0, yy=0.0)
    story.did(metric, (0, 0), (5.0, 5.0), segment="x")
    rows = story.phase.sums.filter(arm=1, segment="")
    rows.update(n=30, y=60.0, yy=200.0)
    [effect] = story.analysed()["metrics"][0]["effects"]
    assert effect["diff"] == 2.0 and effect["relative"] is None
    assert "there is no change in parts of it" in text_of(client, story)


def test_mixed_currencies_and_late_metrics_are_told(client: Client) -> None:
    story = simple()
    money = story.metric("money", "Money", "mean", currency="EUR")
    story.did(money, (5_000, 5_000), (40.0, 41.0), left_out=3)
    late = story.metric("late", "Later thought", late=True)
    story.did(late, (5_000, 5_000), (0.1, 0.3))
    result = story.analysed()
    assert "Later thought" not in result["verdict"]["words"]
    text = text_of(client, story)
    assert "events of another currency" in text and "another currency" in text
    assert "added after the start, so it does not decide" in text
    assert "better, but added later" in text


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    '=HYPERLINK("http://evil.example";"x")',
    "\u202eخصم كبير اليوم\u202c",
    "x" * 120,
    "{{ 7*7 }}{% now %}",
)


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_names(client: Client, name: str) -> None:
    story = Story(("As it was", name), name=name, per_arm=5_000, segments=["seg"])
    metric = story.metric("orders", name)
    story.joined(500, 500)
    story.did(metric, (5_000, 5_000), (0.10, 0.14))
    story.did(metric, (500, 500), (0.10, 0.14), "seg")
    story.looked_at_daily()
    Experiment.objects.update(learnings=name, hypothesis=name)
    page = client.get(address(story)).content.decode()
    assert escape(name) in page
    for mark in ("<script>alert", "<img src=x", "onerror='"):
        assert mark not in page
    Experiment.objects.update(state="concluded", winner="arm1", concluded_at=NOW)
    archive = client.get(reverse("admin:experiment_archive")).content.decode()
    assert "<script>alert" not in archive and "<img src=x" not in archive
    for row in table(client, story, "result") + table(client, story, "days"):
        assert not row["arm_name"].startswith("=")
    assert document(client, story)["name"] == name


def test_an_arm_of_few_is_told_nothing_of(client: Client) -> None:
    story = Story(per_arm=2_000)
    value = story.metric("value", "Value", "mean")
    story.joined(200, 7)
    story.did(value, (200, 7), (50.0, 50.0))
    story.analysed()
    text = text_of(client, story)
    assert "<10" in text and "200 participants" not in text
    told = document(client, story)
    [effect] = told["result"]["metrics"][0]["effects"]
    assert effect["value"] is None and effect["n"] is None and effect["reason"]
    assert told["result"]["participants"] is None or told["result"]["arms"][0]["n"] is None
    assert all("y" not in day for day in told["days"] if day["arm"] == "arm1")
    assert told["looks"][-1][1] == []


def test_a_day_of_few_cannot_be_worked_out_from_the_others(client: Client) -> None:
    story = Story(per_arm=2_000, days=5)
    orders = story.metric("orders", "Orders")
    story.joined(100, 100)
    story.did(orders, (100, 100), (0.3, 0.3))
    story.phase.sums.filter(arm=0, day=story.begin.date()).update(n=3)
    story.analysed()
    rows = [row for row in table(client, story, "days") if row["arm"] == "arm0"]
    hidden = [row for row in rows if row["participants"] == "<10"]
    assert len(hidden) >= 2 and all(row["y"] == "" for row in hidden)


def test_every_arm_is_told_apart_by_segment_in_rates_means_and_ratios() -> None:
    story = full_story()
    ratio = story.metric("per", "Per view", "ratio", "watched", per_event="Viewed")
    story.did(ratio, (4_800, 4_800, 4_800), (10.0, 10.1, 10.0))
    story.did(ratio, (900, 900, 900), (10.0, 10.1, 10.0), "loyal")
    metrics = {one["key"]: one for one in story.analysed()["metrics"]}
    for key in ("orders", "value", "per"):
        assert [one["arm"] for one in metrics[key]["segments"]] == ["arm1", "arm2"]
    rows = {row["segment"]: row for row in metrics["orders"]["segments"][0]["rows"]}
    low, high = rows["new-visitors"]["interval"]
    assert 0 < low < rows["new-visitors"]["diff"] < high
    assert rows["from-mail"]["n"] is None and rows["from-mail"]["is_small"]
    assert metrics["orders"]["segments"][0]["p_heterogeneity"] < 0.05
    assert metrics["per"]["segments"][0]["rows"][0]["interval"] is not None


def test_a_phase_is_chosen_and_an_unknown_one_is_not_found(client: Client) -> None:
    story = simple()
    story.analysed()
    Phase.objects.update(ended_at=NOW)
    Phase.objects.create(
        experiment=story.experiment, number=2, seed="b", arms=story.arms, coverage=1.0,
        started_at=NOW,
    )  # fmt: skip
    assert "Nothing is worked out yet" in text_of(client, story)
    assert "raises Orders" in text_of(client, story, "?phase=1")
    assert client.get(address(story) + "?phase=3").status_code == 404
    assert client.get(address(story) + "?phase=x").status_code == 200


def test_newer_numbers_are_asked_for_by_a_button(client: Client) -> None:
    story = simple()
    story.analysed()
    answer = client.post(address(story), follow=True)
    assert Intent.objects.filter(kind="experiments.refresh", state="waiting").count() == 1
    assert b"being worked out" in answer.content and b'data-refresh="2"' in answer.content
    Intent.objects.update(state="done")
    assert b"data-refresh" not in client.get(address(story) + "?asked=1").content


def test_the_page_costs_the_same_for_few_and_for_many(client: Client) -> None:
    small = simple()
    small.analysed()
    client.get(address(small))
    with CaptureQueriesContext(connection) as few:
        client.get(address(small))
    more = [small.metric(f"m{n}", f"M {n}", role="watched") for n in range(10)]
    for metric in more:
        small.did(metric, (5_000, 5_000), (0.1, 0.1))
    small.joined(500, 500)
    small.looked_at_daily()
    with CaptureQueriesContext(connection) as many:
        client.get(address(small))
    assert len(many) == len(few)
    assert not any("experiments_participant" in one["sql"] for one in many.captured_queries)
    assert not any("experiments_daysum" in one["sql"] for one in many.captured_queries)


def test_who_may_not_see_experiments_sees_no_results(client: Client) -> None:
    ensure_roles()
    story = simple()
    story.analysed()
    for role, status in (("analyst", 200), ("auditor", 200), ("privacy_officer", 403)):
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        other = Client()
        other.force_login(user)
        pages = (address(story), address(story, "download", "csv"),
                 reverse("admin:experiment_archive"))  # fmt: skip
        assert [other.get(one).status_code for one in pages] == [status] * 3


def concluded(site: Any, key: str, winner: str, rate: float, learnings: str, ago: int) -> Story:
    story = Story(site=site, key=key, name=f"About {key}", per_arm=4_000)
    orders = story.metric("orders", "Orders")
    story.joined(40, 40)
    story.did(orders, (4_000, 4_000), (0.10, rate))
    story.analysed()
    Experiment.objects.filter(pk=story.experiment.pk).update(
        state="concluded", winner=winner, learnings=learnings,
        concluded_at=NOW - timedelta(days=ago),
    )  # fmt: skip
    return story


def test_the_archive_counts_what_won_lost_and_told_nothing_and_is_searched(client: Client) -> None:
    first = concluded(None, "buttons", "arm1", 0.15, "Green buttons are found on phones.", 3)
    concluded(first.site, "prices", "", 0.05, "Hiding prices drives people away.", 2)
    concluded(first.site, "words", "", 0.10, "", 1)
    concluded(first.site, "kept", "arm0", 0.10, "", 4)
    page = client.get(reverse("admin:experiment_archive")).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "4 concluded" in text
    assert 'aria-label="Won: 1. Lost: 1. Told nothing: 2. "' in page
    assert text.index("About words") < text.index("About prices") < text.index("About buttons")
    assert "Green buttons are found" in text and "Nothing was written down" in text
    searched = client.get(reverse("admin:experiment_archive"), {"q": "prices people"}).content
    assert b"About prices" in searched and b"About buttons" not in searched
    won = client.get(reverse("admin:experiment_archive"), {"outcome": "won"}).content
    assert b"About buttons" in won and b"About words" not in won
    assert b"Nothing fits" in client.get(reverse("admin:experiment_archive") + "?q=xyz").content
    for odd in ("?page=0", "?page=999", "?page=x", "?outcome=x", "?q=%00"):
        assert client.get(reverse("admin:experiment_archive") + odd).status_code == 200


def test_the_archive_costs_the_same_for_one_and_for_five(client: Client) -> None:
    first = concluded(None, "one", "arm1", 0.15, "", 3)
    client.get(reverse("admin:experiment_archive"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("admin:experiment_archive"))
    for n in range(4):
        concluded(first.site, f"more{n}", "arm1", 0.15, "", n)
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("admin:experiment_archive"))
    assert len(many) == len(few)


def test_a_result_without_some_keys_is_shown_as_far_as_it_goes(client: Client) -> None:
    """Results of an older version, or of a kind of experiment that has less."""
    story = simple()
    story.analysed()
    row = Result.objects.get()
    for metric in row.document["metrics"]:
        metric.pop("segments")
        for effect in metric["effects"]:
            for name in ("bayes", "guarded", "reduction"):
                effect.pop(name, None)
    row.document.pop("bandit", None)
    row.save()
    Look.objects.all().delete()
    assert "raises Orders" in text_of(client, story)
