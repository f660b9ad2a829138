"""How many streams there may be: in all, of one site, of one visitor and from one address.

Public keys are in every page, so whoever reads one may ask for tickets of invented visitors. A
place is taken before anything is awaited: a crowd that comes at once cannot pass the limits.
"""

import ipaddress
from collections import Counter
from typing import Final

from apps.access.addresses import network_of

PER_VISITOR: Final = 20
PER_ADDRESS: Final = 40

Place = tuple[tuple[str, bytes | str], ...]


class Room:
    """The places of one process.

    Args:
        most: streams at once; more are refused.
        of_site: of these, for one site; None: half.
        of_address: of these, for one address (an IPv6 /64); 0: any number.
    """

    def __init__(
        self, most: int, of_site: int | None = None, of_address: int = PER_ADDRESS
    ) -> None:
        self._most = most
        self._limits = {
            "site": max(1, most // 2) if of_site is None else of_site,
            "visitor": PER_VISITOR,
            "address": of_address or most,
        }
        self._counts: Counter[tuple[str, bytes | str]] = Counter()
        self._taken = 0

    def take(self, site: bytes, identity: bytes, address: str | None) -> Place | None:
        """Take a place, to be given back; None: there is none for this one.

        Args:
            address: the client's; None for a Unix socket. This machine's own is not counted: it
                is a proxy that nobody declared, behind which all visitors are, or ourselves.
        """
        asked: list[tuple[str, bytes | str]] = [("site", site), ("visitor", site + identity)]
        if address is not None and not _is_own(address):
            asked.append(("address", network_of(address)))
        if self._taken >= self._most:
            return None
        if any(self._counts[part] >= self._limits[part[0]] for part in asked):
            return None
        self._taken += 1
        self._counts.update(asked)
        return tuple(asked)

    def give_back(self, place: Place) -> None:
        """Leave a place."""
        self._taken -= 1
        for part in place:
            self._counts[part] -= 1
            if not self._counts[part]:
                del self._counts[part]


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
