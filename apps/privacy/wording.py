"""What banner and pages say of themselves, by language; a notice's layout may say it otherwise.

English is what a language that is not here falls back to. The text of a notice is never translated.
"""

from collections.abc import Mapping
from typing import Final

# Choices on banner and page: which purposes one box answers for, in their order.
OFFERED: Final[Mapping[str, tuple[str, ...]]] = {
    "functional": ("functional",),
    "analytics": ("analytics",),
    "personalization": ("personalization",),
    "advertising": ("advertising", "sale"),
}

_EN: Final[Mapping[str, str]] = {
    "title": "Your privacy choices",
    "refuse": "Refuse all",
    "accept": "Accept all",
    "settings": "Choose one by one",
    "save": "Save this choice",
    "close": "Close",
    "open": "Privacy choices",
    "withdraw": "Withdraw",
    "notice": "Read the whole notice",
    "more": "More rights and choices",
    "saved": "Your choice is saved.",
    "necessary": "Necessary: keeping this site safe and remembering this choice. Always on.",
    "signal": "Your browser sends an opt-out signal (Global Privacy Control). It is honoured: "
    "nothing about you is sold or shared for advertising.",
    "signalBeside": "Your browser's signal has opted you out of this; a tick here overrides it.",
    "functional": "Settings",
    "functional.text": "Remember what you set here, such as language or size.",
    "analytics": "Statistics",
    "analytics.text": "Count pages and actions, to see what works on this site.",
    "personalization": "Personalization",
    "personalization.text": "Let what you look at here choose what you are shown here.",
    "advertising": "Advertising and sharing",
    "advertising.text": "Pass on to others what you look at, also for money, so that they can "
    "advertise to you.",
}
_DE: Final[Mapping[str, str]] = {
    "title": "Ihre Privatsphäre",
    "refuse": "Alles ablehnen",
    "accept": "Alles annehmen",
    "settings": "Einzeln auswählen",
    "save": "Auswahl speichern",
    "close": "Schließen",
    "open": "Privatsphäre",
    "withdraw": "Widerrufen",
    "notice": "Ganzen Hinweis lesen",
    "more": "Weitere Rechte und Einstellungen",
    "saved": "Ihre Auswahl ist gespeichert.",
    "necessary": "Notwendig: die Seite schützen und diese Auswahl merken. Immer aktiv.",
    "signal": "Ihr Browser sendet ein Widerspruchssignal (Global Privacy Control). Es wird "
    "beachtet: "
    "nichts über Sie wird verkauft oder für Werbung weitergegeben.",
    "signalBeside": "Das Signal Ihres Browsers widerspricht; ein Haken hier geht ihm vor.",
    "functional": "Einstellungen",
    "functional.text": "Merken, was Sie hier einstellen, etwa Sprache oder Größe.",
    "analytics": "Statistik",
    "analytics.text": "Seiten und Handlungen zählen, um zu sehen, was hier funktioniert.",
    "personalization": "Personalisierung",
    "personalization.text": "Was Sie hier ansehen, wählt aus, was Ihnen hier gezeigt wird.",
    "advertising": "Werbung und Weitergabe",
    "advertising.text": "Was Sie ansehen, auch gegen Geld an andere weitergeben, damit diese Ihnen "
    "Werbung zeigen.",
}
_LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {"en": _EN, "de": _DE}
# Read from a script of the banner: everything but what describes single purposes and the notice.
BANNER_KEYS: Final = (
    "refuse", "accept", "settings", "save", "close", "open", "withdraw", "notice", "more", "saved",
    "necessary", "signal", "signalBeside",
)  # fmt: skip


def words_of(language: str) -> Mapping[str, str]:
    """Return all words in a language ("de-AT" is German), in English where there are none."""
    return _LANGUAGES.get(language.partition("-")[0].lower(), _EN)


def languages() -> tuple[str, ...]:
    """Return the languages that there are words in."""
    return tuple(_LANGUAGES)
