"""Allocation, caps, templates and facts of a request at the edge, under the server's own cases."""

from __future__ import annotations

import json
import os
from typing import Any

import msgspec
import pytest

from apps.access.types import Caller, Rates
from apps.content import rendering
from apps.delivery.request_facts import RequestFacts
from engine.capping import CapDoc, FatigueDoc, allows, intensity
from engine.locales import chosen, locale_of, localized
from engine.snapshot import BlockDoc, VariantDoc
from engine.templating import TemplatePart, prepare
from tests.engine.choices import Choices, Seeded, once_in, some
from tests.sdk.calls import Call, values
from tests.vectors import HERE, vectors

EXAMPLES = int(os.environ.get("EDGE_EXAMPLES", "1000"))
NOW_MS = 1_700_000_000_000


def cases(op: str) -> list[dict[str, Any]]:
    found = json.loads((HERE / "allocation.json").read_text("utf-8"))["cases"]
    return [case for case in found if case["op"] == op]


def test_allocation_is_as_in_the_public_cases() -> None:
    for case in cases("bucket.ranges"):
        given, count = case["input"], case["input"]["num_variations"]
        weights = given["weights"] or [1 / count] * count
        [found] = values([Call("allocation", "rangesOf", [weights, given["coverage"]])])
        assert found == [pytest.approx(each) for each in case["expected"]["ranges"]]
    [chosen], [layered], [whole] = map(
        cases, ("bucket.choose", "bucket.in_namespace", "bucket.assign")
    )
    arms = [[0, 0.5], [0.5, 1]]
    asked = whole["input"]
    assert values(
        [
            Call("allocation", "choose", [chosen["input"]["n"], chosen["input"]["ranges"]]),
            Call("allocation", "isInLayer", list(layered["input"].values())),
            Call("allocation", "positionOf", [asked["unit"], asked["seed"]]),
            Call("allocation", "assign", [asked["unit"], asked["seed"], arms]),
        ]
    ) == [
        chosen["expected"]["index"],
        layered["expected"]["inside"],
        whole["expected"]["n"],
        whole["expected"]["variation"],
    ]


def test_caps_are_as_in_the_public_cases() -> None:
    [decay], [sliding] = cases("decay.fatigue"), cases("cap.sliding")
    given = decay["input"]
    fatigue = {"half_life_ms": given["half_life"], "step": given["step"], "floor": given["floor"]}
    shown = sorted(100 - age for age in given["ages"])
    [found] = values([Call("capping", "intensityOf", [fatigue, shown, 100])])
    assert found == decay["expected"]["multiplier"]
    cap = {"number": 1, "key": "c", "most": sliding["input"]["rules"][0]["max"], "per": "session"}
    since, showings, results = {"a": 0, "b": 3}, [], []
    for request in sliding["input"]["requests"]:
        args = [cap, showings, request["t"], since[request["session"]]]
        [is_shown] = values([Call("capping", "isAllowed", args)])
        results.append(is_shown)
        showings = [*showings, request["t"]] if is_shown else showings
    assert results == sliding["expected"]["shown"]


def test_random_caps_allow_alike() -> None:
    calls, expected = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        ages = (0, 1, 59_999, 60_000, 60_001, 3_600_000)
        shown = sorted(NOW_MS - age for age in some(choices, ages, 5))
        fatigue = FatigueDoc(choices.pick((60_000, 7_000_001)), 0.25, choices.pick((0.0, 0.3)), 0.6)
        cap = CapDoc(
            1,
            "c",
            choices.pick((None, 1, 2, 3)),
            choices.pick((None, 60_000)),
            choices.pick(("visitor", "session")),
            choices.pick((0, 60_000)),
            fatigue if once_in(choices, 2) else None,
        )
        since = choices.pick((None, NOW_MS - 60_000))
        calls.append(Call("capping", "isAllowed", [msgspec.to_builtins(cap), shown, NOW_MS, since]))
        expected.append(allows(cap, shown, NOW_MS, since))
        calls.append(Call("capping", "intensityOf", [msgspec.to_builtins(fatigue), shown, NOW_MS]))
        expected.append(pytest.approx(intensity(fatigue, shown, NOW_MS), rel=1e-14))
    assert values(calls) == expected


def test_templates_are_filled_as_their_cases_say() -> None:
    found = vectors("templates")
    filled = values(
        Call("templating", "prepared", [case["parts"]], [case["values"]]) for case in found
    )
    assert filled == [case["html"] for case in found]
    assert len(found) > 50


