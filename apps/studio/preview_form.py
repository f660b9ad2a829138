"""The preview desk's form: what is looked at, and each picture's who, when, where and by what.

All of it stands in the address, so that a desk can be kept as a bookmark. Nothing in it is personal
but the id of a profile, which opens for nobody who has not said why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, QueryDict

from apps.access.site_time import OddLocalTime, instant_of, wall_clock
from apps.delivery.previewing.types import (
    AsPerson,
    AsPersona,
    AsSegments,
    Content,
    Drafts,
    Nobody,
    OfPublication,
    OfRelease,
    PreviewSpec,
    Serving,
    Who,
)
from apps.studio import explaining, looks, selectors
from apps.work import clock

LETTERS: Final = "abcd"  # one for each picture
MOST_PLACEMENTS: Final = 12
MOST_ANSWERS: Final = 50
SAID: Final = "said:"  # begins the name of an answer: yes, no, or empty for not said
ARM: Final = "arm:"  # begins the name of the arm that is chosen of an experiment
YEARS: Final = range(2000, 2100)  # clocks of further away are nobody's
WHO: Final = (
    ("nobody", "Somebody new"),
    ("refused", "Somebody who refused personalization"),
    ("segments", "Somebody in segments"),
    ("persona", "An invented person"),
    ("sample", "A random member of a segment"),
    ("person", "A real person"),
)
DEVICES: Final[Mapping[str, tuple[str, int, str]]] = {
    "phone": (
        "Phone",
        390,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
        "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
    ),
    "tablet": (
        "Tablet",
        768,
        "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.0 Safari/604.1",
    ),
    "desktop": (
        "Computer",
        1280,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Safari/537.36",
    ),
}
BY: Final = (
    ("serving", "What serves now"),
    ("drafts", "The drafts"),
    ("release", "A release"),
    ("publication", "An earlier publication"),
)
NAMES: Final = (
    "who", "segments", "yes", "no", "persona", "sample", "person", "at", "device", "locale",
    "country", "by", "release", "number", "facts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page of the site to preview on; see `Site.preview_pages`."""

    name: str
    url: str
    placements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """The site as the desk needs it. `names`: of the segments that are named on it, by key."""

    id: UUID
    zone: str
    kept_days: int
    locales: list[str]
    pages: list[SitePage]
    names: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Shown:
    """What is looked at. `page`: the chosen one; `view`: "blocks" or "page" itself."""

    page: SitePage | None
    page_number: str
    placements: tuple[str, ...]
    block: str
    variant: str
    view: str

    @property
    def text(self) -> str:
        """The placements as they are typed."""
        return ", ".join(self.placements)


@dataclass(slots=True)
class Picture:
    """One picture's settings as typed, and what they come to. `spec` None: see `troubles`."""

    letter: str
    values: dict[str, str]
    answers: dict[str, bool]
    arms: dict[str, str]
    spec: PreviewSpec | None = None
    troubles: list[str] = field(default_factory=list)
    label: str = ""
    profile_id: UUID | None = None

    @property
    def device(self) -> tuple[str, int, str]:
        return DEVICES.get(self.values["device"], DEVICES["phone"])

    @property
    def is_person(self) -> bool:
        return self.values["who"] in ("person", "sample")


def shown_of(asked: QueryDict, setting: Setting, offered: list[str]) -> Shown:
    """Read what is looked at; nothing chosen is the first page, else the first placements."""
    block, variant = (plain(asked.get(name, ""))[:100] for name in ("block", "variant"))
    typed = keys_in(asked.get("placements", ""))[:MOST_PLACEMENTS]
    number = asked.get("page", "")
    view = "page" if asked.get("view") == "page" else "blocks"
    is_number = number.isascii() and number.isdigit() and len(number) < 4
    if is_number and int(number) < len(setting.pages):
        page = setting.pages[int(number)]
        if not typed or asked.get("page") != asked.get("was_page", number):
            typed = page.placements[:MOST_PLACEMENTS]
        return Shown(page, number, typed, block, variant, view)
    if typed or block:
        return Shown(None, "", typed, block, variant, "blocks")
    if setting.pages:
        page = setting.pages[0]
        return Shown(page, "0", page.placements[:MOST_PLACEMENTS], "", "", view)
    return Shown(None, "", tuple(offered[:6]), "", "", "blocks")


