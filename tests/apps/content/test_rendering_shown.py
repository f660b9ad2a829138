"""Values that are only shown are filled in later: to the byte what Liquid and the cleaner say."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.content import rendering
from apps.content.domain.cleaning import clean
from apps.content.domain.sandbox import compile_liquid
from apps.content.errors import RenderFailed
from apps.content.rendering_shown import only_shown
from engine.snapshot import VariantDoc


def variant(source: str) -> VariantDoc:
    return VariantDoc(key="v", version=1, liquid=source)


def made_whole(source: str, values: dict[str, Any]) -> str:
    """What Liquid makes of all values at once, cleaned."""
    return clean(compile_liquid(source, "html").run(values))


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ traits.name }}", {"traits.name"}),
        ("{{- traits.name -}}{{facts.note}}", {"traits.name", "facts.note"}),
        ("{% if traits.plan == 'pro' %}{{ traits.name }}{% endif %}", {"traits.name"}),
        ("{% for item in items %}{{ traits.name }}{{ item.id }}{% endfor %}", {"traits.name"}),
        ("{{ traits.name | upcase }}{{ traits.name }}", set()),
        ("{{ traits.name }}{% if traits.name %}!{% endif %}", set()),
        ("{{ traits.name }}{% if traits == blank %}!{% endif %}", set()),
        ("{{ traits.name }}{{ traits.name.size }}", set()),
        ("{{ traits.names[0] }}", set()),
        ("{% capture x %}{{ traits.name }}{% endcapture %}{{ x | upcase }}", set()),
        ("{% assign x = traits.name %}{{ x }}", set()),
        ("{{ traits.name or 'you' }}", set()),
        ("{% case traits.name %}{% when 'a' %}{{ traits.name }}{% endcase %}", set()),
        ("{% cycle traits.name, 'b' %}{{ traits.city }}", {"traits.city"}),
    ],
)
def test_what_a_template_does_more_with_is_not_only_shown(source: str, paths: set[str]) -> None:
    try:
        program = compile_liquid(source, "html")
    except Exception:
        assert not paths  # it cannot be published at all
        return
    assert {".".join(path) for path in only_shown(program, source)} == paths


def test_one_run_of_a_template_serves_all_names() -> None:
    source = "<p>{% if traits.plan == 'pro' %}Dear {% endif %}{{ traits.name }}</p>"
    for plan in ("pro", "free"):
        for number in range(20):
            values = {"traits": {"plan": plan, "name": f'Ann "& <b>{number}'}}
            assert rendering.render(variant(source), values) == made_whole(source, values)
    assert len(rendering._kept.texts) == 2


pieces = st.sampled_from(
    [
        "{{ traits.name }}", "{{ facts.note }}", "{{ traits.city }}", "{{ context.n }}",
        "{% if traits.plan == 'pro' %}{{ traits.name }}{% else %}<i>{{ facts.note }}{% endif %}",
        "{% for item in items %}<li>{{ item.id }} {{ traits.city }}{% endfor %}",
        "<p>", "</p>", "<b>", "</b>", "<i>", "</i>", "<a href='/x'>", "</a>", "<ul><li>", "</ul>",
        "<table>", "<tr><td>", "</table>", "<pre>", "</pre>", "<textarea>", "</textarea>",
        "<script>", "</script>", "<style>", "</style>", "<xmp>", "</xmp>", "<title>", "<!--", "-->",
        "<svg>", "</svg>", "<math>", "<select><option>", "</select>", "<noscript>", "<iframe>",
        '<img alt="{{ traits.name }}">', "<p title={{ traits.city }}>", "<p title='", "'>", '"',
        "<a href='{{ traits.name }}'>", "<{{ traits.name }}>", "<p ", "<", "&", "&amp;", "&lt",
        ">", "\n", " ", "x", "</", "<br>", "<h1>", "</h1>", "<body>", "</body>",
        "<div class=\"a>b\">", "</div>", "<plaintext>", "<template>", "</template>", "<ruby><rp>",
        "<u", "\ue0000\ue001",
    ]
)  # fmt: skip
texts = st.one_of(
    st.sampled_from(
        ["Ann", "", " ", "<b>", "&amp;", "&", "a\rb", "\n", "\xa0", "javascript:x", "x" * 600, "😀",
         "'\"", "-->", "</p>", "\ue0000\ue001", "lt;", "#39;", "a b", "\u200d"]
    ),
    st.text(max_size=8).filter(lambda text: "\x00" not in text),
)  # fmt: skip
others = st.one_of(
    texts, st.none(), st.integers(-5, 5), st.booleans(), st.floats(0, 2), st.just([])
)


@settings(max_examples=400, deadline=None, derandomize=True)
@example(  # a mark of ours in what others wrote
    source="<p title={{ traits.city }}>\ue0000\ue001",
    people=[{"name": None, "city": "\ue0000\ue001", "plan": "pro"}],
    note=None,
)
@given(
    source=st.lists(pieces, min_size=1, max_size=9).map("".join),
    people=st.lists(
        st.fixed_dictionaries(
            {"name": others, "city": texts, "plan": st.sampled_from(["pro", "x"])}
        ),
        min_size=1, max_size=4,
    ),
    note=others,
)  # fmt: skip
def test_what_is_filled_in_is_what_would_have_been_made(
    source: str, people: list[dict[str, Any]], note: Any
) -> None:
    for traits in people:
        values = {
            "traits": traits,
            "facts": {"note": note},
            "context": {"n": "1 < 2"},
            "items": [{"id": "a"}, {"id": traits["city"]}],
        }
        try:
            filled, whole = rendering.render(variant(source), values), made_whole(source, values)
        except RenderFailed:  # its limit is of computing time, and the collector takes some
            continue
        assert filled == whole


@pytest.mark.parametrize("name", ["Ann", "", "<", "a\nb", 3, None], ids=repr)
def test_texts_are_filled_in_as_they_are(name: object) -> None:
    doc = VariantDoc("v", 1, fields={"f": {"liquid": "Hi {{ traits.name }}!", "as": "text"}})
    source = "Hi {{ traits.name }}!"
    values = {"traits": {"name": name}}
    assert rendering.render_fields(doc, values)["f"] == compile_liquid(source, "text").run(values)
