"""A model that learns from a field experiment with a true disparity may not serve.

Résumés are sent and called back as visitors come and order: the first name on each is the category
of what it does, and nobody tells the model the race that the name suggests. The trait is known for
the audit alone.
"""

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from apps.access.models import AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.predictions import fair_gate, services
from apps.predictions.errors import GateFailed
from apps.predictions.gates import gates_of
from apps.predictions.models import FairnessAudit, ModelSpec, TrainingRun
from apps.segments.linter import findings_for_draft
from tests.apps.recommendations.world import Seen, make_site, store

FILE = Path(__file__).parents[2] / "data/resume-callbacks/resumes.csv.gz"
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
JUDGE = datetime(2026, 3, 8, tzinfo=UTC)  # its day of answers ended a day before NOW
DAY = timedelta(days=1)
# How many of ten résumés are looked at at each moment, oldest first: the last judges.
PARTS = (0, 0, 0, 0, 0, 1, 2, 2, 2, 2)
MOMENTS = 3
WHY = "Only to see that it is written down who said so."
ATTRIBUTES = {
    "special_skills": "Names Special Skills",
    "honors": "Names Honors",
    "computer_skills": "Names Computer Skills",
    "employment_holes": "Has Holes",
    "volunteer": "Volunteers",
}

pytestmark = [pytest.mark.slow]


def resumes() -> list[dict[str, str]]:
    with gzip.open(FILE, "rt") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture
def site(db: None) -> Site:
    """Each résumé is somebody who was here the day before a moment, and answered the day after."""
    site = make_site()
    events, races = [], {}
    for number, one in enumerate(resumes()):
        person = UUID(int=number + 1, version=4)
        races[str(person)] = one["race"]
        moment = JUDGE - DAY * (MOMENTS - 1 - PARTS[(number * 7) % 10])
        sent = moment - timedelta(hours=2)
        events.append(Seen(person, sent, name="Resume Sent", category=one["firstname"]))
        events += [
            Seen(person, sent, name=name)
            for column, name in ATTRIBUTES.items()
            if one[column] == "1"
        ]
        if one["job_city"] == "Chicago":
            events.append(Seen(person, sent, name="Sent To Chicago"))
        if one["received_callback"] == "1":
            events.append(Seen(person, moment + timedelta(hours=2), name="Called Back"))
    store(site, events)
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE profiles_profilestate s SET traits = jsonb_build_object('race',
                 jsonb_build_array(r.value, 0, 'm', 0))
               FROM jsonb_each_text(%s::jsonb) r WHERE s.profile_id = r.key::uuid""",
            [json.dumps(races)],
        )
    return site


def question(site: Site) -> ModelSpec:
    names = sorted({one["firstname"] for one in resumes()})
    spec = services.create_spec(
        site_id=site.pk, key="callback", name="Is called back", target_event="Called Back",
        now=NOW, horizon_hours=24, active_days=1, window_days=1, moments=MOMENTS,
        method="linear", hyperparameters={"l2": 100},
        feature_names=[
            *(f"category:{name}" for name in names),
            *(f"count:{name}" for name in (*ATTRIBUTES.values(), "Sent To Chicago")),
        ],
    )  # fmt: skip
    spec.audited_trait = "race"
    spec.save()
    return spec


def test_it_is_audited_and_may_not_serve_as_long_as_it_goes_by_names(
    client: Client, site: Site
) -> None:
    spec = question(site)
    run = services.train_now(spec=spec, now=NOW)
    assert run.state == TrainingRun.State.READY, run.outcome
    version = run.version
    audit = FairnessAudit.objects.get(version=version)
    assert audit.verdict == FairnessAudit.Verdict.UNFAIR, audit.words
    chosen = {pair["measure"]: pair for pair in audit.pairs}
    assert chosen["selected"]["group"] == "black" and chosen["selected"]["ratio"] < 0.8
    assert chosen["selected"]["low"] > 0, "surely less, not by chance"
    assert chosen["came_true"]["ratio"] == pytest.approx(0.668, abs=0.12)
    # Nobody named the race, and it is known all the same: the names are called proxies.
    assert "Without being told it, the model can know the group" in audit.words
    assert len(audit.proxies) > 10
    assert all(one["name"].startswith("category:") for one in audit.proxies)

    (fair,) = [gate for gate in gates_of(version, now=NOW) if gate[0] == "fair"]
    assert fair == ("fair", False, audit.words)
    boss = User.objects.create_superuser("boss")
    ensure_roles()
    analyst = User.objects.create_user("ana", is_staff=True)
    analyst.groups.add(Group.objects.get(name="analyst"))
    for actor, note in ((boss, ""), (boss, "Fine by me."), (analyst, WHY)):
        with pytest.raises(GateFailed):
            services.approve(version=version, actor=User.objects.get(pk=actor.pk), note=note,
                             now=NOW)  # fmt: skip
    assert services.champion_of(spec.pk) is None

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        FairnessAudit.objects.update(verdict=FairnessAudit.Verdict.FINE)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        audit.delete()

    client.force_login(boss)
    page = client.get(f"/admin/predictions/modelversion/{version.pk}/fairness/").content.decode()
    assert "A group is treated worse" in page and "white" in page and "Lakisha" in page

    # The one way past it is an administrator's, and it is written down for good.
    services.approve(version=version, actor=boss, note=WHY, now=NOW)
    entry = AuditEntry.objects.get(action="predictions.overruled")
    assert WHY in json.dumps(entry.detail)

    # Whoever decides by its score is told.
    condition = {"kind": "model", "name": "callback", "op": "gte", "value": 0.1, "max_age": "7d"}
    found = findings_for_draft(site.pk, "likely", {"v": 1, "where": condition})
    assert "lint_unfair_score" in [one.code for one in found]

    # Without the names nothing tells the race, and the groups are treated alike.
    spec.settings = {"mitigation": "drop"}
    spec.save()
    run = services.train_now(spec=spec, now=NOW)
    version = run.version
    assert version is not None, run.outcome
    gone = {one["name"] for one in audit.proxies}
    assert not gone & set(version.feature_names)
    audit = FairnessAudit.objects.get(version=version)
    (chosen,) = [pair for pair in audit.pairs if pair["measure"] == "selected"]
    assert chosen["finding"] != "unfair", audit.words
    assert fair_gate.check(version, NOW)[1]

    # Nor does it where rows are weighed, though the names are there.
    spec.settings = {"mitigation": "reweigh"}
    spec.save()
    version = services.train_now(spec=spec, now=NOW).version
    assert version is not None and "category:Lakisha" in version.feature_names
    audit = FairnessAudit.objects.get(version=version)
    (weighed,) = [pair for pair in audit.pairs if pair["measure"] == "selected"]
    assert weighed["ratio"] > 0.8, audit.words
