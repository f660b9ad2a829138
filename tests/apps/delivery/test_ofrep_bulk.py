"""All flags in one call, as OpenFeature's clients poll them and are told of changes."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.decisions import announcing, record_reads, records, snapshots
from apps.decisions import services as decisions
from apps.decisions.models import DecisionRecord
from apps.delivery import ofrep
from apps.segments.live import encode_stays
from apps.work import clock
from tests.apps.delivery.capped_shop import Shop
from tests.apps.delivery.conftest import NOW, World, inside
from tests.apps.delivery.flags import every, flag, one

WHO = "visitor-1"  # no digest in hexadecimal can hold it by chance


@pytest.fixture(autouse=True)
def _nothing_asked_in_vain() -> None:
    ofrep.forget()


def test_an_unchanged_answer_is_not_sent_twice(world: World):
    blouses = world.hero()
    row = world.person(("anonymous_id", WHO))
    world.tell(row.profile_id)
    context = {"targetingKey": WHO, "locale": "de"}
    first = every(world, context)
    etag = first["ETag"]
    assert first.status_code == 200
    assert etag.startswith('"') and WHO not in etag
    assert b"decisionId" not in first.content

    for known in (etag, f"W/{etag}", f'"other", W/{etag}'):
        again = every(world, context, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", etag)
    for other in (
        every(world, {**context, "locale": "fr"}),
        every(world, {**context, "targetingKey": "a2"}),
        every(world, context, api_key=world.sk),
    ):
        assert other["ETag"] != etag

    world.change(row.profile_id, memberships=encode_stays(inside([blouses])))
    world.tell(row.profile_id)
    moved = every(world, context, headers={"If-None-Match": etag})
    assert moved.status_code == 200
    assert moved.json()["flags"][0]["variant"] == "blouses"


def test_the_etag_changes_with_the_month(world: World):
    flag(world, "open", "boolean", True)
    world.publish()
    march = every(world)["ETag"]
    clock.replace(lambda: datetime(2026, 3, 31, 23, 59, tzinfo=UTC))
    assert every(world)["ETag"] == march
    clock.replace(lambda: datetime(2026, 4, 1, tzinfo=UTC))
    assert every(world)["ETag"] != march


def test_an_evaluation_is_kept_in_the_log_and_a_bulk_call_once(world: World):
    blouses = world.hero()
    flag(world, "open", "boolean", True)
    world.publish()
    row = world.person(("anonymous_id", "a1"), stays=inside([blouses]))
    world.tell(row.profile_id)
    one(world, "home.hero", {"targetingKey": "a1"})
    every(world, {"targetingKey": "a1"})
    records.flush()
    kept = list(DecisionRecord.objects.filter(profile_id=row.profile_id).order_by("pk"))
    assert len(kept) == 2
    for record in kept:
        assert [entry["placement"] for entry in record.placements] == ["home.hero"]


@pytest.mark.parametrize("heard", ["flagConfigEtag=pub-2", "flagConfigLastModified=1773144001"])
def test_a_publication_that_the_caller_has_heard_of_is_loaded_before_the_answer(
    world: World, heard: str, monkeypatch: pytest.MonkeyPatch
):
    flag(world, "open", "boolean", True)
    world.publish()
    assert len(every(world).json()["flags"]) == 1
    flag(world, "newer", "boolean", True)
    # Its announcement is lost, as with Redis away.
    monkeypatch.setattr(announcing, "announce", lambda *_: None)
    decisions.publish(site_id=world.site.pk, actor=None, now=NOW + timedelta(seconds=1))
    assert len(every(world).json()["flags"]) == 1
    assert len(every(world, query=f"?{heard}").json()["flags"]) == 2


def test_an_invented_publication_costs_one_look(world: World, monkeypatch: pytest.MonkeyPatch):
    flag(world, "open", "boolean", True)
    world.publish()
    every(world)
    asked: list[str] = []
    real = record_reads.rows
    monkeypatch.setattr(
        record_reads,
        "rows",
        lambda sql, *rest, **more: asked.append(sql) or real(sql, *rest, **more),
    )
    for _ in range(5):
        assert every(world, query="?flagConfigEtag=pub-999999999").status_code == 200
    assert len(asked) == 1


def test_to_look_at_all_flags_again_and_again_uses_up_no_cap(world: World):
    shop = Shop(world)
    shop.cap(most=1)
    shop.offer(variant=["twice"])
    world.publish()

    def polled() -> str:
        flags = {
            entry["key"]: entry for entry in every(world, {"targetingKey": "a1"}).json()["flags"]
        }
        return str(flags["home.offer"]["variant"])

    assert [polled() for _ in range(3)] == ["offer", "offer", "offer"]
    assert shop.variant() == "offer"  # decided, so reserved: the budget is out
    assert polled() == "plain"
    found = one(world, "home.offer", {"targetingKey": "a1"})[1]
    assert (found["reason"], found["metadata"]["reason"]) == ("DEFAULT", "CAPPED")


def test_a_publication_that_never_was_loads_nothing_again(world: World) -> None:
    world.hero()
    served = snapshots.current(world.site.pk, None)
    assert served is not None
    assert snapshots.current(world.site.pk, b"999999999") is served
    newer = world.publish().number
    found = snapshots.current(world.site.pk, b"999999999")
    assert found is not None and found.number == newer
