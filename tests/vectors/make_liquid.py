"""Write tests/vectors/liquid.json: templates that every engine for Liquid must render alike.

    python -m tests.vectors.make_liquid            writes the file
    python -m tests.vectors.make_liquid --check    exits 1 when it is not what would be written

The texts are what our sandbox makes; tests/clients/test_templates.py holds liquidjs against them,
and Handlebars where a template only shows values.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from apps.content.domain.sandbox import compile_liquid
from tests.vectors import HERE

TARGET: Path = HERE / "liquid.json"
VALUES: dict[str, Any] = {
    "traits": {
        "name": "Ann Bo",
        "void": "",
        "padded": "  a  b\n",
        "html": "<b>x</b> & y",
        "lines": "a\nb",
        "count": 3,
        "price": 19.5,
        "low": -2.25,
        "vip": True,
        "old": False,
        "plan": {"key": "pro", "level": 2},
        "tags": ["b", "a", "C", "a"],
        "numbers": [3, 1, 2],
    },
    "items": [
        {"id": "sku-1", "score": 2, "why": "popular"},
        {"id": "sku-2", "score": 1, "why": "followed_by"},
        {"id": "sku-3", "score": 5, "why": "popular"},
    ],
}
# What only shows values: Handlebars reads it too.
SHOWN: tuple[str, ...] = (
    "Hello",
    "Hello {{ traits.name }}",
    "{{traits.name}}{{ traits.count }}",
    "{{ traits.plan.key }}/{{ traits.plan.level }}",
    "[{{ traits.missing }}][{{ traits.missing.deeper }}][{{ traits.void }}]",
    "{{ traits.vip }} {{ traits.price }} {{ traits.low }}",
    '<p title="{{ traits.html }}">{{ traits.html }}</p>',
)
SOURCES: tuple[str, ...] = (
    "{{ traits.name | default: 'you' }} {{ traits.missing | default: 'you' }}",
    "{{ traits.void | default: 'you' }} {{ traits.old | default: 'no' }}",
    "{{ traits.name | upcase }} {{ traits.name | downcase }} {{ 'ann' | capitalize }}",
    "{{ traits.name | append: '!' | prepend: '?' }}",
    "{{ traits.count | plus: 2 }} {{ traits.count | minus: 5 }} {{ traits.count | times: 4 }}",
    "{{ 7 | divided_by: 2.0 }} {{ 7 | modulo: 4 }}",
    "{{ traits.low | abs }} {{ traits.low | ceil }} {{ traits.low | floor }}",
    "{{ traits.price | round }} {{ 2.345 | round: 1 }}",
    "{{ traits.count | at_least: 5 }} {{ traits.count | at_most: 2 }}",
    "{{ traits.tags | join: '-' }} {{ traits.tags | first }} {{ traits.tags | last }}",
    "{{ traits.tags | size }} {{ traits.name | size }} {{ traits.tags.size }}",
    "{{ traits.tags | sort | join: ',' }} {{ traits.numbers | sort | join: ',' }}",
    "{{ traits.tags | sort_natural | join: ',' }}",
    "{{ traits.tags | reverse | join: ',' }} {{ traits.tags | uniq | join: ',' }}",
    "{{ traits.tags | concat: traits.numbers | join: ',' }}",
    "{{ items | map: 'id' | join: ' ' }}",
    "{{ items | where: 'why', 'popular' | map: 'id' | join: ' ' }}",
    "{{ items | map: 'score' | sum }}",
    "{{ traits.name | replace: 'n', 'm' }} {{ traits.name | replace_first: 'n', 'm' }}",
    "{{ traits.name | remove: 'n' }} {{ traits.name | remove_first: 'n' }}",
    "{{ traits.name | slice: 0, 3 }} {{ traits.name | slice: -2, 2 }} {{ traits.name | slice: 1 }}",
    "{{ traits.name | split: ' ' | join: '+' }}",
    "[{{ traits.padded | strip }}]",
    "{{ traits.html | strip_html }} {{ traits.html | escape }}",
    "{{ traits.lines | strip_newlines }} {{ traits.lines | newline_to_br }}",
    "{{ 'one two three' | truncate: 7 }} {{ 'one two three' | truncatewords: 2 }}",
    "{{ 'a b&c/d' | url_encode }}",
    "{% if traits.vip %}in{% else %}out{% endif %}",
    "{% if traits.count > 2 and traits.name != '' %}yes{% endif %}",
    "{% if traits.missing == nil or traits.old %}gone{% endif %}",
    "{% if traits.name contains 'Bo' %}Bo{% elsif traits.vip %}vip{% endif %}",
    "{% if traits.tags contains 'a' %}a{% endif %}{% unless traits.old %}new{% endunless %}",
    "{% if traits.void == '' %}blank{% endif %}{% if traits.void %}, yet true{% endif %}",
    "{% case traits.plan.key %}{% when 'free' %}F{% when 'pro', 'max' %}P{% else %}?{% endcase %}",
    "{% for item in items %}{{ forloop.index }}:{{ item.id }}{% unless forloop.last %}, "
    "{% endunless %}{% endfor %}",
    "{% for item in items limit: 1 offset: 1 %}{{ item.id }}{% endfor %}",
    "{% for item in items reversed %}{{ item.score }}{% endfor %}",
    "{% for n in (1..3) %}{{ n }}{% if n == 2 %}{% break %}{% endif %}{% endfor %}",
    "{% for n in (1..3) %}{% if n == 2 %}{% continue %}{% endif %}{{ n }}{% endfor %}",
    "{% for item in traits.missing %}x{% else %}none{% endfor %}",
    "{% assign who = traits.name | upcase %}{{ who }}",
    "{% capture line %}Hi {{ traits.name }}{% endcapture %}{{ line | size }}",
    "{% for n in (1..4) %}{% cycle 'a', 'b' %}{% endfor %}",
    "a{% comment %} hidden {% endcomment %}b",
    "a {{- traits.count -}} b{%- if true -%} c {%- endif -%} d",
    "{{ items[1].id }} {{ items[0]['why'] }} {{ items.first.id }} {{ items.last.id }}",
)  # fmt: skip

# What liquidjs makes otherwise, and what it makes: ours is as Shopify's in the first.
OTHERWISE: dict[str, str] = {
    "{{ 7 | divided_by: 2 }}": "3.5",
    "{{ items | map: 'none' | compact | size }}": "0",
}


def made() -> list[dict[str, Any]]:
    """Every case of the file."""
    return [
        {
            "name": source,
            "source": source,
            "shows_only": source in SHOWN,
            "text": compile_liquid(source, "text").run(VALUES),
        }
        | ({"liquidjs": OTHERWISE[source]} if source in OTHERWISE else {})
        for source in (*SHOWN, *SOURCES, *OTHERWISE)
    ]


def written(cases: list[dict[str, Any]]) -> str:
    """The text of the file: a line each."""
    return "[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n"


def main(arguments: list[str]) -> int:
    """Write or check the file; 0 when all is well."""
    text = written(made())
    if "--check" not in arguments:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.read_text("utf-8") != text:
        print(
            "liquid.json is out of date: run python -m tests.vectors.make_liquid", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
