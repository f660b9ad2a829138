"""What an editor's HTML becomes, and that no visitor's value can make it do anything else."""

from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.content import rendering
from apps.content.domain.cleaning import clean, removed_by_cleaning
from apps.content.domain.templates import parse_template
from apps.content.errors import InvalidTemplate
from engine.snapshot import VariantDoc
from engine.templating import Slot


def published(source: str) -> VariantDoc:
    template = parse_template(source)
    parts = None if template.parts is None else list(template.parts)
    return VariantDoc(key="a", version=1, template=parts, liquid=template.liquid)


def html(source: str, **values: object) -> str:
    return rendering.render(published(source), values)


def test_plain_values_become_slots_escaped_for_where_they_stand() -> None:
    template = parse_template(
        '<h1 title="For {{ traits.name }}">{{ traits.name }}</h1><a href="{{ context.url }}">on</a>'
    )
    assert template.liquid is None
    assert [part for part in template.parts or () if isinstance(part, Slot)] == [
        Slot(("traits", "name"), "attr"),
        Slot(("traits", "name"), "text"),
        Slot(("context", "url"), "url"),
    ]


def test_the_literal_part_is_cleaned_once_at_save() -> None:
    template = parse_template('<p onclick="steal()">Hi {{ traits.name }}<script>x()</script></p>')
    assert template.parts == ("<p>Hi ", Slot(("traits", "name")), "</p>")


def test_a_value_may_end_up_in_two_places_when_the_browser_would_repeat_its_element() -> None:
    shown = html('<b><a href="{{ context.url }}"><div>x</b>y</div></a>', context={"url": "/a"})
    assert shown.count('href="/a"') == 2


@pytest.mark.parametrize(
    "source",
    [
        "{% if traits.plan == 'gold' %}a{% endif %}",
        "{{ traits.name | upcase }}",
        "{{ items[0].id }}",
        "{{ items.first.id }}",
        "{{- traits.name -}}",
        "{{ 'text' }}",
        '<a href="{{ traits.a }}{{ traits.b }}">x</a>',
        '<a href="{{ traits.a }}/x">x</a>',
    ],
)
def test_what_slots_cannot_say_stays_liquid(source: str) -> None:
    template = parse_template(source)
    assert template.parts is None
    assert template.liquid == source


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("a\nb {{ trait.name }}", 2, "Nothing is called 'trait' here."),
        ("{% for item in basket %}{% endfor %}", 1, "Nothing is called 'basket' here."),
        ("\n\n{% if traits.x %}", 3, "Expected tag endif"),
        ("a\n{{ traits.name | nope }}", 2, "There is no filter 'nope'."),
        ("{{ traits.name | safe }}", 1, "There is no filter 'safe'."),
        ("{{ 'now' | date: '%Y' }}", 1, "There is no filter 'date'."),
        ("{% include 'x' %}", 1, "Unexpected tag 'include'."),
        ("{% render 'x' %}", 1, "Unexpected tag 'render'."),
        ("{{ traits.name", 1, "Expected '}}'"),
        ("x\n<b {{ traits.x }}=1>", 2, "stands where no value can be safe"),
        ("<{{ traits.x }}>", 1, "stands where no value can be safe"),
        ("<p style='{{ traits.x }}'>", 1, "stands where no value can be safe"),
        ("<p onclick='{{ traits.x }}'>", 1, "stands where no value can be safe"),
        ("<script>{{ traits.x }}</script>", 1, "stands where no value can be safe"),
        ("<!-- {{ traits.x }} -->", 1, "stands where no value can be safe"),
        ('<a href="javascript:{{ traits.x }}">', 1, "stands where no value can be safe"),
        ('<a href="{{ traits.x }}:alert(1)">', 1, "stands where no value can be safe"),
    ],
)
def test_a_template_is_refused_with_its_line_and_a_sentence(
    source: str, line: int, problem: str
) -> None:
    with pytest.raises(InvalidTemplate) as refusal:
        parse_template(source)
    assert refusal.value.line == line
    assert problem in refusal.value.problem
    assert str(refusal.value).endswith((".", "class."))


