"""Facts of one request that conditions may ask for by name, worked out when they are asked for.

device browser os         of context.userAgent, else the User-Agent header of a browser
url path query.<name>     of context.page.url (or page.path)
referrer referrer_host    of context.page.referrer
locale language           context.locale, else the first of a browser's Accept-Language
accept_language           context.locale, else a browser's whole Accept-Language
timezone local_hour weekday   context.timezone, else the site's; hour 0-23, weekday 1 (Monday) - 7
country                   set by a trusted proxy, ISO 3166 upper case
visitor                   "new" or "returning": without or with a profile
facts.<name>              the call's own `facts`, nested ones by dotted name
<anything else>           the call's `context`, nested ones by dotted name
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.access.addresses import is_from_trusted_proxy
from apps.access.places import country_in
from apps.access.types import Caller
from apps.delivery.user_agents import Agent, agent_of

MAX_URL_LENGTH: Final = 4096
MAX_PARAMETERS: Final = 100
MAX_LANGUAGES: Final = 512  # characters

_MISSING: Final = object()


class RequestFacts(Mapping[str, object]):
    """The facts by name. What was read is kept in `read`: it is what the decision depended on."""

    __slots__ = ("_caller", "_context", "_facts", "_is_known", "_meta", "_now_ms", "read")

    def __init__(
        self,
        *,
        context: Mapping[str, Any],
        facts: Mapping[str, Any],
        meta: Mapping[str, Any],
        caller: Caller,
        is_known: bool,
        now_ms: int,
    ) -> None:
        self._context = context
        self._facts = facts
        self._meta = meta
        self._caller = caller
        self._is_known = is_known
        self._now_ms = now_ms
        self.read: dict[str, object] = {}

    def get(self, name: str, default: Any = None) -> Any:
        found = self.read.get(name, _MISSING)
        if found is _MISSING:
            found = self.read[name] = self._worked_out(name)
        return default if found is None else found

    def __getitem__(self, name: str) -> object:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_MAKERS)

    def __len__(self) -> int:
        return len(_MAKERS)

    def _worked_out(self, name: str) -> object:
        if name.startswith("facts."):
            return fact_at(self._facts, name[6:])
        maker = _MAKERS.get(name)
        if maker is not None:
            return maker(self)
        if name.startswith("query."):
            return self._parameters().get(name[6:])
        return fact_at(self._context, name)

    def _text(self, name: str) -> str | None:
        found = fact_at(self._context, name)
        return found if type(found) is str and found else None

    def _url(self) -> str | None:
        url = self._text("page.url")
        return None if url is None else url[:MAX_URL_LENGTH]

    def _path(self) -> str | None:
        url = self._url()
        return self._text("page.path") if url is None else _split(url)[0]

    def _parameters(self) -> dict[str, str]:
        url = self._url()
        return {} if url is None else _split(url)[1]

    def _referrer_host(self) -> str | None:
        referrer = self._text("page.referrer")
        return None if referrer is None else _host(referrer[:MAX_URL_LENGTH])

    def _agent(self) -> Agent | None:
        text = self._text("userAgent")
        if text is None and self._caller.kind == "pk":
            text = self._meta.get("HTTP_USER_AGENT")
        return None if text is None else agent_of(text[:512])

    def _device(self) -> str | None:
        agent = self._agent()
        return None if agent is None else agent.device

    def _browser(self) -> str | None:
        agent = self._agent()
        return None if agent is None else agent.browser

    def _os(self) -> str | None:
        agent = self._agent()
        return None if agent is None else agent.os

    def _locale(self) -> str | None:
        locale = self._text("locale")
        if locale is None and self._caller.kind == "pk":
            first = self._meta.get("HTTP_ACCEPT_LANGUAGE", "").partition(",")[0]
            locale = first.partition(";")[0].strip()
        return locale or None

    def _accept_language(self) -> str | None:
        asked = self._text("locale")
        if asked is None and self._caller.kind == "pk":
            asked = self._meta.get("HTTP_ACCEPT_LANGUAGE", "")
        return (asked or "")[:MAX_LANGUAGES] or None

    def _language(self) -> str | None:
        locale = self._locale()
        return None if locale is None else locale.replace("_", "-").partition("-")[0].lower()

    def _zone_name(self) -> str:
        return self._text("timezone") or self._caller.time_zone

    def _local(self) -> datetime | None:
        zone = _zone(self._zone_name())
        return None if zone is None else datetime.fromtimestamp(self._now_ms / 1000, zone)

    def _local_hour(self) -> int | None:
        local = self._local()
        return None if local is None else local.hour

    def _weekday(self) -> int | None:
        local = self._local()
        return None if local is None else local.isoweekday()

    def _country(self) -> str | None:
        return country_in(self._meta) if is_from_trusted_proxy(self._meta) else None

    def _visitor(self) -> str:
        return "returning" if self._is_known else "new"


_MAKERS: Final[dict[str, Callable[[RequestFacts], object]]] = {
    "device": RequestFacts._device,
    "browser": RequestFacts._browser,
    "os": RequestFacts._os,
    "url": RequestFacts._url,
    "path": RequestFacts._path,
    "referrer": lambda facts: facts._text("page.referrer"),
    "referrer_host": RequestFacts._referrer_host,
    "locale": RequestFacts._locale,
    "accept_language": RequestFacts._accept_language,
    "language": RequestFacts._language,
    "timezone": RequestFacts._zone_name,
    "local_hour": RequestFacts._local_hour,
    "weekday": RequestFacts._weekday,
    "country": RequestFacts._country,
    "visitor": RequestFacts._visitor,
}


def fact_at(nested: Mapping[str, Any], name: str) -> object:
    """Return the value at a dotted name, None for none; a key may hold a dot itself."""
    found = nested.get(name)
    if found is not None:
        return None if isinstance(found, Mapping) else found
    head, dot, rest = name.partition(".")
    while dot:
        inner = nested.get(head)
        if isinstance(inner, Mapping):
            return fact_at(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None


@lru_cache(maxsize=1024)
def _split(url: str) -> tuple[str | None, dict[str, str]]:
    """The path and query parameters of a URL (the first of each name); a bad URL has neither."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return None, {}
    return parts.path or "/", dict(reversed(pairs))


@lru_cache(maxsize=1024)
def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


@lru_cache(maxsize=512)
def _zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
