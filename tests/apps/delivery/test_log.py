"""How records come into the log: once each, none lost to another's fault, none of who is gone."""

import zlib
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.decisions import forgetting, record_inputs, records, sealing
from apps.decisions.models import DecisionRecord, Forgotten
from apps.decisions.past import faults
from apps.delivery.replaying import Outcome, Publications, replay
from apps.profiles import holders
from tests.apps.delivery import past_shop
from tests.apps.delivery.conftest import World


def decided(world: World, count: int) -> None:
    list(past_shop.decide_many(world, past_shop.publish(world), count))


def test_a_batch_that_may_have_been_written_is_written_once(world: World):
    decided(world, 30)
    rows = [records._row(bytes([n] * 16), *one) for n, one in enumerate(records._queue)]
    records._queue.clear()
    records._copy(rows[:20], is_again=False)
    records._copy(rows, is_again=True)  # the answer to the first was lost
    records._copy(rows, is_again=True)
    assert DecisionRecord.objects.count() == 30
    assert all(faults(record) == [] for record in DecisionRecord.objects.all())


def test_a_record_that_cannot_be_written_takes_no_other_with_it(world: World):
    decided(world, 20)
    number, dropped, made = records._queue[7]
    records._queue[7] = (number, dropped, made._replace(request_id="r" * 41))
    lost = records.Counts.dropped
    records.flush()
    assert DecisionRecord.objects.count() == 19
    assert records.Counts.dropped == lost + 1
    assert not DecisionRecord.objects.filter(number=number).exists()


def test_placements_with_a_nul_in_their_names_are_kept(world: World):
    decided(world, 5)
    number, dropped, made = records._queue[2]
    said = record_inputs.Said("a\0b", None, None, 0, "ERROR")
    records._queue[2] = (number, dropped, made._replace(placements=[record_inputs.Noted(said)]))
    lost = records.Counts.dropped
    records.flush()
    assert records.Counts.dropped == lost
    kept = DecisionRecord.objects.get(number=number)
    assert kept.placements[0]["placement"] == "a\ufffdb" and faults(kept) == []


def test_a_batch_with_one_bad_record_is_written_in_few_statements(world: World):
    decided(world, records.BATCH_SIZE)
    number, dropped, made = records._queue[7]
    records._queue[7] = (number, dropped, made._replace(request_id="r" * 41))
    records._shares_until = float("inf")
    with CaptureQueriesContext(connection) as asked:
        records.flush()
    assert DecisionRecord.objects.count() == records.BATCH_SIZE - 1
    assert len([one for one in asked if "COPY" in one["sql"]]) <= 2 * 6 + 1


