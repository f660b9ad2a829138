"""Typed fields: what an editor writes into each, what a publication keeps, what a page gets."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.content import rendering
from apps.content.domain.cleaning import RICH_TAGS, too_rich
from apps.content.domain.fields import (
    Field,
    FieldType,
    is_empty,
    parse_schema,
    publishable_fields,
    schema_document,
)
from apps.content.errors import InvalidContent
from engine.snapshot import BlockDoc, SnapshotDoc, VariantDoc, decode_snapshot, encode_snapshot

ANN: dict[str, object] = {"traits": {"name": "Ann & <Bo>", "site": "javascript:alert(1)"}}


def stored(kind: str, value: Any) -> VariantDoc:
    """A variant with one field, as it comes back from a stored publication."""
    ready = publishable_fields([Field("x", FieldType(kind))], {"x": value})
    block = BlockDoc("b", "content", [VariantDoc("v", 1, fields=ready)], "v")
    body = encode_snapshot(SnapshotDoc("site", 1, 0, blocks=[block]))
    return decode_snapshot(body).blocks[0].variants[0]


def shown(kind: str, value: Any, values: dict[str, object] = ANN) -> Any:
    return rendering.render_fields(stored(kind, value), values)["x"]


def refusal(kind: str, value: Any) -> str:
    with pytest.raises(InvalidContent) as refused:
        publishable_fields([Field("x", FieldType(kind))], {"x": value})
    [error] = refused.value.errors
    assert error["pointer"] == "/fields/x"
    return error["detail"]


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        pytest.param("rich", "<p>Hi <strong>you</strong></p>", None, id="rich text"),
        pytest.param("image", "/a.png", None, id="the address of a picture"),
        pytest.param("image", {"url": "/a.png"}, None, id="a picture"),
        pytest.param(
            "image",
            {"url": "/a.png", "alt": "A dog", "focal": [0.25, 1], "asset": "dog"},
            {"url": "/a.png", "alt": "A dog", "focal": [0.25, 1]},
            id="a picture with all that is known of it",
        ),
        pytest.param("link", {"url": "/sale", "text": "Sale"}, None, id="a link"),
        pytest.param("link", {"url": "/sale"}, {"url": "/sale", "text": ""}, id="a bare link"),
        pytest.param("list", ["a", "b"], None, id="a list"),
        pytest.param("json", {"as": "text", "n": [1, {"a": None}]}, None, id="an object"),
        pytest.param("json", [{"as": "text"}], None, id="a list of objects"),
        pytest.param("json", False, None, id="a truth"),
        pytest.param("json", "{{ traits.name }}", None, id="a text of JSON is no template"),
    ],
)
def test_what_holds_no_value_is_the_same_for_everybody(kind: str, value: Any, made: Any) -> None:
    variant = stored(kind, value)
    assert rendering.is_fixed(variant)
    assert rendering.render_fields(variant, {})["x"] == (value if made is None else made)


def test_values_stand_in_every_part_as_its_kind_wants_them() -> None:
    link = {"url": "{{ traits.site }}", "text": "For {{ traits.name }}"}
    assert shown("link", link) == {"url": "#", "text": "For Ann & <Bo>"}
    picture = {"url": "/{{ traits.name }}.png", "alt": "{{ traits.name }}", "focal": [0, 0.5]}
    assert shown("image", picture)["alt"] == "Ann & <Bo>"
    assert shown("image", picture)["focal"] == [0, 0.5]
    assert shown("list", ["Hi", "{{ traits.name | upcase }}"]) == ["Hi", "ANN & <BO>"]
    rich = '<p>Hi {{ traits.name | default: "you" }}</p>'
    assert shown("rich", rich) == "<p>Hi Ann &amp; &lt;Bo&gt;</p>"
    assert shown("rich", rich, {}) == "<p>Hi you</p>"


def test_signs_that_a_component_wrote_as_entities_are_read_inside_liquid() -> None:
    html = "<p>{% if traits.n &gt; 2 %}A &amp; B{% endif %} "
    html += "{{ traits.x | default: &quot;y&quot; }}</p>"
    assert shown("rich", html, {"traits": {"n": 3}}) == "<p>A &amp; B y</p>"
    link = '<p><a href="{{ traits.u | default: &quot;/a&quot; }}">x</a></p>'
    assert shown("rich", link, {}) == '<p><a href="/a" rel="noopener">x</a></p>'
    # What a visitor is called stays text, whatever it looks like.
    assert shown("rich", "<p>{{ traits.x }}</p>", {"traits": {"x": "&lt;b&gt;<i>"}}) == (
        "<p>&amp;lt;b&amp;gt;&lt;i&gt;</p>"
    )


def test_what_is_read_inside_parts_is_known_beforehand() -> None:
    variant = stored(
        "link", {"url": "/{{ traits.site }}", "text": "{{ context.page.path | upcase }}"}
    )
    assert rendering.paths_read(variant) == {("traits", "site"), ("context", "page", "path")}
    assert rendering.uses_liquid(variant)
    assert not rendering.is_fixed(variant)
    assert not rendering.uses_liquid(stored("json", {"as": "html", "liquid": "{{ x }}"}))


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("rich", "<p>x</p><table></table>", "'x' cannot hold <table>: a rich text has paragraphs"),
        ("rich", "<p class='a'>x</p>", "cannot hold class of <p>"),
        ("rich", "<p onclick=x>y</p>", "cannot hold onclick of <p>"),
        ("rich", "<script>1</script>", "cannot hold <script>"),
        ("rich", "<h1>x</h1>", "cannot hold <h1>"),
        ("rich", "<a href='javascript:1'>x</a>", "a link or a picture whose address is not"),
        ("rich", "<img src='data:image/png,x'>", "a link or a picture whose address"),
        ("rich", "<p>{{ nobody }}</p>", "'x', line 1: Nothing is called 'nobody' here."),
        ("rich", "<p>{% if %}</p>", "'x', line 1"),
        ("rich", 3, "'x' must be a text."),
        ("link", "/sale", "'x' must be a link: an address and a text."),
        ("link", {"text": "Sale"}, "'x' has a text but no address."),
        ("link", {"url": "javascript:1", "text": "x"}, "'x' must be a relative address"),
        ("link", {"url": "/", "text": "x", "rel": "y"}, "'x' must be a link"),
        ("image", {"url": "javascript:1"}, "'x' must be a relative address"),
        ("image", {"url": "/a", "src": "/b"}, "'x' must be an address, or have url, alt, focal"),
        ("image", {"url": "/a", "focal": [0.5]}, "The focal point of 'x' must be two numbers"),
        ("image", {"url": "/a", "focal": [0, 1.01]}, "The focal point of 'x' must be two numbers"),
        ("image", {"url": "/a", "focal": [True, 0]}, "The focal point of 'x' must be two numbers"),
        ("image", {"url": "/a", "asset": "No key"}, "'x' names no picture of the media library."),
        ("list", "a", "'x' must be a list of at most 100 texts."),
        ("list", ["a"] * 101, "'x' must be a list of at most 100 texts."),
        ("list", ["a", 1], "Each entry of 'x' must be a text of at most 2000 characters."),
        ("list", ["a" * 2001], "Each entry of 'x' must be a text of at most 2000 characters."),
        ("list", ["{{ nobody }}"], "Nothing is called 'nobody' here."),
        ("json", {"a": float("nan")}, "'x' cannot hold NUL, half a surrogate pair, NaN"),
        ("json", ["\x00"], "'x' cannot hold NUL"),
        ("json", [2**53], "'x' holds a whole number beyond 2^53 - 1"),
        ("json", ["a" * 20_000], "'x' may have at most 20000 characters as JSON."),
        ("products", "next", "'x' must name a recommender and how many products to show."),
        ("products", {"recommender": "next", "limit": 0}, "'x' shows 1 to 50 products."),
        ("products", {"recommender": "next", "limit": 51}, "'x' shows 1 to 50 products."),
        ("products", {"recommender": "next", "limit": True}, "'x' shows 1 to 50 products."),
        ("products", {"recommender": "No key"}, "'x' must name the recommender that fills it."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(kind: str, value: Any, sentence: str) -> None:
    assert sentence in refusal(kind, value)


def test_json_that_is_nested_too_deep_is_refused_however_deep() -> None:
    deep: Any = 1
    for _ in range(20):
        deep = [deep]
    assert refusal("json", [deep]) == "'x' may be nested at most 20 deep."
    for _ in range(5_000):
        deep = [deep]
    assert refusal("json", deep) == "'x' may be nested at most 20 deep."


def test_all_of_the_rich_set_may_stand_in_a_rich_text() -> None:
    tags = "".join(f"<{tag}>x</{tag}>" for tag in sorted(RICH_TAGS - {"br", "img"}))
    html = f'{tags}<br><img src="/a" alt="b" title="c" width="1" height="2">'
    html += '<a href="https://x.shop/" title="y" target="_blank">z</a><a href="#top">up</a>'
    assert too_rich(html) == []
    assert 'rel="noopener"' in shown("rich", html)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("rich", ""),
        ("link", {}),
        ("link", {"url": "", "text": ""}),
        ("image", {"url": "", "alt": "x"}),
        ("list", []),
        ("json", None),
        ("products", {"recommender": "", "limit": 4}),
    ],
)
def test_what_is_left_empty_is_not_published_and_refused_where_it_is_required(
    kind: str, value: Any
) -> None:
    field = Field("x", FieldType(kind))
    assert is_empty(field, value)
    assert publishable_fields([field], {"x": value}) == {}
    with pytest.raises(InvalidContent, match="'x' is required"):
        publishable_fields([Field("x", FieldType(kind), is_required=True)], {"x": value})


@pytest.mark.parametrize("value", [0, False, {}, [], [""]])
def test_json_may_say_nothing_in_its_own_way(value: Any) -> None:
    assert shown("json", value) == value


def test_a_hint_is_kept_for_editors() -> None:
    document = [{"name": "a", "type": "rich", "required": True, "help": "Two sentences."}]
    assert schema_document(parse_schema(document)) == document
    with pytest.raises(InvalidContent, match="'help' of 'a' must be a text of at most 200"):
        parse_schema([{"name": "a", "type": "rich", "help": "x" * 201}])


def test_products_are_asked_for_when_somebody_comes() -> None:
    variant = stored("products", {"recommender": "next", "limit": 3})
    assert rendering.queries_of(variant) == (("x", "next", 3),)
    assert not rendering.is_fixed(variant)
    assert rendering.render_fields(variant, {})["x"] == []
    items = [{"id": "sku-1", "score": 1.0, "why": "popular"}]
    assert rendering.render_fields(variant, {"lists": {"x": items}})["x"] == items


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["{{ traits.name }}", "{{", "{% if %}", "<p>", "javascript:1", "\x00", "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["url", "text", "alt", "focal", "asset", "recommender", "limit", "as", ""]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(list(FieldType)), JSON_VALUES)
def test_whatever_a_form_sends_is_refused_in_words_or_can_be_shown(
    kind: FieldType, value: Any
) -> None:
    field = Field("x", kind)
    try:
        ready = publishable_fields([field], {"x": value})
    except InvalidContent as refused:
        assert [error["pointer"] for error in refused.errors] == ["/fields/x"]
        return
    body = encode_snapshot(
        SnapshotDoc(
            "s", 1, 0, blocks=[BlockDoc("b", "content", [VariantDoc("v", 1, fields=ready)], "v")]
        )
    )
    variant = decode_snapshot(body).blocks[0].variants[0]
    made = rendering.render_fields(variant, ANN)
    assert made.keys() == ready.keys()
    json.dumps(made, allow_nan=False)
