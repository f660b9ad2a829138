"""What a running experiment stands on is not taken from under it: histories, defaults, archives."""

import html
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from apps.content import revisions
from apps.content import services as content
from apps.content.archiving import archive, unarchive
from apps.content.errors import InUse
from apps.content.models import Cap, Variant
from apps.decisions.models import Publication
from apps.experiments import running
from apps.experiments.duplicating import duplicate
from apps.experiments.models import Experiment, Layer
from tests.apps.delivery.conftest import NOW
from tests.apps.experiments.conftest import Lab
from tests.apps.profiles.test_admin import as_role

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def history(client: Any, kind: str, pk: UUID, number: int) -> str:
    """What is said where somebody brings a revision back."""
    address = reverse("admin:history", args=[kind, pk])
    return str(client.post(address, {"number": number}, follow=True).content.decode())


def test_by_what_a_running_design_is_judged_is_not_brought_back_and_a_copy_is_free(
    lab: Lab,
) -> None:
    experiment = lab.design()
    kind, rows = "experiment", Experiment.objects.filter(pk=experiment.pk)
    revisions.keep_as_found(kind, experiment.pk, NOW)
    with revisions.changing(kind, experiment.pk, actor=None, now=NOW):
        rows.update(per_arm=2_000, hypothesis="Red sells")
    lab.start(experiment)
    editor = as_role("editor")

    page = history(editor, kind, experiment.pk, 1)

    refused = "Not restored. It is running: what it is judged by stays as it was started."
    assert refused in page and "Make a copy of it" in page
    undo = reverse("admin:history_undo", args=[kind, experiment.pk])
    page = editor.post(undo, {"number": 2}, follow=True).content.decode()
    assert "Not undone. It is running" in page
    assert rows.values_list("per_arm", "hypothesis", "revision").get() == (2_000, "Red sells", 2)
    # What it is not judged by may be written over.
    with revisions.changing(kind, experiment.pk, actor=None, now=NOW):
        rows.update(hypothesis="Blue sells")
    assert "as it was in revision 2 again" in history(editor, kind, experiment.pk, 2)
    assert rows.get().hypothesis == "Red sells"
    editor.post(reverse("admin:experiments_experiment_copy", args=[experiment.pk]))
    copy = Experiment.objects.get(key="words-2")
    revisions.keep_as_found(kind, copy.pk, NOW)
    with revisions.changing(kind, copy.pk, actor=None, now=NOW):
        Experiment.objects.filter(pk=copy.pk).update(per_arm=500)
    assert "as it was in revision 1 again" in history(editor, kind, copy.pk, 1)
    assert Experiment.objects.get(pk=copy.pk).per_arm == 2_000


def test_a_winner_that_cannot_be_a_default_is_not_made_one_and_nothing_is_concluded(
    lab: Lab,
) -> None:
    experiment = lab.design()
    lab.start(experiment)
    number = Publication.objects.count()
    editor = as_role("editor")
    do = reverse("admin:experiment_do", args=[experiment.pk])
    variant = Variant.objects.filter(pk=lab.variants["words"][1].pk)
    [row] = variant
    segment = lab.world.segment("vip")
    cap = Cap.objects.create(site=lab.site, number=1, key="once", name="Once", most=1)

    def ship() -> str:
        sent = {"verb": "ship", "arm": "arm1", "way": "default", "learnings": "Red sells"}
        return html.unescape(editor.post(do, sent, follow=True).content.decode())

    def refused(words: str) -> None:
        assert words in ship()
        experiment.refresh_from_db()
        assert (experiment.state, experiment.winner, experiment.learnings) == ("running", "", "")
        assert Publication.objects.count() == number
        assert lab.variants["words"][0].block.variants.get(is_default=True).key == "v0"

    row.segments.set([segment])
    refused("It is for segments, and a default is for everybody else.")
    row.segments.clear()
    row.caps.set([cap])
    refused("It has a cap or a schedule, and a default is always there.")
    row.caps.clear()
    variant.update(ends_at=NOW + DAY)
    refused("It has a cap or a schedule, and a default is always there.")
    variant.update(ends_at=None, archived_at=NOW)
    refused("Its variant is archived, or of another block by now.")
    variant.update(archived_at=None)
    assert "is what words.place serves" in ship()
    assert lab.variants["words"][0].block.variants.get(is_default=True).key == "v1"


