"""The page of models is not empty in a fresh demo, and says what can be learned of its visitors."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from apps.access.models import Site
from apps.demo import clicks, convert, questions
from apps.predictions.models import ModelSpec, TrainingRun
from apps.profiles.models import ProfileState
from apps.work.models import Intent
from apps.work.performing import perform
from tests.apps.recommendations.world import CLICKS, Seen, make_site, store

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
VISITS = 700

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(settings: Any, tmp_path: Path) -> Site:
    """The first visits of the real data, moved as a load of the demo moves them."""
    settings.ARTIFACT_DIR = tmp_path
    site = make_site()
    sessions = clicks.read_sessions([CLICKS])[:VISITS]
    shift = NOW - timedelta(minutes=1) - convert.last_moment(sessions)
    store(
        site,
        [
            Seen(UUID(int=number + 1, version=4), at + shift, click.product,
                 category=click.category, value=float(click.price), device=number + 1)
            for number, session in enumerate(sessions)
            for click, at in zip(session.clicks, convert.moments(session), strict=True)
        ],
    )  # fmt: skip
    ProfileState.objects.update(last_seen_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return site


def test_a_fresh_demo_has_a_model_that_says_what_came_of_it(site: Site, client: Client) -> None:
    asked = questions.ask_for_groups(site.pk, oldest=NOW - timedelta(days=29), now=NOW)
    assert questions.ask_for_groups(site.pk, oldest=NOW - timedelta(days=29), now=NOW) == asked
    assert Intent.objects.get(pk=asked).queue == "train"
    assert perform(asked, now=NOW)
    spec = ModelSpec.objects.get()
    run = TrainingRun.objects.get(spec=spec)
    assert run.rows == VISITS
    # Groups, or the sentence that there are none: both are answers, a failure is none.
    assert run.state in (TrainingRun.State.READY, TrainingRun.State.REFUSED), run.outcome
    client.force_login(User.objects.create_superuser("boss"))
    assert "Kinds of visitors" in client.get("/admin/predictions/modelspec/").content.decode()
    page = client.get(f"/admin/learning/groups/?site={site.key}").content.decode()
    assert "Kinds of visitors" in page
