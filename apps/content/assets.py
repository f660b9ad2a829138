"""The media library: pictures added, cut to size and looked for."""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.text import slugify

from apps.access.services import record_audit
from apps.content.models import Asset, AssetFile
from apps.content.pictures import Picture, cleaned, rendition

ORIGINAL: Final = "original"
WIDTHS: Final = (160, 320, 640, 960, 1280, 1920)
RATIOS: Final[Mapping[str, float]] = {
    "1x1": 1.0, "4x3": 4 / 3, "3x2": 3 / 2, "16x9": 16 / 9, "21x9": 21 / 9, "3x4": 3 / 4,
    "9x16": 9 / 16,
}  # fmt: skip
MAX_ALT: Final = 300  # characters

_SPEC: Final = re.compile(r"(\d{2,4})(?:-(\d{1,2}x\d{1,2})-(\d{1,3})x(\d{1,3}))?")


@transaction.atomic
def add_asset(
    *,
    site_id: UUID,
    data: bytes,
    file_name: str,
    actor: User | None,
    now: datetime,
    name: str = "",
    alt: Mapping[str, str] | None = None,
) -> tuple[Asset, bool]:
    """Add a picture; return it, and whether it is new: the same picture twice is one.

    Raises:
        InvalidContent: it is no picture that may be kept; the sentence says why.
    """
    picture = cleaned(data, file_name)
    digest = hashlib.sha256(picture.data).hexdigest()
    known = Asset.objects.filter(site_id=site_id, digest=digest).order_by("at").first()
    if known is not None:
        if known.archived_at is not None:
            known.archived_at = None
            known.save(update_fields=["archived_at"])
        return known, False
    _keep(digest, ORIGINAL, picture)
    name = (name or _name_of(file_name))[:120]
    asset = Asset.objects.create(
        site_id=site_id,
        key=_free_key(site_id, name),
        name=name,
        alt=_clean_alt(alt or {}),
        width=picture.width,
        height=picture.height,
        media_type=picture.media_type,
        digest=digest,
        size=len(picture.data),
        by=actor,
        at=now,
    )
    _audit("content.asset_added", asset, actor, now)
    return asset, True


def assets_of(site_id: UUID | None, query: str = "") -> QuerySet[Asset]:
    """Return the pictures in use of a site that a text finds, the newest first. One query."""
    found = Asset.objects.filter(archived_at=None).order_by("-at")
    if site_id is not None:
        found = found.filter(site_id=site_id)
    for word in query.split()[:5]:
        found = found.annotate(words=Cast("alt", TextField())).filter(
            Q(name__icontains=word) | Q(key__icontains=word) | Q(words__icontains=word)
        )
    return found


def file_of(digest: str, spec: str) -> AssetFile | None:
    """Return a file of a picture, made now when it is asked for the first time.

    None for a picture or a rendition that there is not: only the sizes in `WIDTHS` and the shapes
    in `RATIOS` are made, around points that an editor has set. One query, four more the first time.
    """
    found = AssetFile.objects.filter(digest=digest, spec=spec).first()
    if found is not None:
        return found
    asked = _SPEC.fullmatch(spec)
    if asked is None or int(asked[1]) not in WIDTHS:
        return None
    ratio = None
    focal = (50, 50)
    assets = Asset.objects.filter(digest=digest)
    if asked[2] is not None:
        ratio, focal = RATIOS.get(asked[2]), (int(asked[3]), int(asked[4]))
        if ratio is None:
            return None
        assets = assets.filter(focal_x=focal[0], focal_y=focal[1])
    if not assets.exists():
        return None
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two visitors at once: the second one waits and finds it made.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [digest + spec])
        made = AssetFile.objects.filter(digest=digest, spec=spec).first()
        if made is not None:
            return made
        original = AssetFile.objects.get(digest=digest, spec=ORIGINAL)
        picture = rendition(bytes(original.data), width=int(asked[1]), ratio=ratio, focal=focal)
        return _keep(digest, spec, picture)


def path_of(asset: Asset, spec: str = ORIGINAL) -> str:
    """Return the path of a picture on this server."""
    return f"/media/{asset.digest}/{spec}"


def address_of(asset: Asset, spec: str = ORIGINAL) -> str:
    """Return the address of a picture as content of other origins names it."""
    return settings.PUBLIC_ORIGIN + path_of(asset, spec)


def cut(asset: Asset, width: int, ratio: str) -> str:
    """Return the spec of a picture cut to a shape around its focal point."""
    return f"{width}-{ratio}-{asset.focal_x}x{asset.focal_y}"


def _keep(digest: str, spec: str, picture: Picture) -> AssetFile:
    return AssetFile.objects.get_or_create(
        digest=digest,
        spec=spec,
        defaults={"media_type": picture.media_type, "data": picture.data},
    )[0]


def _name_of(file_name: str) -> str:
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", file_name)
    return re.sub(r"[\s_-]+", " ", stem).strip().capitalize() or "Picture"


def _free_key(site_id: UUID, name: str) -> str:
    """Return a key made of the name that no picture of the site has."""
    start = slugify(name)[:80].strip("-_") or "picture"
    taken = set(
        Asset.objects.filter(site_id=site_id, key__startswith=start).values_list("key", flat=True)
    )
    number, key = 1, start
    while key in taken:
        number += 1
        key = f"{start}-{number}"
    return key


def _clean_alt(alt: Mapping[str, str]) -> dict[str, str]:
    return {locale: text.strip()[:MAX_ALT] for locale, text in alt.items() if text.strip()}


def _audit(action: str, asset: Asset, actor: User | None, now: datetime) -> None:
    record_audit(
        action=action,
        actor=actor,
        site_id=asset.site_id,
        target_kind="content.asset",
        target_id=str(asset.pk),
        detail={"key": asset.key, "size": asset.size},
        now=now,
    )
