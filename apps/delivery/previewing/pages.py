"""What previews look like: a page of their own, without a script, that loads nothing of others.

The same picture is shown in a frame of the desk and behind a shared link. An e-mail is drawn as a
mail program draws it: below its subject, by the styles in its elements and none of the page's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe

from apps.access.selectors import zone_of
from apps.access.site_time import wall_clock
from apps.content.rendering import cleaned, plain_text
from apps.delivery.previewing import links
from apps.delivery.previewing.answering import answer
from apps.delivery.previewing.types import Pane
from apps.work import clock
from engine.errors import PersonalizationError

TEMPLATE: Final = "preview/page.html"
# Nothing of what an editor typed may run, load from or send to anywhere; pictures are shown.
POLICY: Final = (
    "default-src 'none'; img-src 'self' https: http: data:; style-src 'self'; {inline}"
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}; "
    "sandbox{allowed}"
)
# E-mails bring their styles in the elements, cleaned of all that loads or runs; pages bring none.
INLINE: Final = "style-src-attr 'unsafe-inline'; "
HEADLINES: Final = ("headline", "title", "heading")
# Publications keep fields by name: what is read first is put first.
_ORDER: Final = (*HEADLINES, "image", "picture", "photo", "subtitle", "text", "body")
_OF_MAIL: Final = ("subject", "preheader")
PICTURES: Final = frozenset({"image", "picture", "photo"})
_URL_STARTS: Final = ("https://", "http://", "/", "#")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a variant as a preview shows it.

    Attributes:
        kind: "text", "html", "link", "image", "list" or "data".
        text: of a text, a link, an alternative text, or data as JSON.
    """

    name: str
    kind: str
    text: str = ""
    url: str = ""
    parts: tuple[str, ...] = ()
    position: str = ""

    @property
    def is_headline(self) -> bool:
        return self.name in HEADLINES


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail program shows around an e-mail, and instead of it."""

    subject: str
    preheader: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One placement or block as a preview shows it.

    Attributes:
        is_marked: it differs from the others.
        mail: of a block that is sent; None: it is shown on a page.
    """

    pane: Pane
    fields: list[Field]
    html: str
    is_marked: bool
    mail: Mail | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One preview: its pictures, or the sentence that says why there are none."""

    label: str
    pictures: list[Picture]
    trouble: str = ""


def pictures_of(panes: Sequence[Pane], marked: Collection[str] = ()) -> list[Picture]:
    """Return what is drawn of each placement."""
    return [
        Picture(
            pane,
            _fields(_beside_mail(pane) if pane.is_email else pane.fields),
            # Cleaned by the server when it was published or rendered: see apps/content/rendering.
            mark_safe(pane.html or ""),  # nosec B308, B703
            pane.key in marked,
            _mail_of(pane) if pane.is_email else None,
        )
        for pane in panes
    ]


def _mail_of(pane: Pane) -> Mail:
    subject, preheader = (str(pane.fields.get(name) or "") for name in _OF_MAIL)
    return Mail(subject, preheader, plain_text(pane.html or ""))


def _beside_mail(pane: Pane) -> Mapping[str, Any]:
    return {name: value for name, value in pane.fields.items() if name not in _OF_MAIL}


def _fields(given: Mapping[str, Any]) -> list[Field]:
    places = {name: place for place, name in enumerate(_ORDER)}
    names = sorted(given, key=lambda name: places.get(name, len(places)))
    return [_field(name, given[name]) for name in names if given[name] not in (None, "")]


def _field(name: str, value: Any) -> Field:
    match value:
        case {"url": str(url), "text": str(text)}:
            return Field(name, "link", text or url, url)
        case {"url": str(url)}:
            x, y = value.get("focal") or (0.5, 0.5)
            where = f"{_third(x, 'left', 'right')}-{_third(y, 'top', 'bottom')}"
            return Field(name, "image", str(value.get("alt") or ""), url, position=where)
        case [str(), *_]:
            return Field(name, "list", parts=tuple(str(one) for one in value))
        case str():
            return _text(name, value)
    return Field(name, "data", msgspec.json.encode(value).decode())


def _third(share: float, low: str, high: str) -> str:
    return low if share < 1 / 3 else high if share > 2 / 3 else "center"


def _text(name: str, value: str) -> Field:
    if value.startswith(_URL_STARTS) and " " not in value:
        if name in PICTURES:
            return Field(name, "image", name, value)
        if name in ("link", "url", "href"):
            return Field(name, "link", value, value)
    if value.startswith("<") and value.endswith(">"):
        # A text may look so too, so it is cleaned here.
        return Field(name, "html", mark_safe(cleaned(value)))  # nosec B308, B703
    return Field(name, "text", value)


def page_of(
    request: HttpRequest,
    columns: Sequence[Column],
    *,
    is_framed: bool,
    banner: str = "",
    status: int = 200,
    title: str = "Preview",
) -> HttpResponse:
    """Return a page of previews that nobody keeps, finds or frames.

    Args:
        is_framed: shown in a frame of this origin; else by itself.
        banner: says what this is, above everything.
    """
    context = {"columns": columns, "banner": banner, "is_framed": is_framed, "title": title}
    response = render(request, TEMPLATE, context, status=status)
    has_mail = any(one.mail is not None for column in columns for one in column.pictures)
    response["Content-Security-Policy"] = POLICY.format(
        inline=INLINE if has_mail else "",
        ancestors="'self'" if is_framed else "'none'",
        # A link of the content may be followed in another window, where it is nobody's child.
        allowed=" allow-popups allow-popups-to-escape-sandbox",
    )
    response["X-Frame-Options"] = "SAMEORIGIN" if is_framed else "DENY"
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "no-referrer"
    return response


def shared(request: HttpRequest, token: str) -> HttpResponse:
    """GET /preview/<token>/: what somebody shared. Nothing of it is counted or kept."""
    now = clock.now()
    found = links.opened(token, now)
    if found is None:
        return page_of(
            request,
            [],
            is_framed=False,
            banner="This preview is over, or its link is not whole. Ask for a new one.",
            status=404,
        )
    link, pictures = found
    zone = zone_of(link.site_id)
    until = wall_clock(link.expires_at, zone)
    banner = (
        f"Preview of {link.site.name}, shared by {link.author}. Nothing here is counted. "
        f"This link works until {until} ({zone})."
    )
    columns = [_column(one) for one in pictures]
    return page_of(request, columns, is_framed=False, banner=banner, title=link.name or "Preview")


def _column(one: links.Shared) -> Column:
    try:
        found = answer(one.spec, clock.now())
    except PersonalizationError as error:
        return Column(one.label, [], str(error))
    return Column(one.label, pictures_of(found.panes))
