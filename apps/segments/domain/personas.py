"""An invented visitor as a document: checked, and five to begin with.

    {"traits": {name: value}, "events": [{"name", "ago_ms", "properties"}],
     "context": {dotted name: value}, "consents": {purpose: bool}}

Values are texts, numbers, yes or no; a trait may be a list of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, TypeAlias

from engine.conditions.parse_leaves import PURPOSES

MAX_EVENTS: Final = 200
MAX_NAMES: Final = 100  # traits, and facts of the request
MAX_PROPERTIES: Final = 30
MAX_TEXT: Final = 500
MAX_AGO_MS: Final = 5 * 365 * 86_400_000

Scalar: TypeAlias = str | int | float | bool


class InvalidPersona(ValueError):
    """What is wrong with a document, and where: ("events[2].name", "expected a text")."""

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(f"{path}: {problem}" if path else problem)


@dataclass(frozen=True, slots=True)
class Lived:
    """One event of an invented visitor, so many ms before one looks."""

    name: str
    ago_ms: int
    properties: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Invented:
    """A checked document; events from the oldest to the newest."""

    traits: Mapping[str, object]
    events: tuple[Lived, ...]
    context: Mapping[str, Scalar]
    consents: Mapping[str, bool]

    def document(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "traits": dict(self.traits),
            "events": [
                {"name": one.name, "ago_ms": one.ago_ms, "properties": dict(one.properties)}
                for one in self.events
            ],
            "context": dict(self.context),
            "consents": dict(self.consents),
        }


def parse_persona(document: object) -> Invented:
    """Return the checked form of a document; parts may be left out.

    Raises:
        InvalidPersona: with the path of the first thing that is wrong.
    """
    found = _object(document, "")
    unknown = sorted(found.keys() - {"traits", "events", "context", "consents"})
    if unknown:
        raise InvalidPersona(unknown[0], "expected traits, events, context or consents")
    events = found.get("events", [])
    if not isinstance(events, list):
        raise InvalidPersona("events", "expected a list")
    if len(events) > MAX_EVENTS:
        raise InvalidPersona("events", f"expected at most {MAX_EVENTS} events")
    lived = [_lived(event, f"events[{i}]") for i, event in enumerate(events)]
    consents = _object(found.get("consents", {}), "consents")
    for purpose, given in consents.items():
        if purpose not in PURPOSES:
            raise InvalidPersona(f"consents.{purpose}", f"expected one of {', '.join(PURPOSES)}")
        if not isinstance(given, bool):
            raise InvalidPersona(f"consents.{purpose}", "expected yes or no")
    return Invented(
        traits=_values(found.get("traits", {}), "traits", MAX_NAMES, with_lists=True),
        events=tuple(sorted(lived, key=lambda one: -one.ago_ms)),
        context=_values(found.get("context", {}), "context", MAX_NAMES),
        consents=consents,
    )


def _lived(event: object, path: str) -> Lived:
    found = _object(event, path)
    name, ago_ms = found.get("name"), found.get("ago_ms", 0)
    if not isinstance(name, str) or not name or len(name) > MAX_TEXT:
        raise InvalidPersona(f"{path}.name", "expected the name of an event")
    if isinstance(ago_ms, bool) or not isinstance(ago_ms, int) or not 0 <= ago_ms <= MAX_AGO_MS:
        raise InvalidPersona(f"{path}.ago_ms", "expected how long before, at most five years")
    properties = _values(found.get("properties", {}), f"{path}.properties", MAX_PROPERTIES)
    return Lived(name, ago_ms, properties)


def _values(given: object, path: str, most: int, *, with_lists: bool = False) -> dict[str, Any]:
    found = _object(given, path)
    if len(found) > most:
        raise InvalidPersona(path, f"expected at most {most} of them")
    for name, value in found.items():
        if not name or len(name) > MAX_TEXT:
            raise InvalidPersona(path, "expected names that are not empty")
        parts = value if with_lists and isinstance(value, list) else [value]
        if len(parts) > MAX_NAMES or not all(_is_scalar(part) for part in parts):
            raise InvalidPersona(f"{path}.{name}", "expected a text, a number, yes or no")
    return found


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT and "\0" not in value
    return isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value))


def _object(given: object, path: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise InvalidPersona(path, "expected an object")
    return given


# To begin with


@dataclass(frozen=True, slots=True)
class Sample:
    """A ready-made visitor; `key` is only a suggestion."""

    key: str
    name: str
    description: str
    document: dict[str, Any]


_MINUTE: Final = 60_000
_DAY: Final = 86_400_000
_YES: Final = {"functional": True, "analytics": True, "personalization": True}


def _event(name: str, ago_ms: int, **properties: Scalar) -> dict[str, Any]:
    return {"name": name, "ago_ms": ago_ms, "properties": properties}


def _request(device: str, visitor: str, **more: Scalar) -> dict[str, Scalar]:
    return {"device": device, "visitor": visitor, **more}


SAMPLES: Final = (
    Sample(
        "first-visit-on-a-phone",
        "First visit on a phone",
        "Opened the home page twenty seconds ago and has never been here before.",
        {
            "events": [_event("Page Viewed", 20_000, path="/", page_type="home")],
            "context": _request("mobile", "new", os="iOS", browser="Safari"),
            "consents": _YES,
        },
    ),
    Sample(
        "cart-left-40-minutes-ago",
        "Cart left 40 minutes ago",
        "Put a product into the cart, did not begin the checkout, and went away.",
        {
            "events": [
                _event("Page Viewed", 48 * _MINUTE, path="/", page_type="home"),
                _event("Product Viewed", 45 * _MINUTE, product_id="A1", category="shoes", price=89),
                _event("Product Added", 40 * _MINUTE, product_id="A1", category="shoes", price=89),
            ],
            "context": _request("desktop", "returning"),
            "consents": _YES,
        },
    ),
    Sample(
        "reads-a-lot-today",
        "Reads a lot right now",
        "Opened three articles within the last ten minutes.",
        {
            "events": [
                _event("Article Viewed", 9 * _MINUTE, article_id="n1", section="news"),
                _event("Article Viewed", 6 * _MINUTE, article_id="n2", section="news"),
                _event("Article Viewed", 1 * _MINUTE, article_id="n3", section="culture"),
            ],
            "context": _request("mobile", "returning"),
            "consents": _YES,
        },
    ),
    Sample(
        "loyal-customer-in-the-evening",
        "Loyal customer in the evening",
        "Ordered five times in half a year and looks around at home after eight.",
        {
            "traits": {"plan": "member"},
            "events": [
                *(
                    _event("Order Completed", days * _DAY, total=120 + days)
                    for days in (170, 130, 80, 40, 12)
                ),
                _event("Page Viewed", 2 * _MINUTE, path="/", page_type="home"),
            ],
            "context": _request("desktop", "returning", local_hour=20),
            "consents": _YES,
        },
    ),
    Sample(
        "back-after-two-months",
        "Back after two months",
        "Bought once, stayed away for sixty days, and has just come back.",
        {
            "events": [
                _event("Order Completed", 61 * _DAY, total=75),
                _event("Page Viewed", 60 * _DAY, path="/", page_type="home"),
                _event("Page Viewed", _MINUTE, path="/", page_type="home"),
            ],
            "context": _request("desktop", "returning"),
            "consents": _YES,
        },
    ),
)
