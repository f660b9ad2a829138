"""Where a request comes from, with forwarding headers believed only from trusted proxies."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORWARDING = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP")


@lru_cache(maxsize=4096)
def is_trusted(address: str) -> bool:
    """Tell whether the address belongs to a trusted proxy (setting TRUSTED_PROXIES)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in _networks())


@lru_cache(maxsize=1)
def _networks() -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text, strict=False) for text in settings.TRUSTED_PROXIES)


def client_address(meta: Mapping[str, Any]) -> str | None:
    """Return the client's address, or None when the connection has none (a Unix socket).

    X-Forwarded-For is read from the right, each proxy vouching for the address it saw; the first
    that is not a trusted proxy is the client. Anything malformed ends the walk.
    """
    remote: str | None = meta.get("REMOTE_ADDR") or None
    forwarded = meta.get("HTTP_X_FORWARDED_FOR")
    if forwarded is None or remote is None or not is_trusted(remote):
        return remote
    client = remote
    for part in reversed(forwarded.split(",")):
        text = part.strip()
        try:
            ipaddress.ip_address(text)
        except ValueError:
            break
        client = text
        if not is_trusted(text):
            break
    return client


def is_near(meta: Mapping[str, Any]) -> bool:
    """Tell whether the client is this machine or in a trusted network.

    A proxy on this machine that nobody declared forwards the public: a forwarding header that is
    not believed means no.
    """
    remote = meta.get("REMOTE_ADDR") or ""
    if any(name in meta for name in _FORWARDING) and not is_trusted(remote):
        return False
    address = client_address(meta)
    if not address:
        return True  # a Unix socket: whoever may open it is on this machine
    try:
        return ipaddress.ip_address(address).is_loopback or is_trusted(address)
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """Return what one customer of a provider has: an IPv4 address, of an IPv6 address its /64.

    Whoever has an IPv6 address has 2**64 of them. What is no address is returned as it is.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def is_from_trusted_proxy(meta: Mapping[str, Any]) -> bool:
    """Tell whether headers that only a proxy may set (country, scheme) can be believed."""
    remote = meta.get("REMOTE_ADDR")
    return bool(remote) and is_trusted(str(remote))


def forget_settings() -> None:
    """Read TRUSTED_PROXIES again (for tests that change it)."""
    _networks.cache_clear()
    is_trusted.cache_clear()
