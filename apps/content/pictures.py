"""Uploaded pictures made harmless, and cut to the sizes that pages ask for.

Every picture is decoded and written anew: what a camera noted (place, owner, time) and what hides
behind the pixels does not get through. Nothing that decides or answers visitors imports this.
"""

from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from apps.content.errors import InvalidContent, refused

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
MAX_SIDE: Final = 3840  # pixels kept of the longer side

# What is read, by Pillow's name: how it is called, its type, and the endings that it goes by.
_KINDS: Final[dict[str, tuple[str, str, frozenset[str]]]] = {
    "JPEG": ("a JPEG", "image/jpeg", frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})),
    "PNG": ("a PNG", "image/png", frozenset({".png"})),
    "WEBP": ("a WebP", "image/webp", frozenset({".webp"})),
    "GIF": ("a GIF", "image/gif", frozenset({".gif"})),
}
_OFFERED: Final = "JPEG, PNG, WebP or GIF"

# A JPEG with a second picture behind the first, as phones write them: the first is the picture.
_SEVERAL: Final = "MPO"

# Looked at before anything is decoded; Pillow itself only warns up to twice this.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture and its size in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int


def cleaned(data: bytes, file_name: str) -> Picture:
    """Return an uploaded picture decoded, turned upright and written anew without its notes.

    A GIF becomes a PNG. The longer side keeps at most `MAX_SIDE` pixels.

    Raises:
        InvalidContent: it is too large, no picture, moving, or another kind than its name says.
    """
    image: Image.Image = _opened(data, file_name)
    kind = _kind_of(image)
    try:
        image.load()
        upright = ImageOps.exif_transpose(image)
        plain = _in_screen_colours(upright if upright is not None else image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _refusal(f"'{file_name}' is damaged: its picture ends early or is mixed up.") from (
            error
        )
    plain.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    if kind == "JPEG":
        return _encoded(plain.convert("RGB"), "JPEG")
    made = _encoded(plain, "WEBP" if kind == "WEBP" else "PNG")
    return made if len(made.data) <= MAX_BYTES else _encoded(plain, "WEBP")


def rendition(data: bytes, *, width: int, ratio: float | None, focal: tuple[int, int]) -> Picture:
    """Return a WebP of at most this width, cut to width / height = `ratio` around a point.

    Args:
        data: a picture that `cleaned` made; None as `ratio` keeps its shape.
        width: in pixels; a narrower picture is not blown up.
        focal: in percent from the left and from the top, kept as near to the middle as it can be.
    """
    with Image.open(BytesIO(data)) as opened:
        image: Image.Image = opened
        if ratio is not None:
            image = image.crop(_box(image.size, ratio, focal))
        height = max(1, round(image.height * min(width, image.width) / image.width))
        small = image.resize((min(width, image.width), height), Image.Resampling.LANCZOS)
        return _encoded(small, "WEBP")


def _opened(data: bytes, file_name: str) -> ImageFile:
    """Return the picture, not decoded yet, or refuse it in words that help."""
    if len(data) > MAX_BYTES:
        raise _refusal(
            f"'{file_name}' has {len(data) / 2**20:.1f} MB; a picture may have "
            f"{MAX_BYTES // 2**20} MB. Make it smaller or save it as JPEG."
        )
    ending = PurePath(file_name).suffix.lower()
    start = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if ending in (".svg", ".svgz") or b"<svg" in start or start.startswith(b"<?xml"):
        raise _refusal(
            f"'{file_name}' is an SVG: a drawing that can hold programs. Save it as PNG or WebP."
        )
    try:
        image = Image.open(BytesIO(data), formats=tuple(_KINDS))
    except Image.DecompressionBombError as error:
        raise _refusal(_too_many_pixels(file_name)) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise _refusal(f"'{file_name}' is no picture: upload a {_OFFERED} file.") from error
    if image.width * image.height > MAX_PIXELS:
        raise _refusal(_too_many_pixels(file_name))
    called, _, endings = _KINDS[_kind_of(image)]
    others = [name for name, _, known in _KINDS.values() if ending in known]
    if others and ending not in endings:
        raise _refusal(
            f"'{file_name}' says that it is {others[0]}, but inside it is {called}. "
            "Open it and save it anew, so that name and content agree."
        )
    if ending and not others:
        raise _refusal(f"'{file_name}' is no picture by its name: upload a {_OFFERED} file.")
    if image.format != _SEVERAL and getattr(image, "is_animated", False):
        raise _refusal(f"'{file_name}' moves: the library keeps still pictures only.")
    return image


def _kind_of(image: Image.Image) -> str:
    return "JPEG" if image.format == _SEVERAL else str(image.format)


def _in_screen_colours(image: Image.Image) -> Image.Image:
    """Return the picture in sRGB, with transparency where it has some, and without notes."""
    profile = image.info.get("icc_profile")
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        # A profile that cannot be read: the plain numbers are near enough.
        with suppress(ImageCms.PyCMSError, OSError):
            found = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGBA" if image.mode == "RGBA" else "RGB",
            )
            image = found or image
    if image.mode.startswith("I;16"):  # grey of 16 bits, which converting would cut off at white
        image = image.point(lambda level: level / 256).convert("L")
    plain = image.convert("RGBA" if has_alpha else "RGB")
    plain.info = {}
    return plain


def _encoded(image: Image.Image, kind: str) -> Picture:
    buffer = BytesIO()
    match kind:
        case "JPEG":
            image.save(buffer, "JPEG", quality=88, optimize=True, progressive=True)
        case "PNG":
            image.save(buffer, "PNG", optimize=image.width * image.height < 1_000_000)
        case _:
            image.save(buffer, "WEBP", quality=84, method=4)
    return Picture(buffer.getvalue(), _KINDS[kind][1], image.width, image.height)


def _box(size: tuple[int, int], ratio: float, focal: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest part of this shape, around the point as far as the edges let it."""
    width, height = size
    cut_width = min(width, max(1, round(height * ratio)))
    cut_height = min(height, max(1, round(width / ratio)))
    left = round(width * focal[0] / 100 - cut_width / 2)
    top = round(height * focal[1] / 100 - cut_height / 2)
    left = max(0, min(left, width - cut_width))
    top = max(0, min(top, height - cut_height))
    return left, top, left + cut_width, top + cut_height


def _too_many_pixels(file_name: str) -> str:
    return (
        f"'{file_name}' has more than {MAX_PIXELS // 1_000_000} million pixels. "
        "Make it smaller: the web shows no more than a few million."
    )


def _refusal(sentence: str) -> InvalidContent:
    return refused("/file", sentence, "invalid_picture")
