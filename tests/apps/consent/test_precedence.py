"""Which word wins: each line of the order, with everything below it saying the opposite."""

import pytest

from apps.consent import gates
from apps.consent.regimes import EU_OPT_IN, US_OPT_OUT
from apps.consent.types import OPTED_OUT, Choice, Hold, Purpose

NOW = 1_000
P, A, S = (int(one) for one in (Purpose.PERSONALIZATION, Purpose.ADVERTISING, Purpose.SENSITIVE))
ADS = A | int(Purpose.SALE)


@pytest.mark.parametrize(
    ("choice", "options", "purpose", "is_allowed"),
    [
        pytest.param(Choice(P, holds=int(Hold.RESTRICTED)), {"carried_yes": P}, P, False,
                     id="a restriction beats every yes"),
        pytest.param(Choice(P, holds=int(Hold.OBJECTED)), {"mode": "assumed"}, P, False,
                     id="an objection beats every yes"),
        pytest.param(Choice(denied=63), {"refused_by_signal": ADS}, Purpose.NECESSARY, True,
                     id="what is necessary is not asked about"),
        pytest.param(Choice(A), {"refused_by_signal": ADS, "carried_yes": A}, A, False,
                     id="a signal beats a yes to advertising"),
        pytest.param(Choice(A, holds=int(Hold.ADVERTISING_CHOSEN)), {"refused_by_signal": ADS}, A,
                     True, id="but not one of a known person who was told"),
        pytest.param(Choice(P), {"refused_by_signal": ADS}, P, True,
                     id="a signal against sale does not stop personalization"),
        pytest.param(Choice(P), {"refused_by_signal": ADS | P}, P, False,
                     id="unless the site takes it for a refusal"),
        pytest.param(Choice(denied=P), {"carried_yes": P, "mode": "assumed"}, P, False,
                     id="a recorded no beats a carried yes and a source that assumes"),
        pytest.param(Choice(P), {"carried_no": P}, P, False,
                     id="a carried no beats a recorded yes"),
        pytest.param(Choice(P), {}, P, True, id="a recorded yes beats the default"),
        pytest.param(Choice(P, consent_until_ms=NOW), {}, P, False, id="until it has ended"),
        pytest.param(Choice(P, consent_until_ms=NOW), {"carried_yes": P}, P, True,
                     id="a carried yes is of now"),
        pytest.param(Choice(P, consent_until_ms=NOW), {"mode": "by_regime", "regime": US_OPT_OUT},
                     P, True, id="where nobody has to ask, an ended yes is silence"),
        pytest.param(Choice(), {"carried_yes": P}, P, True, id="a carried yes beats the default"),
        pytest.param(Choice(), {"mode": "assumed"}, P, True, id="the site may vouch"),
        pytest.param(Choice(), {"mode": "assumed"}, S, False, id="for nothing sensitive"),
        pytest.param(Choice(), {"mode": "required", "regime": US_OPT_OUT}, P, False,
                     id="a site that asks is stricter than its law"),
        pytest.param(Choice(), {"mode": "by_regime", "regime": US_OPT_OUT}, A, True,
                     id="an opt-out law allows until somebody opts out"),
        pytest.param(Choice(), {"mode": "by_regime", "regime": US_OPT_OUT}, S, False,
                     id="but nothing sensitive"),
        pytest.param(Choice(), {"mode": "by_regime"}, P, False, id="an opt-in law refuses"),
    ],
)  # fmt: skip
def test_the_first_line_that_says_something_decides(
    choice: Choice, options: dict[str, object], purpose: int, is_allowed: bool
) -> None:
    asked = {"mode": "required", "regime": EU_OPT_IN, **options}
    bits = gates.permitted(choice, now_ms=NOW, **asked)  # type: ignore[arg-type]
    assert bool(bits & purpose) is is_allowed
    assert OPTED_OUT == ADS
