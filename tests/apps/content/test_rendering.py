"""Filling published variants: what is reused, for whom, and what happens when it cannot be done."""

from operator import itemgetter
from typing import Any

import pytest

from apps.content import rendering
from apps.content.domain.fields import Field, FieldType, publishable_fields
from apps.content.errors import InvalidContent, RenderFailed
from engine.snapshot import BlockDoc, SnapshotDoc, VariantDoc, decode_snapshot, encode_snapshot
from tests.vectors import vectors

SCHEMA = [
    Field("headline", FieldType.STRING, is_required=True),
    Field("text", FieldType.HTML),
    Field("link", FieldType.URL),
    Field("picture", FieldType.IMAGE),
    Field("columns", FieldType.NUMBER),
    Field("wide", FieldType.BOOLEAN),
]


def with_fields(**values: object) -> VariantDoc:
    """The variant as it comes back from a stored publication."""
    ready = publishable_fields(SCHEMA, values)  # type: ignore[arg-type]  # wrong ones too
    block = BlockDoc("b", "content", [VariantDoc(key="v", version=1, fields=ready)], "v")
    stored = encode_snapshot(SnapshotDoc("site", 1, 0, blocks=[block]))
    return decode_snapshot(stored).blocks[0].variants[0]


def fields(values: dict[str, object], **stored: object) -> dict[str, object]:
    return rendering.render_fields(with_fields(**stored), values)


@pytest.mark.parametrize("case", vectors("fields"), ids=itemgetter("name"))
def test_a_stored_field_is_made_as_its_case_says(case: dict[str, Any]) -> None:
    variant = VariantDoc("v", 1, fields={"x": case["stored"]})
    assert rendering.render_fields(variant, case["values"])["x"] == case["made"]


def test_plain_fields_come_as_they_are() -> None:
    stored = {"headline": "Hi & <bye>", "columns": 3, "wide": False, "link": "/a?b=1&c=2"}
    assert fields({}, **stored) == stored


def test_html_fields_are_cleaned_and_values_in_them_escaped() -> None:
    made = fields(
        {"traits": {"name": "<b>"}},
        headline="x",
        text="<p onclick=x>Hi {{ traits.name }}<script>1</script></p>",
    )
    assert made["text"] == "<p>Hi &lt;b&gt;</p>"


def test_text_fields_hold_values_unescaped_because_json_is_not_html() -> None:
    values = {"traits": {"name": "Zoë & Co", "visits": 3.0}}
    assert fields(values, headline="Hi {{ traits.name }}, {{ traits.visits }}")["headline"] == (
        "Hi Zoë & Co, 3"
    )
    liquid = "{% if traits.name %}Hi {{ traits.name }}{% endif %}"
    assert fields(values, headline=liquid)["headline"] == "Hi Zoë & Co"


@pytest.mark.parametrize("source", ["{{ traits.u }}", "{{ traits.u | strip }}"])
@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("/a?b=1&c=2", "/a?b=1&c=2"),
        ("https://shop.example/", "https://shop.example/"),
        ("mailto:a@shop.example", "mailto:a@shop.example"),
        ("javascript:alert(1)", "#"),
        (" JavaScript:alert(1)", "#"),
        ("java\tscript:alert(1)", "#"),
        ("data:text/html,x", "#"),
    ],
)
def test_a_link_made_from_a_value_has_a_harmless_scheme(source: str, value: str, made: str) -> None:
    values = {"traits": {"u": value}}
    assert fields(values, headline="x", link=source)["link"] == made
    assert fields(values, headline="x", picture=source)["picture"] == made


