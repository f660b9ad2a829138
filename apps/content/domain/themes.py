"""Messages of a theme, put into the texts of its variants when they are published."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TypeAlias

from apps.content.errors import FieldError, InvalidContent, InvalidTemplate

Messages: TypeAlias = Mapping[str, Mapping[str, str]]  # name -> language -> text

MAX_MESSAGES = 100
MAX_MESSAGE = 2_000  # characters

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}")
_SHOWN = re.compile(r"\{\{-?\s*theme\.([A-Za-z_][\w-]*)\s*-?\}\}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spoken:
    """The messages of a theme in one language.

    Attributes:
        theme: its name; empty for a variant without a theme.
        locale: the language.
    """

    theme: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    locale: str = ""

    def put_into(self, source: str, *, is_html: bool) -> str:
        """Return the text with each `{{ theme.name }}` replaced by the message.

        Raises:
            InvalidTemplate: there is no theme, or it has no such message.
        """
        if "theme." not in source:
            return source

        def message(found: re.Match[str]) -> str:
            text = self.texts.get(found[1])
            if text is None:
                line = source.count("\n", 0, found.start()) + 1
                raise InvalidTemplate(line, self._lacks(found[1]))
            return escape(text, quote=True) if is_html else text

        return _SHOWN.sub(message, source)

    def _lacks(self, name: str) -> str:
        if not self.theme:
            return f"{{{{ theme.{name} }}}} is a theme's message, but the variant has no theme."
        spoken = f" in '{self.locale}'" if self.locale else ""
        return f"The theme '{self.theme}' has no message '{name}'{spoken}."


NO_THEME = Spoken()


def spoken(theme: str, messages: Messages, locale: str, default: str) -> Spoken:
    """Return a theme's messages in a language, or in the next wider one, or in the default.

    Args:
        default: the site's first language; empty for a site without one, which takes any.
    """
    texts = {}
    for name, by_locale in messages.items():
        wanted = [*wider(locale), default]
        found = next((by_locale[one] for one in wanted if one in by_locale), None)
        if found is None and not default:
            found = next(iter(by_locale.values()), None)
        if found is not None:
            texts[name] = found
    return Spoken(theme, texts, default)


def wider(locale: str) -> list[str]:
    """Return a language and those that it is a form of: "de-CH", "de"."""
    parts = locale.split("-")
    return ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]


def names_in(texts: Iterable[str]) -> set[str]:
    """Return the names of the messages that texts show."""
    return {name for text in texts for name in _SHOWN.findall(text)}


def check_messages(messages: object, default: str) -> None:
    """Refuse messages of another form, and those that the site's first language lacks.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    if not isinstance(messages, dict) or len(messages) > MAX_MESSAGES:
        detail = f"Messages are at most {MAX_MESSAGES} names, each with a text for each language."
        raise InvalidContent([_error("/messages", detail)])
    errors: list[FieldError] = []
    for name, by_locale in messages.items():
        problem = _problem(name, by_locale, default)
        if problem:
            errors.append(_error(f"/messages/{name}", problem))
    if errors:
        raise InvalidContent(errors)


def _problem(name: object, by_locale: object, default: str) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        return (
            f"A message's name starts with a letter and has at most 60 letters, digits, hyphens "
            f"and underscores, unlike '{name}'."
        )
    if not isinstance(by_locale, dict) or not all(isinstance(one, str) for one in by_locale):
        return f"The message '{name}' needs a text for each language."
    for locale, text in by_locale.items():
        if not isinstance(text, str) or len(text) > MAX_MESSAGE or "\x00" in text:
            return f"'{name}' in '{locale}' must be a text of at most {MAX_MESSAGE} characters."
        if "{{" in text or "{%" in text:
            return f"'{name}' in '{locale}' is plain text: it cannot hold {{{{ or {{%."
    if default and not by_locale.get(default):
        return f"The message '{name}' is missing in '{default}', the site's first language."
    return ""


def _error(pointer: str, detail: str) -> FieldError:
    return {"pointer": pointer, "code": "invalid_content", "detail": detail}