HOSTILE = [
    "<script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "java&#115;cript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "</a><img src=x onerror=alert(1)>",
    "{{ traits.secret }}",
    "{% for i in (1..9) %}x{% endfor %}",
    "--><svg onload=alert(1)>",
]
TEMPLATES = [
    "<p>{{ traits.x }}</p>",
    '<p title="{{ traits.x }}" class={{ traits.x }}>a</p>',
    '<a href="{{ traits.x }}">a</a>',
    '<a href="https://shop.example/?q={{ traits.x }}">a</a>',
    '<img src="/img/{{ traits.x }}.png" alt="{{ traits.x }}">',
    '<a href="{{ traits.x }}{{ traits.y }}">a</a>',
    "{% if traits.x %}<a href='{{ traits.x }}'>{{ traits.x | strip }}</a>{% endif %}",
    '{% assign a = traits.x | append: "z" %}<img src="{{ a }}"><b data-x="{{ a }}">{{ a }}</b>',
    "{% capture c %}{{ traits.x }}{% endcapture %}<p>{{ c }}{{ traits.x | newline_to_br }}</p>",
    "<table>{{ traits.x }}<tr><td>{{ traits.x | escape }}</td></tr></table>",
]


class _Shape(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs if name not in ("href", "src"))))
        self.urls += [value or "" for name, value in attrs if name in ("href", "src")]


def shape(markup: str) -> _Shape:
    reader = _Shape()
    reader.feed(markup)
    reader.close()
    return reader


def check_harmless(source: str, value: str) -> None:
    made = shape(html(source, traits={"x": value, "y": value}))
    usual = shape(html(source, traits={"x": "usual", "y": "usual"}))
    # Line breaks are the one element that a filter on the list may make of a value.
    assert [item for item in made.seen if item[0] != "br"] == usual.seen
    for url in made.urls:
        bare = "".join(letter for letter in url if letter > " ").lower()
        assert not bare.startswith(("javascript:", "data:", "vbscript:")), url


@pytest.mark.parametrize("source", TEMPLATES)
@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_changes_no_tag_no_attribute_and_runs_nothing(
    source: str, value: str
) -> None:
    check_harmless(source, value)


@given(st.sampled_from(TEMPLATES), st.text("<>\"'&=:/ javscriptondx\n\t\x01;#{}%", max_size=40))
def test_no_value_changes_a_tag_or_an_attribute(source: str, value: str) -> None:
    check_harmless(source, value if value.strip() else "x")


def test_two_values_that_only_together_are_a_script_do_not_run() -> None:
    shown = html(
        '<a href="{{ traits.a }}{{ traits.b }}">x</a>', traits={"a": "java", "b": "script:alert(1)"}
    )
    assert "script" not in shown


def test_what_a_loop_writes_is_cleaned_after_it_ran() -> None:
    shown = html(
        "{% for part in items %}{{ part }}{% endfor %}<b onclick=x>k</b>", items=["<scr", "ipt>"]
    )
    assert "<script" not in shown
    assert "onclick" not in shown


def test_liquid_reads_lists_and_branches() -> None:
    source = (
        "{% for item in items limit: 2 %}<li>{{ forloop.index }} {{ item.id }}</li>{% else %}none"
        "{% endfor %}{% unless traits.gold %}silver{% endunless %}"
    )
    items = [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    assert html(source, items=items, traits={}) == "<li>1 a</li><li>2 b</li>silver"
    assert html(source, items=[], traits={"gold": True}) == "none"


def test_a_visitors_words_are_never_a_template() -> None:
    assert html("<p>{{ traits.x }}</p>", traits={"x": "{{ traits.y }}", "y": "no"}) == (
        "<p>{{ traits.y }}</p>"
    )


def test_python_objects_show_nothing_of_themselves() -> None:
    source = "{{ traits.__class__ }}{{ traits.keys | size }}{{ traits.name.__class__.__mro__ }}"
    assert html(source, traits={"name": "x"}) == "0"


def test_the_editor_learns_what_was_taken_out() -> None:
    source = "<form><input></form><b onclick=x class=y>k</b><script>1</script>"
    removed = list(removed_by_cleaning(source))
    assert removed == ["<form>", "<input>", "<script>", "onclick of <b>"]
    assert list(removed_by_cleaning("<b class=y>k</b>")) == []


@given(st.text("<>/\"'= abhrefscitonlk:&;", max_size=60))
def test_cleaning_twice_changes_nothing_more(source: str) -> None:
    once, twice = (lambda first: (first, clean(first)))(clean(source))
    assert once == twice


def test_a_template_without_text_has_no_html() -> None:
    template = parse_template(" \n ")
    assert (template.parts, template.liquid) == (None, None)
    assert html("  ") == ""


def test_literals_between_values_keep_their_order() -> None:
    parts = parse_template("a{{ traits.x }}b{{ traits.y }}{{ traits.z }}c").parts or ()
    assert not any(isinstance(a, str) and isinstance(b, str) for a, b in pairwise(parts))
    assert html("a{{ traits.x }}b{{ traits.y }}{{ traits.z }}c", traits={"x": 1, "z": 2}) == "a1b2c"
