"""The type of a published field: the declared one where every published value may be of it."""

from typing import Any

import pytest

from apps.integrations.domain.published_fields import published_types

LINK = {"as": "value", "value": {"url": "/a", "text": "A"}}
IMAGE = {"as": "value", "value": {"url": "/a.png", "alt": "A", "focal": [0.5, 0.5]}}


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        (["Hats"], "string", "string"),
        (["Hats"], "rich", "string"),
        (["<p>Hats</p>", ""], "rich", "rich"),
        (["<p>Hats</p>", "Hats"], "rich", "string"),
        (["/a.png"], "image", "image"),
        ([{"as": "url", "liquid": "{{ x }}"}], "image", "image"),
        ([IMAGE, "/a.png", None], "image", "image"),
        ([IMAGE], "link", "image"),
        ([LINK], "image", "link"),
        ([LINK], "json", "json"),
        ([{"as": "parts", "of": {"url": "/a", "text": {"as": "text"}}}], "", "link"),
        ([["a"], {"as": "parts", "of": []}], "list", "list"),
        ([[1]], "list", "json"),
        ([1, 2.5], "number", "number"),
        ([True], "number", "boolean"),
        ([{"as": "html", "liquid": "x"}], "string", "html"),
        ([{"as": "items", "recommender": "r"}], "string", "products"),
        (["a", 1], "string", "json"),
        ([{"odd": 1}], "link", "json"),
    ],
    ids=[
        "text", "text-as-rich", "rich", "rich-and-text", "address", "made-address", "picture",
        "picture-as-link", "link-as-picture", "json", "made-link", "list", "no-list", "number",
        "boolean", "made-html", "products", "mixed", "unknown",
    ],
)  # fmt: skip
def test_a_declared_type_is_believed_where_it_fits(
    values: list[Any], declared: str, expected: str
) -> None:
    variants = [{"field": value} for value in values]
    known = {"field": declared} if declared else {}
    assert published_types(variants, known) == {"field": expected}


def test_fields_are_those_that_are_published_in_the_order_that_is_declared() -> None:
    variants: list[dict[str, Any]] = [{"b": "x", "gone": 1}, {"a": "x"}]
    assert list(published_types(variants, {"new": "string", "a": "string", "b": "string"})) == [
        "a",
        "b",
        "gone",
    ]
