"""The site of the run: its people, its content, its past, and a row for every page."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.db import connection
from PIL import Image

from apps.access import services as access
from apps.access.models import Site
from apps.access.roles import ensure_roles
from apps.content.assets import add_asset
from apps.content.models import Asset, Block
from apps.segments.models import Segment
from bench.editors import content, history, people
from bench.editors.pages import staff
from bench.segments.data import NOW
from tests.browser.filled_shop import NOT_FILLED, ROWS, newest_or_made

if TYPE_CHECKING:
    from bench.editors.run import Scale

Step = Callable[[str, Callable[[], Any]], Any]


@dataclass(frozen=True, slots=True)
class Made:
    """The site, and how its pages are reached."""

    id: UUID
    source_id: UUID

    def known(self, publications: int) -> tuple[dict[str, object], set[str]]:
        """Return what addresses take, by parameter, and the models of which there is no row.

        Every other model of the admin has one afterwards.
        """
        for model in admin.site._registry:
            if model._meta.label_lower not in NOT_FILLED:
                newest_or_made(model)
        block = Block.objects.get(site_id=self.id, key="block-7").pk
        found: dict[str, object] = {
            "form": "json",
            "kind_name": "block",
            "history:object_id": block,
            "usage:object_id": block,
            "history_undo:object_id": block,
            "key": "block-7",
            "publication:number": publications,
            "record_id": UUID("01980000-0000-7000-8000-000000000007"),
            "segment_id": Segment.objects.get(site_id=self.id, key="segment-7").pk,
            "source_id": self.source_id,
            "id": staff("editor").pk,
        }
        for takes, label in ROWS.items():
            found.setdefault(takes, newest_or_made(apps.get_model(label)).pk)
        return found, set(NOT_FILLED)


def make_site(scale: "Scale", step: Step) -> Made:
    """Make the site as it is before its first publication."""
    ensure_roles()
    site = access.create_site(key="shop", name="Shop", regime="us_opt_out", now=people.BEGIN)
    Site.objects.filter(pk=site.pk).update(locales=["en", "de"])
    site.refresh_from_db()
    source = access.create_source(
        site_id=site.pk, name="web", now=people.BEGIN, consent_mode="assumed"
    )
    access.issue_key(source_id=source.pk, kind="sk", now=people.BEGIN)
    author = staff("administrator")
    crowd = people.People(scale.profiles, scale.events, scale.segments)
    step("people", lambda: people.make_people(site.pk, source.pk, crowd))
    drafts = content.Content(scale.blocks, scale.rules, scale.triggers)
    step("content", lambda: content.make_content(site, author, drafts))
    add_asset(site_id=site.pk, data=_picture(), file_name="one.png", actor=None, now=NOW)
    content.copy_pictures(Asset.objects.get(site=site))
    past = history.History(scale.publications, scale.records)
    step("the past", lambda: history.make_history(site.pk, source.pk, author, past))
    step("statistics of the tables", _analyze)
    return Made(site.pk, source.pk)


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def _picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (300, 150), (200, 60, 40)).save(buffer, "PNG")
    return buffer.getvalue()
