"""The values that a template may show, and how a text comes out for a made-up visitor.

Samples are what at least ten people share and what says nothing of who somebody is; everything else
is stood for by its name in brackets. No profile is read for a sample.
"""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core.cache import cache
from django.db import OperationalError, connection, transaction

from apps.content.domain.cleaning import clean, removed_by_cleaning
from apps.content.domain.email_cleaning import clean_email, removed_by_email_cleaning
from apps.content.domain.sandbox import MAX_SOURCE, Dialect, compile_liquid
from apps.content.domain.templates import parse_template
from apps.content.errors import InvalidTemplate, RenderFailed
from apps.content.models import Theme
from apps.segments.domain.identifying import names_person, says_who
from apps.segments.editing import schema
from apps.segments.studies.boxed import FEWEST
from engine.templating import prepare

logger = logging.getLogger(__name__)

MAX_SAMPLE: Final = MAX_SOURCE
_KEEP_S: Final = 60
_LIMIT_MS: Final = 1000
_MAX_SHOWN: Final = 60  # characters of a sample
_COMPUTED: Final = "computed."

# The most frequent value of each trait in a bounded part of the profiles.
_SHARED: Final = """
SELECT name, value FROM (
  SELECT name, held -> 0 AS value, count(*) AS people,
         row_number() OVER (PARTITION BY name ORDER BY count(*) DESC) AS place
  FROM (SELECT traits FROM profiles_profilestate
        WHERE site_id = %s AND merged_into IS NULL LIMIT 2000) sampled,
       LATERAL jsonb_each(traits) AS one(name, held)
  WHERE jsonb_typeof(held -> 0) IN ('string', 'number', 'boolean')
  GROUP BY name, held -> 0
) ranked WHERE place = 1 AND people >= %s LIMIT 500
"""
# Facts of a request, with what a browser might say.
_REQUEST: Final[Mapping[str, Any]] = {
    "device": "mobile",
    "country": "DE",
    "language": "de",
    "path": "/summer",
    "local_hour": 19,
    "weekday": 5,
    "visitor": "returning",
    "referrer_host": "example.org",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that a template can show.

    Attributes:
        path: as it is written between braces.
        note: what it is.
        sample: a value that many share, or the name in brackets.
        asks: whether it may be missing, so that a text needs a fallback.
    """

    path: str
    note: str
    sample: str
    asks: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """Values of one kind, under a heading."""

    name: str
    values: list[Shown]


@dataclass(frozen=True, slots=True)
class Sample:
    """How a text comes out.

    Attributes:
        text: for a visitor of whom everything is known; HTML that is safe to show if `is_html`.
        nobody: for one of whom nothing is known.
        removed: tags and attributes that visitors will not get.
        line, problem: what is wrong with it, in which line; None and "" when nothing is.
    """

    text: str = ""
    nobody: str = ""
    is_html: bool = False
    removed: list[str] = field(default_factory=list)
    line: int | None = None
    problem: str = ""


def values_of(site_id: UUID) -> list[Group]:
    """Return what templates of a site can show, by kind.

    Kept for a minute. Ten statements, each given up after half a second or a second.
    """
    place = f"content.values:{site_id}"
    found: list[Group] | None = cache.get(place)
    if found is None:
        found = _values_of(site_id)
        cache.set(place, found, _KEEP_S)
    return found


def sample_of(site_id: UUID, kind: str, source: str) -> Sample:
    """Return how a text comes out, never failing: what is wrong is said in the answer.

    Args:
        kind: "html" for a template or formatted text, "email" for the template of an e-mail, else
            plain text.
    """
    is_html = kind in _POLICIES
    if len(source) > MAX_SAMPLE:
        return Sample(problem=f"This is longer than {MAX_SAMPLE} characters.", line=1)
    try:
        make = _html_maker(source, kind) if is_html else _text_maker(source)
        known, nobody = make(_known(site_id)), make({})
    except InvalidTemplate as error:
        return Sample(line=error.line, problem=error.problem)
    except RenderFailed as error:
        return Sample(problem=str(error))
    removed = list(_POLICIES[kind].removed(source)) if is_html else []
    return Sample(known, nobody, is_html, removed)


def messages_of(site_id: UUID) -> list[Shown]:
    """Return the messages of the site's themes. One query."""
    rows = Theme.objects.filter(site_id=site_id, archived_at=None).select_related("site")
    found: dict[str, Shown] = {}
    for theme in rows.order_by("name")[:50]:
        first = theme.site.locales[0] if theme.site.locales else ""
        for name, said in theme.messages.items():
            text = said.get(first) or next(iter(said.values()), "")
            found.setdefault(name, Shown(f"theme.{name}", f"of {theme.name}", _cut(text), False))
    return list(found.values())


class _Policy(NamedTuple):
    """Which HTML may be where a text is shown."""

    clean: Callable[[str], str]
    removed: Callable[[str], Iterable[str]]
    dialect: Dialect


_POLICIES: Final[Mapping[str, _Policy]] = {
    "html": _Policy(clean, removed_by_cleaning, "html"),
    "email": _Policy(clean_email, removed_by_email_cleaning, "email"),
}


def _html_maker(source: str, kind: str) -> Callable[[Mapping[str, Any]], str]:
    policy = _POLICIES[kind]
    template = parse_template(_without_themes(source), policy.clean)
    if template.liquid is None:
        return prepare(list(template.parts or ()))
    program = compile_liquid(template.liquid, policy.dialect)
    return lambda values: policy.clean(program.run(values))


def _text_maker(source: str) -> Callable[[Mapping[str, Any]], str]:
    return compile_liquid(_without_themes(source), "text").run


def _without_themes(source: str) -> str:
    """Return the text with a theme's messages named instead of said: which theme is not known."""
    return source.replace("{{ theme.", "{{ facts.theme_").replace("{{theme.", "{{facts.theme_")


def _known(site_id: UUID) -> dict[str, Any]:
    """Return the values of a made-up visitor: samples where there are any, else names."""
    values: dict[str, Any] = {
        "traits": {},
        "context": {},
        "facts": {},
        "segments": {},
        "items": [],
        "intensity": 1.0,
    }
    shared = _shared(site_id)
    for group in values_of(site_id):
        for shown in group.values:
            root, _, name = shown.path.partition(".")
            if not name:
                root, _, rest = shown.path.partition("[")
                name = rest.strip('"]')
            if root == "theme":
                values["facts"][f"theme_{name}"] = shown.sample
            elif root == "context":
                _put(values["context"], name, _REQUEST.get(name, shown.sample))
            elif root == "traits" and name.startswith(_COMPUTED):
                _put(values["traits"], name, shared.get(name, shown.sample))
            elif root == "traits":
                values["traits"][name] = shared.get(name, shown.sample)
    return values


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    *names, last = path.split(".")
    for name in names:
        into = into.setdefault(name, {})
    into[last] = value


def _values_of(site_id: UUID) -> list[Group]:
    seen = schema(site_id)["seen"]
    shared = _shared(site_id)
    traits: list[Shown] = []
    computed: list[Shown] = []
    for name, label in seen.get("traits", []):
        sample = _cut(str(shared[name])) if name in shared else f"[{name.replace('_', ' ')}]"
        if name.startswith(_COMPUTED):
            computed.append(Shown(f"traits.{name}", label, sample))
        else:
            traits.append(Shown(_path("traits", name), label, sample))
    scores = [
        Shown(f'traits["score.{name}"]', "0 to 1", "0.42") for name, _ in seen.get("models", [])
    ]
    context = [
        Shown(f"context.{name}", "of this request", str(_REQUEST.get(name, f"[{name}]")))
        for name, _ in seen.get("context", [])
        if not name.startswith("query.")
    ]
    groups = [
        Group("What is known of the visitor", traits),
        Group("Computed", computed),
        Group("Scores", scores),
        Group("Messages of themes", messages_of(site_id)),
        Group("This request", context),
    ]
    return [group for group in groups if group.values]


def _path(root: str, name: str) -> str:
    is_plain = name.replace("_", "a").isalnum() and name.isascii() and not name[0].isdigit()
    return f"{root}.{name}" if is_plain else f'{root}["{name}"]'


def _shared(site_id: UUID) -> dict[str, Any]:
    """Return a value of each trait that many people share; none where that is slow to find."""
    place = f"content.shared:{site_id}"
    found: dict[str, Any] | None = cache.get(place)
    if found is not None:
        return found
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {_LIMIT_MS}")
            cursor.execute(_SHARED, [str(site_id), FEWEST])
            rows = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    except OperationalError:
        logger.warning("content.samples_too_slow")
        rows = []
    found = {}
    for name, text in rows:
        value = json.loads(text) if isinstance(text, str) else text
        if not names_person(name) and not says_who(value):
            found[name] = value
    cache.set(place, found, _KEEP_S)
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
