"""The decision table: out, looked over, in again; all of it or nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.access.models import AuditEntry, Site
from apps.content.models import Placement
from apps.content.revisions import revisions_of
from apps.content.services import create_cap
from apps.rules.domain import sheets
from apps.rules.errors import InvalidTable
from apps.rules.models import Rule
from apps.rules.selectors import review, table_of
from apps.rules.services import LARGE, create_rule, save_table
from apps.segments.models import Segment
from apps.work import clock, performing
from apps.work.models import Intent
from tests.apps.rules.conftest import NOW, PHONE, VIEWED, new_shop, where

ZONE = "Europe/Zurich"


def add(site: Site, key: str, **fields: Any) -> Rule:
    given = {"placement_key": "home.hero", "variant_key": "phone", **fields}
    return create_rule(site_id=site.pk, key=key, **given)


def csv_of(*rows: str) -> bytes:
    return "\n".join(rows).encode()


def states(site: Site, content: bytes) -> list[tuple[str, str]]:
    return [(row.key, row.state) for row in review(site.pk, ZONE, content).rows]


def save(site: Site, content: bytes, seen: str | None = None) -> Any:
    found = review(site.pk, ZONE, content)
    return save_table(
        site_id=site.pk, zone=ZONE, content=content, seen=found.seen if seen is None else seen,
        actor=None, now=NOW,
    )  # fmt: skip


@pytest.fixture
def full(shop: Site, gold: Segment) -> Site:
    """Rules of every form."""
    create_cap(site_id=shop.pk, key="once", most=1)
    segment = {"kind": "segment", "key": "gold"}
    odd = NOW + timedelta(seconds=7, microseconds=5)
    # In Zurich this hour comes twice, and this one is the second.
    twice = NOW.replace(month=10, day=25, hour=1, minute=30)
    add(shop, "plain")
    add(shop, "phones", name="=HYPERLINK(1)", condition=where(PHONE), priority=-5)
    add(shop, "gold-phones", condition=where({"all": [PHONE, {"not": segment}]}), is_enabled=False)
    add(shop, "viewed", condition=where({"any": [PHONE, VIEWED]}), cap_keys=["once"])
    add(shop, "timed", starts_at=odd, ends_at=twice, priority=32_000)
    return shop


def test_a_table_that_comes_back_as_it_went_changes_nothing(full: Site) -> None:
    content = table_of(full.pk, ZONE)
    found = review(full.pk, ZONE, content)
    assert [(row.key, row.state, row.said) for row in found.rows] == [
        (row.key, "same", []) for row in found.rows
    ]
    assert len(found.rows) == 5 and found.absent == 0


def test_a_table_makes_the_same_rules_at_an_empty_site(full: Site) -> None:
    content = table_of(full.pk, ZONE)
    before: list[dict[str, Any]] = [dict(one) for one in Rule.objects.order_by("key").values()]
    Rule.objects.all().delete()
    save(full, content)
    after: list[dict[str, Any]] = [dict(one) for one in Rule.objects.order_by("key").values()]
    for one, other in zip(before, after, strict=True):
        for name in ("id", "revision", "condition"):
            one.pop(name), other.pop(name)
        assert one == other
    assert table_of(full.pk, ZONE) == content


def test_rows_are_new_changed_or_as_they_are(full: Site) -> None:
    content = csv_of(
        "key,placement,variant,priority",
        "plain,home.hero,phone,0",
        "phones,home.hero,vip,3",
        "fresh,home.hero,vip,",
    )
    found = review(full.pk, ZONE, content)
    assert [(row.key, row.state) for row in found.rows] == [
        ("plain", "same"),
        ("phones", "changed"),
        ("fresh", "new"),
    ]
    assert found.rows[1].said == [
        "variant: “phone” becomes “vip”",
        "priority: “-5” becomes “3”",
    ]
    assert found.absent == 3
    save(full, content)
    phones = Rule.objects.get(key="phones")
    assert (phones.variant.key, phones.priority, phones.condition) == ("vip", 3, where(PHONE))
    assert Rule.objects.get(key="fresh").condition == where({"all": []})
    assert next(row.note for row in revisions_of("rule", phones.pk)) == "From a table"
    (entry,) = AuditEntry.objects.filter(action="rules.imported")
    assert entry.detail == {"new": 1, "changed": 1, "same": 1}


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("Bad Key,home.hero,phone,1,,,", "A key starts with"),
        (",home.hero,phone,1,,,", "The key is missing."),
        ("a,home.heros,phone,1,,,", "Do you mean “home.hero”?"),
        ("a,,phone,1,,,", "The placement is missing."),
        ("a,home.hero,phones,1,,,", "has no variant “phones”. It has all, phone, vip."),
        ("a,home.hero,phone,high,,,", "“high” is no priority"),
        ("a,home.hero,phone,40000,,,", "A priority lies between"),
        ("a,home.hero,phone,1,maybe,,", "write yes or no"),
        ("a,home.hero,phone,1,,tomorrow,", "is no moment"),
        ("a,home.hero,phone,1,,2026-03-29 02:30,", "does not exist in Europe/Zurich"),
        ("a,home.hero,phone,1,,2026-10-25 02:30,", "comes twice in Europe/Zurich"),
        ("a,home.hero,phone,1,,,mobile", "In context.device: begins with none of"),
        ("a,home.hero,phone,1,,,,more", "more cells than the header"),
        ("plain,home.hero,phone,1,,,", "which the table lacks"),
    ],
)
def test_a_row_that_is_wrong_is_refused_with_a_sentence_and_nothing_is_saved(
    full: Site, row: str, sentence: str
) -> None:
    Rule.objects.filter(key="plain").update(condition=where(VIEWED))
    content = csv_of(
        "key,placement,variant,priority,enabled,starts,context.device",
        "fine,home.hero,vip,1,yes,,is mobile",
        row,
    )
    found = review(full.pk, ZONE, content)
    assert found.rows[0].state == "new"
    assert found.rows[1].state == "refused"
    assert sentence in found.rows[1].said[0]
    with pytest.raises(InvalidTable, match="1 rows are refused"):
        save(full, content)
    assert not Rule.objects.filter(key="fine").exists()


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("key,plcement", "“plcement” is no column. Do you mean “placement”?"),
        ("name,placement", "The column “key” is missing"),
        ("key,name,name", "is there twice"),
    ],
    ids=["unknown", "no-key", "twice"],
)
def test_wrong_columns_are_refused_by_name(full: Site, header: str, sentence: str) -> None:
    with pytest.raises(InvalidTable, match=sentence):
        review(full.pk, ZONE, csv_of(header, "a,b,c"))


def test_a_key_may_stand_in_one_row(full: Site) -> None:
    content = csv_of("key,priority", "plain,1", "plain,2")
    assert states(full, content) == [("plain", "changed"), ("plain", "refused")]


def test_a_table_is_not_saved_over_rules_that_somebody_has_changed_since(full: Site) -> None:
    content = csv_of("key,priority", "plain,1")
    seen = review(full.pk, ZONE, content).seen
    Rule.objects.filter(key="phones").update(priority=9)
    with pytest.raises(InvalidTable, match="Somebody has changed rules"):
        save(full, content, seen)
    assert Rule.objects.get(key="plain").priority == 0


def test_a_table_says_nothing_of_other_sites(full: Site) -> None:
    other = new_shop("other")
    add(other, "theirs")
    assert b"theirs" not in table_of(full.pk, ZONE)
    assert states(full, csv_of("key,placement,variant", "theirs,home.hero,vip")) == [
        ("theirs", "new")
    ]


def test_looking_over_many_rows_costs_as_many_queries_as_few(
    full: Site, django_assert_max_num_queries: Any
) -> None:
    rows = [f"r{number},home.hero,vip,{number}" for number in range(300)]
    with django_assert_max_num_queries(8):
        found = review(full.pk, ZONE, csv_of("key,placement,variant,priority", *rows))
    assert found.count("new") == 300


def test_a_placement_without_a_block_is_refused(full: Site) -> None:
    Placement.objects.create(site=full, key="empty", name="Empty")
    (row,) = review(full.pk, ZONE, csv_of("key,placement,variant", "a,empty,vip")).rows
    assert row.said == ["No block fills the placement “empty”: give it one first."]


def test_the_file_has_a_mark_that_spreadsheets_know(full: Site) -> None:
    assert table_of(full.pk, ZONE).startswith(b"\xef\xbb\xbfkey,name,placement")
    assert sheets.read(table_of(full.pk, ZONE))[0][:3] == ["key", "name", "placement"]


def test_a_large_table_is_saved_by_a_worker_and_the_page_says_how_it_stands(
    full: Site, client: Client
) -> None:
    client.force_login(User.objects.create_superuser("root"))
    rows = [f"r{number},home.hero,vip,{number}" for number in range(LARGE + 1)]
    content = csv_of("key,placement,variant,priority", *rows)
    url = reverse("admin:rules_table")
    seen = review(full.pk, "UTC", content).seen
    answer = client.post(url, {"text": content.decode(), "seen": seen})
    assert answer.status_code == 302
    intent = Intent.objects.get(kind="rules.save_table")
    assert "being saved" in client.get(answer["Location"]).content.decode()
    done = performing.perform(intent.pk, now=clock.now())
    intent.refresh_from_db()
    assert done, intent.error
    assert Rule.objects.count() == 5 + LARGE + 1
    page = client.get(answer["Location"]).content.decode()
    assert "It is saved: 201 made, 0 changed" in page
    assert revisions_of("rule", Rule.objects.get(key="r7").pk)[0].by == "root"
