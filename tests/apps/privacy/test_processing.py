"""The record of processing says what is set up, when it is set up, and nothing else."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from apps.access import services as access
from apps.access.models import ApiKey, AuditEntry, Site
from apps.access.roles import ensure_roles
from apps.consent.models import Recipient
from apps.content.models import Placement, Variant
from apps.predictions.models import ModelSpec
from apps.privacy import impact, processing
from apps.privacy.models import RetentionRun
from apps.profiles.models import TraitKind
from apps.rules.models import Rule, Trigger
from apps.segments.models import SegmentList
from tests.apps.delivery.conftest import NOW, World

BASE = "/admin/privacy/retentionrun/"


def as_role(role: str) -> Client:
    ensure_roles()
    user = User.objects.create_user(role, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


def activities(world: World) -> dict[tuple[str, str], processing.Activity]:
    record = processing.record_of(world.site, now=NOW)
    return {(one.kind, one.key): one for one in record.activities}


def a_model(world: World) -> None:
    ModelSpec.objects.create(
        site=world.site, key="buys", name="Will buy", target_event="Order Completed", created_at=NOW
    )


def a_segment(world: World) -> None:
    world.segment("buys")


def a_trigger(world: World) -> None:
    Trigger.objects.create(
        site=world.site, key="buys", name="T", number=1, segment=world.segment("s"),
        webhook_address="https://mail.example/hook",
    )  # fmt: skip


def a_list(world: World) -> None:
    SegmentList.objects.create(site=world.site, key="buys", name="L", created_at=NOW)


@pytest.mark.parametrize(
    ("kind", "plant"),
    [("model", a_model), ("segment", a_segment), ("trigger", a_trigger), ("list", a_list)],
    ids=["model", "segment", "webhook", "list"],
)
def test_what_is_set_up_appears_and_what_is_gone_is_gone(
    world: World, kind: str, plant: Callable[[World], None]
) -> None:
    assert (kind, "buys") not in activities(world)
    plant(world)
    assert (kind, "buys") in activities(world)
    model: Any = {
        "model": ModelSpec, "trigger": Trigger, "list": SegmentList,
    }.get(kind)  # fmt: skip
    if model is None:
        from apps.segments.models import Segment

        Segment.objects.filter(key="buys").update(is_archived=True)
    else:
        model.objects.filter(key="buys").delete()
    assert (kind, "buys") not in activities(world)


def test_a_webhook_without_a_name_is_a_recipient_all_the_same(world: World) -> None:
    a_trigger(world)
    (told,) = processing.recipients_of(world.site)
    assert (told.name, told.role) == ("Whoever answers at mail.example", "not said")
    shop = Recipient.objects.create(
        site=world.site, key="mail", name="Mail Ltd", country="US", purposes=["triggers"]
    )
    Trigger.objects.update(recipient=shop)
    (told,) = processing.recipients_of(world.site)
    assert (told.name, told.through, told.country) == ("Mail Ltd", "trigger buys", "US")
    assert activities(world)["trigger", "buys"].recipients == "Mail Ltd"


def test_keys_that_are_revoked_and_rules_that_are_archived_do_not_count(world: World) -> None:
    world.hero()
    hero = Placement.objects.get(site=world.site)
    for key, archived_at in (("now", None), ("then", NOW)):
        Rule.objects.create(
            site=world.site, key=key, name=key, placement=hero, archived_at=archived_at,
            variant=Variant.objects.filter(block=hero.block)[0],
        )  # fmt: skip
    in_use = ApiKey.objects.filter(source=world.source, revoked_at=None).count()
    issued = access.issue_key(source_id=world.source.pk, kind="sk", now=NOW)[0]
    ApiKey.objects.filter(pk=issued.pk).update(revoked_at=NOW)
    found = activities(world)
    assert f"({in_use} keys in use)" in found["source", world.source.name].data
    assert "(1 rules)" in found["placement", hero.key].data


def test_another_site_does_not_show(world: World) -> None:
    other = World("other")
    a_model(other)
    assert ("model", "buys") not in activities(world)


def test_the_draft_names_the_risks_that_the_configuration_shows(world: World) -> None:
    Site.objects.filter(pk=world.site.pk).update(
        controller="Shop Ltd", contact="p@shop.example", regime="eu_opt_in"
    )
    world.site.refresh_from_db()
    RetentionRun.objects.create(kind="events", at=NOW, state="done", days=395, cutoff=NOW)
    world.source.consent_mode = "required"
    world.source.save()
    assert impact.draft_of(world.site, now=NOW).risks == []
    a_trigger(world)
    TraitKind.objects.create(site=world.site, key="religion", kind="sensitive")
    world.source.consent_mode = "assumed"
    world.source.save()
    world.site.privacy_settings = {"decisions": 900}
    world.site.controller = ""
    world.site.save()
    RetentionRun.objects.update(state="failed")
    titles = {one.title for one in impact.draft_of(world.site, now=NOW).risks}
    assert titles == {
        "Nobody is named as responsible",
        "Webhooks tell somebody who has no name here",
        "Sensitive data is kept",
        "Some data is kept longer than the default",
        "Some data could not be deleted",
        "Consent is assumed where the law asks for a yes",
    }


def test_the_record_is_a_page_and_two_files(world: World) -> None:
    a_model(world)
    client = as_role("privacy_officer")
    page = client.get(f"{BASE}processing/")
    assert "Will buy" in page.content.decode()
    found = json.loads(client.get(f"{BASE}processing/?form=json").content)
    assert "buys" in {one["key"] for one in found["activities"]}
    ModelSpec.objects.update(key="=cmd()")
    rows = list(csv.reader(io.StringIO(client.get(f"{BASE}processing/?form=csv").content.decode())))
    assert "'=cmd()" in {row[1] for row in rows}
    draft = json.loads(client.get(f"{BASE}impact/?form=json").content)
    assert len(draft["criteria"]) == 9


@pytest.mark.parametrize("page", ["", "processing/", "impact/", "breach/"])
def test_no_page_needs_a_site(db: None, page: str) -> None:
    assert b"No site" in as_role("privacy_officer").get(f"{BASE}{page}").content


@pytest.mark.parametrize(
    ("role", "page", "status"),
    [
        ("privacy_officer", "", 200),
        ("privacy_officer", "processing/", 200),
        ("auditor", "", 200),
        ("auditor", "processing/", 200),
        ("auditor", "breach/", 403),
        ("administrator", "breach/", 403),
        ("administrator", "", 200),
        ("editor", "", 403),
        ("editor", "processing/", 403),
        ("analyst", "impact/", 403),
        ("analyst", "breach/", 403),
    ],
)
def test_who_may_see_what(world: World, role: str, page: str, status: int) -> None:
    assert as_role(role).get(f"{BASE}{page}").status_code == status


def test_only_who_may_change_the_site_says_how_long(world: World) -> None:
    said = {"site": "shop", "days-decisions": "60", "days-events": "400"}
    assert as_role("privacy_officer").post(BASE, said).status_code == 403
    administrator = as_role("administrator")
    assert administrator.post(BASE, said).status_code == 302
    world.site.refresh_from_db()
    assert world.site.retention_days == 400
    assert world.site.privacy_settings["decisions"] == 60
    entry = AuditEntry.objects.get(action="privacy.retention_changed")
    assert entry.detail["days"] == {"decisions": [90, 60], "events": [395, 400]}


@pytest.mark.parametrize(
    ("name", "days"),
    [("days-decisions", "0"), ("days-requests", "729"), ("days-feed", "ten"), ("days-feed", "9²")],
)
def test_a_number_that_cannot_be_is_refused_and_nothing_is_saved(
    world: World, name: str, days: str
) -> None:
    answer = as_role("administrator").post(BASE, {"site": "shop", "days-events": "400", name: days})
    assert answer.status_code == 200
    assert "Nothing is saved yet" in answer.content.decode()
    world.site.refresh_from_db()
    assert world.site.retention_days == 395
