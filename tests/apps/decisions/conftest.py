"""What tests of decisions start from: a process that believes nothing about Redis yet."""

from collections.abc import Iterator

import pytest

from apps.decisions import generation, hot_wire, record_reads


@pytest.fixture(autouse=True)
def _nothing_believed() -> Iterator[None]:
    generation.forget()
    hot_wire.drop()
    hot_wire.close_circuit()
    record_reads.close_circuit()
    yield
    hot_wire.drop()
    record_reads.close()
