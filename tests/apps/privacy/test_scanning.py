"""The search: what is planted in any store, in any form, is found; what is nobody's is not."""

import base64
import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from apps.access.models import IdempotentCall, Site
from apps.events.models import EventSchema
from apps.privacy import scanning, searching
from apps.privacy.needles import LEAST, Needles
from apps.profiles.models import Identity, Profile, ProfileState, Trait
from apps.work import clock
from apps.work.ids import uuid7
from apps.work.models import Intent
from apps.work.redis import connection as redis

NEEDLE = "Zoë.Canary-5d1c77@example.com"
ID = UUID("01a204d7-a045-7cea-ad27-dc5a1f14cdc0")

FORMS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-16 little": lambda text: text.encode("utf-16-le"),
    "UTF-16 big": lambda text: text.encode("utf-16-be"),
    "UTF-32 little": lambda text: text.encode("utf-32-le"),
    "UTF-32 big": lambda text: text.encode("utf-32-be"),
    "JSON": lambda text: json.dumps({"a": text}).encode(),
    "JSON within JSON": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "percent": lambda text: quote(text, safe="").encode(),
    "percent, small letters": lambda text: re.sub(
        "%..", lambda escape: escape.group().lower(), quote(text, safe="")
    ).encode(),
    "hex": lambda text: text.encode().hex().encode(),
    "HEX": lambda text: text.encode().hex().upper().encode(),
    "base64, first phase": lambda text: base64.b64encode(text.encode() + b"!"),
    "base64, second phase": lambda text: base64.b64encode(b"x" + text.encode() + b"!"),
    "base64, third phase": lambda text: base64.b64encode(b"xy" + text.encode() + b"!"),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(b"\xff" + text.encode()),
    "msgpack": lambda text: msgspec.msgpack.encode({"a": [text]}),
}  # fmt: skip


def needles(text: str = NEEDLE) -> Needles:
    found = Needles()
    found.add_text("name", text, 0)
    found.add_id(ID, 0)
    return found.prepare()


@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_found_in_each_form(form: str) -> None:
    content = FORMS[form](NEEDLE)
    found = needles().in_bytes(b"before " * 3 + content + b" after" * 3)
    assert [hit.needle.kind for hit in found], form


@pytest.mark.parametrize(
    "content",
    [
        ID.bytes, ID.hex.encode(), str(ID).encode(), str(ID).upper().encode(),
        b"prf_" + ID.hex.encode(), base64.b64encode(b"q" + ID.bytes + b"q"),
        base64.b64encode(str(ID).encode()), msgspec.msgpack.encode([ID.bytes]),
    ],
    ids=["bytes", "hex", "dashed", "DASHED", "public", "base64", "base64 of text", "msgpack"],
)  # fmt: skip
def test_an_id_is_found_in_each_form(content: bytes) -> None:
    found = needles().in_bytes(b"\0" * 9 + content + b"\0" * 9)
    assert {hit.needle.kind for hit in found} == {"id"}


@given(
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
    text=st.text(min_size=LEAST, max_size=30).filter(lambda text: "\ud800" not in text),
)
def test_a_text_is_found_wherever_it_stands(before: bytes, after: bytes, text: str) -> None:
    content = before + text.encode("utf-8", "surrogatepass") + after
    assert needles(text).in_bytes(content)


def test_what_is_not_there_is_not_found() -> None:
    near = NEEDLE[:-1] + "n"
    assert needles().in_bytes((near * 1_000).encode() + ID.bytes[:-1] + b"\0") == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("user-1", "user-10, old.user-1", {"user-10", "old.user-1"}),
        ("user-1", "user-10, user-1", None),
        ("user-1", "user-1user-10", {"user-1user-10"}),
        ("ann lee", "joann lee, ann leeds", {"joann lee", "ann leeds"}),
        ("ab ab ab", "xab ab ab ab", None),  # the second one begins within the first
        ("a" * 6, "a" * 1_000_000, {"a" * 1_000_000}),
    ],
    ids=["longer", "also by itself", "twice in one", "of words", "overlapping", "very long"],
)
def test_a_name_within_longer_words_is_told_from_one_by_itself(
    name: str, content: str, words: set[str] | None
) -> None:
    [hit] = [one for one in needles(name).in_bytes(content.encode()) if one.form == name.encode()]
    assert needles(name).longer_words(content.encode(), hit.form) == words
    assert needles(name).longer_words(content.encode(), name.encode("utf-16-le")) is None


