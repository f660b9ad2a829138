"""Drafts as an earlier publication had them: the save that was published is found, and only it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.access import services as access
from apps.content.models import Revision
from apps.content.revisions import changing
from apps.decisions import drafts_back, parts, releases, services
from apps.decisions.models import Publication
from tests.apps.decisions.drafts_shop import Drafts
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db

HERO = ("block", "hero")


class Course:
    """A site whose hero is saved and published, an hour after the other."""

    def __init__(self) -> None:
        self.drafts = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
        self.now = NOW

    def later(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now

    def save(self, text: str) -> None:
        with changing("block", self.drafts.hero.pk, actor=None, now=self.later()):
            self.drafts.change(self.drafts.tagged, fields={"headline": text})

    def publish(self, **only: Any) -> Publication:
        return services.publish(
            site_id=self.drafts.site.pk, actor=None, now=self.later(), **only
        )  # fmt: skip

    def back_to(self, number: int) -> str | None:
        """The headline of the draft once it says what a publication said; None: not known."""
        done, _ = drafts_back.drafts_as_of(
            site_id=self.drafts.site.pk, number=number, names=[HERO], actor=None, now=self.later()
        )
        self.drafts.tagged.refresh_from_db()
        return self.drafts.tagged.fields["headline"] if done else None

    def saves(self) -> int:
        return Revision.objects.filter(kind="block", object_id=self.drafts.hero.pk).count()


@pytest.fixture
def course(db: None) -> Course:
    return Course()


def test_one_save_is_made_the_draft_however_many_came_before_and_after(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []
    said = drafts_back._says

    def says(*given: Any) -> bool:
        tried.append(given[3])
        return said(*given)

    monkeypatch.setattr(drafts_back, "_says", says)
    for number in range(30):
        course.save(f"Try {number}")
        if number == 3:
            course.publish()
    course.publish()
    course.save("Never published")
    before = course.saves()
    assert course.back_to(1) == "Try 3"
    assert course.saves() == before + 1
    assert course.back_to(2) == "Try 29"
    assert len(tried) == 2


def test_what_was_published_long_before_is_found_through_later_publications(
    course: Course,
) -> None:
    course.save("First")
    course.publish()
    for number in range(9):
        course.save(f"Not yet {number}")
        course.drafts.change(course.drafts.rule, priority=number + 1)
        parts.refresh_parts(course.drafts.site.pk)
        rows = parts.waiting(course.drafts.site.pk)
        only = {(row.kind, row.key): row.digest for row in rows if row.kind == "rule"}
        course.publish(only=only)
    assert course.back_to(10) == "First"


def test_through_what_was_brought_back(course: Course) -> None:
    course.save("First")
    course.publish()
    course.save("Second")
    course.publish()
    services.rollback(site_id=course.drafts.site.pk, number=1, actor=None, now=course.later())
    course.save("Third")
    course.publish()
    assert course.back_to(3) == "First"
    assert course.back_to(2) == "Second"


def test_through_a_release_and_its_end(course: Course) -> None:
    site = course.drafts.site.pk
    course.save("Before")
    course.publish()
    course.save("In the release")
    parts.refresh_parts(site)
    only = {(row.kind, row.key): row.digest for row in parts.waiting(site)}
    release = releases.create_release(
        site_id=site, name="Sale", only=only, actor=None, now=course.later()
    )
    course.save("Typed after it was made")
    releases.publish_release(release_id=release.pk, actor=None, now=course.later())
    releases.end_release(release_id=release.pk, now=course.later())
    course.save("Last")
    course.publish()
    assert course.back_to(2) == "In the release"
    assert course.back_to(3) == "Before"


def test_what_no_save_says_is_not_known_and_the_draft_stays(course: Course) -> None:
    course.save("First")
    course.drafts.change(course.drafts.tagged, fields={"headline": "Behind the back"})
    course.publish()
    course.save("Second")
    before = course.saves()
    assert course.back_to(1) is None
    assert course.drafts.tagged.fields == {"headline": "Second"}
    assert course.saves() == before
