"""Hot state never serves what is older than the record, whatever dies in between."""

from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from apps.decisions import generation, hot_state, hot_wire
from apps.decisions.hot_state import HotKey, HotProfile, Remembered
from apps.decisions.models import HotGeneration

pytestmark = pytest.mark.django_db(transaction=True)

SITE = UUID("01900000-0000-7000-8000-000000000001")
PROFILE = UUID("01900000-0000-7000-8000-0000000000aa")


def state(
    version: int, *, epoch: int = 0, profile: UUID = PROFILE, **changes: object
) -> HotProfile:
    fields: dict[str, object] = {
        "profile_id": profile.bytes,
        "unit_id": "a1",
        "epoch": epoch,
        "version": version,
        "granted": 0,
        "denied": 0,
        "memberships": b"",
        "traits": {"seen": version},
        "last_items": [],
        "last_seen_ms": 0,
        "identities": ["anonymous_id:a1"],
    }
    return HotProfile(**{**fields, **changes})  # type: ignore[arg-type]


def key(version: int, *, epoch: int = 0) -> HotKey:
    return HotKey(SITE, PROFILE, epoch, version)


def stored() -> bytes | None:
    prefix = generation.prefix(generation.current())
    [value] = hot_wire.ask(hot_wire.command("GET", hot_state.state_key(prefix, PROFILE.hex)), 1)
    return value


def seen() -> int | None:
    """The version that a reader believes, None for a miss."""
    profile = hot_state.read(stored())
    return None if profile is None else profile.version


def test_a_published_state_is_read_back_whole():
    published = state(3, memberships=b"\x01", last_items=["P1"], identities=["user_id:ü", "x:y"])
    assert hot_state.publish([published])
    assert hot_state.read(stored()) == published


def test_a_crash_between_commit_and_hot_state_serves_nothing_old():
    hot_state.publish([state(1)])
    hot_state.mark([key(2)])  # and the process dies after its commit: nothing is published
    assert seen() is None
    assert not _older_reader_fills_in(1)
    assert seen() is None
    hot_state.write_back(SITE, state(2), ["anonymous_id:a1"])  # a reader that saw the commit
    assert seen() == 2


def _older_reader_fills_in(version: int) -> bool:
    """A reader that asked Postgres before the commit, and comes back with it after the mark."""
    hot_state.write_back(SITE, state(version), ["anonymous_id:a1"])
    return seen() == version


def test_a_late_writer_never_lowers_the_version():
    hot_state.publish([state(5)])
    hot_state.publish([state(4)])
    assert seen() == 5


def test_a_higher_epoch_wins_over_a_higher_version():
    hot_state.publish([state(9, epoch=1)])
    hot_state.publish([state(10, epoch=0)])
    assert seen() == 9


def test_a_mark_of_a_transaction_that_rolled_back_leads_to_postgres_until_the_next_write():
    hot_state.publish([state(1)])
    hot_state.mark([key(2)])
    hot_state.publish([state(1)])
    assert seen() is None
    hot_state.publish([state(2)])
    assert seen() == 2


def test_a_mark_below_what_is_there_keeps_the_higher_bar():
    hot_state.publish([state(7)])
    hot_state.mark([key(6)])
    hot_state.publish([state(6)])
    assert seen() is None


def test_a_withdrawal_leaves_nothing_personal_and_is_not_overwritten_by_an_older_state():
    hot_state.publish([state(1, granted=8, traits={"plan": "gold"}, last_items=["P1"])])
    hot_state.mark([key(2, epoch=1)])
    assert hot_state.deny(state(2, epoch=1, denied=8, traits={"plan": "gold"}))
    hot_state.publish([state(1, granted=8)])
    raw = stored()
    assert raw is not None and raw.startswith(b"D") and b"gold" not in raw and b"P1" not in raw
    found = hot_state.read(raw)
    assert found is not None and found.denied == 8


def test_no_identity_appears_in_a_key():
    hot_state.publish([state(1)], [Remembered(SITE, "user_id:anna@example.org", PROFILE)])
    keys = b" ".join(hot_wire.ask(hot_wire.command("KEYS", "*"), 1)[0])
    assert b"anna" not in keys


def test_one_round_trip_serves_many_profiles():
    profiles = [uuid4() for _ in range(500)]
    hot_state.mark([HotKey(SITE, one, 0, 1) for one in profiles])
    assert hot_state.publish([state(1, profile=one) for one in profiles])


def test_scripts_that_the_server_has_lost_are_given_to_it_again():
    hot_state.publish([state(1)])
    hot_wire.ask(hot_wire.command("SCRIPT", "FLUSH"), 1)
    assert hot_state.publish([state(2)])
    assert seen() == 2


def test_a_commit_that_could_not_mark_puts_all_older_hot_state_out_of_reach(settings):
    hot_state.publish([state(1)])
    before = generation.current()
    there = settings.REDIS_URL
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    with transaction.atomic():
        hot_state.mark([key(2)])
    assert not hot_state.publish([state(2)])
    settings.REDIS_URL = there
    hot_wire.close_circuit()
    assert seen() is None
    assert generation.current() > before


def test_a_mark_away_that_rolls_back_changes_nothing(settings):
    hot_state.publish([state(1)])
    before = HotGeneration.objects.get().generation
    settings.REDIS_URL = "unix:///nonexistent/redis.sock"
    with pytest.raises(RuntimeError), transaction.atomic():
        hot_state.mark([key(2)])
        raise RuntimeError
    assert HotGeneration.objects.get().generation == before


def test_another_process_hears_of_a_raised_generation_in_its_next_round_trip():
    hot_state.publish([state(1)])
    believed = generation.current()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE decisions_hotgeneration SET generation = generation + 1")
    hot_wire.ask(hot_wire.command("SET", generation.KEY, str(believed + 1)), 1)
    hot_state.publish([state(2)])
    assert generation.current() == believed + 1
    assert seen() == 2


def test_a_server_with_another_run_id_starts_a_new_generation():
    hot_state.publish([state(1)])
    believed = generation.current()
    HotGeneration.objects.update(run_id="another server")
    hot_wire.drop()  # the connection to it is gone
    assert seen() is None
    assert generation.current() > believed


def test_a_record_restored_from_a_backup_does_not_bring_old_hot_state_back():
    hot_state.publish([state(1)])
    believed = generation.current()
    hot_wire.ask(hot_wire.command("SET", generation.KEY, str(believed + 5)), 1)
    generation.forget()
    assert generation.current() > believed + 5


def test_hot_state_of_unknown_shape_is_a_miss():
    assert hot_state.read(b"S" + b"0" * 20 + b"\xc1") is None
    assert hot_state.read(None) is None
