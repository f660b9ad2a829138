"""What was decided once is decided again, byte for byte, and a changed record is found out."""

import json
from collections import Counter
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.access.models import Site
from apps.content import services as content
from apps.content.models import Variant
from apps.decisions import past, records, snapshots
from apps.decisions.models import DecisionRecord, Publication
from apps.delivery.replaying import Outcome, Publications, replay
from apps.profiles import holders
from apps.segments import services as segments
from apps.segments.live import decode_stays
from apps.work.ids import uuid7
from tests.apps.delivery import past_shop
from tests.apps.delivery.conftest import NOW, World, inside

DECISIONS = 2_000


def replayed(*arguments: str) -> dict[str, Any]:
    """Run the command; its summary and lines, and whether it was content."""
    out = StringIO()
    is_fine = True
    try:
        call_command("replay_decisions", "--json", *arguments, stdout=out)
    except CommandError:
        is_fine = False
    *lines, last = [json.loads(line) for line in out.getvalue().splitlines()]
    return {**last["summary"], "reasons": last["reasons"], "lines": lines, "fine": is_fine}


def test_a_decision_is_made_again_after_everything_has_changed(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]), traits={"name": ["Ann <3"]})
    world.tell(row.profile_id)
    assert world.hero_of("a1")["html"] == "<p>Blouses for Ann &lt;3</p>"
    assert world.hero_of("nobody")["variant"] == "everyone"
    records.flush()

    world.change(row.profile_id, memberships=b"", traits={"name": ["Bea"]})
    variant = Variant.objects.get(key="blouses")
    content.update_variant(variant_id=variant.pk, template="<p>Skirts</p>", segment_keys=[])
    segments.archive_segment(site_id=world.site.pk, segment_id=blouses.pk, actor=None, now=NOW)
    world.publish()
    world.tell(row.profile_id)
    assert world.hero_of("a1")["variant"] == "everyone"
    found = replayed("--site", "shop")
    assert found["fine"], found["lines"]
    assert (found["same"], found["different"]) == (2, 0)


def test_thousands_of_every_kind_are_made_again_without_a_difference(world: World, tmp_path: Path):
    served = past_shop.publish(world)
    calls = list(past_shop.decide_many(world, served, DECISIONS))
    records.flush()
    reasons = {
        entry["reason"]
        for entries in DecisionRecord.objects.values_list("placements", flat=True)
        for entry in entries
    }
    assert reasons >= {
        "TARGETING_MATCH", "SPLIT", "DEFAULT", "HOLDOUT", "CAPPED", "NO_CONSENT", "DISABLED",
        "ERROR", "STALE",
    }  # fmt: skip
    past_shop.recommend(world, "Y1")
    snapshots.forget()

    found = replayed()
    assert found["fine"], found["lines"][:5]
    unknown = found["not replayable"]
    assert found["same"] + unknown == DECISIONS
    assert unknown == sum(found["reasons"].values()) < DECISIONS // 5
    assert any("facts.cart" in why for why in found["reasons"])

    # Whoever still has what the calls brought can replay them too.
    asked = {call.request_id: call.facts for call in calls}
    assert _with_facts(tmp_path, asked)["same"] > found["same"]
    wrong = _with_facts(tmp_path, {name: {"cart": 11} for name in asked})
    assert wrong["same"] == found["same"]
    assert "the facts that were given are not those of the call" in wrong["reasons"]


