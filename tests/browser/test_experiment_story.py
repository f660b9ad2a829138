"""A whole experiment in the browser: metric, design, size, start, split, stop, ship."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from playwright.sync_api import Browser

from apps.experiments.models import Experiment, Metric
from apps.work import clock
from tests.apps.delivery.conftest import World, _new_process  # noqa: F401
from tests.apps.experiments.conftest import Audience, Lab
from tests.browser.visiting import PHONE, SECRET, WIDE, Visit, becomes

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EXPERIMENTS = "/admin/experiments/experiment/"


@pytest.fixture
def lab(transactional_db: None) -> Iterator[Lab]:
    yield Lab(World())
    clock.replace(None)


@pytest.fixture
def nina(transactional_db: None) -> User:
    user = User.objects.create_user("nina", password=SECRET, is_staff=True)
    user.groups.add(Group.objects.get(name="editor"))
    return user


def test_an_editor_goes_from_a_question_to_what_visitors_see(
    lab: Lab, nina: User, live_server: object, browser: Browser
) -> None:
    placement = lab.place("hero")
    lab.world.publish()
    audience = Audience(lab)
    visit = Visit(browser, str(live_server))
    visit.come_as(nina)
    page = visit.page

    visit.open("/admin/experiments/metric/add/")
    page.fill("#id_name", "Carts filled")
    page.fill("#id_event", "Product Added")
    visit.leads("input[name=_save]")
    metric = Metric.objects.get(name="Carts filled")
    assert metric.key == "carts-filled" and metric.site == lab.site

    visit.open(f"{EXPERIMENTS}add/")
    visit.leads("a:has-text('Design it here')")
    assert page.locator("#arms-group select[id$=variant]").count() >= 2
    page.fill("#id_name", "Shorter words")
    page.fill("#id_mde_relative", "20")
    page.select_option("#id_goals-0-metric", label="Carts filled")
    page.click(".power-now")
    becomes(page, lambda: page.inner_text(".power-answer") not in ("", "Measuring…"))
    assert "no traffic is known" in page.inner_text(".power-answer")
    page.fill("#id_baseline", "0.1")
    page.click(".power-now")
    page.wait_for_selector("text=each of 2 arms needs")
    page.click("button:has-text('Plan this size')")
    assert int(page.input_value("#id_per_arm")) > 3_000
    visit.leads("input[name=_save]")
    refusals = page.locator(".errorlist, .errornote:visible").all_inner_texts()
    assert Experiment.objects.exists(), refusals
    experiment = Experiment.objects.get()
    assert (experiment.key, experiment.state) == ("shorter-words", "draft")
    assert experiment.condition is None and experiment.arms.count() == 2

    visit.leads("a:has-text('Look at what begins')")
    assert "everybody who sees the placement" in page.inner_text("#content").lower()
    visit.leads("button:has-text('Begin')")
    assert "has begun" in page.inner_text(".messagelist")
    assert set(lab.shown(experiment, 40).values()) == {"v0", "v1"}
    audience.join(experiment, 12)

    page.fill(".arm-do input[name=note]", "complaints")
    visit.leads("button:has-text('Stop this arm')")
    assert set(lab.shown(experiment, 40).values()) == {"v0"}
    page.fill(".arm-do input[name=note]", "mended")
    visit.leads("button:has-text('Let it go on')")
    visit.leads("a:has-text('Ship an arm')")
    page.select_option("#pick", label="v1")
    visit.leads("button:has-text('Choose')")
    page.fill("#learnings", "Short words sell")
    visit.leads("button:has-text('Ship it and conclude')")
    assert set(lab.shown(experiment, 40).values()) == {"v1"}
    experiment.refresh_from_db()
    assert (experiment.state, experiment.learnings) == ("concluded", "Short words sell")
    assert placement.block is not None
    assert visit.complaints == []
    visit.close()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_pages_fit(
    lab: Lab, nina: User, live_server: object, browser: Browser, size: dict[str, int]
) -> None:
    draft = lab.design("hero", hypothesis="Shorter words sell more, on phones above all.")
    going = lab.design("footer", coverage=0.5)
    lab.start(going)
    visit = Visit(browser, str(live_server), viewport=size)
    visit.come_as(nina)
    for path in (
        EXPERIMENTS,
        f"{EXPERIMENTS}add/",
        f"{EXPERIMENTS}add/?placement={draft.placement_id}",
        f"{EXPERIMENTS}{draft.pk}/change/",
        f"{EXPERIMENTS}{going.pk}/change/",
        f"/admin/experiments/{draft.pk}/begin/",
        f"/admin/experiments/{going.pk}/do/?verb=ship",
        f"/admin/experiments/{going.pk}/do/?verb=conclude",
        f"/admin/experiments/{going.pk}/do/?verb=new_phase",
        f"/admin/experiments/metric/{lab.metric.pk}/change/",
        "/admin/experiments/layer/add/",
        "/admin/experiments/holdout/add/",
    ):
        visit.open(path)
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], path
        words = visit.page.inner_text("#content")
        said = words.replace("None of", "")  # a choice of the condition editor
        assert not re.search(r"\bNone\b(?!\n)|\bnan\b|Traceback", said), (path, said)
    assert visit.complaints == []
    visit.close()
