"""The media library: what it takes, what it refuses, and what its addresses answer."""

import json
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from apps.access.models import Site
from apps.content.archiving import archive
from apps.content.assets import add_asset, address_of, cut, file_of, path_of
from apps.content.errors import InUse, InvalidContent
from apps.content.models import Asset, AssetFile
from apps.content.pictures import MAX_BYTES, cleaned, rendition
from apps.content.services import create_block, create_variant
from tests.apps.content.conftest import NOW, new_site

ORIENTATION, MAKER, GPS = 0x0112, 0x010F, 0x8825


def picture(kind: str = "PNG", size: tuple[int, int] = (80, 40), **options: Any) -> bytes:
    """A picture whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, (255, 0, 0))
    image.paste((0, 0, 255), (size[0] // 2, 0, size[0], size[1]))
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def of_a_phone() -> bytes:
    """A JPEG that lies on its side and tells where it was taken."""
    notes = Image.Exif()
    notes[ORIENTATION] = 6
    notes[MAKER] = "Somebody's phone"
    notes.get_ifd(GPS)[1] = "N"
    return picture("JPEG", (80, 40), exif=notes)


def of_two_lenses() -> bytes:
    """A JPEG that holds a second picture behind the first."""
    second = Image.open(BytesIO(picture("JPEG", (20, 20))))
    return picture("MPO", save_all=True, append_images=[second])


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 10^10 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def moving() -> bytes:
    buffer = BytesIO()
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>'
REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "a JPEG called PNG": ("a.png", lambda: picture("JPEG"), "says that it is a PNG, but inside"),
    "a page called JPEG": ("a.jpg", lambda: b"<html><script>x()</script>", "is no picture"),
    "a drawing": ("a.svg", lambda: SVG, "can hold programs"),
    "a drawing called PNG": ("a.png", lambda: SVG, "can hold programs"),
    "a program": ("a.exe", lambda: picture(), "no picture by its name"),
    "half a file": ("a.png", lambda: picture(size=(400, 400))[:200], "damaged"),
    "nothing": ("a.png", lambda: b"", "is no picture"),
    "too many pixels": ("a.png", bomb, "million pixels"),
    "too many bytes": ("a.jpg", lambda: b"\xff" * (MAX_BYTES + 1), "may have 8 MB"),
    "a film": ("a.gif", moving, "moves"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_harmless_picture_is_refused_with_a_sentence(case: str) -> None:
    name, data, sentence = REFUSED[case]
    with pytest.raises(InvalidContent, match=sentence):
        cleaned(data(), name)


def test_a_photo_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    made = cleaned(of_a_phone(), "IMG 1.jpg")
    image = Image.open(BytesIO(made.data))
    assert (made.media_type, image.size) == ("image/jpeg", (40, 80))
    assert dict(image.getexif()) == {}
    assert b"Somebody" not in made.data


def test_what_hides_behind_a_picture_does_not_come_along() -> None:
    made = cleaned(picture() + b"<script>x()</script>", "a.png")
    assert b"script" not in made.data


@pytest.mark.parametrize(("kind", "name"), [("PNG", "a.png"), ("WEBP", "a.webp"), ("GIF", "a.gif")])
def test_transparency_stays(kind: str, name: str) -> None:
    buffer = BytesIO()
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 4, 8))
    image.save(buffer, kind)
    found = Image.open(BytesIO(cleaned(buffer.getvalue(), name).data)).convert("RGBA")
    assert found.getpixel((6, 4))[3] == 0  # type: ignore[index]  # a pixel of four bands
    assert found.getpixel((1, 4))[3] == 255  # type: ignore[index]  # as above


@pytest.mark.parametrize(("focal", "colour"), [((0, 50), "red"), ((100, 50), "blue")])
def test_a_rendition_is_cut_around_the_focal_point(focal: tuple[int, int], colour: str) -> None:
    made = rendition(picture(size=(800, 200)), width=160, ratio=1.0, focal=focal)
    image = Image.open(BytesIO(made.data)).convert("RGB")
    assert image.size == (160, 160)
    red, _, blue = image.getpixel((80, 80))  # type: ignore[misc]  # a pixel of three bands
    assert (red > 200 and blue < 60) if colour == "red" else (blue > 200 and red < 60)


def test_a_rendition_never_blows_a_picture_up() -> None:
    made = rendition(picture(size=(100, 50)), width=960, ratio=None, focal=(50, 50))
    assert (made.width, made.height) == (100, 50)


def added(site: Site, name: str = "Red coat.png", **size: Any) -> Asset:
    return add_asset(site_id=site.pk, data=picture(**size), file_name=name, actor=None, now=NOW)[0]


def test_the_same_picture_twice_is_one_and_another_site_has_its_own(shop: Site) -> None:
    first = added(shop)
    again, is_new = add_asset(
        site_id=shop.pk, data=picture(), file_name="copy.png", actor=None, now=NOW
    )
    theirs = added(new_site("other"))
    assert (again, is_new) == (first, False)
    assert (first.key, first.name) == ("red-coat", "Red coat")
    assert theirs.pk != first.pk
    assert theirs.digest == first.digest
    assert AssetFile.objects.filter(digest=first.digest).count() == 1


def test_an_archived_picture_comes_back_when_it_is_uploaded_again(shop: Site) -> None:
    asset = added(shop)
    Asset.objects.update(archived_at=NOW)
    assert added(shop) == asset
    asset.refresh_from_db()
    assert asset.archived_at is None


def test_names_that_are_alike_get_keys_of_their_own(shop: Site) -> None:
    keys = [added(shop, "Coat.png", size=(10, side)).key for side in (10, 11, 12)]
    assert keys == ["coat", "coat-2", "coat-3"]


def test_an_address_answers_for_ever_and_can_do_nothing(client: Client, shop: Site) -> None:
    asset = added(shop)
    answer = client.get(path_of(asset))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Set-Cookie" not in answer
    assert "sessionid" not in answer.cookies
    again = client.get(path_of(asset), HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert address_of(asset).endswith(path_of(asset))


def test_a_rendition_is_made_once_when_it_is_first_asked_for(client: Client, shop: Site) -> None:
    asset = added(shop, size=(800, 400))
    spec = cut(asset, 160, "1x1")
    answer = client.get(path_of(asset, spec))
    image = Image.open(BytesIO(answer.content))
    assert (answer["Content-Type"], image.size) == ("image/webp", (160, 160))
    kept = AssetFile.objects.get(digest=asset.digest, spec=spec)
    assert client.get(path_of(asset, spec)).content == bytes(kept.data)
    assert AssetFile.objects.filter(digest=asset.digest).count() == 2


@pytest.mark.parametrize("spec", ["161", "160-5x4-50x50", "160-1x1-49x50", "16000", "x", "160-1x1"])
def test_sizes_and_points_that_nobody_set_are_not_made(
    client: Client, shop: Site, spec: str
) -> None:
    asset = added(shop)
    assert client.get(path_of(asset, spec)).status_code == 404
    assert file_of("0" * 64, "160") is None
    assert AssetFile.objects.count() == 1


def test_a_picture_that_a_draft_shows_is_not_archived(shop: Site) -> None:
    asset = added(shop)
    schema = [{"name": "photo", "type": "image"}]
    block = create_block(site_id=shop.pk, key="hero", name="Hero", schema=schema)
    variant = create_variant(block=block, key="all", fields={"photo": address_of(asset, "1280")})
    with pytest.raises(InUse):
        archive("asset", asset.pk, None, NOW)
    variant.fields = {}
    variant.save(update_fields=["fields"])
    archive("asset", asset.pk, None, NOW)
    asset.refresh_from_db()
    assert asset.archived_at is not None


@pytest.fixture
def editor(db: None, client: Client) -> Client:
    client.force_login(User.objects.create_superuser("editor"))
    return client


def sent(client: Client, site: Site, *files: tuple[str, bytes], as_json: bool = True) -> Any:
    uploads = [SimpleUploadedFile(name, data) for name, data in files]
    accept = {"HTTP_ACCEPT": "application/json"} if as_json else {}
    url = reverse("admin:content_asset_upload")
    return client.post(url, {"site": str(site.pk), "files": uploads}, **accept)


def test_good_files_are_taken_though_a_bad_one_is_among_them(editor: Client, shop: Site) -> None:
    answer = sent(editor, shop, ("a.png", picture()), ("b.png", b"no picture")).json()
    assert [one["name"] for one in answer["made"]] == ["A"]
    assert answer["refused"] == ["'b.png' is no picture: upload a JPEG, PNG, WebP or GIF file."]


def test_without_a_script_the_answer_is_the_page_with_its_messages(
    editor: Client, shop: Site
) -> None:
    answer = sent(editor, shop, ("a.png", picture()), as_json=False)
    page = editor.get(answer["Location"]).content.decode()
    assert "A was added. Say now what it shows" in page
    assert "no alt text" in page


def test_the_search_finds_by_name_and_by_what_is_shown_at_one_site(
    editor: Client, shop: Site
) -> None:
    coat = added(shop)
    coat.alt = {"en": "A woman in the rain"}
    coat.save(update_fields=["alt"])
    added(new_site("other"), "Red shoe.png")
    url = reverse("admin:content_asset_search")
    for query, keys in (("rain", ["red-coat"]), ("red", ["red-coat"]), ("shoe", [])):
        found = editor.get(url, {"site": str(shop.pk), "q": query}).json()["found"]
        assert [one["key"] for one in found] == keys
    assert editor.get(url, {"site": "nonsense"}).status_code == 422
    editor.logout()
    answer = editor.get(url, {"site": str(shop.pk)})
    assert (answer.status_code, json.loads(answer.content)["code"]) == (401, "logged_out")


def test_the_page_of_a_picture_takes_alt_texts_and_the_focal_point(
    editor: Client, shop: Site
) -> None:
    Site.objects.filter(pk=shop.pk).update(locales=["en", "de"])
    asset = added(shop)
    url = reverse("admin:content_asset_change", args=[asset.pk])
    page = editor.get(url).content.decode()
    assert "What it shows, in de" in page
    posted = {"name": "Coat", "alt_en": "A coat", "alt_de": "", "focal_x": 20, "focal_y": 80}
    assert editor.post(url, posted).status_code == 302
    asset.refresh_from_db()
    assert (asset.alt, asset.focal_x, asset.focal_y) == ({"en": "A coat"}, 20, 80)
    answer = editor.post(url, posted | {"focal_x": 101})
    assert "less than or equal to 100" in answer.content.decode()


@pytest.mark.parametrize("site", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_pictures_for_no_site_are_refused_in_words(editor: Client, shop: Site, site: str) -> None:
    answer = editor.post(
        reverse("admin:content_asset_upload"),
        {"site": site, "files": [SimpleUploadedFile("a.png", picture())]},
        HTTP_ACCEPT="application/json",
    )
    assert answer.json()["refused"] == ["Choose the site that the pictures are for."]
    assert not Asset.objects.exists()


def test_a_photo_with_a_second_picture_behind_it_is_the_first() -> None:
    kept = cleaned(of_two_lenses(), "portrait.jpg")
    assert (kept.media_type, kept.width, kept.height) == ("image/jpeg", 80, 40)
    assert getattr(Image.open(BytesIO(kept.data)), "n_frames", 1) == 1


def test_grey_of_sixteen_bits_keeps_its_shades() -> None:
    buffer = BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(buffer, "PNG")
    kept = Image.open(BytesIO(cleaned(buffer.getvalue(), "scan.png").data))
    assert kept.getpixel((0, 0)) == (128, 128, 128)