def picture_of(
    request: HttpRequest, asked: QueryDict, letter: str, setting: Setting, shown: Shown
) -> Picture:
    """Read one picture; `letter` "" for the frame's own, whose names have no prefix."""
    prefix = f"{letter}." if letter else ""
    values = {name: plain(asked.get(prefix + name, ""))[:2_000] for name in NAMES}
    values["who"] = values["who"] or "nobody"
    if values["who"] != "persona":  # who has a device of their own, where the editor gave one
        values["device"] = values["device"] or "phone"
    values["by"] = values["by"] or "serving"
    found = Picture(letter, values, _answers(asked, prefix), _named(asked, prefix + ARM))
    who = _who(request, found, setting)
    at = _at(found, setting.zone)
    content = _content(found)
    context, wrong = explaining.context_of(values["facts"])
    found.troubles += [f"“{line}” is no fact: write a name, a colon and a value." for line in wrong]
    found.label = _label(found, setting, at)
    if who is None or content is None or found.troubles:
        return found
    mode = "assumed"
    if isinstance(who, AsPerson):
        senders = selectors.sources(setting.id)
        mode = senders[0][2] if senders else "required"
    given: dict[str, Any] = {}
    if values["country"]:
        given["country"] = values["country"].upper()[:2]
    facts = {name[6:]: value for name, value in context.items() if name.startswith("facts.")}
    context = {name: value for name, value in context.items() if not name.startswith("facts.")}
    if values["device"]:
        context["userAgent"] = found.device[2]
    if shown.page is not None and shown.page.url:
        context.setdefault("page", {"url": shown.page.url})
    found.spec = PreviewSpec(
        site_id=setting.id,
        who=who,
        at_ms=None if at is None else clock.to_ms(at),
        context=context,
        given=given,
        facts=facts,
        locale=values["locale"],
        content=content,
        placements=shown.placements,
        blocks=(shown.block,) if shown.block else (),
        variants={shown.block: shown.variant} if shown.block and shown.variant else {},
        mode=mode,
        arms=found.arms,
    )
    return found


def _answers(asked: QueryDict, prefix: str) -> dict[str, bool]:
    """What is said of somebody: an address lists it, a form asks of each thing whether it is so."""
    found = dict.fromkeys(map(plain, asked.getlist(prefix + "yes")[:MOST_ANSWERS]), True)
    found |= dict.fromkeys(map(plain, asked.getlist(prefix + "no")[:MOST_ANSWERS]), False)
    for name in asked:
        if name.startswith(prefix + SAID):
            found.pop(name.removeprefix(prefix + SAID), None)
    said = _named(asked, prefix + SAID)
    found |= {key: answer == "yes" for key, answer in said.items() if answer in ("yes", "no")}
    return {key: holds for key, holds in found.items() if key}


def _named(asked: QueryDict, begin: str) -> dict[str, str]:
    """What was chosen under names that begin so; what is left empty is not among it."""
    names = [name for name in asked if name.startswith(begin)][:MOST_ANSWERS]
    said = [(name.removeprefix(begin), asked.get(name, "")) for name in names]
    found = {plain(key)[:200]: plain(value)[:200] for key, value in said}
    return {key: value for key, value in found.items() if key and value}


def _who(request: HttpRequest, picture: Picture, setting: Setting) -> Who | None:
    values = picture.values
    match values["who"]:
        case "refused":
            return Nobody(is_allowed=False)
        case "segments":
            return AsSegments(keys_in(values["segments"]), picture.answers)
        case "persona":
            found = _uuid(values["persona"])
            if found is None:
                picture.troubles.append("Choose an invented person.")
            return None if found is None else AsPersona(found)
        case "person":
            profile_id = _uuid(values["person"])
            if not looks.may_look(request):
                picture.troubles.append(
                    "Your role may not look at real people. Draw a random member of a segment, or "
                    "invent a person."
                )
                return None
            if profile_id is None:
                picture.troubles.append("Find the person first, and say why you look.")
                return None
            if not looks.is_open(request, profile_id):
                picture.troubles.append("Say why you look at this person: below, once.")
                return None
            picture.profile_id = profile_id
            return AsPerson(profile_id, is_masked=False)
        case "sample":
            user: Any = request.user
            profile_id = looks.unsealed(setting.id, user.pk, values["sample"], clock.now())
            if profile_id is None:
                picture.troubles.append("Draw a member first: below.")
                return None
            picture.profile_id = profile_id
            return AsPerson(profile_id, is_masked=True)
    return Nobody()