VIPS = {"v": 1, "where": {"kind": "segment", "key": "vip"}}


def test_what_a_running_experiment_stands_on_is_not_taken_away_and_it_is_said_who_uses_it(
    lab: Lab,
) -> None:
    vip, told = lab.world.segment("vip"), lab.world.segment("told")
    experiment = lab.design(condition=VIPS, segments=["told"])
    lab.start(experiment)
    # The next phase is to be for everybody, with another variant: what runs stays as it is.
    Experiment.objects.filter(pk=experiment.pk).update(
        name="Red or blue", condition=None, segments=[]
    )
    other = content.create_variant(
        block=lab.variants["words"][0].block, key="v2", is_default=False, template="<p>2</p>"
    )
    experiment.arms.filter(number=1).update(variant=other)
    placement, variant = experiment.placement, lab.variants["words"][1]
    editor = as_role("editor")

    def archived(admin: str, action: str, pk: UUID) -> str:
        address = reverse(f"admin:{admin}_changelist")
        sent = {"action": action, "_selected_action": [str(pk)]}
        return html.unescape(editor.post(address, sent, follow=True).content.decode())

    on = [
        ("experiments_metric", "archive_selected", lab.metric),
        ("content_placement", "archive_selected", placement),
        ("content_block", "archive_selected", placement.block),
        ("segments_segment", "archive", vip),
        ("segments_segment", "archive", told),
    ]
    for admin, action, row in on:
        page = archived(admin, action, row.pk)
        assert "used by" in page and "running experiment 'Red or blue'" in page, admin
        address = reverse(f"admin:{admin}_delete", args=[row.pk])
        assert editor.post(address, {"post": "yes"}).status_code == 403
        row.refresh_from_db()
    for row in (variant, other):
        with pytest.raises(InUse, match="running experiment 'Red or blue'"):
            archive("variant", row.pk, None, NOW)
    assert lab.shown(experiment, 4) and not vip.is_archived and lab.metric.archived_at is None

    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=NOW)
    archive("variant", variant.pk, None, NOW)
    assert "archived" in archived("segments_segment", "archive", vip.pk)
    assert "1 was archived" in archived("experiments_metric", "archive_selected", lab.metric.pk)


def test_a_copy_of_an_old_design_begins_with_nothing_that_was_taken_out_of_use(lab: Lab) -> None:
    layer = Layer.objects.create(site=lab.site, key="home", name="Home page")
    experiment = lab.design(layer=layer, layer_share=0.5)
    lab.start(experiment)
    running.conclude(experiment_id=experiment.pk, winner="", learnings="", actor=None, now=NOW)
    lab.world.publish()
    for kind, row in (
        ("metric", lab.metric),
        ("layer", layer),
        ("placement", experiment.placement),
    ):
        archive(kind, row.pk, None, NOW)
    copy = duplicate(experiment_id=experiment.pk, actor=None, now=NOW)
    editor = as_role("editor")
    begin = reverse("admin:experiment_begin", args=[copy.pk])

    page = html.unescape(editor.post(begin, follow=True).content.decode())

    for name in ("Orders", "Home page", "words.place"):
        assert f"'{name}' is archived: bring it back, or choose another one." in page
    copy.refresh_from_db()
    assert copy.state == "draft" and not copy.phases.exists()
    for kind, row in (
        ("placement", experiment.placement),
        ("layer", layer),
        ("metric", lab.metric),
    ):
        unarchive(kind, row.pk, None, NOW)
    assert b"has begun" in editor.post(begin, follow=True).content
