"""Templates as literals and slots: nothing a visitor or an editor writes can leave its slot."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.templating import Slot, TemplatePart, escaped, prepare, safe_url, shown
from tests.vectors import vectors


@pytest.mark.parametrize("case", vectors("templates"), ids=itemgetter("name"))
def test_a_template_renders_as_its_case_says(case: dict[str, Any]) -> None:
    parts = msgspec.convert(case["parts"], list[TemplatePart])

    assert prepare(parts)(case["values"]) == case["html"]


@given(st.text())
def test_escaped_text_opens_and_closes_nothing(text: str) -> None:
    assert not set(escaped(text)) & set("<>\"'")


@given(
    st.text(alphabet="\x00\t\n\r \x1f\xa0", max_size=3),
    st.sampled_from(["javascript", "JavaScript", "data", "vbscript", "file", "x"]),
    st.text(alphabet="\t\n\r", max_size=2),
)
def test_no_disguise_lets_a_script_url_through(before: str, scheme: str, between: str) -> None:
    middle = len(scheme) // 2

    assert safe_url(f"{before}{scheme[:middle]}{between}{scheme[middle:]}:alert(1)") == "#"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_shown_number_reads_back_as_itself(number: float) -> None:
    assert float(shown(number)) == number


@pytest.mark.parametrize("odd", [float("inf"), float("nan"), 10**400, b"x", object(), None])
def test_what_cannot_be_shown_is_nothing(odd: object) -> None:
    assert prepare(["a", Slot(("x",))])({"x": odd}) == "a"