def _at(picture: Picture, zone: str) -> datetime | None:
    text = picture.values["at"]
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text).replace(tzinfo=None)
        if local.year in YEARS:
            return instant_of(local, zone)
        picture.troubles.append(f"Choose a year from {YEARS[0]} to {YEARS[-1]}.")
    except OddLocalTime as odd:
        picture.troubles.append(str(odd))
    except ValueError:
        picture.troubles.append("Write a date and a time, such as 2026-12-24T18:00.")
    return None


def _content(picture: Picture) -> Content | None:
    values = picture.values
    match values["by"]:
        case "drafts":
            return Drafts()
        case "release":
            found = _uuid(values["release"])
            if found is None:
                picture.troubles.append("Choose a release.")
            return None if found is None else OfRelease(found)
        case "publication":
            number = values["number"]
            if number.isascii() and number.isdigit() and 0 < int(number) < 2**31:
                return OfPublication(int(number))
            picture.troubles.append("Write the number of a publication.")
            return None
    return Serving()


def _label(picture: Picture, setting: Setting, at: datetime | None) -> str:
    values = picture.values
    who = dict(WHO).get(values["who"], "Somebody new")
    if values["who"] == "segments":
        keys = keys_in(values["segments"])
        who = (
            "In " + " and ".join(f"“{setting.names.get(key, key)}”" for key in keys)
            if keys
            else "In no segment"
        )
    when = "now" if at is None else wall_clock(at, setting.zone)
    by = dict(BY).get(values["by"], "")
    if values["by"] == "publication":
        by = f"Publication {values['number']}"
    parts = [who, when, picture.device[0].lower(), values["locale"], values["country"].upper()]
    if values["by"] != "serving":
        parts.append(by[:1].lower() + by[1:])
    parts += [f"arm “{arm}” of {key}" for key, arm in picture.arms.items()]
    return " · ".join(part for part in parts if part)


def query_of(picture: Picture, shown: Shown, *, prefix: bool, marked: list[str]) -> str:
    """Return the address parameters of one picture; for its frame without the letter."""
    before = f"{picture.letter}." if prefix else ""
    pairs = [
        (before + name, value)
        for name, value in picture.values.items()
        if value and name not in ("yes", "no")
    ]
    pairs += [
        (f"{before}{'yes' if holds else 'no'}", key) for key, holds in picture.answers.items()
    ]
    pairs += [(f"{before}{ARM}{key}", arm) for key, arm in picture.arms.items()]
    pairs += [("placements", shown.text), ("block", shown.block), ("variant", shown.variant)]
    if shown.page_number:
        pairs += [("page", shown.page_number), ("was_page", shown.page_number)]
    pairs += [("mark", key) for key in marked]
    return urlencode([(name, value) for name, value in pairs if value])


def segments_named(asked: QueryDict) -> tuple[str, ...]:
    """Return the keys of all segments that the pictures name."""
    return tuple(key for letter in LETTERS for key in keys_in(asked.get(f"{letter}.segments", "")))


def plain(text: str) -> str:
    """Return what was typed without what no store takes."""
    return text.replace("\x00", "").strip()


def keys_in(text: str) -> tuple[str, ...]:
    """Return the keys of a text: with commas, spaces or lines between, each once."""
    parts = plain(text).replace("\n", ",").replace(" ", ",").split(",")
    return tuple(dict.fromkeys(part.strip()[:100] for part in parts if part.strip()))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.removeprefix("prf_"))
    except ValueError:
        return None
