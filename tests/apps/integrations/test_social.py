"""What others tell of a person: from where, how sure, by whose yes; and what is never inferred."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import Site
from apps.access.services import create_source
from apps.consent import services as consent
from apps.events.domain import evidence
from apps.events.domain.evidence import is_sensitive
from apps.events.errors import EventRefused
from apps.events.models import Inbox, Quarantine
from apps.events.services import ensure_partitions, record_told
from apps.pipeline import fold
from apps.profiles import state
from apps.profiles.models import Identity
from apps.segments.models import Membership
from apps.segments.refresh import refresh_site
from apps.segments.services import create_segment, publish_segment
from apps.work import clock

BASIS = ["--source", "linkedin", "--confidence", "0.7", "--basis", "consent", "--notice", "v3"]
EVIDENCE = {"source": "linkedin", "confidence": 0.7, "basis": "consent", "notice": "v3"}


@pytest.fixture
def source(shop: Site) -> Any:
    now = clock.now()
    before = now - timedelta(days=31)
    ensure_partitions([(now.year, now.month), (before.year, before.month)])
    made = create_source(
        site_id=shop.pk, name="shop server", now=now, kind="server", consent_mode="assumed"
    )
    record_told(
        made,
        [{"type": "identify", "userId": "u1", "messageId": "m1",
          "traits": {"email": "ida@example.com", "city": "Kiel"}}],
        now=now,
    )  # fmt: skip
    fold_all()
    return made


def fold_all() -> None:
    while fold.fold_once(now=clock.now()) is not fold.NOTHING:
        pass


def profile_id() -> UUID:
    return Identity.objects.get(value="u1").profile_id


def traits() -> dict[str, Any]:
    (row,) = state.read([profile_id()])
    return row.traits


def agrees(source: Any, *, yes: bool = True) -> None:
    consent.record_choice(
        site_id=source.site_id, source_id=source.pk, identities=[("user_id", "u1")],
        purposes={"analytics": yes, "personalization": yes}, method="api", policy_version="",
        gpc=False, signals={}, client_at=None, regime=source.site.regime, now=clock.now(),
    )  # fmt: skip


def file_of(folder: Path, text: str, name: str = "traits.csv") -> Path:
    made = folder / name
    made.write_text(text)
    return made


TABLE = "user_id,interest,industry\nu1,cycling;books,publishing\nnobody,golf,\n"


def test_an_imported_interest_says_where_it_is_from_and_how_sure_that_is(
    source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agrees(source)
    call_command("import_traits", file_of(tmp_path, TABLE), *BASIS)
    said = capsys.readouterr().out
    assert said.startswith("1 taken, 0 known before, 0 without consent, 1 of people who are not")
    fold_all()
    entry = traits()["interest"]
    assert (entry[0], entry[4], entry[5]) == (["cycling", "books"], "linkedin", 0.7)
    assert traits()["city"][4:6] == ("identify", None), "what they told themselves is as it was"
    assert not Identity.objects.filter(value="nobody").exists()
    call_command("import_traits", file_of(tmp_path, TABLE), *BASIS)
    assert "0 taken, 1 known before" in capsys.readouterr().out


def test_a_person_is_found_by_their_address_which_is_kept_nowhere(
    source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agrees(source)
    rows = '{"email": "Ida@Example.com ", "interest": "golf"}\n'
    call_command("import_traits", file_of(tmp_path, rows, "t.jsonl"), *BASIS)
    assert "1 taken" in capsys.readouterr().out
    assert not Inbox.objects.filter(body__contains="xample.com").exists()
    fold_all()
    assert traits()["interest"][0] == "golf"


def test_of_who_said_no_nothing_is_taken(
    source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agrees(source, yes=False)
    call_command("import_traits", file_of(tmp_path, TABLE), *BASIS)
    assert "0 taken, 0 known before, 1 without consent" in capsys.readouterr().out
    assert not Inbox.objects.exists()


@pytest.mark.parametrize("without", ["--basis", "--notice"])
def test_without_a_basis_nothing_is_imported(source: Any, tmp_path: Path, without: str) -> None:
    place = BASIS.index(without)
    with pytest.raises(CommandError, match="Say on what basis"):
        call_command("import_traits", file_of(tmp_path, TABLE), *BASIS[:place], *BASIS[place + 2 :])
    assert not Inbox.objects.exists()


def test_one_bad_row_leaves_nothing_half_done(source: Any, tmp_path: Path) -> None:
    agrees(source)
    with pytest.raises(CommandError, match="A row has a user_id or an email"):
        rows = "user_id,interest\nu1,golf\n,tea\n"
        call_command("import_traits", file_of(tmp_path, rows), *BASIS)
    assert not Inbox.objects.exists()


def test_a_sensitive_inference_is_refused_and_kept_nowhere(
    source: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agrees(source)
    rows = "user_id,interest\nu1,Bible study at church\n"
    with pytest.raises(CommandError, match="Not all rows"):
        call_command("import_traits", file_of(tmp_path, rows), *BASIS)
    assert "1 refused: A trait with `context.evidence` infers" in capsys.readouterr().out
    assert not Inbox.objects.exists()
    assert not Quarantine.objects.exclude(body="").exists()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("interest", "cycling", False),
        ("interest", ["books", "Buddhism"], True),
        ("religiousView", "x", True),
        ("race", "x", True),
        ("interest", "race cars", False),
        ("politicalParty", "x", True),
        ("interest", "political news", True),
        ("health_score", 3, True),
        ("employer", "Health Foods Ltd", False),
        ("interest", "LGBTQ events", True),
        ("age_group", 30, False),
    ],
)
def test_what_counts_as_sensitive(key: str, value: Any, expected: bool) -> None:
    assert is_sensitive(key, value) is expected


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"source": "Linked In"}, "/source"),
        ({"confidence": 1.2}, "/confidence"),
        ({"confidence": True}, "/confidence"),
        ({"confidence": "0.7"}, "/confidence"),
        ({"basis": "legitimate interest"}, "/basis"),
        ({"notice": ""}, "/notice"),
    ],
    ids=["source", "above-one", "boolean", "text", "basis", "notice"],
)
def test_evidence_that_says_too_little_is_refused(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(EventRefused) as refusal:
        evidence.check({"evidence": {**EVIDENCE, **change}}, {"interest": "x"}, is_browser=False)
    assert refusal.value.pointer == f"/context/evidence{pointer}"


def test_a_browser_cannot_claim_it() -> None:
    context: dict[str, Any] = {"evidence": dict(EVIDENCE), "page": {}}
    evidence.check(context, {"interest": "church"}, is_browser=True)
    assert context == {"page": {}}


def test_a_segment_asks_from_where_and_how_sure(source: Any, shop: Site) -> None:
    agrees(source)
    leaf = {"kind": "trait", "name": "interest", "op": "eq", "value": "golf"}
    asked = {
        "sure": {**leaf, "from": {"source": "linkedin", "min_confidence": 0.6}},
        "surer": {**leaf, "from": {"source": "linkedin", "min_confidence": 0.9}},
        "said": {**leaf, "from": {"source": "identify"}},
    }
    for key, condition in asked.items():
        made = create_segment(
            site_id=shop.pk, key=key, name=key, condition={"v": 1, "where": condition},
            actor=None, now=clock.now(),
        )  # fmt: skip
        publish_segment(site_id=shop.pk, segment_id=made.pk, actor=None, now=clock.now())
    refresh_site(site_id=shop.pk)
    told = {
        "type": "identify", "userId": "u1", "messageId": "m2", "traits": {"interest": "golf"},
        "context": {"evidence": EVIDENCE},
    }  # fmt: skip
    record_told(source, [told], now=clock.now())
    fold_all()
    inside = Membership.objects.filter(profile_id=profile_id(), left_at=None)
    assert set(inside.values_list("segment__key", flat=True)) == {"sure"}
