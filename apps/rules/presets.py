"""Conditions that editors start from: place, device and time of day, by the visitor's own clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


def _fact(name: str, op: str, value: Any) -> dict[str, Any]:
    return {"kind": "context", "name": name, "op": op, "value": value}


@dataclass(frozen=True, slots=True)
class Preset:
    """A condition by name; `words` say when it holds."""

    key: str
    name: str
    words: str
    where: Mapping[str, Any]

    @property
    def condition(self) -> dict[str, Any]:
        """The document."""
        return {"v": 1, "where": dict(self.where)}


_EVENING: Final = _fact("local_hour", "between", [18, 22])
_WEEKEND: Final = _fact("weekday", "in", [6, 7])
_OFFICE: Final = {
    "all": [_fact("local_hour", "between", [9, 16]), _fact("weekday", "between", [1, 5])]
}
_BIG: Final = _fact("device", "in", ["desktop", "tablet"])

PRESETS: Final = (
    Preset(
        "evenings-at-home",
        "Evenings at home",
        "From 6 to 11 in the evening on the visitor's own clock, on a computer or a tablet.",
        {"all": [_EVENING, _BIG]},
    ),
    Preset(
        "weekend",
        "Weekend",
        "Saturday and Sunday, on the visitor's own clock.",
        _WEEKEND,
    ),
    Preset(
        "office-hours",
        "Office hours",
        "Monday to Friday from 9 to 5, on the visitor's own clock.",
        _OFFICE,
    ),
    Preset(
        "on-a-phone",
        "On a phone",
        "Whatever the place and the hour.",
        _fact("device", "eq", "mobile"),
    ),
    Preset(
        "on-the-way",
        "On the way to work and back",
        "On a phone, Monday to Friday from 7 to 9 and from 5 to 7, on the visitor's own clock.",
        {
            "all": [
                _fact("device", "eq", "mobile"),
                _fact("weekday", "between", [1, 5]),
                {
                    "any": [
                        _fact("local_hour", "between", [7, 8]),
                        _fact("local_hour", "between", [17, 18]),
                    ]
                },
            ]
        },
    ),
    Preset(
        "first-visit",
        "First visit",
        "Visitors who have never been here before.",
        _fact("visitor", "eq", "new"),
    ),
    Preset(
        "from-switzerland",
        "From one country",
        "Switzerland here: change it. Needs a proxy in front that tells the country.",
        _fact("country", "eq", "CH"),
    ),
)


def preset(key: str) -> Preset | None:
    """Return the preset of this key."""
    return next((one for one in PRESETS if one.key == key), None)