def _with_facts(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    path = folder / "facts.json"
    path.write_text(json.dumps(facts), encoding="utf-8")
    return replayed("--facts", str(path))


# Tampering


def one_record(world: World) -> DecisionRecord:
    """A record with something in every column."""
    served = past_shop.publish(world)
    list(past_shop.decide_many(world, served, 400))
    records.flush()
    for record in DecisionRecord.objects.exclude(profile_id=None).order_by("number"):
        if record.missing and record.inputs and record.unit_id:
            return record
    raise AssertionError("no visitor of these read a fact of a call")


def flipped(value: Any, bit: int) -> Any:
    """The same value of the same type with one bit changed; None: there is no such value."""
    match value:
        case bool():
            return not value
        case UUID():
            return UUID(int=value.int ^ 1 << bit % 128)
        case datetime():
            return value + timedelta(microseconds=1 << bit % 50)
        case int():
            return value ^ 1 << bit % 31
        case bytes() | memoryview():
            raw = bytearray(value)
            raw[bit // 8 % len(raw)] ^= 1 << bit % 8
            return bytes(raw)
        case str():
            at = bit // 8 % len(value)
            return value[:at] + chr(ord(value[at]) ^ 1 << bit % 7) + value[at + 1 :]
        case list() if value and all(type(one) is str for one in value):
            return [flipped(value[0], bit), *value[1:]]
        case _:
            text = json.dumps(value)
            try:
                changed = json.loads(flipped(text, bit))
            except ValueError:
                return None
            # 1.0 and 1 are one number, in Postgres as here.
            return None if changed == value else changed


def test_one_bit_changed_in_any_column_is_found(world: World):
    record = one_record(world)
    columns = [field.attname for field in DecisionRecord._meta.concrete_fields]
    assert past.faults(record) == []
    random = Random(1)
    changed: Counter[str] = Counter()
    for column in columns:
        right = getattr(record, column)
        for _ in range(300):
            wrong = flipped(right, random.getrandbits(16))
            if wrong is None:
                continue
            setattr(record, column, wrong)
            found = replay(record, Publications())
            assert found.outcome is Outcome.BROKEN, (column, right, wrong)
            changed[column] += 1
        setattr(record, column, right)
    assert min(changed[column] for column in columns) >= 20, changed


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {t} SET placements = jsonb_set(placements, '{{0,variant}}', '\"other\"') {one}",
        "UPDATE {t} SET placements = placements || placements {one}",
        "UPDATE {t} SET placements = placements - 0 {one}",
        "UPDATE {t} SET inputs = NULL {one}",
        "UPDATE {t} SET inputs = NULL, facts = '{{}}', unit_id = '', profile_id = NULL {one}",
        "UPDATE {t} SET facts = '{{}}' {one}",
        "UPDATE {t} SET seal = '' {one}",
        "UPDATE {t} SET profile_id = gen_random_uuid() {one}",
        "UPDATE {t} SET at = at + interval '1 microsecond' {one}",
        "UPDATE {t} SET format = 0, writer = NULL {one}",
        "DELETE FROM {t} {one}",
        "UPDATE {t} a SET placements = b.placements FROM {t} b WHERE a.number + b.number = 21 "
        "AND a.number IN (10, 11)",
        "UPDATE {t} a SET request_id = b.request_id FROM {t} b WHERE a.number + b.number = 21 "
        "AND a.number IN (10, 11)",
        "UPDATE {t} a SET inputs = b.inputs, unit_id = b.unit_id, facts = b.facts FROM {t} b "
        "WHERE a.number + b.number = 21 AND a.number IN (10, 11)",
    ],
    ids=[
        "variant", "an entry more", "an entry less", "no inputs", "as if erased", "no facts",
        "no seal", "owner", "a microsecond", "as if of before", "deleted", "swapped decisions",
        "swapped requests", "swapped inputs",
    ],
)  # fmt: skip
def test_the_command_finds_what_was_done_to_the_log(world: World, statement: str):
    served = past_shop.publish(world)
    list(past_shop.decide_many(world, served, 20))
    records.flush()
    assert replayed()["fine"]
    first = DecisionRecord.objects.order_by("number").values_list("number", flat=True)[0]
    with connection.cursor() as cursor:
        text = statement.format(t="decisions_decisionrecord", one="WHERE number = {n} + 9")
        text = text.replace("{n}", str(first)).replace("= 21", f"= {2 * first + 19}")
        text = text.replace("(10, 11)", f"({first + 9}, {first + 10})")
        cursor.execute(text)
        assert cursor.rowcount >= 1
    found = replayed()
    assert not found["fine"]
    assert found["broken seal"] or found["missing records"] == 1


