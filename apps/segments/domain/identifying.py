"""Which names and values may say who somebody is: these are never offered to an editor.

It errs on the safe side: a value that is withheld can still be typed.
"""

import re
from typing import Final

# Parts of a name, however it is written: customer_email, customerEmail, customer.email.
_PARTS: Final = frozenset(
    {
        "address", "birth", "birthday", "birthdate", "card", "dob", "email", "fax", "firstname",
        "iban", "ip", "lastname", "lat", "latitude", "lng", "lon", "longitude", "mail", "mobile",
        "name", "passport", "password", "phone", "postcode", "secret", "ssn", "street", "surname",
        "tel", "telephone", "token", "username", "zip",
    }
)  # fmt: skip
# An id of one of these is the id of a person, or of what one person did once.
_OWNERS: Final = frozenset(
    {
        "account", "anonymous", "booking", "cart", "checkout", "client", "contact", "customer",
        "device", "event", "guest", "invoice", "member", "message", "order", "page", "payment",
        "person", "profile", "request", "session", "subscriber", "ticket", "transaction", "user",
        "view", "visit", "visitor",
    }
)  # fmt: skip
_IDS: Final = frozenset({"id", "uuid", "guid", "number", "no", "hash", "ref", "reference", "key"})
# Things have names that say nothing of a person.
_THINGS: Final = frozenset(
    {
        "article", "author", "block", "brand", "browser", "campaign", "category", "channel",
        "collection", "company", "coupon", "event", "experiment", "feature", "file", "form",
        "item", "list", "page", "placement", "plan", "product", "promotion", "section", "shop",
        "site", "source", "store", "variant", "variation",
    }
)  # fmt: skip

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_HEX: Final = re.compile(r"[0-9a-f]{12,}", re.IGNORECASE)
_IP: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]{0,4}(:[0-9a-f]{0,4}){3,7}", re.IGNORECASE)
_DIGITS: Final = 7  # a telephone number has at least so many
_LONG: Final = 12
_PARTED: Final = re.compile(r"[-_.,:;/?&=\s]")


def names_person(name: str) -> bool:
    """Whether a property or trait of this name would say who somebody is."""
    words = [word.lower() for word in _WORD.findall(name)]
    if "".join(words) in {"firstname", "lastname", "fullname", "postalcode", "zipcode"}:
        return True
    if words and words[-1] in _IDS and (len(words) == 1 or words[-2] in _OWNERS):
        return words != ["key"] and words != ["number"]
    personal = _PARTS.intersection(words)
    if personal == {"name"}:
        return not _THINGS.intersection(words)
    return bool(personal)


def says_who(value: object) -> bool:
    """Whether a value looks like one person's: an address, a telephone number, an id, a token."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return bool(abs(value) >= 10 ** (_DIGITS + 1))  # an id; amounts of money are below
    if not isinstance(value, str):
        return True
    text = value.strip()
    digits = sum(char.isdigit() for char in text)
    if _EMAIL.search(text) or _IP.fullmatch(text) or _HEX.search(text.replace("-", "")):
        return True
    if digits >= _DIGITS and not any(char.isalpha() for char in text):
        return not _is_date(text)
    return any(_is_token(part) for part in _PARTED.split(text))


def _is_token(part: str) -> bool:
    """A run of letters and digits mixed, so long that nobody would type it."""
    digits = sum(char.isdigit() for char in part)
    return len(part) >= _LONG and digits >= 2 and digits < len(part)


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None
