"""CSV: what somebody has typed is never worked out by the spreadsheet that opens it."""

import ast
import csv
import io
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.segments.models import Segment
from apps.work.cells import bare, guarded
from tests.apps.studio.conftest import Shop

ROOT = Path(__file__).resolve().parents[2]
FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "'=1", "''=1"]
# What writes tables without a text of anybody's in them.
NO_TEXTS = {
    "apps/privacy/breach_page.py": "ids of profiles, yes and no",
    "apps/privacy/statistics_page.py": "years, kinds of ours, counts",
}


@pytest.mark.parametrize("cell", FORMULAS, ids=repr)
def test_a_formula_is_written_as_a_text_and_read_back(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert bare(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["", "-12", "+4.5", "a=b", "it's", "'quoted'"], ids=repr)
def test_numbers_and_words_stay_what_they_are(cell: str) -> None:
    assert guarded(cell) == cell == bare(cell)


def test_whatever_writes_a_table_guards_its_cells() -> None:
    bad = []
    for path in sorted((ROOT / "apps").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        writes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Attribute)
            and node.attr in {"writer", "DictWriter"}
            and isinstance(node.value, ast.Name)
            and node.value.id == "csv"
        ]
        name = path.relative_to(ROOT).as_posix()
        if writes and "guarded(" not in text and name not in NO_TEXTS:
            bad.append(name)
    assert not bad


def test_every_exception_is_still_one() -> None:
    assert all("csv." in (ROOT / name).read_text() for name in NO_TEXTS)


def test_the_record_of_processing_holds_no_formula(db: None) -> None:
    shop = Shop()
    Segment.objects.update(name='=HYPERLINK("https://evil.example")')
    shop.site.name = "@SUM(A1)"
    shop.site.save(update_fields=["name"])
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    client.get("/admin/", {"site": shop.site.key})
    for form in ("csv", "recipients"):
        answer = client.get(reverse("admin:privacy_processing"), {"form": form})
        assert answer.status_code == 200 and "csv" in answer["Content-Type"], form
        cells = [cell for row in csv.reader(io.StringIO(answer.content.decode())) for cell in row]
        assert cells and not [one for one in cells if one[:1] in "=+-@\t\r\0" and one], form
