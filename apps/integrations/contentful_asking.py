"""What a client of Contentful asks: which entries, in which language, and for whom."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from django.http import HttpRequest

from apps.access.errors import Fault, InvalidRequest
from apps.access.proof import verified_user_id
from apps.access.types import Caller

MOST_LIMIT: Final = 1_000  # as there
LIMIT: Final = 100
# What one call decides. Who asks for more would read less than they think, so they are told.
MOST_ENTRIES: Final = 100
MAX_ID: Final = 512
MAX_IDS: Final = 100
MAX_JSON: Final = 2_000  # characters of a context: addresses are no longer
ALL_LOCALES: Final = "*"
# Asked by name; what is not among it is refused: it would be an answer to another question.
_KNOWN: Final = frozenset(
    {
        "access_token", "writeKey", "content_type", "sys.id", "sys.id[in]",
        "sys.contentType.sys.id", "locale", "include", "limit", "skip", "select", "order",
        "anonymousId", "userId", "userHash", "userToken", "context", "facts",
    }
)  # fmt: skip
_ORDERS: Final = frozenset({"sys.id", "-sys.id"})
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


class Page(NamedTuple):
    """Which part of a list is asked for."""

    skip: int
    limit: int


class Asked(NamedTuple):
    """Which entries.

    Attributes:
        ids: None: any.
        content_type: empty: any.
        locale: as the client spells it; empty: the first language of the site.
        fields: ids of the fields that are wanted; None: all.
        is_reversed: the last one first.
        has_includes: pictures are wanted beside their links.
    """

    ids: Sequence[str] | None
    content_type: str
    locale: str
    page: Page
    fields: frozenset[str] | None
    is_reversed: bool
    has_includes: bool


class Who(NamedTuple):
    """For whom, as /v1/decide is told it.

    Attributes:
        identities: "kind:value", the user's first.
    """

    identities: list[str]
    context: dict[str, Any]
    facts: dict[str, Any]


def page_of(request: HttpRequest) -> Page:
    """Return the asked part of a list.

    Raises:
        InvalidRequest
    """
    limit = _number(request, "limit", LIMIT)
    if limit > MOST_LIMIT:
        raise refused("limit", f"The limit is at most {MOST_LIMIT}.")
    return Page(_number(request, "skip", 0), limit)


def asked_of(request: HttpRequest) -> Asked:
    """Return which entries are asked for.

    Raises:
        InvalidRequest: it filters by something that is not known here.
    """
    given = request.GET
    odd = sorted(set(given) - _KNOWN)
    if odd:
        raise refused(
            odd[0],
            "Entries are found by content_type, sys.id and sys.id[in] here, not by "
            f"'{odd[0][:100]}'.",
        )
    order = given.get("order", "")
    if order and order not in _ORDERS:
        raise refused("order", "Entries are in the order of sys.id here.")
    ids = [one for name in ("sys.id", "sys.id[in]") for one in _listed(given.get(name))]
    if len(ids) > MAX_IDS:
        raise refused("sys.id[in]", f"Ask for at most {MAX_IDS} ids in one call.")
    has_ids = "sys.id" in given or "sys.id[in]" in given
    return Asked(
        list(dict.fromkeys(ids)) if has_ids else None,
        given.get("content_type", "") or given.get("sys.contentType.sys.id", ""),
        given.get("locale", ""),
        page_of(request),
        _selected(_listed(given.get("select"))),
        order == "-sys.id",
        _number(request, "include", 1) > 0,
    )


def who_of(request: HttpRequest, caller: Caller, now: datetime) -> Who:
    """Return for whom it is: by the query, else by the headers X-Attune-...

    Raises:
        InvalidRequest: an id is too long, or what is said of the request is no JSON object.
    """
    user_id = _id(request, "userId", "HTTP_X_ATTUNE_USER_ID")
    token = request.GET.get("userToken") or request.META.get("HTTP_X_ATTUNE_USER_TOKEN")
    if caller.kind == "pk" and (token or caller.is_user_proof_required):
        user_id = verified_user_id(caller, user_id, request.GET.get("userHash"), token, now)
    anonymous_id = _id(request, "anonymousId", "HTTP_X_ATTUNE_ANONYMOUS_ID")
    named = (("user_id", user_id), ("anonymous_id", anonymous_id))
    return Who(
        [f"{kind}:{value}" for kind, value in named if value],
        _object(request, "context"),
        _object(request, "facts"),
    )


def refused(name: str, detail: str) -> InvalidRequest:
    """Return a refusal that names a parameter."""
    fault: Fault = {"pointer": f"/{name}", "code": "invalid", "detail": detail}
    return InvalidRequest(detail, errors=[fault])


def _number(request: HttpRequest, name: str, absent: int) -> int:
    text = request.GET.get(name, "")
    if not text:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise refused(name, f"'{name}' is a whole number.")
    return int(text)


def _listed(text: str | None) -> list[str]:
    return [one for one in map(str.strip, (text or "").split(",")) if one]


def _selected(names: Sequence[str]) -> frozenset[str] | None:
    """The fields that `select` names; it names sys and metadata too, which are always there."""
    if not names or "fields" in names:
        return None
    return frozenset(one.removeprefix("fields.") for one in names if one.startswith("fields."))


def _id(request: HttpRequest, name: str, header: str) -> str | None:
    text: str = request.GET.get(name) or request.META.get(header) or ""
    if len(text) > MAX_ID or "\x00" in text:
        raise refused(name, f"An id has at most {MAX_ID} characters, none of them NUL.")
    return text or None


def _object(request: HttpRequest, name: str) -> dict[str, Any]:
    text = request.GET.get(name, "")
    if not text:
        return {}
    try:
        if len(text) > MAX_JSON:
            raise ValueError
        return _OBJECT.decode(text)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise refused(
            name, f"'{name}' is a JSON object of at most {MAX_JSON} characters."
        ) from error


def locale_of(locales: Sequence[str], asked: str) -> str | None:
    """Return the site's language for one that a client names: the same, or "en" for "en-US"."""
    known: Mapping[str, str] = {locale.lower(): locale for locale in locales}
    wanted = asked.lower().replace("_", "-")
    return known.get(wanted) or known.get(wanted.partition("-")[0])
