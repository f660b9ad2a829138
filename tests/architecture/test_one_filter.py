"""What consent permits is worked out in one place: nobody else does sums with its bits."""

import re

import pytest

from tests.architecture.test_sizes import ROOT, modules

# A number of purposes that is masked, in Python or in a text of SQL.
_MASKED = re.compile(
    r"\b(?:granted|denied|purposes)(?:_\w+)?\b\s*\)*\s*&"
    r"|&\s*~?\(?\s*[\w.]*\b(?:granted|denied|purposes)\b"
)


@pytest.mark.parametrize(
    ("line", "is_a_sum"),
    [
        pytest.param("if row.denied & _ANALYTICS:", True, id="a refusal"),
        pytest.param("one.event.purposes &= ~row.denied", True, id="a stamp"),
        pytest.param("WHERE (s.denied & %(purpose)s) = 0", True, id="sql"),
        pytest.param("AND e.purposes & 8 <> 0", True, id="sql of a stamp"),
        pytest.param("has_refused(row.denied, Purpose.ANALYTICS)", False, id="a question"),
        pytest.param("purposes = names_of(choice.granted)", False, id="a name"),
    ],
)
def test_a_sum_is_told_from_a_question(line: str, is_a_sum: bool) -> None:
    assert bool(_MASKED.search(line)) is is_a_sum


def test_nobody_but_consent_masks_what_was_granted_or_denied() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in modules("apps", "engine")
        if path.relative_to(ROOT).parts[:2] != ("apps", "consent")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _MASKED.search(line)
    ]
    assert not found, f"ask apps.consent.gates or apps.consent.recorded instead: {found}"
