"""Which language is shown: what was asked for, else the first; gaps in the own language."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.locales import chosen, every_form, locale_of, localized
from engine.snapshot import BlockDoc, LocaleDoc, SnapshotDoc, VariantDoc, encode_snapshot
from tests.vectors import vectors

VARIANT = VariantDoc(
    "v",
    1,
    fields={"headline": "Hello", "text": "Stay"},
    template=["<p>"],
    locales={
        "de": LocaleDoc({"headline": "Hallo"}),
        "fr": LocaleDoc({"headline": ""}, liquid="{% if true %}<p>{% endif %}"),
    },
)
BLOCK = BlockDoc("b", "content", [VARIANT], "v", locale="en")


@pytest.mark.parametrize("case", vectors("locales"), ids=itemgetter("name"))
def test_a_language_is_chosen_as_its_case_says(case: dict[str, Any]) -> None:
    assert chosen(case["asked"], case["offered"], case["default"]) == case["chosen"]


@given(st.text(max_size=60), st.lists(st.sampled_from(["de", "de-CH", "fr"])))
def test_whatever_is_asked_the_answer_is_among_what_there_is(
    asked: str, offered: list[str]
) -> None:
    assert chosen(asked, offered, "en") in {*offered, "en"}


def test_what_is_not_translated_is_shown_as_it_is() -> None:
    german = localized(VARIANT, "de")
    assert german.fields == {"headline": "Hallo", "text": "Stay"}
    assert german.template == ["<p>"]
    assert german.locales == {}


def test_an_empty_translation_is_shown_empty_and_liquid_takes_the_place_of_slots() -> None:
    french = localized(VARIANT, "fr")
    assert french.fields["headline"] == ""
    assert (french.template, french.liquid is None) == (None, False)


def test_a_site_with_one_language_says_none() -> None:
    plain = BlockDoc("b", "content", [VARIANT], "v")
    assert locale_of(plain, VARIANT, "de") is None
    assert localized(VARIANT, None) is VARIANT
    assert locale_of(BLOCK, VARIANT, "it, de-AT;q=0.5") == "de"
    assert locale_of(BLOCK, VARIANT, "it") == "en"


def test_every_form_is_the_variant_and_each_of_its_languages() -> None:
    assert [form.fields["headline"] for form in every_form(VARIANT)] == ["Hello", "Hallo", ""]


def test_a_document_without_languages_and_schedules_is_written_as_before() -> None:
    old = BlockDoc("b", "content", [VariantDoc("v", 1, fields={"a": "x"})], "v")
    body = encode_snapshot(SnapshotDoc("site", 1, 0, blocks=[old]))
    assert body == (
        b'{"site_id":"site","number":1,"published_at_ms":0,"placements":[],"blocks":[{"key":"b",'
        b'"kind":"content","variants":[{"key":"v","version":1,"fields":{"a":"x"}}],"default":"v"}],'
        b'"segments":[],"rules":[],"caps":[],"experiments":[],"holdouts":[]}'
    )
