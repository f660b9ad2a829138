"""What Contentful's delivery API answers with, as its clients read it. Pure.

An entry here is a place on a page. Who reads it gets what the visitor is to see there; `sys.attune`
says which variant that is, and why.
"""

import hashlib
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from apps.integrations.domain.rich_document import document_of

JSON = dict[str, Any]

HTML: Final = "html"  # the field of a block's own template
ITEMS: Final = "items"  # and of what a recommender lists
_BYTES: Final = "application/octet-stream"
_TYPES: Final[Mapping[str, JSON]] = {
    "string": {"type": "Text"},
    "rich": {"type": "RichText"},
    "html": {"type": "Text"},
    "url": {"type": "Text"},
    "link": {"type": "Object"},
    "image": {"type": "Link", "linkType": "Asset"},
    "number": {"type": "Number"},
    "boolean": {"type": "Boolean"},
    "list": {"type": "Array", "items": {"type": "Symbol", "validations": []}},
    "json": {"type": "Object"},
    "products": {"type": "Object"},
}
_ERRORS: Final = {
    400: "BadRequest",
    401: "AccessTokenInvalid",
    403: "AccessDenied",
    404: "NotFound",
    429: "RateLimitExceeded",
    503: "ServiceUnavailable",
}


class Space(NamedTuple):
    """What an address names: a client calls its own space and environment."""

    id: str
    environment: str


class FieldOf(NamedTuple):
    """One field of a content type.

    Attributes:
        name: as the block calls it.
        id: as who reads it calls it.
        type: of the block's fields; see `apps/content`.
    """

    name: str
    id: str
    type: str


@dataclass(frozen=True, slots=True)
class ContentType:
    """A type of entries: a block, under the name that the content system has for it."""

    id: str
    name: str
    fields: Sequence[FieldOf]


def link(kind: str, identity: str) -> JSON:
    """Return a link to a resource."""
    return {"sys": {"type": "Link", "linkType": kind, "id": identity}}


def sys_of(kind: str, identity: str, space: Space, at: str, revision: int = 1) -> JSON:
    """Return what the system says of a resource.

    Args:
        at: when it was published, RFC 3339.
    """
    return {
        "type": kind,
        "id": identity,
        "space": link("Space", space.id),
        "environment": link("Environment", space.environment),
        "createdAt": at,
        "updatedAt": at,
        "revision": revision,
    }


def content_type(made: ContentType, space: Space, at: str) -> JSON:
    """Return a content type with its fields."""
    texts = [one.id for one in made.fields if one.type == "string"]
    return {
        "sys": sys_of("ContentType", made.id, space, at),
        "name": made.name,
        "description": "",
        "displayField": texts[0] if texts else None,
        "fields": [
            {
                "id": one.id,
                "name": one.name,
                **_TYPES.get(one.type, {"type": "Object"}),
                "localized": True,
                "required": False,
                "disabled": False,
                "omitted": False,
            }
            for one in made.fields
        ],
    }


def fields_of(
    made: ContentType, fields: Mapping[str, Any], assets: dict[str, JSON]
) -> dict[str, Any]:
    """Return a variant's fields under the type's names; pictures are links to what is put aside.

    Args:
        fields: as the block calls them, as an answer of /v1/decide holds them.
        assets: id -> address and description of each picture; added to.
    """
    found = {}
    for one in made.fields:
        value = fields.get(one.name)
        if value is None or (value == "" and one.type == "image"):
            continue
        if one.type == "rich":
            value = document_of(str(value))
        elif one.type == "image":
            picture = value if isinstance(value, dict) else {"url": str(value)}
            identity = _id_of_picture(picture)
            assets[identity] = picture
            value = link("Asset", identity)
        found[one.id] = value
    return found


def asset(identity: str, picture: JSON, space: Space, at: str, locale: str) -> JSON:
    """Return a picture as an asset.

    Args:
        picture: `url`, and perhaps `alt` and `focal`.
        locale: the language of its description; "*": said by language.
    """
    address = str(picture.get("url") or "")
    name = PurePosixPath(unquote(_path(address))).name
    alt = str(picture.get("alt") or "")
    file = {
        "url": address,
        "fileName": name,
        "contentType": mimetypes.guess_type(name)[0] or _BYTES,
        "details": {"focal": picture["focal"]} if picture.get("focal") else {},
    }
    return {
        "metadata": {"tags": [], "concepts": []},
        "sys": {**sys_of("Asset", identity, space, at), "locale": locale},
        "fields": {"title": alt or name, "description": alt, "file": file},
    }


def in_languages(resource: JSON, locales: Iterable[str]) -> JSON:
    """Return a resource as it is read in all languages at once, saying the same in each."""
    said = {
        name: dict.fromkeys(locales, value)
        for name, value in resource["fields"].items()
    }  # fmt: skip
    sys = {name: value for name, value in resource["sys"].items() if name != "locale"}
    return {**resource, "sys": sys, "fields": said}


def array(items: Sequence[JSON], *, total: int, skip: int, limit: int) -> JSON:
    """Return a page of resources."""
    return {
        "sys": {"type": "Array"},
        "total": total,
        "skip": skip,
        "limit": limit,
        "items": list(items),
    }


def locale(code: str, default: str) -> JSON:
    """Return one of a space's languages."""
    return {
        "sys": {"type": "Locale", "id": code, "version": 1},
        "code": code,
        "name": code,
        "default": code == default,
        "fallbackCode": None if code == default else default,
    }


def error(status: int, message: str, request_id: str, details: JSON | None = None) -> JSON:
    """Return a refusal. Clients read `details` of 400, 403 and 404, each in a form of its own."""
    if details is None:
        if status == 400:
            details = {"errors": [{"name": "invalid", "details": message}]}
        elif status == 403:
            details = {"reasons": [message]}
        elif status == 404:
            details = {"type": "Resource"}
    told: JSON = {
        "sys": {"type": "Error", "id": _ERRORS.get(status, "ServerError")},
        "message": message,
        "requestId": request_id,
    }
    return told if details is None else {**told, "details": details}


def _id_of_picture(picture: JSON) -> str:
    """The same picture with the same description is the same asset, whoever shows it."""
    said = f"{picture.get('url')}\n{picture.get('alt') or ''}".encode("utf-8", "replace")
    return hashlib.sha256(said).hexdigest()[:22]


def _path(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:
        return ""
