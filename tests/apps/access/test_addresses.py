"""Whose address a request has."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.access import addresses


@pytest.fixture(autouse=True)
def _proxies(settings: Any) -> Iterator[None]:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    addresses.forget_settings()
    yield
    addresses.forget_settings()


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("", "198.51.100.1", None),
    ],
)
def test_forwarding_headers_are_believed_from_proxies_only(
    remote: str, forwarded: str | None, client: str | None
) -> None:
    meta = {"REMOTE_ADDR": remote}
    if forwarded is not None:
        meta["HTTP_X_FORWARDED_FOR"] = forwarded
    assert addresses.client_address(meta) == client


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("nonsense", "nonsense"),
    ],
)
def test_one_customers_addresses_are_one_network(address: str, network: str) -> None:
    assert addresses.network_of(address) == network
