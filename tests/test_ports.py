"""Servers of tests that run at once do not meet: see tests/ports.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ports import free_port

ASKS = """
from tests import ports
ports._FIRST, ports._LAST = {first}, {first} + 20
print(*[ports.free_port() for _ in range(6)])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there names are taken")
def test_a_port_on_which_nobody_listens_yet_is_given_to_one_only() -> None:
    ours = free_port()
    asks = [sys.executable, "-c", ASKS.format(first=ours)]
    root = Path(__file__).resolve().parents[1]
    said = subprocess.run(asks, cwd=root, capture_output=True, text=True, check=True).stdout
    theirs = [int(port) for port in said.split()]
    assert ours not in theirs
    assert len(set(theirs)) == 6
