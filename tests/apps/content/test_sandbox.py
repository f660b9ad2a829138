"""Liquid can use up nothing: each way to ask for too much ends in a refusal, soon."""

import tracemalloc
from time import thread_time

import pytest

from apps.content.domain.sandbox import FILTERS, MAX_CPU_S, MAX_SOURCE, TAGS, compile_liquid
from apps.content.errors import InvalidTemplate, RenderFailed

VALUES = {
    "traits": {
        "big": "x" * 5000,
        "words": " ".join(f"word{number}" for number in range(499)),
        "infinite": float("inf"),
        "huge": 10**12,
    }
}


@pytest.mark.parametrize(
    "source",
    [
        "{% for i in (1..1000000000) %}a{% endfor %}",
        "{% for i in (1..traits.huge) %}a{% endfor %}",
        "{% for i in (1..1999) %}{% for j in (1..1999) %}a{% endfor %}{% endfor %}",
        "{% for i in (1..1900) %}{{ traits.big }}{% endfor %}",
        "{% capture c %}{% for i in (1..1900) %}{{ traits.big }}{% endfor %}{% endcapture %}",
        "{% assign x = 'aaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 30,
        "{{ 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 12 + " }}",
        "{% assign x = 999999 %}" + "{% assign x = x | times: x %}" * 30,
        "{{ (1..100000000) | join: ',' }}",
        "{{ (1..100000000) | sort | first }}",
        "{% assign l = traits.words | split: ' ' %}{% for i in (1..500) %}"
        "{% assign l = l | uniq %}{% endfor %}",
        "{{ traits.infinite | round }}",
        "{{ 1 | divided_by: 0 }}",
        "{{ traits.big | plus: 1 }}",
    ],
)
def test_a_template_that_asks_for_too_much_fails_soon(source: str) -> None:
    program = compile_liquid(source, "html")
    started = thread_time()
    with pytest.raises(RenderFailed):
        program.run(VALUES)
    assert thread_time() - started < 4 * MAX_CPU_S


@pytest.mark.parametrize(
    "source",
    ["{{ traits.long | replace: 'x', traits.long }}", "{{ traits.list | join: traits.long }}"],
)
def test_a_filter_does_not_build_what_it_would_not_be_allowed_to_return(source: str) -> None:
    values = {"traits": {"long": "x" * 15_000, "list": ["a"] * 400}}
    program = compile_liquid(source, "html")
    tracemalloc.start()
    try:
        with pytest.raises(RenderFailed, match="too much text"):
            program.run(values)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_template_that_is_too_long_or_nests_too_deep_is_refused() -> None:
    with pytest.raises(InvalidTemplate, match="longer than"):
        compile_liquid("x" * (MAX_SOURCE + 1), "html")
    with pytest.raises(InvalidTemplate, match="nesting"):
        compile_liquid("{% if traits.a %}" * 40 + "{% endif %}" * 40, "html")


def test_nothing_that_reads_files_clocks_or_turns_escaping_off_is_there() -> None:
    assert not TAGS & {"include", "render", "extends", "increment", "liquid", "echo"}
    assert not FILTERS & {"safe", "date", "base64_decode", "url_decode", "escapejs"}
    program = compile_liquid("{{ traits.big | slice: 0 }}", "html")
    env = program.template.env
    assert set(env.filters) == FILTERS
    assert set(env.tags) == TAGS


def test_a_program_knows_the_values_that_it_can_look_at() -> None:
    program = compile_liquid(
        "{% for item in items %}{{ item.id }}{% endfor %}{{ traits.name | upcase }}"
        "{{ traits.name.first }}{{ facts[context.page] }}{% assign x = traits.plan %}{{ x }}",
        "html",
    )
    assert program.reads == (
        ("context", "page"),
        ("facts",),
        ("items",),
        ("traits", "name"),
        ("traits", "plan"),
    )