def test_a_dropped_record_is_no_deleted_one(world: World, monkeypatch: pytest.MonkeyPatch):
    served = past_shop.publish(world)
    list(past_shop.decide_many(world, served, 3))
    monkeypatch.setattr(records, "QUEUE_SIZE", 0)
    list(past_shop.decide_many(world, served, 2))
    monkeypatch.undo()
    list(past_shop.decide_many(world, served, 3))
    records.flush()
    found = replayed()
    assert found["fine"], found["lines"]
    assert found["same"] + found["not replayable"] == 6


def test_a_publication_that_was_changed_later_is_no_ground_to_replay_on(world: World):
    served = past_shop.publish(world)
    list(past_shop.decide_many(world, served, 5))
    records.flush()
    publication = Publication.objects.get()
    publication.document["rules"][0]["key"] = "other"
    publication.save()
    assert replayed()["broken seal"] == 5


# Erasure, merges, shares


def test_an_erased_visitor_cannot_be_replayed_and_their_record_is_still_genuine(world: World):
    record = one_record(world)
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    assert record.profile_id is not None
    assert holder.erase(record.profile_id) == 1
    record.refresh_from_db()
    assert (record.profile_id, record.unit_id, record.facts, record.inputs) == (None, "", {}, None)
    assert past.faults(record) == []
    found = replayed("--request", record.request_id)
    assert found["fine"]
    assert found["not replayable"] == 1


def test_a_record_that_goes_to_another_profile_stays_genuine_and_a_false_one_false(world: World):
    record = one_record(world)
    [holder] = [one for one in holders.holders() if one.name == "decisions"]
    assert record.profile_id is not None
    other, third = uuid7(), uuid7()
    assert holder.reassign(record.profile_id, other) == 1
    record.refresh_from_db()
    assert record.profile_id == other
    assert past.faults(record) == []
    # Whoever gives it to somebody else by hand is not helped by a merge.
    DecisionRecord.objects.filter(pk=record.pk).update(profile_id=third)
    holder.reassign(third, uuid7())
    record.refresh_from_db()
    assert past.faults(record) == ["owner"]


def test_a_site_can_keep_reasons_only(world: World):
    Site.objects.filter(pk=world.site.pk).update(decision_log_share=0.25)
    served = past_shop.publish(world)
    list(past_shop.decide_many(world, served, 200))
    records.flush()
    whole = DecisionRecord.objects.exclude(inputs=None).count()
    assert 20 < whole < 90
    bare = DecisionRecord.objects.filter(inputs=None)
    assert all(record.facts == {} and record.unit_id == "" for record in bare)
    assert all(entry["reason"] for record in bare for entry in record.placements)
    assert replayed()["fine"]


def test_only_what_could_be_read_is_kept(world: World):
    record = one_record(world)
    inputs = past.unpacked(record.inputs or b"", record.format)
    assert "secret" not in inputs.traits
    assert b"never kept" not in msgspec.msgpack.encode(inputs)
    assert 77 not in decode_stays(inputs.memberships)
    assert "cart" not in json.dumps(record.facts)
    # Without consent not even the id by which visitors are dealt out to holdouts.
    refused = [one for one in DecisionRecord.objects.all() if "NO_CONSENT" in str(one.placements)]
    assert any(one.unit_id for one in refused)
    assert all(one.unit_id.startswith("stand-in") for one in refused if one.unit_id)


@pytest.mark.parametrize("path", ["/ofrep/v1/evaluate/flags", "/ofrep/v1/evaluate/flags/home.hero"])
def test_what_openfeature_clients_were_told_is_replayed_too(world: World, path: str):
    blouses = world.hero()
    row = world.person(("user_id", "u1"), stays=inside([blouses]), traits={"name": ["Ann"]})
    world.tell(row.profile_id)
    answer = world.post(path, {"context": {"targetingKey": "u1"}}, key=world.sk)
    assert answer.status_code == 200
    records.flush()
    told = {entry["placement"] for entry in DecisionRecord.objects.get().placements}
    assert ("segment.blouses" in told) == path.endswith("flags")
    found = replayed()
    assert found["fine"], found["lines"]
    assert found["same"] == 1
