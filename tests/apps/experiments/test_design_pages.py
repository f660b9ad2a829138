"""Designing, beginning, steering and shipping in the admin, by people of several roles."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from apps.access.models import Site
from apps.decisions.models import Publication, Release
from apps.experiments import running
from apps.experiments.models import Arm, Experiment, Goal, Metric
from apps.rules.models import Rule
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Audience, Lab

Sign = Callable[[str], Client]


@pytest.fixture
def as_role(lab: Lab) -> Sign:
    def log_in(role: str) -> Client:
        client = Client()
        user = User.objects.create_user(role, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=role))
        client.force_login(user)
        return client

    return log_in


def rows(prefix: str, given: list[dict[str, Any]], initial: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{prefix}-TOTAL_FORMS": len(given),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for place, row in enumerate(given):
        found |= {f"{prefix}-{place}-{name}": value for name, value in row.items()}
    return found


def form(lab: Lab, placement: Any, arms: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    given = {
        "placement": placement.pk, "name": "Words", "key": "words", "hypothesis": "Shorter sells",
        "kind": "ab", "factors": "", "coverage": "100", "layer": "", "layer_share": "100",
        "condition": "", "segments": "", "looking": "any_time", "looks": "4", "alpha": "5",
        "power": "80", "baseline": "0.1", "mde_relative": "20", "per_arm": "", "min_days": "7",
        "bandit_floor": "0.05", "bandit_burn_in": "100", "bandit_hours": "24", "stop_least": "100",
        "stops_for": ["harm", "split"],
        **rows("arms", arms),
        **rows("goals", [{"metric": lab.metric.pk, "role": "goal", "margin": ""}]),
    }  # fmt: skip
    return given | more


def two(lab: Lab, key: str = "hero") -> list[dict[str, Any]]:
    first, second = lab.variants[key]
    return [
        {"name": "Old", "key": "old", "variant": first.pk, "weight": "", "is_control": "on"},
        {"name": "New", "key": "new", "variant": second.pk, "weight": ""},
    ]


def errors_in(page: Any) -> str:
    return " ".join(re.findall(r'<ul class="errorlist[^>]*>(.*?)</ul>', page.content.decode()))


def test_an_editor_designs_begins_and_ships_without_touching_anything_else(
    lab: Lab, as_role: Sign
) -> None:
    placement = lab.place("hero")
    lab.world.publish()
    other = lab.place("footer")
    editor = as_role("editor")

    asked = editor.get(reverse("admin:experiments_experiment_add"))
    assert b"hero.place" in asked.content and b"Design it here" in asked.content
    proposed = editor.get(f"{reverse('admin:experiments_experiment_add')}?placement={placement.pk}")
    html = proposed.content.decode()
    chosen = re.findall(r"selected>(v\d[^<]*)<", html)
    assert chosen == ["v0 (default)", "v1"], re.findall(r"arms-TOTAL_FORMS[^>]*>", html)

    made = editor.post(reverse("admin:experiments_experiment_add"), form(lab, placement, two(lab)))
    assert made.status_code == 302, errors_in(made)
    experiment = Experiment.objects.get(key="words")
    arms = list(experiment.arms.order_by("number"))
    assert [(one.key, one.weight, one.is_control) for one in arms] == [
        ("old", 0.5, True),
        ("new", 0.5, False),
    ]
    assert (experiment.coverage, experiment.mde_relative) == (1.0, 0.2)
    assert experiment.condition is None and experiment.site == lab.site

    page = editor.get(reverse("admin:experiment_begin", args=[experiment.pk]))
    assert b"Begin" in page.content and b"control" in page.content
    begun = editor.post(reverse("admin:experiment_begin", args=[experiment.pk]), follow=True)
    assert b"has begun" in begun.content
    experiment.refresh_from_db()
    assert experiment.state == "running"
    assert set(lab.shown(experiment, 60).values()) == {"v0", "v1"}
    # The other placement waited, and waits on.
    assert ("added", "placement", other.key) in lab.waiting()

    do = reverse("admin:experiment_do", args=[experiment.pk])
    asked = editor.get(f"{do}?verb=ship&arm=new")
    assert b"becomes what visitors see" in asked.content
    shipped = editor.post(
        do, {"verb": "ship", "arm": "new", "way": "default", "learnings": "Short works"},
        follow=True,
    )  # fmt: skip
    assert b"is what hero.place serves" in shipped.content
    experiment.refresh_from_db()
    assert (experiment.state, experiment.winner) == ("concluded", "new")
    assert experiment.learnings == "Short works"
    assert set(lab.shown(experiment, 30).values()) == {"v1"}
    assert ("added", "placement", other.key) in lab.waiting()


def test_a_start_that_cannot_be_published_leaves_a_draft(lab: Lab, as_role: Sign) -> None:
    experiment = lab.design("hero")
    lab.world.publish()
    before = Publication.objects.count()
    # A placement without its block: the experiment would wait unseen for ever.
    lab.placements["hero"].block = None
    lab.placements["hero"].save(update_fields=["block"])

    page = as_role("editor").post(reverse("admin:experiment_begin", args=[experiment.pk]))

    experiment.refresh_from_db()
    assert page.status_code == 200 and b"has not begun" in page.content
    assert experiment.state == "draft" and experiment.phases.count() == 0
    assert Publication.objects.count() == before


def test_where_others_approve_a_start_becomes_a_release(lab: Lab, as_role: Sign) -> None:
    experiment = lab.design("hero")
    lab.world.publish()
    Site.objects.filter(pk=lab.site.pk).update(needs_approval=True)
    before = Publication.objects.count()

    page = as_role("editor").post(
        reverse("admin:experiment_begin", args=[experiment.pk]), follow=True
    )

    assert b"waits for a yes" in page.content
    assert Release.objects.count() == 1 and Publication.objects.count() == before
    assert b"Visitors do not see it yet" in page.content
    assert set(lab.shown(experiment, 30).values()) == {"v0"}


@pytest.mark.parametrize("role", ["analyst", "auditor", "privacy_officer"])
def test_who_may_not_publish_begins_and_steers_nothing(lab: Lab, as_role: Sign, role: str) -> None:
    experiment = lab.design("hero")
    client = as_role(role)
    assert client.post(reverse("admin:experiment_begin", args=[experiment.pk])).status_code == 403
    lab.start(experiment)
    for verb in ("pause", "conclude", "ship", "stop_arm"):
        answer = client.post(
            reverse("admin:experiment_do", args=[experiment.pk]), {"verb": verb, "arm": "arm1"}
        )
        assert answer.status_code == 403, verb
    experiment.refresh_from_db()
    assert experiment.state == "running"


def test_each_step_publishes_its_part(lab: Lab, as_role: Sign) -> None:
    experiment = lab.design("hero", coverage=0.5)
    lab.start(experiment)
    editor = as_role("editor")
    do = reverse("admin:experiment_do", args=[experiment.pk])

    def step(verb: str, **more: str) -> bytes:
        page = editor.post(do, {"verb": verb, **more}, follow=True)
        assert page.status_code == 200
        return bytes(page.content)

    assert b"is paused" in step("pause", note="a look")
    assert set(lab.shown(experiment, 40).values()) == {"v0"}
    assert b"goes on" in step("resume")
    assert set(lab.shown(experiment, 40).values()) == {"v0", "v1"}
    before = lab.shown(experiment, 60)
    assert b"100% of those who are meant" in step("ramp", coverage="100")
    after = lab.shown(experiment, 60)
    assert all(after[who] == "v1" for who, shown in before.items() if shown == "v1")
    assert b"with fewer" in step("ramp", coverage="20")
    assert b"shows the control" in step("stop_arm", arm="arm1", note="complaints")
    assert set(lab.shown(experiment, 40).values()) == {"v0"}
    assert b"is shown again" in step("let_go_on", arm="arm1", note="mended")
    assert b"Say why" in step("new_phase")
    assert b"everybody is dealt anew" in step("new_phase", note="other words")
    assert lab.shown(experiment, 60) != after
    assert b"is concluded" in step("conclude", arm="", learnings="Nothing")
    assert set(lab.shown(experiment, 40).values()) == {"v0"}
    assert b"It cannot be paused" in step("pause")
    assert lab.waiting() == []


def test_an_audience_is_shipped_to_by_a_rule(lab: Lab, as_role: Sign) -> None:
    condition = {
        "v": 1,
        "where": {"kind": "context", "name": "device", "op": "eq", "value": "mobile"},
    }
    experiment = lab.design("hero", condition=condition)
    lab.start(experiment)
    do = reverse("admin:experiment_do", args=[experiment.pk])

    page = as_role("editor").post(
        do, {"verb": "ship", "arm": "arm1", "way": "rule", "learnings": ""}, follow=True
    )

    assert b"the experiment is over" in page.content
    rule = Rule.objects.get(site=lab.site)
    assert rule.condition == condition and rule.variant.key == "v1"
    assert set(lab.shown(experiment, 20).values()) == {"v0"}


def test_what_a_started_experiment_is_judged_by_stays(lab: Lab, as_role: Sign) -> None:
    experiment = lab.design("hero")
    lab.start(experiment)
    goal = Goal.objects.get(experiment=experiment)
    late = Metric.objects.create(site=lab.site, key="views", name="Views", event="Product Viewed")
    arms = list(experiment.arms.order_by("number"))
    sent = [
        {"id": arm.pk, "experiment": experiment.pk, "name": arm.name, "key": arm.key,
         "variant": arm.variant_id, "weight": weight,
         **({"is_control": "on"} if arm.is_control else {})}
        for arm, weight in zip(arms, ("90", "10"), strict=True)
    ]  # fmt: skip
    given = form(
        lab, experiment.placement, [],
        name="Other name", alpha="20", per_arm="5", min_days="1", kind="bandit",
        **rows("arms", sent, 2),
        **rows("goals", [
            {"id": goal.pk, "experiment": experiment.pk, "metric": late.pk, "role": "watched"},
            {"experiment": experiment.pk, "metric": late.pk, "role": "goal", "margin": ""},
        ], 1),
    )  # fmt: skip
    editor = as_role("editor")
    page = reverse("admin:experiments_experiment_change", args=[experiment.pk])

    answer = editor.post(page, given)

    assert answer.status_code == 302, errors_in(answer)
    experiment.refresh_from_db()
    assert (experiment.name, experiment.alpha, experiment.per_arm) == ("Other name", 0.05, 1000)
    assert (experiment.min_days, experiment.kind) == (7, "ab")
    goals = {one.metric.key: one for one in experiment.goals.select_related("metric")}
    assert goals["orders"].role == "goal" and set(goals) == {"orders", "views"}
    assert goals["views"].added_at > experiment.phases.get().started_at or (
        goals["views"].added_at == NOW
    )
    phase = experiment.phases.get()
    assert [one["weight"] for one in phase.arms] == [0.5, 0.5]
    shown = editor.get(page).content.decode()
    assert "counts from the next phase" in shown


def test_a_factorial_gets_an_arm_for_each_combination(lab: Lab, as_role: Sign) -> None:
    placement = lab.place("hero", 4)
    answer = as_role("editor").post(
        reverse("admin:experiments_experiment_add"),
        form(lab, placement, [], kind="factorial", factors="headline: short, long\nPicture: a, b"),
    )
    assert answer.status_code == 302, errors_in(answer)
    experiment = Experiment.objects.get()
    arms = list(experiment.arms.order_by("number"))
    assert [arm.levels for arm in arms] == [
        {"headline": "short", "picture": "a"}, {"headline": "short", "picture": "b"},
        {"headline": "long", "picture": "a"}, {"headline": "long", "picture": "b"},
    ]  # fmt: skip
    assert sum(arm.is_control for arm in arms) == 1
    assert all(arm.weight == 0.25 for arm in arms)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ([{"weight": "70"}, {"weight": "50"}], "add up"),
        ([{"is_control": "on"}, {"is_control": "on"}], "Only one arm is the control"),
        ([{"key": "same"}, {"key": "same"}], "duplicate"),
    ],
)
def test_arms_that_cannot_be_are_told(
    lab: Lab, as_role: Sign, arms: list[dict[str, str]], words: str
) -> None:
    placement = lab.place("hero")
    base = two(lab)
    base[0].pop("is_control")
    sent = [one | more for one, more in zip(base, arms, strict=True)]
    answer = as_role("editor").post(
        reverse("admin:experiments_experiment_add"), form(lab, placement, sent), follow=True
    )
    assert words in answer.content.decode()


def test_a_copy_is_a_draft_of_its_own(lab: Lab, as_role: Sign) -> None:
    experiment = lab.design("hero")
    lab.start(experiment)
    running.conclude(
        experiment_id=experiment.pk, winner="arm1", learnings="yes", actor=None, now=NOW
    )
    as_role("editor").post(reverse("admin:experiments_experiment_copy", args=[experiment.pk]))
    copy = Experiment.objects.exclude(pk=experiment.pk).get()
    assert (copy.key, copy.state, copy.winner, copy.learnings) == ("hero-2", "draft", "", "")
    assert copy.arms.count() == 2 and copy.goals.count() == 1
    assert Arm.objects.count() == 4


def test_nobody_sees_or_steers_experiments_of_sites_that_are_not_theirs(
    lab: Lab, as_role: Sign
) -> None:
    from apps.access import services as access
    from apps.access.models import SiteStaff

    experiment = lab.design("hero")
    lab.start(experiment)
    editor = as_role("editor")
    mine = access.create_site(key="mine", name="Mine", now=NOW)
    SiteStaff.objects.create(site=mine, user=User.objects.get(username="editor"))

    for name in ("admin:experiment_begin", "admin:experiment_do"):
        assert editor.get(reverse(name, args=[experiment.pk])).status_code == 404
    do = reverse("admin:experiment_do", args=[experiment.pk])
    assert editor.post(do, {"verb": "conclude"}).status_code == 404
    copy = reverse("admin:experiments_experiment_copy", args=[experiment.pk])
    assert editor.post(copy).status_code == 404
    add = f"{reverse('admin:experiments_experiment_add')}?placement={experiment.placement_id}"
    assert b"hero.place" not in editor.get(add).content


def test_a_variant_that_runs_is_not_archived_unseen(lab: Lab, as_role: Sign) -> None:
    from apps.content.archiving import archive
    from apps.content.errors import InUse

    experiment = lab.design("hero")
    lab.start(experiment)
    with pytest.raises(InUse, match="hero"):
        archive("variant", lab.variants["hero"][1].pk, None, NOW)
    with pytest.raises(InUse):
        archive("placement", experiment.placement_id, None, NOW)
    with pytest.raises(InUse):
        archive("experiment", experiment.pk, None, NOW)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=NOW)
    archive("experiment", experiment.pk, None, NOW)
    archive("variant", lab.variants["hero"][1].pk, None, NOW)


def ask_power(client: Client, lab: Lab, placement: Any, **more: Any) -> dict[str, Any]:
    body = {"placement": str(placement.pk), "metric": str(lab.metric.pk), "arms": 2, "mde": "20"}
    answer = client.post(
        reverse("admin:experiments_experiment_power"),
        body | more,
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_the_size_is_worked_out_from_what_visitors_did(lab: Lab, as_role: Sign) -> None:
    placement = lab.place("hero")
    lab.world.publish()
    editor = as_role("editor")
    nobody = ask_power(editor, lab, placement)
    assert "no traffic is known" in nobody["html"] and nobody["per_arm"] is None

    audience = Audience(lab)
    visits = [
        audience.look(Experiment(key="-", placement=placement), f"visitor-{n}") for n in range(40)
    ]
    audience.expose(*visits)
    audience.order(*(f"visitor-{n}" for n in range(10)))
    found = ask_power(editor, lab, placement)

    assert found["baseline"] == 0.25
    assert "40 visitors saw this placement" in found["html"]
    assert found["per_arm"] > 500 and found["weeks"] > 10
    assert ask_power(editor, lab, placement, baseline="0.5")["per_arm"] < found["per_arm"]