PIECES: tuple[str, ...] = (
    "java",
    "script",
    ":",
    "/",
    "?",
    "http",
    "https:",
    "//",
    "&",
    "<b>",
    '"',
    "'",
    "%73",
    "",
)
PIECES += (
    "\t",
    "\n",
    "\x00",
    "\x85",
    "\xa0",
    "\u2028",
    "\ufeff",
    " ",
    "\x1c",
    "K",
    "x.y",
    "mailto",
)
VALUES: tuple[Any, ...] = (None, True, False, 0, -0.0, 3.0, 1e21, 1e-7, 2**53, 0.1, [], {}, "", "<")


def value(choices: Choices) -> Any:
    if once_in(choices, 3):
        return choices.pick(VALUES)
    return "".join(some(choices, PIECES, 6))


def slot(choices: Choices) -> dict[str, Any]:
    path = choices.pick((["facts", "a"], ["facts", "b", "c"], ["context", "x"], ["traits", "a"]))
    escape = choices.pick(("text", "attr", "url"))
    return {"path": path, "escape": escape, "default": choices.pick(("", "<you>", "java:x"))}


def field(choices: Choices) -> Any:
    if once_in(choices, 4):
        return choices.pick((1, 2.5, True, "plain & simple", "<b>"))
    kind = choices.pick(("html", "text", "url", "url", "value", "parts"))
    if kind == "value":
        return {"as": kind, "value": choices.pick(({"as": "text"}, {"a": [None, {"b": 1}]}, {}))}
    if kind == "parts":
        parts = [field(choices) for _ in range(choices.whole(0, 3))]
        named = {f"part{number}": part for number, part in enumerate(parts)}
        return {"as": kind, "of": choices.pick((parts, named))}
    if kind == "html":
        slots: list[Any] = [choices.pick((slot(choices), "<i>")) for _ in range(2)]
        return {
            "as": kind,
            "slots": [
                {k: one[k] for k in ("path", "escape")} if isinstance(one, dict) else one
                for one in slots
            ],
        }
    return {"as": kind, "slots": [["facts", "a"], choices.pick(PIECES), ["facts", "b", "c"]]}


def test_random_templates_and_fields_are_filled_alike() -> None:
    calls, expected = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        known = {
            "facts": {"a": value(choices), "b": choices.pick(({"c": value(choices)}, 3))},
            "context": {"x": value(choices)},
        }
        parts = [choices.pick((slot(choices), choices.pick(PIECES))) for _ in range(3)]
        calls.append(Call("templating", "prepared", [parts], [known]))
        expected.append(prepare(msgspec.convert(parts, list[TemplatePart]))(known))
        stored = field(choices)
        calls.append(Call("templating", "fieldMaker", [stored], [known]))
        variant = VariantDoc("v", 1, fields={"f": stored})
        expected.append(rendering.render_fields(variant, known)["f"])
    assert values(calls) == expected


def test_fields_are_made_as_their_cases_say() -> None:
    found = vectors("fields")
    made = values(
        Call("templating", "fieldMaker", [case["stored"]], [case["values"]]) for case in found
    )
    assert made == [case["made"] for case in found]
    assert len(found) > 10


def test_languages_are_chosen_as_their_cases_say() -> None:
    found = vectors("locales")
    calls = [
        Call("locales", "chosenLocale", [case["asked"], case["offered"], case["default"]])
        for case in found
    ]
    assert values(calls) == [case["chosen"] for case in found]
    assert len(found) > 20


def test_random_languages_are_chosen_alike() -> None:
    calls, expected = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        asked = "".join(some(choices, TAGS, 8)) + choices.pick(("", ",de-ch", ", zh-hant-x;q=0.3"))
        offered = some(choices, ("de", "de-CH", "fr", "zh-Hant", "zh", "x"), 4)
        calls.append(Call("locales", "chosenLocale", [asked, offered, "en"]))
        expected.append(chosen(asked, offered, "en"))
    assert values(calls) == expected
    assert len(set(expected)) > 5


def test_a_variant_is_the_same_in_each_of_its_languages() -> None:
    variant = {
        "key": "v",
        "version": 1,
        "fields": {"a": "A", "b": 1, "c": {"as": "value", "value": {"x": 1}}},
        "template": ["<p>"],
        "locales": {
            "de": {"fields": {"a": "", "d": "D"}},
            "fr": {"template": ["<i>"]},
            "de-CH": {"fields": {"c": None}},
        },
    }
    doc = msgspec.convert(variant, VariantDoc)
    for block in ({"locale": "en"}, {}):
        wanted = BlockDoc("b", "content", [doc], "v", **block)
        for asked in ("de", "fr-CH", "de-CH", "en", "it", ""):
            [[locale, found]] = values([Call("locales", "localized", [block, variant, asked])])
            expected = localized(doc, locale_of(wanted, doc, asked))
            assert locale == locale_of(wanted, doc, asked)
            assert found["fields"] == expected.fields
            assert list(found["fields"]) == list(expected.fields)
            assert found["template"] == expected.template


