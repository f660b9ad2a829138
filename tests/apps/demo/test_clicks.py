"""Click files are read whole or refused with a sentence that says where."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from apps.demo.clicks import COLUMNS, SHIPPED, digest_of, read_sessions
from apps.demo.errors import DemoTrouble
from tests.apps.demo.samples import row, write_clicks


def test_the_shipped_file_holds_what_its_readme_says() -> None:
    sessions = read_sessions([SHIPPED])

    assert len(sessions) == 17_031
    assert sum(len(session.clicks) for session in sessions) == 116_095
    assert sessions[0].on == date(2008, 4, 1)
    assert sessions[-1].on == date(2008, 6, 30)
    assert all(
        [click.order for click in session.clicks] == list(range(1, len(session.clicks) + 1))
        for session in sessions
    )


def test_plain_and_packed_files_read_the_same_and_a_session_may_lie_in_two(tmp_path: Path) -> None:
    header = ",".join(COLUMNS)
    second = row("2008-04-01", "7", 2, "skirts", "B2")
    first = row("2008-04-01", "7", 1, "blouses", "C5")
    plain = tmp_path / "a.csv"
    plain.write_text(f"{header}\n{second}\n")
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(f"{header}\n{first}\n".encode()))

    (session,) = read_sessions([plain, packed])

    assert session.id == "7"
    assert [click.product for click in session.clicks] == ["C5", "B2"]
    assert [click.category for click in session.clicks] == ["blouses", "skirts"]


def test_another_content_is_another_digest(tmp_path: Path) -> None:
    one = write_clicks(tmp_path / "1.csv", [("2008-04-01", "1", [("sale", "P1")])])
    two = write_clicks(tmp_path / "2.csv", [("2008-04-01", "1", [("sale", "P2")])])

    assert digest_of([one]) != digest_of([two])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks the column 'year'"),
        ("year,month\n2008,4\n", "lacks the column 'day'"),
        (",".join(COLUMNS) + "\n", "no click"),
        (",".join(COLUMNS) + "\n2008,13,1,1,29,1,1,A1,1,1,1,28,2,1\n", "Line 2"),
        (",".join(COLUMNS) + "\n2008,4,1,1,29,1,1,A1,1,1,1,dear,2,1\n", "Line 2"),
        (",".join(COLUMNS) + "\n2008,4,1\n", "Line 2"),
        (",".join(COLUMNS) + "\n2008,4,1,1,29,,1,A1,1,1,1,28,2,1\n", "must not be empty"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "clicks.csv"
    path.write_text(text)

    with pytest.raises(DemoTrouble, match=complaint):
        read_sessions([path])


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(b"year,month\n" * 1000)[:40])

    for path in (tmp_path / "missing.csv", broken):
        with pytest.raises(DemoTrouble, match=path.name):
            read_sessions([path])
