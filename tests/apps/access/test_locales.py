"""The languages of a site are language tags, each once."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from apps.access.models import check_locales


@pytest.mark.parametrize(
    "value", [[], ["en"], ["en", "de", "de-CH", "zh-Hant-TW"]], ids=["none", "one", "four"]
)
def test_tags_are_taken(value: list[str]) -> None:
    check_locales(value)


@pytest.mark.parametrize(
    "value",
    [
        "en",
        {"en": 1},
        None,
        [1],
        [""],
        ["german"],
        ["de_CH"],
        ["EN"],
        ["en", "en"],
        ["de-CH", "de-ch"],
        [f"a{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(21)],
    ],
    ids=[
        "text", "object", "nothing", "number", "empty", "a word", "underscore", "capitals", "twice",
        "twice in other letters", "too many",
    ],
)  # fmt: skip
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError, match="Languages are a list"):
        check_locales(value)
