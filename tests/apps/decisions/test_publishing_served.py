"""What a web process loads of a publication: what is new, and nothing twice."""

import time
from collections.abc import Iterator

import pytest

from apps.access import services as access
from apps.content import services as content
from apps.decisions import generation, hot_wire, record_reads, snapshots, stored, watch
from apps.decisions.models import Publication, PublishedPart
from apps.decisions.past import served_then
from apps.decisions.selectors import publication_document
from tests.apps.decisions.drafts_shop import Drafts, publish
from tests.apps.delivery.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def drafts(transactional_db: None) -> Iterator[Drafts]:
    for module in (generation, snapshots):
        module.forget()
    made = Drafts(access.create_site(key="shop", name="Shop", now=NOW))
    other = content.create_block(site_id=made.site.pk, key="other")
    content.create_variant(block=other, key="all", is_default=True, template="<p>Hi</p>")
    content.create_placement(site_id=made.site.pk, key="other", block=other)
    publish(made.site)
    yield made
    snapshots.forget()
    hot_wire.drop()
    record_reads.close()


def current(drafts: Drafts, number: int) -> snapshots.Served:
    served = snapshots.current(drafts.site.pk, b"%d" % number)
    assert served is not None
    assert served.number == number
    return served


def test_only_unknown_parts_are_read(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> None:
    current(drafts, 1)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    asked: list[list[str]] = []
    read = record_reads.rows

    def counted(sql: str, parameters: tuple[object, ...] = (), **more: float) -> object:
        if "publishedpart" in sql:
            asked.append(list(parameters[1]))  # type: ignore[call-overload]  # the digests
        return read(sql, parameters, **more)

    monkeypatch.setattr(record_reads, "rows", counted)
    current(drafts, 2)
    assert [len(digests) for digests in asked] == [1]


def test_blocks_that_have_not_changed_are_taken_over(drafts: Drafts) -> None:
    first = current(drafts, 1)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    second = current(drafts, 2)
    assert second.compiled.blocks["other"] is first.compiled.blocks["other"]
    assert second.compiled.blocks["hero"] is not first.compiled.blocks["hero"]
    fields = second.compiled.blocks["hero"].variants["blouses"].doc.fields
    assert fields == {"headline": "New"}


def test_a_block_is_compiled_anew_when_a_segment_it_names_has_changed(drafts: Drafts) -> None:
    first = current(drafts, 1)
    type(drafts.segment).objects.filter(pk=drafts.segment.pk).update(name="Others")
    publish(drafts.site)
    second = current(drafts, 2)
    assert second.compiled.blocks["hero"] is not first.compiled.blocks["hero"]
    [(segment, _)] = second.compiled.blocks["hero"].tagged
    assert segment is second.compiled.segments["blouses"]


def test_what_is_loaded_in_steps_is_what_is_loaded_at_once(drafts: Drafts) -> None:
    current(drafts, 1)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    in_steps = current(drafts, 2)
    snapshots.forget()
    at_once = current(drafts, 2)
    assert in_steps.compiled.doc == at_once.compiled.doc
    assert in_steps.digest == at_once.digest == served_then(drafts.site.pk, 2).digest


def test_a_part_that_somebody_has_changed_is_told_by_the_digest(drafts: Drafts) -> None:
    genuine = current(drafts, 1).digest
    part = PublishedPart.objects.get(body__contains='{"headline":"Blouses"}')
    part.body = part.body.replace("Blouses", "Trousers")
    part.save()
    snapshots.forget()
    assert current(drafts, 1).digest != genuine
    assert served_then(drafts.site.pk, 1).digest != genuine


def test_a_publication_of_an_earlier_version_is_served_as_before(drafts: Drafts) -> None:
    document = publication_document(drafts.site.pk)
    assert document is not None
    Publication.objects.update(manifest=None, document=stored.as_stored_whole(document))
    served = current(drafts, 1)
    assert served.compiled.doc == document
    assert served.digest == served_then(drafts.site.pk, 1).digest
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    assert current(drafts, 2).compiled.doc.number == 2


def test_a_part_that_is_gone_leaves_the_old_publication_serving(drafts: Drafts) -> None:
    first = current(drafts, 1)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    PublishedPart.objects.filter(body__contains='"New"').delete()
    assert snapshots.current(drafts.site.pk, b"2") is first


def test_a_publication_may_take_longer_than_other_statements(
    drafts: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_reads, "LONGEST_BOX_S", 0.2)
    record_reads.close()  # the next connection is made with this timeout
    assert record_reads.rows("SELECT pg_sleep(0.5)::text", box_s=snapshots.LOAD_BOX_S) == [("",)]
    with pytest.raises(record_reads.RecordAway):
        record_reads.rows("SELECT pg_sleep(0.5)::text", box_s=0.2)
    record_reads.close_circuit()


@pytest.fixture
def large(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drafts]:
    """Every publication counts as a large one, and somebody reads those beside the requests."""
    current(drafts, 1)
    drafts.change(drafts.tagged, fields={"headline": "New"})
    publish(drafts.site)
    monkeypatch.setattr(snapshots, "LONG_BYTES", 0)
    snapshots.watched.set()
    yield drafts
    snapshots.watched.clear()


def test_a_request_leaves_a_large_publication_to_the_one_who_watches(large: Drafts) -> None:
    assert current_number(large, b"2") == 1
    assert snapshots.wanted.is_set()
    snapshots.catch_up(large.site.pk, 2)
    assert current_number(large, b"2") == 2


def test_what_was_left_to_the_one_who_watches_is_asked_for_once(
    large: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert current_number(large, b"2") == 1

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(record_reads, "rows", refuse)
    assert current_number(large, b"2") == 1


def test_it_is_read_as_soon_as_a_request_has_heard_of_it(
    large: Drafts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PERIOD_S", 3600.0)  # nothing but a request wakes it
    watch.start()
    try:
        assert comes_to(2, large, b"1")  # it looks once, when it begins
        large.change(large.tagged, fields={"headline": "Newer"})
        publish(large.site)
        assert current_number(large, b"2") == 2
        assert comes_to(3, large, b"3")
    finally:
        watch.stop()


def comes_to(number: int, drafts: Drafts, announced: bytes) -> bool:
    """Whether a publication serves before long, for who has heard of that number."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if current_number(drafts, announced) == number:
            return True
        time.sleep(0.005)
    return False


def test_a_process_loads_what_sites_serve_before_anybody_asks(large: Drafts) -> None:
    snapshots.forget()
    snapshots.load_all()
    served = snapshots.held(large.site.pk)
    assert served is not None
    assert served.number == 2


def test_where_nobody_watches_the_request_takes_it_over(large: Drafts) -> None:
    snapshots.watched.clear()
    assert current_number(large, b"2") == 2


def test_a_process_that_has_nothing_waits_for_a_large_one(large: Drafts) -> None:
    snapshots.forget()
    assert current_number(large, b"2") == 2


def current_number(drafts: Drafts, announced: bytes) -> int:
    served = snapshots.current(drafts.site.pk, announced)
    assert served is not None
    return served.number
