"""What a model that learns every night leaves behind does not grow without end."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from apps.predictions import retention, services
from apps.predictions.models import FairnessAudit, ModelVersion, TrainingRun
from tests.apps.predictions.kept import keep_version
from tests.apps.predictions.shop import make_spec
from tests.apps.recommendations.world import NOW, make_site

pytestmark = pytest.mark.django_db


def test_old_cards_go_but_for_what_served_what_was_audited_and_the_newest_number():
    site = make_site()
    spec = make_spec(site)
    boss = User.objects.create_superuser("boss")
    old = NOW - timedelta(days=401)
    versions = [keep_version(spec, number, trained_at=old) for number in range(1, 7)]
    services.approve(version=versions[0], actor=boss, note="It held good for a week.", now=old)
    FairnessAudit.objects.create(
        version=versions[1], audited_at=old, trait="gender", verdict="fine", words="Fine."
    )
    young = keep_version(spec, 7, trained_at=NOW - timedelta(days=100))
    TrainingRun.objects.exclude(version=young).update(finished_at=old)
    ModelVersion.objects.filter(pk=young.pk).update(deleted_at=NOW)
    for _ in range(2):
        retention.prune_artifacts(site.pk, NOW - timedelta(days=90), now=NOW)
        left = spec.versions.order_by("number").values_list("number", flat=True)
        assert list(left) == [1, 2, 7]
        assert TrainingRun.objects.get().version_id == young.pk
    assert keep_version(spec, 8, trained_at=NOW).number == 8