TAGS = (
    "de",
    "-CH",
    "fr",
    ",",
    ",",
    ";q=",
    "0",
    "0.5",
    "1",
    ".9",
    " ",
    "_",
    "zh",
    "-Hant",
    "*",
    "x",
)
AGENTS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
    "Mozilla/5.0 (Linux; Android 14; SM-X200) Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14) SamsungBrowser/23.0 Chrome/115.0 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; CrOS x86_64) Chrome/140.0 OPR/106.0",
    "curl/8.0 botany",
    "",
)
URLS = (
    "https://shop.example/a/b?utm_source=x&utm_source=y&q=a%20b+c&empty=&bare",
    "https://shop.example?q=%F0%9F%9B%92%ff%C3&%71=1",
    "/only/path?q=1#frag?q=2",
    "  \thttps://Shop.Example:8443/p;x=1?",
    "HTTP://user:pw@shop.example/?a=b=c&&=d",
    "//cdn.example/x",
    "mailto:a@b.c?subject=x",
    "shop.example/x:y?q=%zz%4",
    "https://shop.example/" + "?" + "&".join(f"q{n}=1" for n in range(101)),
    "https://shop.example/a\nb?q=\u00e9",
    "?q=only",
    "1http://x/y",
)
NAMES: tuple[str, ...] = (
    "device",
    "browser",
    "os",
    "url",
    "path",
    "referrer",
    "referrer_host",
    "locale",
    "accept_language",
)
NAMES += ("language", "timezone", "local_hour", "weekday", "country", "query.q", "query.utm_source")
NAMES += (
    "query.empty",
    "query.bare",
    "query.a",
    "query.",
    "facts.cart",
    "facts.a.b",
    "facts.a.b.c",
)
NAMES += ("page", "page.url", "page.title", "constructor", "query.constructor", "plan", "a.b")
LOCALES = ("de-CH", "de_AT,de;q=0.9", "  en-GB ;q=1, fr", "", "FR")
MOMENTS = (NOW_MS, 1_711_846_799_999, 1_711_846_800_000, 1_729_990_800_000, 0)


def caller() -> Caller:
    fields: dict[str, Any] = dict.fromkeys(Caller.__struct_fields__)
    fields |= {"kind": "pk", "time_zone": "Europe/Zurich", "rates": Rates(1, 1, 1), "gpc": False}
    return Caller(**fields)


def test_facts_of_a_request_are_read_alike() -> None:
    calls, expected = [], []
    for seed in range(EXAMPLES):
        choices = Seeded(seed)
        page = {"url": choices.pick(URLS), "referrer": choices.pick((*URLS, None)), "title": "T"}
        context: dict[str, Any] = {"page": page, "plan": choices.pick((1, "a", None, {})), "a.b": 2}
        if once_in(choices, 3):
            context |= {"page": {"path": "/own"}, "userAgent": choices.pick(AGENTS)}
        if once_in(choices, 3):
            context["locale"] = choices.pick((*LOCALES, 5))
        if once_in(choices, 3):
            context["timezone"] = choices.pick(("America/New_York", "Australia/Lord_Howe", "UTC"))
        facts = {"cart": 12.5, "a.b": {"c": True}, "a": choices.pick(({"b": 1}, 7))}
        agent, language = choices.pick(AGENTS), choices.pick(LOCALES)
        now_ms = choices.pick(MOMENTS)
        asker = {"userAgent": agent, "acceptLanguage": language, "timeZone": "Europe/Zurich"}
        calls.append(
            Call(
                "request",
                "RequestFacts",
                [{"context": context, "facts": facts}, asker, now_ms],
                NAMES,
            )
        )
        server = RequestFacts(
            context=context,
            facts=facts,
            meta={"HTTP_USER_AGENT": agent, "HTTP_ACCEPT_LANGUAGE": language},
            caller=caller(),
            is_known=False,
            now_ms=now_ms,
        )
        expected.append([server.get(name) for name in NAMES])
    for call, found, wanted in zip(calls, values(calls), expected, strict=True):
        assert dict(zip(NAMES, found, strict=True)) == dict(zip(NAMES, wanted, strict=True)), call
