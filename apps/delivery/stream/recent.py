"""What was told in the last minutes, so that a page that comes back learns what it missed."""

from collections.abc import Iterable
from typing import Final

KEPT_MS: Final = 330_000
MAX_TARGETS: Final = 300_000
MAX_FIRED: Final = 20  # of one profile

# As a trigger's notice says it: placement, rule, whether personalization is granted on record, the
# trigger's key and its message.
Place = tuple[str, str, bool, str, str]

_PER_MS: Final = 1_000_000  # as notices.number_of packs them


class Recent:
    """The newest notice of each target; targets are bytes, and never two kinds look alike.

    Notices say that something changed, not what, so the newest one stands for all before it.
    Numbers are those of `notices.number_of` and come in rising order.

    Attributes:
        floor: everything after this number is known; of earlier times something may be missing.
    """

    __slots__ = ("_fired", "_for_all", "_last", "floor")

    def __init__(self) -> None:
        self.floor = 0
        self._last: dict[bytes, int] = {}
        self._fired: dict[bytes, list[tuple[int, Place]]] = {}
        self._for_all = 0

    def __len__(self) -> int:
        return len(self._last)

    def begin(self, floor: int) -> None:
        """Forget everything: it is known from `floor` on."""
        self.floor, self._for_all = floor, 0
        self._last.clear()
        self._fired.clear()

    def note(self, target: bytes, number: int) -> None:
        """Remember that a target was told something."""
        self._last.pop(target, None)  # to the end: the order of the map is the order of numbers
        self._last[target] = number

    def note_trigger(self, profile: bytes, number: int, place: Place) -> None:
        """Remember that a rule fired for a profile, which is told of it, too."""
        kept = self._fired.setdefault(profile, [])
        kept.append((number, place))
        del kept[:-MAX_FIRED]

    def fired_since(self, profile: bytes, since: int) -> list[Place]:
        """The rules that fired for a profile after `since`, in order."""
        return [place for number, place in self._fired.get(profile, ()) if number > since]

    def note_for_all(self, number: int) -> None:
        """Remember that everybody was told something."""
        self._for_all = number

    def has_missed(self, targets: Iterable[bytes], since: int) -> bool:
        """Whether one of these was told something after `since`, or may have been."""
        if since < self.floor or self._for_all > since:
            return True
        return any(self._last.get(target, 0) > since for target in targets)

    def trim(self, now_ms: int) -> None:
        """Forget what is older than is promised, and the oldest of too many."""
        oldest = (now_ms - KEPT_MS) * _PER_MS
        excess = len(self._last) - MAX_TARGETS
        gone: list[bytes] = []
        for target, number in self._last.items():
            if number >= oldest and len(gone) >= excess:
                break
            gone.append(target)
            self.floor = max(self.floor, number)
        for target in gone:
            del self._last[target]
            self._fired.pop(target, None)
