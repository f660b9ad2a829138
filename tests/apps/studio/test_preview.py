"""The preview desk: anybody's eyes side by side, with the reasons, and nobody looked at unasked."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.access.models import AuditEntry, Site
from apps.content import services as content
from apps.decisions import parts, releases
from apps.delivery.models import PreviewLink
from apps.delivery.previewing import content as contents
from apps.profiles import services as profiles
from apps.profiles import state
from apps.segments.live import encode_stays
from apps.segments.models import Membership
from apps.studio import looks
from apps.work import clock
from tests.apps.studio.conftest import NOW, Shop

AsRole = Callable[[str], Client]
REASON = "Ticket 4711: says the banner is wrong"


@pytest.fixture(autouse=True)
def _compiled_anew() -> None:
    contents.forget()


@pytest.fixture
def visitor(shop: Shop) -> UUID:
    """anonymous_id:a1, who is in the segment of blouses and called Anna."""
    name = (shop.site.pk, "anonymous_id", "a1")
    with transaction.atomic():
        profile_id = profiles.find_or_make([name], now=NOW)[name]
        (row,) = state.lock([profile_id])
        row.identities = ["anonymous_id:a1"]
        row.traits = {"name": ["Anna", clock.to_ms(NOW), "m1"]}
        row.memberships = encode_stays({shop.blouses.number: (True, None, None, None, 0)})
        state.save([row])
    return profile_id


@pytest.fixture
def editor(shop: Shop, as_role: AsRole) -> Client:
    shop.publish()
    return as_role("editor")


def desk(client: Client, **asked: str) -> str:
    answer = client.get("/admin/preview/", asked)
    assert answer.status_code == 200
    return answer.content.decode()


def frames(page: str) -> list[str]:
    return [
        one.replace("&amp;", "&") for one in re.findall(r'src="(/admin/preview/frame/[^"]+)"', page)
    ]


def test_an_empty_desk_shows_what_serves_to_somebody_new(editor: Client) -> None:
    page = desk(editor)
    assert "Somebody new · now · phone" in page
    assert "Nothing more specific fits: the default is shown." in page
    (frame,) = frames(page)
    shown = editor.get(frame)
    assert "Welcome" in shown.content.decode()
    assert shown["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in shown["Content-Security-Policy"]
    assert "sandbox" in shown["Content-Security-Policy"]
    assert "no-store" in shown["Cache-Control"]
    assert "<script" not in shown.content.decode()


def test_two_pictures_side_by_side_say_where_they_differ(editor: Client) -> None:
    asked = {
        "pictures": "2",
        "placements": "home.hero",
        "b.who": "segments",
        "b.segments": "blouses",
    }
    page = desk(editor, **asked)
    assert "Where the pictures differ" in page and "headline" in page
    assert "In the segment “Browsing blouses”, which shows “blouses”." in page
    first, second = frames(page)
    assert "Welcome" in editor.get(first).content.decode()
    text = editor.get(second).content.decode()
    assert "Blouses" in text and "differs" in text
    same = desk(editor, pictures="2", placements="home.hero")
    assert "All pictures show the same." in same


def test_a_picture_more_or_less_by_a_button(editor: Client) -> None:
    assert desk(editor, pictures="1", add="2").count("<iframe") == 2
    assert desk(editor, pictures="2", add="1").count("<iframe") == 1
    assert desk(editor, pictures="9").count("<iframe") == 4


def test_the_facts_of_a_phone_a_country_and_a_language(shop: Shop, editor: Client) -> None:
    shop.rule()  # on phones: blouses
    shop.publish()
    page = desk(editor, pictures="2", **{"a.device": "phone", "b.device": "desktop"})
    assert "The rule “phones” holds." in page and "The rule “phones” does not hold." in page


def test_the_drafts_before_they_are_published(shop: Shop, editor: Client) -> None:
    shop.headline("Blouses, soon")
    asked = {"a.who": "segments", "a.segments": "blouses"}
    now, soon = (
        editor.get(frames(desk(editor, **asked, **{"a.by": by}))[0]).content.decode()
        for by in ("serving", "drafts")
    )
    assert "Blouses, soon" not in now and "Blouses, soon" in soon


def test_one_block_and_one_of_its_variants(shop: Shop, editor: Client) -> None:
    page = desk(editor, block="hero", variant="blouses")
    assert "This variant was chosen here." in page
    assert "Blouses" in editor.get(frames(page)[0]).content.decode()


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-03-29T02:30", "does not exist in Europe/Berlin"),
        ("2026-10-25T02:30", "comes twice in Europe/Berlin"),
        ("soon", "Write a date and a time"),
        ("9999-12-31T23:59", "Choose a year from 2000 to 2099."),
        ("0001-01-01T00:00", "Choose a year from 2000 to 2099."),
    ],
    ids=["skipped", "twice", "no time", "far ahead", "long ago"],
)
def test_a_moment_that_is_none_is_refused_in_words(
    shop: Shop, editor: Client, at: str, words: str
) -> None:
    Site.objects.filter(pk=shop.site.pk).update(time_zone="Europe/Berlin")
    assert words in desk(editor, **{"a.at": at})


def test_pages_of_the_site_are_offered_and_opened_with_a_token(shop: Shop, editor: Client) -> None:
    Site.objects.filter(pk=shop.site.pk).update(
        preview_pages=[
            {"name": "Home", "url": "https://shop.example/", "placements": ["home.hero"]}
        ]
    )
    answer = editor.get("/admin/preview/", {"page": "0", "view": "page"})
    page = answer.content.decode()
    assert "https://shop.example/?attune_preview=prv_" in page
    assert "frame-src 'self' https://shop.example" in answer["Content-Security-Policy"]


def test_a_bad_choice_is_a_sentence_and_never_an_error(editor: Client) -> None:
    for asked, words in (
        ({"a.who": "persona", "a.persona": "nonsense"}, "Choose an invented person."),
        (
            {"a.who": "persona", "a.persona": str(UUID(int=5))},
            "This persona is not there any more.",
        ),
        ({"a.by": "publication", "a.number": "x"}, "Write the number of a publication."),
        ({"a.by": "publication", "a.number": "99"}, "This site has no publication 99."),
        ({"a.by": "release", "a.release": str(UUID(int=5))}, "This release is not there any more."),
        ({"a.facts": "nonsense"}, "is no fact"),
        ({"placements": "nowhere"}, "Nothing is there under this name."),
        ({"a.who": "sample", "a.sample": "smp_AAAA"}, "Draw a member first"),
    ):
        assert words in desk(editor, **asked), asked


@pytest.mark.parametrize(
    "text", ["\x00", "\u202e" * 50, "<script>alert(1)</script>", "x" * 5_000, "'; DROP", "%00",
             "9" * 5_000],
    ids=["nul", "backwards", "markup", "long", "quote", "percent", "digits"],
)  # fmt: skip
def test_whatever_is_typed_the_desk_and_its_frames_answer(editor: Client, text: str) -> None:
    names = ("who", "segments", "yes", "no", "persona", "sample", "person", "at", "device",
             "locale", "country", "by", "release", "number", "facts")  # fmt: skip
    asked = {f"a.{name}": text for name in names}
    for more in ({}, {"a.who": "segments"}, {"a.by": "publication"}, {"a.who": "persona"}):
        for shown in ({"placements": text}, {"block": text, "variant": text}, {"page": text}):
            page = desk(editor, **{**asked, **more, **shown})
            assert "<script>alert" not in page
            for frame in frames(page):
                assert editor.get(frame).status_code == 200
    editor.get("/admin/preview/options/", {"kind": "blocks", "q": text})
    editor.post("/admin/preview/sample/", {"segment": text, "letter": text, "back": text})
    editor.post("/admin/preview/share/", {"back": text, "name": text, "days": text})
    assert editor.get(f"/preview/{text[:60].strip(chr(0)) or 'x'}/").status_code == 404


@pytest.mark.parametrize(
    "pages",
    [
        [{"name": "A", "url": "https://a.example;script-src *", "placements": ["home.hero"]}],
        [{"name": "A", "url": "http://[", "placements": ["home.hero"]}],
        [{"name": "A", "url": "javascript:alert(1)", "placements": ["home.hero"]}],
        5,
    ],
    ids=["another_rule", "no_host", "a_script", "no_list"],
)
def test_an_odd_address_of_a_page_changes_no_policy_and_leads_nowhere(
    shop: Shop, editor: Client, pages: object
) -> None:
    Site.objects.filter(pk=shop.site.pk).update(preview_pages=pages)
    answer = editor.get("/admin/preview/", {"page": "0", "view": "page"})
    assert answer.status_code == 200
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "attune_preview=" not in answer.content.decode()


def test_a_release_is_looked_at_before_it_is_published(shop: Shop, editor: Client) -> None:
    shop.headline("Blouses, of the release")
    parts.refresh_parts(shop.site.pk)
    only = {(one.kind, one.key): one.digest for one in parts.waiting(shop.site.pk)}
    release = releases.create_release(
        site_id=shop.site.pk, name="Spring", only=only, actor=None, now=NOW
    )
    page = desk(editor, **{"a.who": "segments", "a.segments": "blouses", "a.by": "release"})
    assert "Spring" in page
    asked = {"a.who": "segments", "a.segments": "blouses", "a.by": "release"}
    page = desk(editor, **asked, **{"a.release": str(release.pk)})
    assert "Blouses, of the release" in editor.get(frames(page)[0]).content.decode()


# Real people


def as_both() -> Client:
    """Somebody who edits content and answers for people: two roles."""
    user = User.objects.create_user("both", is_staff=True)
    user.groups.set(Group.objects.filter(name__in=("editor", "privacy_officer")))
    client = Client()
    client.force_login(user)
    return client


def test_a_real_person_needs_the_permission_and_a_reason(
    shop: Shop, visitor: UUID, as_role: AsRole
) -> None:
    shop.publish()
    as_person = {"a.who": "person", "a.person": f"prf_{visitor.hex}"}
    editor, both = as_role("editor"), as_both()
    assert "Your role may not look at real people" in desk(editor, **as_person)
    refused = editor.post("/admin/preview/person/", {"q": "anonymous_id:a1", "reason": REASON})
    assert refused.status_code == 403
    administrator = as_role("administrator")
    assert "Your role may not look at real people" in desk(administrator, **as_person)
    short = both.post("/admin/preview/person/", {"q": "anonymous_id:a1", "reason": "so"})
    assert "person" not in parse_qs(urlsplit(short["Location"]).query)
    assert "Say why you look at this person" in desk(both, **as_person)
    assert not AuditEntry.objects.filter(action="profiles.viewed").exists()

    back = both.post(
        "/admin/preview/person/",
        {"q": "anonymous_id:a1", "reason": REASON, "letter": "a", "back": "placements=home.hero"},
    )
    assert "anonymous_id" not in back["Location"]
    page = both.get(back["Location"]).content.decode()
    assert "which shows “blouses”" in page
    assert "cannot be shared" in page
    entries = AuditEntry.objects.filter(action="profiles.viewed")
    assert {entry.detail["reason"] for entry in entries} == {REASON}
    clock.replace(lambda: NOW + timedelta(minutes=16))
    assert "Say why you look at this person" in both.get(back["Location"]).content.decode()


def test_a_member_is_drawn_by_chance_and_stays_unknown(
    shop: Shop, visitor: UUID, editor: Client
) -> None:
    body = {"segment": "blouses", "letter": "a", "back": "placements=home.hero"}
    few = editor.post("/admin/preview/sample/", body)
    assert "smp_" not in few["Location"]
    assert "fewer than 10 members" in editor.get(few["Location"]).content.decode()
    version = shop.blouses.versions.get()
    ids = [visitor]
    for number in range(9):
        name = (shop.site.pk, "anonymous_id", f"m{number}")
        with transaction.atomic():
            ids.append(profiles.find_or_make([name], now=NOW)[name])
    for profile_id in ids:
        Membership.objects.create(
            site_id=shop.site.pk, segment=shop.blouses, version=version, profile_id=profile_id,
            since=NOW,
        )  # fmt: skip
    address = editor.post("/admin/preview/sample/", body)["Location"]
    assert "smp_" in address and not any(str(one) in address or one.hex in address for one in ids)
    page = editor.get(address).content.decode()
    assert "What is known of this person stays hidden" in page
    assert not AuditEntry.objects.filter(action="profiles.viewed").exists()


def test_a_sample_is_of_one_user_and_one_day() -> None:
    site, profile = UUID(int=1), UUID(int=2)
    sealed = looks.sealed(site, 7, profile, NOW)
    assert looks.unsealed(site, 7, sealed, NOW) == profile
    assert looks.unsealed(site, 7, sealed, NOW + timedelta(days=1)) == profile
    assert looks.unsealed(site, 7, sealed, NOW + timedelta(days=2)) is None
    assert looks.unsealed(site, 8, sealed, NOW) is None
    assert looks.unsealed(UUID(int=3), 7, sealed, NOW) is None
    assert looks.unsealed(site, 7, sealed[:-2], NOW) is None


# Sharing


def test_a_desk_is_shared_by_a_link_and_revoked(editor: Client) -> None:
    back = "pictures=2&placements=home.hero&b.who=segments&b.segments=blouses"
    page = editor.post("/admin/preview/share/", {"back": back, "name": "Hero", "days": "3"})
    text = page.content.decode()
    found = re.search(r"http://testserver(/preview/prl_[\w-]+)", text)
    assert found is not None
    shared = Client().get(found[1])
    assert "Welcome" in shared.content.decode() and "Blouses" in shared.content.decode()
    link = PreviewLink.objects.get()
    assert (link.name, link.author, link.expires_at) == ("Hero", "editor", NOW + timedelta(days=3))
    again = editor.get("/admin/preview/links/").content.decode()
    assert "Hero" in again and found[1] not in again
    editor.post(f"/admin/preview/links/{link.pk}/revoke/")
    assert Client().get(found[1]).status_code == 404


def test_who_may_not_share_cannot(shop: Shop, as_role: AsRole) -> None:
    shop.publish()
    analyst = as_role("analyst")
    assert analyst.get("/admin/preview/").status_code == 200
    assert analyst.get("/admin/preview/links/").status_code == 403
    assert analyst.post("/admin/preview/share/", {"back": ""}).status_code == 403
    assert not PreviewLink.objects.exists()


def test_a_person_on_the_desk_is_not_shared(shop: Shop, visitor: UUID, as_role: AsRole) -> None:
    shop.publish()
    both = as_both()
    both.post("/admin/preview/person/", {"q": str(visitor), "reason": REASON})
    back = f"placements=home.hero&a.who=person&a.person=prf_{visitor.hex}"
    both.post("/admin/preview/share/", {"back": back, "days": "1"})
    assert not PreviewLink.objects.exists()


def test_nobody_without_content_sees_the_desk(as_role: AsRole, shop: Shop) -> None:
    assert as_role("privacy_officer").get("/admin/preview/").status_code == 403
    plain = Client()
    plain.force_login(User.objects.create_user("plain", password="x", is_staff=True))
    for path in ("", "frame/", "options/", "links/"):
        assert plain.get(f"/admin/preview/{path}").status_code == 403


def test_names_are_offered_while_one_types(editor: Client) -> None:
    answer = editor.get("/admin/preview/options/", {"kind": "segments", "q": "brows"}).json()
    assert answer == {"found": [["blouses", "Browsing blouses"]]}
    assert editor.get("/admin/preview/options/", {"kind": "people"}).json() == {"found": []}


def test_the_desk_asks_the_same_number_of_questions_whatever_the_site_has(
    shop: Shop, editor: Client
) -> None:
    asked = {"placements": "home.hero", "a.by": "drafts"}
    desk(editor, **asked)

    def queries() -> int:
        contents.forget()
        with CaptureQueriesContext(connection) as found:
            desk(editor, **asked)
        return len(found.captured_queries)

    before = queries()
    for number in range(12):
        block = content.create_block(site_id=shop.site.pk, key=f"more-{number}")
        content.create_variant(block=block, key="all", is_default=True, template="More")
        content.create_placement(site_id=shop.site.pk, key=f"more.{number}", block=block)
    assert queries() == before
