"""The faults of `make mutants` still have their places in the source: none is skipped quietly."""

import pytest

from tests.mutants.__main__ import is_placed
from tests.mutants.database_faults import LIVE, SQL
from tests.mutants.faults import ENGINE, Fault

FAULTS = ENGINE + SQL + LIVE


def test_there_are_faults_enough_and_no_two_of_one_name() -> None:
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_has_one_place_in_the_source(fault: Fault) -> None:
    assert is_placed(fault), f"{fault.path} has no longer just one place for it"