@pytest.mark.parametrize(
    ("stored", "pointer", "sentence"),
    [
        ({}, "/fields/headline", "'headline' is required."),
        ({"headline": 3}, "/fields/headline", "'headline' must be a text."),
        ({"headline": "\x00"}, "/fields/headline", "none of them NUL"),
        ({"headline": "\ud800"}, "/fields/headline", "surrogate"),
        ({"headline": "{{ name }}"}, "/fields/headline", "Nothing is called 'name' here."),
        ({"headline": "x", "text": "{% if %}"}, "/fields/text", "'text', line 1:"),
        ({"headline": "x", "link": "javascript:x"}, "/fields/link", "must be a relative address"),
        ({"headline": "x", "columns": "3"}, "/fields/columns", "'columns' must be a number."),
        ({"headline": "x", "columns": True}, "/fields/columns", "'columns' must be a number."),
        ({"headline": "x", "columns": float("nan")}, "/fields/columns", "between"),
        ({"headline": "x", "wide": 1}, "/fields/wide", "'wide' must be true or false."),
    ],
)
def test_a_field_of_the_wrong_type_is_refused_where_it_stands(
    stored: dict[str, object], pointer: str, sentence: str
) -> None:
    with pytest.raises(InvalidContent) as refusal:
        publishable_fields(SCHEMA, stored)  # type: ignore[arg-type]  # the wrong ones are the point
    assert [error["pointer"] for error in refusal.value.errors] == [pointer]
    assert sentence in refusal.value.errors[0]["detail"]


def liquid(source: str) -> VariantDoc:
    return VariantDoc(key="v", version=1, liquid=source)


def test_a_result_is_reused_by_everyone_who_would_get_the_same() -> None:
    variant = liquid("{% if traits.gold %}Hi{% else %}Hello{% endif %}")
    for name in ("ann", "bob", "eve"):
        assert rendering.render(variant, {"traits": {"gold": True, "name": name}}) == "Hi"
    assert len(rendering._kept.texts) == 1
    assert rendering.render(variant, {"traits": {"name": "ann"}}) == "Hello"
    assert len(rendering._kept.texts) == 2


def test_a_new_version_is_not_served_from_the_old_ones_memory() -> None:
    values = {"traits": {"name": "Ann"}}
    assert rendering.render(liquid("{{ traits.name | upcase }}!"), values) == "ANN!"
    assert rendering.render(liquid("{{ traits.name | upcase }}?"), values) == "ANN?"


@pytest.mark.parametrize(
    "source",
    ["{{ items.first.id }}", "{{ items[0].id }}", "{{ items.last.id }}", "{{ items | map: 'id' }}"],
)
def test_nobody_gets_a_list_made_for_somebody_else(source: str) -> None:
    variant = liquid(source)
    for number in ("1", "2"):
        assert rendering.render(variant, {"items": [{"id": number}]}) == number
    for size in (1, 2):
        items = [{"id": "x"}] * size
        assert rendering.render(liquid("{{ items.size }}"), {"items": items}) == str(size)


def test_values_that_json_tells_apart_are_kept_apart() -> None:
    variant = liquid("{{ traits.x | append: '.' }}")
    shown = [rendering.render(variant, {"traits": {"x": x}}) for x in (1, "1", 1.5, True, None)]
    assert shown == ["1.", "1.", "1.5.", "True.", "."]
    assert len(rendering._kept.texts) == 5


def test_what_is_kept_is_bounded_and_the_longest_unused_goes_first() -> None:
    kept = rendering._Kept(limit_bytes=3 * 760)
    for number in range(3):
        kept.put(("source", "html", b"%d" % number), ("x" * 90,))
    assert kept.get(("source", "html", b"0")) is not None
    kept.put(("source", "html", b"9"), ("x" * 90,))
    assert kept.get(("source", "html", b"1")) is None
    assert kept.get(("source", "html", b"0")) is not None
    assert kept.held_bytes <= kept.limit_bytes


def test_a_template_that_fails_says_so_and_is_not_half_served() -> None:
    variant = liquid("Hi {{ traits.n | divided_by: traits.zero }}")
    with pytest.raises(RenderFailed, match="divide by 0"):
        rendering.render(variant, {"traits": {"n": 1, "zero": 0}})
    assert rendering.render(variant, {"traits": {"n": 4, "zero": 2}}) == "Hi 2"


def test_a_value_that_is_not_json_fails_instead_of_being_mixed_up() -> None:
    with pytest.raises(RenderFailed, match="not JSON"):
        rendering.render(liquid("{{ traits.x | upcase }}"), {"traits": {"x": object()}})


def test_a_publication_that_this_version_cannot_read_fails_softly() -> None:
    with pytest.raises(RenderFailed, match="cannot be read"):
        rendering.render(liquid("{% gone %}"), {})


def test_a_variant_without_a_template_has_no_html() -> None:
    assert rendering.render(VariantDoc(key="v", version=1), {}) == ""