def test_a_record_store_that_goes_away_in_the_middle_of_a_batch_gets_each_record_once(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    decided(world, 20)
    number, dropped, made = records._queue[17]
    records._queue[17] = (number, dropped, made._replace(request_id="r" * 41))
    copy = records._copy
    left = 3  # the whole, its first half, its second half, and then the connection breaks

    def breaking(batch: Any, *, is_again: bool) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OperationalError("the connection broke")
        copy(batch, is_again=is_again)

    monkeypatch.setattr(records, "_copy", breaking)
    with pytest.raises(OperationalError):
        records.flush()
    assert 0 < DecisionRecord.objects.count() < 19
    assert records._is_doubtful
    monkeypatch.setattr(records, "_copy", copy)
    records.flush()
    assert DecisionRecord.objects.count() == 19


def test_a_look_after_the_erased_that_failed_is_taken_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    decided(world, 60)
    gone = next(made.profile for *_, made in records._queue if made.profile is not None)
    profile_id = UUID(bytes=gone.profile_id)
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with transaction.atomic():
        holder.erase(profile_id)

    def away(profiles: object) -> int:
        raise OperationalError("the connection broke")

    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(forgetting, "look_after", away)
        records.flush()
    assert DecisionRecord.objects.filter(profile_id=profile_id).exists()
    records.flush()
    assert not DecisionRecord.objects.filter(profile_id=profile_id).exists()


def test_of_the_erased_only_those_just_written_are_read(world: World):
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with transaction.atomic():
        for number in range(5):
            holder.erase(UUID(int=number))
    with CaptureQueriesContext(connection) as asked:
        assert forgetting.look_after([UUID(int=99).bytes]) == 0
        assert forgetting.look_after([]) == 0
    assert len(asked) == 1 and "WHERE digest = ANY" in asked[0]["sql"]


def test_of_somebody_without_a_profile_no_id_is_kept_and_most_is_replayed(world: World):
    calls = list(past_shop.decide_many(world, past_shop.publish(world), 400))
    strangers = {m.request_id for *_, m in records._queue if m.profile is None and not m.is_away}
    records.flush()
    outcomes = []
    for record in DecisionRecord.objects.filter(request_id__in=strangers):
        [call] = [one for one in calls if one.request_id == record.request_id]
        assert record.unit_id != call.unit_id
        inputs = record_inputs.unpacked(record.inputs or b"", record.format)
        assert call.subject not in repr(inputs) and not inputs.subject
        assert record_inputs.UNIT not in record.missing or call.caller.consent_mode != "assumed"
        outcomes.append(replay(record, Publications()).outcome)
    assert len(outcomes) > 40 and set(outcomes) <= {Outcome.SAME, Outcome.UNKNOWABLE}
    assert outcomes.count(Outcome.SAME) > 0.7 * len(outcomes)


def test_what_an_erased_visitor_had_queued_is_written_without_them(world: World):
    decided(world, 60)
    gone = next(made.profile for *_, made in records._queue if made.profile is not None)
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with transaction.atomic():
        assert holder.erase(UUID(bytes=gone.profile_id)) == 0
    records.flush()
    assert DecisionRecord.objects.count() == 60
    assert not DecisionRecord.objects.filter(profile_id=UUID(bytes=gone.profile_id)).exists()
    assert DecisionRecord.objects.exclude(profile_id=None).exists()
    assert all(faults(record) == [] for record in DecisionRecord.objects.all())
    assert gone.profile_id not in bytes(Forgotten.objects.get().digest)


def test_what_is_written_during_an_erasure_is_emptied_by_it(world: World):
    decided(world, 60)
    gone = next(made.profile for *_, made in records._queue if made.profile is not None)
    profile_id = UUID(bytes=gone.profile_id)
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with transaction.atomic():
        holder.erase(profile_id)
        # As another process would, that does not see this transaction yet.
        rows = [records._row(bytes([n] * 16), *one) for n, one in enumerate(records._queue)]
        records._queue.clear()
        records._copy(rows, is_again=False)
        assert DecisionRecord.objects.filter(profile_id=profile_id).exists()
    assert not DecisionRecord.objects.filter(profile_id=profile_id).exists()


def test_who_was_erased_long_ago_is_looked_for_no_more(world: World):
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    with transaction.atomic():
        holder.erase(UUID(int=5))
    assert forgetting.prune() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE decisions_forgotten SET at = at - interval '2 days'")
    assert forgetting.prune() == 1
    assert not Forgotten.objects.exists()


@pytest.mark.parametrize("size", [10, 5_000], ids=["small", "large"])
def test_inputs_come_back_as_they_were_packed(world: World, size: int):
    decided(world, 40)
    for *_, made in list(records._queue):
        if made.profile is None or not made.visitor.allowed:
            continue
        traits = {**made.visitor.traits, "name": "x" * size}
        made.visitor.traits = traits
        packed = record_inputs.packed(made)
        assert packed.inputs is not None and len(packed.inputs) < 1_500
        inputs = record_inputs.unpacked(packed.inputs, records.FORMAT)
        assert inputs.traits.get("name", traits["name"]) == traits["name"]


def test_records_of_the_format_before_are_replayed(world: World):
    decided(world, 100)
    records.flush()
    same = 0
    for record in DecisionRecord.objects.exclude(inputs=None):
        inputs = record_inputs.unpacked(record.inputs or b"", record.format)
        squeezer = zlib.compressobj(1, zlib.DEFLATED, -10, 4)
        raw = msgspec.msgpack.encode(inputs)
        record.inputs, record.format = squeezer.compress(raw) + squeezer.flush(), 1
        key = sealing._key_of(record.key_id, record.site_id)
        assert key is not None
        first = sealing._decided(key, record)
        second = sealing._read(key, first, record.unit_id, record.facts, record.inputs)
        record.seal = first + second + sealing._owned(key, second, record.profile_id)
        found = replay(record, Publications())
        assert found.outcome in (Outcome.SAME, Outcome.UNKNOWABLE)
        same += found.outcome is Outcome.SAME
    assert same > 50