# Stores


@pytest.fixture
def homes(settings: Any, tmp_path: Path) -> Path:
    """Directories of this test's own, searched as those of a server are."""
    settings.ARTIFACT_DIR = tmp_path / "artifacts"
    settings.JOURNAL_DIR = tmp_path / "journal"
    settings.EMAIL_FILE_PATH = str(tmp_path / "outbox")
    for name in ("artifacts", "journal", "log", "outbox"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def site(db: None) -> Site:
    return Site.objects.create(key="shop", name="Shop", created_at=clock.now())


def stores_with(text: str = NEEDLE) -> set[str]:
    return {store for store, _ in searching.search(needles(text)).hits}


def in_zip(content: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package.json", content)
    return whole.getvalue()


FILES: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": in_zip,
    "gzip in zip": lambda content: in_zip(gzip.compress(content)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("packing", FILES)
@pytest.mark.parametrize("place", ["artifacts", "journal", "log", "outbox"])
def test_a_file_is_searched_however_it_is_packed(homes: Path, place: str, packing: str) -> None:
    content = b"tree\n" * 50 + NEEDLE.encode("utf-32-le") + b"\nend"
    (homes / place / "some.file").write_bytes(FILES[packing](content))
    words = {"artifacts": "models", "log": "logs"}.get(place, place)
    assert f"files: {words}" in stores_with()


@pytest.mark.django_db
def test_what_lies_across_two_pieces_of_a_file_is_found(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.privacy.store_readers.PIECE", 1_000)
    (homes / "log" / "web.log").write_bytes(b"x" * 990 + NEEDLE.encode() + b"x" * 3_000)
    assert "files: logs" in stores_with()


def _string(text: str) -> None:
    redis().set("some:key", text)


def _key(text: str) -> None:
    redis().set(f"some:{text}", "1")


def _hash(text: str) -> None:
    redis().hset("some:hash", mapping={"a": text})


def _list(text: str) -> None:
    body = base64.b64encode(json.dumps([[], {"who": text}, {}]).encode()).decode()
    redis().rpush("slow", json.dumps({"body": body, "properties": {"body_encoding": "base64"}}))


def _set(text: str) -> None:
    redis().sadd("some:set", text)


def _sorted(text: str) -> None:
    redis().zadd("some:zset", {text: 1})


def _stream(text: str) -> None:
    redis().xadd("some:stream", {"a": text})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "plant",
    [_string, _key, _hash, _list, _set, _sorted, _stream],
    ids=["string", "key", "hash", "queue", "set", "sorted set", "stream"],
)
def test_redis_is_searched_by_type(homes: Path, plant: Callable[[str], None]) -> None:
    assert stores_with() == set()
    plant(NEEDLE)
    assert any(store.startswith("Redis: ") for store in stores_with())


@pytest.mark.django_db
def test_every_table_is_searched(homes: Path, site: Site) -> None:
    profile = Profile.objects.create(site=site, bucketing_key="k", created_at=clock.now())
    Identity.objects.create(
        site=site, kind="user_id", value=NEEDLE, profile=profile, created_at=clock.now()
    )
    Trait.objects.create(
        profile=profile, key="email", value=NEEDLE, source="x", observed_at=clock.now()
    )
    ProfileState.objects.create(profile=profile, site_id=site.pk, history=NEEDLE.encode("utf-16"))
    EventSchema.objects.create(site=site, name=NEEDLE, first_seen_at=clock.now())
    Intent.objects.create(
        kind="x", key="x", run_after=clock.now(), created_at=clock.now(), error=f"no {NEEDLE}"
    )
    IdempotentCall.objects.create(
        site=site, digest="d", request_digest="r", route="x", started_at=clock.now(),
        body=gzip.compress(NEEDLE.encode()),
    )  # fmt: skip

    assert {
        "table profiles_identity", "table profiles_trait", "table profiles_profilestate",
        "table profiles_profilestate.history", "table events_eventschema", "table work_intent",
        "table access_idempotentcall.body",
    } <= stores_with() | {"table profiles_profilestate"}  # fmt: skip


@pytest.mark.django_db
def test_every_partition_is_searched(homes: Path, site: Site) -> None:
    with connection.cursor() as cursor:
        for at in ("2019-05-05", "2026-11-05"):
            cursor.execute(
                "INSERT INTO events_event (site_id, profile_id, identity_id, source_id, kind, name,"
                " message_id, occurred_at, received_at, properties, consent_epoch, purposes)"
                " VALUES (%s, %s, 1, %s, 1, 'x', 'm', %s, now(), %s, 0, 63)",
                [site.pk, uuid7(), site.pk, at, json.dumps({"deep": [{"a": NEEDLE}]})],
            )
    assert any(store.startswith("table events_event") for store in stores_with())


@pytest.mark.django_db
def test_the_planners_statistics_are_searched(homes: Path, site: Site) -> None:
    profile = Profile.objects.create(site=site, bucketing_key="k", created_at=clock.now())
    for number in range(5):
        Identity.objects.create(
            site=site, kind=f"kind {number}", value=NEEDLE, profile=profile, created_at=clock.now()
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE profiles_identity")
    Identity.objects.all().delete()

    assert stores_with() == {"pg_statistic of profiles_identity"}

    scanning.refresh_statistics(needles())  # the table is empty: ANALYZE alone leaves them
    assert stores_with() == set()


@pytest.mark.django_db
def test_sessions_are_unpacked(homes: Path) -> None:
    store = SessionStore()
    store["looks"] = {"padding": "x" * 500, NEEDLE: [1, "reason"]}
    store.save()
    assert stores_with() == {"sessions"}


@pytest.mark.django_db
def test_a_value_that_somebody_else_has_too_is_theirs(homes: Path, site: Site) -> None:
    profile = Profile.objects.create(site=site, bucketing_key="k", created_at=clock.now())
    Trait.objects.create(
        profile=profile, key="street", value="Long Street 12", source="x", observed_at=clock.now()
    )
    sought = Needles()
    sought.add_text("value", "Long Street 12", 0)
    sought.add_text("name", "nobody-like-this", 0)
    assert searching.search(sought.prepare()).is_clean

    as_name = Needles()
    as_name.add_text("name", "Long Street 12", 0)
    assert not searching.search(as_name.prepare()).is_clean


@pytest.mark.django_db
def test_the_command_tells_where_and_fails(
    homes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = tmp_path / "needles"
    wanted.write_text(f"{NEEDLE}\n\nsomebody-else-4711\n")
    call_command("verify_erasure", needles=str(wanted))
    assert "nothing is left" in capsys.readouterr().out

    (homes / "log" / "web.log").write_text(f"GET /?who={quote(NEEDLE)}")
    with pytest.raises(SystemExit) as end:
        call_command("verify_erasure", needles=str(wanted))
    said = capsys.readouterr().out
    assert end.value.code == 1
    assert "LEFT 1 x name in files: logs" in said and NEEDLE not in said


@pytest.mark.django_db
def test_the_command_refuses_what_is_found_by_chance(tmp_path: Path) -> None:
    wanted = tmp_path / "needles"
    wanted.write_text("abc\n")
    with pytest.raises(CommandError, match="too short"):
        call_command("verify_erasure", needles=str(wanted))
