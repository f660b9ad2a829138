"""Groups side by side, on a field experiment whose disparity is known."""

from apps.predictions.domain.fairness import audit


def called_back(group: str, letters: int, yes: int) -> list[tuple[int, int, str]]:
    """Résumés of one group: as good as those of the other, some called back."""
    return [(1, int(n < yes), group) for n in range(letters)]


def test_call_backs_by_perceived_race_fail_the_four_fifths_rule() -> None:
    # Bertrand and Mullainathan, American Economic Review 94 (2004), table 1.
    rows = called_back("white", 2_435, 235) + called_back("black", 2_435, 157)
    found = audit(*(list(column) for column in zip(*rows, strict=True)))
    assert found.four_fifths_pass is False
    assert round(found.demographic_parity_ratio or 0, 3) == 0.668
    assert round(found.demographic_parity_difference or 0, 4) == 0.032
    assert round(found.equal_opportunity_difference or 0, 4) == 0.032


def test_equal_groups_pass() -> None:
    rows = called_back("a", 1_000, 100) + called_back("b", 500, 50)
    found = audit(*(list(column) for column in zip(*rows, strict=True)))
    assert found.four_fifths_pass is True
    assert found.demographic_parity_difference == 0.0
