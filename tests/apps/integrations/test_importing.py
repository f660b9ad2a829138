"""Entries become drafts of variants and translations, with a history; what cannot waits."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.content.archiving import archive
from apps.content.models import Block, Revision, Variant
from apps.content.revisions import revisions_of, undo
from apps.content.services import update_variant
from apps.decisions.models import Publication
from apps.integrations import importing
from apps.integrations.importing import field_names
from apps.integrations.models import Connection, EntryLink, Incoming, Mapping
from apps.integrations.receiving import run_again
from apps.segments.models import Segment
from apps.work import clock
from tests.apps.integrations.conftest import AT, LATER, LATEST, entry, imported, link, rich


def made() -> Variant:
    return Variant.objects.get(is_default=False)


def segment(site_id: Any, number: int, key: str) -> Segment:
    return Segment.objects.create(
        site_id=site_id, number=number, key=key, name=key, created_at=clock.now()
    )


def test_an_entry_becomes_a_variant_and_its_translations(
    client: Client, contentful: Connection, hero: Block
) -> None:
    segment(hero.site_id, 1, "vip")
    document = entry(
        tags=("segment.vip", "campaign"),
        title={"en-US": "Spring", "de": "Frühling", "fr": "Printemps"},
        body={"en-US": rich("5 < 6 & so on")},
        image={"en-US": link("Asset", "abc")},
        internal={"en-US": "for the team"},
    )
    incoming = imported(client, contentful, document)
    assert (incoming.state, incoming.code) == ("done", ""), incoming.message
    variant = made()
    assert incoming.variant == variant and "Left out, as links: image." in incoming.message
    assert (variant.block, variant.name, variant.is_default) == (hero, "Spring", False)
    assert variant.fields == {
        "headline": "Spring",
        "text": "<p><strong>5 &lt; 6 &amp; so on</strong></p>",
    }
    assert [one.key for one in variant.segments.all()] == ["vip"]
    assert list(variant.translations.values_list("locale", "fields")) == [
        ("de", {"headline": "Frühling"})
    ]
    assert revisions_of("block", hero.pk)[0].note == "From Contentful"
    assert not Publication.objects.exists(), "a content system never publishes"


def test_a_newer_state_changes_what_comes_from_there_and_nothing_else(
    client: Client, contentful: Connection
) -> None:
    imported(client, contentful, entry(body={"en": rich("x")}, title={"en": "A", "de": "B"}))
    variant = made()
    fields = {**variant.fields, "picture": {"url": "/a.png", "alt": "a"}}
    Mapping.objects.update(fields="title = headline\nbody = text")
    update_variant(variant_id=variant.pk, fields=fields, priority=7)
    incoming = imported(client, contentful, entry(LATER, title={"en": "C"}))
    assert incoming.state == "done", incoming.message
    variant = made()
    assert variant.fields == {"headline": "C", "picture": {"url": "/a.png", "alt": "a"}}
    assert variant.priority == 7
    assert not variant.translations.exists(), "it was emptied there"


def test_an_import_can_be_undone_like_any_save(
    client: Client, contentful: Connection, hero: Block
) -> None:
    imported(client, contentful, entry(title={"en": "A"}))
    imported(client, contentful, entry(LATER, title={"en": "B"}))
    last = revisions_of("block", hero.pk)[0]
    undo("block", hero.pk, last.number, actor=None, now=clock.now())
    assert made().fields == {"headline": "A"}


def test_an_older_state_that_comes_late_changes_nothing(
    client: Client, contentful: Connection
) -> None:
    imported(client, contentful, entry(LATER, title={"en": "New"}))
    incoming = imported(client, contentful, entry(AT, title={"en": "Old"}))
    assert (incoming.state, incoming.code) == ("left", "older")
    assert made().fields == {"headline": "New"}


def test_unpublishing_archives_and_publishing_brings_back(
    client: Client, contentful: Connection
) -> None:
    imported(client, contentful, entry())
    gone = {"sys": {**entry()["sys"], "deletedAt": LATER}}
    incoming = imported(client, contentful, gone, "unpublish")
    assert incoming.state == "done" and made().archived_at is not None
    imported(client, contentful, entry(LATEST, title={"en": "Again"}))
    assert made().archived_at is None and made().fields == {"headline": "Again"}


def test_what_is_saved_and_not_published_there_is_left_alone(
    client: Client, contentful: Connection
) -> None:
    for event in ("save", "auto_save", "create"):
        incoming = imported(client, contentful, entry(), event)
        assert (incoming.state, incoming.code) == ("left", "event_not_used")
    assert not EntryLink.objects.exists()


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        ([], "malformed"),
        ({}, "malformed"),
        ({"sys": []}, "malformed"),
        (b'{"sys":' + b"[" * 5000 + b"]" * 5000 + b"}", "not_json"),
        (entry(title=3), "malformed"),
        (entry("yesterday"), "malformed"),
        (entry(title={"en": ["a"]}), "invalid_content"),
        (entry(title={"en": "a\u0000b"}), "invalid_content"),
        (entry(body={"en": rich("without a headline")}), "invalid_content"),
        (entry(title={"en": "{% for x in y %}"}), "invalid_content"),
        (entry(tags=("segment.nobody",)), "invalid_content"),
        (entry(body={"en": {"nodeType": "document", "content": 3}}), "malformed"),
    ],
    ids=[
        "broken", "not-utf8", "list", "empty", "no-sys", "deep", "no-languages", "no-time",
        "other-type", "nul", "required", "liquid", "unknown-segment", "rich-text",
    ],
)  # fmt: skip
def test_what_cannot_become_a_draft_is_refused_with_a_code_and_leaves_nothing(
    client: Client, contentful: Connection, hero: Block, document: Any, code: str
) -> None:
    incoming = imported(client, contentful, document)
    assert (incoming.state, incoming.code) == ("refused", code), incoming.message
    assert incoming.message
    assert hero.variants.count() == 1 and not EntryLink.objects.exists()


def test_a_refused_call_is_repaired_and_run_again(client: Client, contentful: Connection) -> None:
    incoming = imported(client, contentful, entry(title={"en": 3}))
    assert incoming.state == "refused"
    came = bytes(incoming.body)
    run_again(incoming, clock.now(), json.dumps(entry(title={"en": "Three"})))
    importing.run(incoming.pk, clock.now())
    incoming.refresh_from_db()
    assert (incoming.state, incoming.code) == ("done", "")
    assert made().fields == {"headline": "Three"}
    assert bytes(incoming.body) == came, "what came stays what it was"


def test_a_type_that_belongs_to_no_block_waits_for_a_mapping(
    client: Client, contentful: Connection, hero: Block
) -> None:
    Mapping.objects.all().delete()
    incoming = imported(client, contentful, entry())
    assert (incoming.state, incoming.code) == ("refused", "type_not_mapped")
    Mapping.objects.create(
        connection=contentful, content_type="heroBanner", block=hero, fields="title = headline"
    )
    run_again(incoming, clock.now())
    importing.run(incoming.pk, clock.now())
    assert made().fields == {"headline": "Spring"}


def test_an_archived_block_takes_no_entries(
    client: Client, contentful: Connection, hero: Block
) -> None:
    archive("block", hero.pk, None, clock.now())
    incoming = imported(client, contentful, entry())
    assert (incoming.state, incoming.code) == ("refused", "block_archived")


# Strapi


def of_strapi(event: str = "entry.publish", at: str = AT, **fields: Any) -> dict[str, Any]:
    document = {"id": 7, "documentId": "doc7", "locale": "en", "publishedAt": AT, **fields}
    return {"event": event, "createdAt": at, "model": "hero-banner", "entry": document}


def test_strapi_sends_each_language_of_a_document_by_itself(
    client: Client, strapi: Connection
) -> None:
    image = {"url": "/uploads/a.png", "mime": "image/png", "alternativeText": "A"}
    early = imported(client, strapi, of_strapi(locale="de", id=8, title="Frühling"))
    assert (early.state, early.code) == ("refused", "not_in_first_language")
    imported(client, strapi, of_strapi(title="Spring", image=image, body=None))
    run_again(early, clock.now())
    importing.run(early.pk, clock.now())
    variant = made()
    assert (variant.key, variant.fields) == (
        "doc7",
        {"headline": "Spring", "picture": {"url": "/uploads/a.png", "alt": "A"}},
    )
    assert variant.translations.get().fields == {"headline": "Frühling"}
    imported(client, strapi, of_strapi("entry.unpublish", LATER, locale="de", id=8))
    assert not variant.translations.exists() and made().archived_at is None
    imported(client, strapi, of_strapi("entry.delete", LATER))
    assert made().archived_at is not None


@pytest.mark.parametrize(
    ("event", "published", "state"),
    [
        ("entry.update", {"publishedAt": None}, "left"),
        ("entry.update", {"publishedAt": AT}, "done"),
        ("entry.create", {}, "done"),
        ("media.create", {}, "left"),
    ],
)
def test_a_draft_of_strapi_is_left_alone(
    client: Client, strapi: Connection, event: str, published: dict[str, Any], state: str
) -> None:
    document = of_strapi(event, title="Spring")
    del document["entry"]["publishedAt"]
    document["entry"] |= published
    assert imported(client, strapi, document).state == state


# Anything else


def test_a_plain_system_sends_signed_json(client: Client, standard: Connection) -> None:
    data = {
        "id": "spring-1",
        "contentType": "heroBanner",
        "fields": {"en": {"title": "Spring"}, "de": {"title": "Frühling"}},
    }
    document = {"type": "entry.published", "timestamp": AT, "data": data}
    assert imported(client, standard, document).state == "done"
    assert (made().key, made().fields) == ("spring-1", {"headline": "Spring"})
    removed = {"type": "entry.removed", "timestamp": LATER, "data": data}
    assert imported(client, standard, removed, "msg_2").state == "done"
    assert made().archived_at is not None


def test_two_entries_whose_ids_differ_in_case_only_are_two_variants(
    client: Client, standard: Connection
) -> None:
    for number, identity in enumerate(("Ab", "aB", "ab")):
        data = {
            "id": identity,
            "contentType": "heroBanner",
            "fields": {"en": {"title": identity}},
        }
        document = {"type": "entry.published", "timestamp": AT, "data": data}
        assert imported(client, standard, document, f"msg_{number}").state == "done"
    assert Variant.objects.filter(is_default=False).count() == 3


def test_old_calls_are_forgotten_and_those_that_wait_are_not(
    client: Client, contentful: Connection
) -> None:
    imported(client, contentful, entry())
    last = imported(client, contentful, entry(LATER))
    waiting = imported(client, contentful, entry(LATEST))
    Incoming.objects.filter(pk=waiting.pk).update(state="waiting", ended_at=None)
    assert importing.prune(clock.now() + timedelta(days=29)) == 0
    assert importing.prune(clock.now() + timedelta(days=31)) == 1
    # The last one that was imported says in which space the entries are.
    assert set(Incoming.objects.all()) == {last, waiting}


@pytest.mark.parametrize("text", ["title", "= a", "a =", "a = b\na = c", "a = b\nc = b"])
def test_lines_that_name_no_fields_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="“"):
        field_names(text)


def test_history_tells_who_wrote_it(client: Client, contentful: Connection) -> None:
    imported(client, contentful, entry())
    assert set(Revision.objects.values_list("by_name", flat=True)) == {""}
