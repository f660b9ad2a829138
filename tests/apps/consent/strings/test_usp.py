"""US Privacy strings: four letters, and only the third can take something away."""

from typing import Any

import pytest

from apps.consent.strings import Signal, read_usp, signal_of
from apps.consent.types import OPTED_OUT
from tests.apps.consent.strings.writing import NOW
from tests.vectors import vectors


@pytest.mark.parametrize("case", vectors("consent_usp"), ids=lambda case: case["name"])
def test_examples_of_the_specification_are_read(case: dict[str, Any]) -> None:
    usp = read_usp(case["text"])
    assert usp is not None
    assert (usp.has_notice, usp.has_opted_out, usp.is_covered) == (
        case["notice"], case["optOut"], case["covered"],
    )  # fmt: skip


@pytest.mark.parametrize("notice", "YN-")
@pytest.mark.parametrize("covered", "YN-")
@pytest.mark.parametrize("sale", "YNyn-")
def test_only_a_y_in_the_third_place_refuses_and_nothing_grants(
    notice: str, sale: str, covered: str
) -> None:
    signal = signal_of(usp=f"1{notice}{sale}{covered}", vendor_id=1, now=NOW)
    if sale in "Yy":
        assert signal == Signal(no=OPTED_OUT, notes=("usp_opt_out",), is_opt_out=True)
    else:
        assert signal == Signal()


@pytest.mark.parametrize(
    "text", ["", "1YY", "1YYNN", "2YYN", "0YYN", "1YXN", " 1YYN", "1YYN\n", "1 YN", "¹YYN", "1YYИ"]
)
def test_anything_else_is_unreadable_and_no_signal(text: str) -> None:
    assert read_usp(text) is None
    assert signal_of(usp=text, now=NOW) == Signal(notes=("usp_unreadable",))
