"""The model pages in a browser: a yes without any script, progress followed, cards readable."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser

from apps.predictions import services, tasks
from apps.predictions.models import TrainingRun
from apps.work import clock
from apps.work.models import Intent
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import fill, make_spec
from tests.apps.recommendations.world import NOW, make_site
from tests.browser.visiting import PHONE, SECRET, WIDE, Visit, becomes

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LIST = "/admin/predictions/modelspec/"


@pytest.fixture(autouse=True)
def _home(settings: Any, tmp_path: Path) -> None:
    settings.ARTIFACT_DIR = tmp_path / "artifacts"


@pytest.fixture
def ana(transactional_db: None) -> User:
    return User.objects.create_superuser("ana", password=SECRET)


def test_a_version_is_said_yes_to_without_any_script(
    ana: User, live_server: object, browser: Browser
) -> None:
    spec = make_spec(make_site())
    keep_version(spec, 1)
    visit = Visit(browser, str(live_server), java_script_enabled=False)
    visit.come_as(ana)
    visit.open(f"{LIST}{spec.pk}/change/")
    visit.page.fill("#note-1", "held good for a week")
    visit.leads("button[value=approve]")
    assert "Version 1 serves now" in visit.page.inner_text(".messagelist")
    champion = services.champion_of(spec.pk)
    assert champion is not None and champion.approved_by == ana
    visit.page.click("summary:has-text('Stop it, or go back')")
    visit.leads("button[value=stop]")
    assert services.champion_of(spec.pk) is None
    assert visit.complaints == []
    visit.close()


def test_a_training_is_followed_until_its_version_waits(
    ana: User, live_server: object, browser: Browser
) -> None:
    spec = make_spec(make_site())
    services.ask_training(spec=spec, now=clock.now())
    mine = Intent.objects.filter(kind=tasks.TRAIN)
    lease = {"leased_by": "a worker", "leased_until": clock.now() + timedelta(hours=1)}
    mine.update(state="running", done_steps=10, total_steps=100, note="Looking back", **lease)
    visit = Visit(browser, str(live_server))
    visit.come_as(ana)
    visit.open(f"{LIST}{spec.pk}/change/")
    assert "Looking back" in visit.page.inner_text("#live")
    mine.update(done_steps=70, note="Growing trees")
    becomes(visit.page, lambda: "Growing trees" in visit.page.inner_text("#live"))
    keep_version(spec, 1)
    mine.update(state="done")
    becomes(visit.page, lambda: "Version 1 waits for a yes" in visit.page.inner_text("main"))
    assert visit.complaints == []
    visit.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_card_with_its_pictures_and_the_why_of_a_score_are_readable_and_fit(
    ana: User, live_server: object, browser: Browser, scheme: str
) -> None:
    site = make_site()
    fill(site, telling=True)
    spec = make_spec(site)
    now = clock.now()
    with connection.cursor() as cursor:  # so that somebody was here lately
        moved: dict[str, Any] = {"by": now - NOW}
        cursor.execute("UPDATE events_event SET occurred_at = occurred_at + %(by)s,"
                       " received_at = received_at + %(by)s", moved)  # fmt: skip
        cursor.execute("SELECT profile_id FROM events_event ORDER BY occurred_at DESC LIMIT 1")
        (who,) = cursor.fetchone()
    note = "the first of this shop, and we have looked"
    run = services.train_now(spec=spec, now=now, approve_as=ana, note=note)
    assert run.state == TrainingRun.State.PROMOTED, run.outcome
    visit = Visit(browser, str(live_server), scheme=scheme)
    visit.come_as(ana)
    version = f"/admin/predictions/modelversion/{run.version_id}/change/"
    for path in (f"{LIST}{spec.pk}/change/", f"{LIST}add/", LIST, version):
        visit.open(path)
        visit.must_be_readable(path)
        visit.must_fit(PHONE)
        visit.must_fit(WIDE)
    visit.open(f"{LIST}{spec.pk}/why/")
    visit.page.fill("#who", str(who))
    visit.page.fill("#reason", "Ticket 4711: asks why they see the offer")
    visit.leads("button:has-text('Show why')")
    assert " it (" in visit.page.inner_text(".reasons")
    visit.must_be_readable("why")
    visit.must_fit(PHONE)
    assert visit.complaints == []
    visit.close()
