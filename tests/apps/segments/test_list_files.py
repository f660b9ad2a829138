"""Files of people: good rows are read, every kind of bad row is refused by line and code."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from apps.segments import list_files
from apps.segments.errors import InvalidFile
from apps.segments.list_files import Entry, Refused, read

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HASH = hashlib.sha256(b"ada@shop.example").hexdigest()


def rows(content: bytes | str, piece: int = 7) -> list[Entry | Refused]:
    data = content.encode() if isinstance(content, str) else content
    pieces = (data[i : i + piece] for i in range(0, len(data), piece))
    return list(read(pieces, now=NOW))


def users(*values: str) -> list[Entry]:
    return [Entry("user_id", value, None) for value in values]


@pytest.mark.parametrize(
    "content",
    [
        "user_id\nu1\nu2\n",
        "user_id\nu1\nu2",
        "user_id\r\nu1\r\nu2\r\n",
        "\ufeffuser_id\r\nu1\r\nu2\r\n",
        " User_ID \n u1 \n\n\nu2\n\n",
        '"user_id"\n"u1"\n"u2"\n',
        "user_id,\nu1,\nu2,\n",
        "kind,value\nuser_id,u1\nUSER_ID,u2\n",
        "value;kind\nu1;user_id\nu2;user_id\n",
        "kind\tvalue\texpires_at\nuser_id\tu1\t\nuser_id\tu2\n",
    ],
    ids=[
        "plain", "no-last-end", "crlf", "bom", "blanks", "quoted", "trailing-comma", "kinds",
        "semicolons", "tabs",
    ],
)  # fmt: skip
@pytest.mark.parametrize("piece", [1, 7, 100_000])
def test_what_people_save_is_read(content: str, piece: int) -> None:
    assert rows(content, piece) == users("u1", "u2")


def test_entries_may_expire() -> None:
    content = (
        "user_id,expires_at\nu1,2026-12-31\nu2,2026-12-31T12:00:00+01:00\nu3,\nu4\nu5,soon\n"
        "u6,2026-03-02T12:00:00Z\n"
    )
    found = rows(content)
    assert found[:4] == [
        Entry("user_id", "u1", datetime(2026, 12, 31, tzinfo=UTC)),
        Entry("user_id", "u2", datetime(2026, 12, 31, 11, tzinfo=UTC)),
        *users("u3", "u4"),
    ]
    assert found[4:] == [Refused(6, "not_a_time"), Refused(7, "expired")]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ('user_id,"a\0b"', "nul"),
        ("user_id,a\0", "nul"),
        ("user_id,\ufffd", "not_utf8"),
        ("user_id,", "empty_value"),
        ("user_id", "columns"),
        ("user_id,a,b", "columns"),
        ("cookie,a", "unknown_kind"),
        (",a", "unknown_kind"),
        ('user_id,"a', "quotes"),
        ('user_id,"a"b', "quotes"),
        (f"user_id,{'a' * 513}", "too_long"),
        (f"user_id,{'a' * 1_000_000}", "too_long"),
        ("user_id,=1+1", "formula"),
        ("user_id,@SUM(A1)", "formula"),
        ("user_id,-1+cmd|' /C calc'!A0", "formula"),
        ("user_id,\"+1,2\"", "formula"),
        ("user_id,a\x07b", "control_character"),
        ("user_id,a\u2028b", "control_character"),
        ("email_sha256,ada@shop.example", "raw_address"),
        ("email_sha256,abc", "not_sha256"),
    ],
    ids=lambda value: value[:24].encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_bad_row_is_refused_by_line_and_code_and_the_others_count(row: str, code: str) -> None:
    content = f"kind,value\nuser_id,before\n{row}\nuser_id,after\n"
    assert rows(content, 4096) == [*users("before"), Refused(3, code), *users("after")]


def test_bytes_that_are_no_utf8_spoil_their_row_only() -> None:
    assert rows(b"user_id\nu1\n\xff\xfe\nu2\n") == [
        *users("u1"), Refused(3, "not_utf8"), *users("u2"),
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["-1", "+41 79 000 00 00", "a=b", "0x1f", "mail@home", "Zürich"])
def test_honest_ids_are_not_taken_for_formulas(value: str) -> None:
    assert rows(f"user_id\n{value}\n") == users(value)


def test_hashes_are_compared_in_lower_case() -> None:
    assert rows(f"email_sha256\n{HASH.upper()}\n") == [Entry("email_sha256", HASH, None)]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"u1\nu2\n", b"name,value\nx,y\n", b"user_id,anonymous_id\na,b\n",
     b"value\nx\n", b"user_id,user_id\na,b\n", b"\xff\xfeu\0s\0", b"\0\0\0\0",
     b"user_id\ru1\ru2\r" * 1000],
    ids=["empty", "blank", "no-head", "other-columns", "two-kinds", "no-kind", "twice", "utf-16",
         "nuls", "old-mac"],
)  # fmt: skip
def test_what_is_no_list_at_all_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(InvalidFile):
        rows(content)


def test_there_is_an_end_to_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_files, "MAX_ROWS", 3)
    assert len(rows("user_id\na\nb\nc\n")) == 3
    with pytest.raises(InvalidFile, match="more than 3 rows"):
        rows("user_id\na\nb\nc\nd\n")


def test_a_line_without_end_is_not_kept_in_memory() -> None:
    widest = 0

    def endless() -> Iterator[bytes]:
        yield b"user_id\nu1\n"
        for _ in range(3_000):
            yield b"x" * 10_000
        yield b"\nu2\n"

    lines = list_files._Lines(list_files._texts(endless()))
    for _ in lines:
        widest = max(widest, len(lines._rest))
    assert widest <= 2 * 10_000
    assert list(read(endless(), now=NOW)) == [*users("u1"), Refused(3, "too_long"), *users("u2")]


def test_every_code_has_its_words() -> None:
    assert all(detail.endswith(".") for detail in list_files.DETAILS.values())
