"""Any condition built by clicking: somebody who knows what they want, and only sees the form.

Every leaf begins as the form offers it. What it has too much is taken out, what it lacks is added,
and the rest is chosen and typed. Nothing is written as JSON.
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.browser.editing import Editing

Json = dict[str, Any]
GROUPS = ("all", "any", "none", "not", "at_least")
_DURATION = re.compile(r"(\d+)(ms|mo|s|m|h|d|w|y)")
_TIMED = {"within_last", "within_next", "anniversary_within", "changed_within"}
_OPTIONAL = {
    "event": ("bind",),
    "sequence": ("within", "by", "strict", "in_session", "times", "window", "bind"),
    "absence": ("after", "by"),
    "trait": ("from",),
    "model": ("max_age", "fallback"),
    "exposure": ("placement", "block", "variant"),
    "experiment": ("arm",),
    "relation": ("to",),
    "score": ("floor", "ceiling"),
}


def build(do: Editing, where: Json) -> None:
    """Make an empty form say `where`."""
    if "kind" in where:
        _leaf_in(do, "where", "all", 0, where)
    else:
        _group(do, "", where)


def _group(do: Editing, place: str, node: Json) -> None:
    """Fill the empty group at a place ("" is the root); it was made as the form makes them."""
    [(name, content)] = node.items()
    at = place or "where"
    if name != ("all" if not place else "any"):
        do.choose(f"{at}-which", name)
    children = content["of"] if name == "at_least" else content
    prefix = f"{place}.{name}" if place else name
    if name == "at_least":
        prefix += ".of"
    for number, child in enumerate(children):
        if "not" in child:
            _not_in(do, at, prefix, number, child["not"])
        elif "kind" in child:
            _leaf_in(do, at, prefix, number, child)
        else:
            do.click(f"{at}-add-group")
            _group(do, f"{prefix}[{number}]", child)
    if name == "at_least":
        do.fill(f"{place}.at_least.k".lstrip("."), content["k"])


def _not_in(do: Editing, at: str, prefix: str, number: int, child: Json) -> None:
    """A leaf is written first, then put into a group of its own that says "not"."""
    assert "kind" in child, "the form negates a group by making it one of none"
    _leaf_in(do, at, prefix, number, child)
    do.click(f"{prefix}[{number}]-group").choose(f"{prefix}[{number}]-which", "not")


def _leaf_in(do: Editing, group: str, prefix: str, number: int, leaf: Json) -> None:
    do.add(leaf["kind"], group)
    place = f"{prefix}[{number}]"
    _LEAVES[leaf["kind"]](do, place, leaf)


# Parts


def lasts(do: Editing, place: str, text: str) -> None:
    """Give a duration."""
    found = _DURATION.fullmatch(text)
    assert found is not None, text
    do.lasts(place, int(found[1]), found[2])


def match(do: Editing, place: str, wanted: Mapping[str, Any]) -> None:
    """Which events: name and filters."""
    do.fill(f"{place}.name", wanted["name"])
    filters(do, place, wanted.get("where", ()))


def filters(do: Editing, place: str, wanted: Any) -> None:
    """Add filters of events."""
    for number, one in enumerate(wanted):
        at = f"{place}.where[{number}]"
        do.click(f"{place}.where-add").fill(f"{at}.property", one["property"])
        if "fact" in one:
            do.choose(f"{at}.op", "fact").fill(f"{at}.fact", one["fact"])
        else:
            compare(do, at, one)


def compare(do: Editing, place: str, leaf: Mapping[str, Any], reads: str = "any") -> None:
    """The operator, and the value in whatever fields it takes."""
    op, value = leaf["op"], leaf.get("value")
    do.choose(f"{place}.op", op)
    at = f"{place}.value"
    if value is None:
        return
    if reads == "duration" or op in _TIMED:
        for where, one in zip(_places(at, value), _listed(value), strict=True):
            lasts(do, where, one)
    elif op == "within_km":
        for number, one in enumerate(value):
            do.fill(f"{at}-{number}", one)
    elif isinstance(value, list) and op != "between":
        if not all(isinstance(one, str) for one in value):
            do.choose(f"{at}-type", "number")
        do.fill(at, "\n".join(map(str, value)))
    else:
        for where, one in zip(_places(at, value), _listed(value), strict=True):
            _scalar(do, where, one, reads)


def _places(at: str, value: Any) -> list[str]:
    return [f"{at}[{n}]" for n in range(len(value))] if isinstance(value, list) else [at]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _scalar(do: Editing, place: str, value: Any, reads: str) -> None:
    if reads != "number":
        kind = {bool: "flag", str: "text"}.get(type(value), "number")
        if do.at(f"{place}-type").input_value() != kind:
            do.choose(f"{place}-type", kind)
    if isinstance(value, bool):
        do.choose(place, str(value).lower())
    else:
        do.fill(place, value)


def window(do: Editing, place: str, wanted: Any) -> None:
    """Over which stretch of time."""
    at = f"{place}.window"
    if isinstance(wanted, str):
        do.choose(at, wanted)
        return
    kind = next(name for name in wanted if name != "tz")
    do.choose(at, kind)
    if kind == "last":
        lasts(do, f"{at}.last", wanted["last"])
    elif kind == "calendar":
        do.choose(f"{at}-unit", wanted["calendar"])
        do.choose(f"{at}-zone", wanted.get("tz", "site"))
    else:
        raise NotImplementedError(kind)


def offered(do: Editing, place: str, leaf: Mapping[str, Any]) -> None:
    """Add the fields that may be left out and are wanted, take out those that are not."""
    for name in _OPTIONAL.get(leaf["kind"], ()):
        at = f"{place}.{name}"
        add = do.at(f"{at}-add")
        field = do.page.locator(f'.ce-field:is([data-path="{at}"], [data-path="{at}.name"])')
        if name in leaf and add.count():
            add.click()
        elif name not in leaf and field.count():
            field.locator('button[aria-label^="Leave out"]').first.click()


def binds(do: Editing, place: str, wanted: Mapping[str, Any]) -> None:
    """What is handed to the content."""
    [(name, one)] = wanted.items()
    do.fill(f"{place}.bind", name)
    if isinstance(one, str):
        do.fill(f"{place}.bind.{name}", one)
        return
    do.choose(f"{place}.bind.{name}.step", str(one["step"]))
    do.fill(f"{place}.bind.{name}.property", one["property"])


# Leaves


def _event(do: Editing, place: str, leaf: Json) -> None:
    aggregate = leaf["aggregate"]
    do.choose(f"{place}.aggregate", aggregate)
    match(do, place, leaf)
    if "of" in leaf:
        do.fill(f"{place}.of", leaf["of"])
    if "over" in leaf:
        match(do, f"{place}.over", leaf["over"])
    if "per" in leaf:
        lasts(do, f"{place}.per", leaf["per"])
    window(do, place, leaf["window"])
    numbers = ("first", "last", "most_frequent")
    reads = "duration" if aggregate == "recency" else "any" if aggregate in numbers else "number"
    compare(do, place, leaf, reads)
    offered(do, place, leaf)
    if "bind" in leaf:
        binds(do, place, leaf["bind"])


def _sequence(do: Editing, place: str, leaf: Json) -> None:
    for number, step in enumerate(leaf["steps"]):
        at = f"{place}.steps[{number}]"
        if number > 1:
            do.click(f"{place}.steps-add")
        match(do, at, step)
        if number and "within" in step:
            lasts(do, f"{at}.within", step["within"])
        elif number:
            card = do.page.locator(f'.ce-step[data-path="{at}"]')
            card.get_by_label("No limit of time before this step").click()
    offered(do, place, leaf)
    if "window" in leaf:
        window(do, place, leaf["window"])
    for number, name in enumerate(leaf.get("by", ())):
        do.fill(f"{place}.by" if not number else f"{place}.by[{number}]", name)
    if "bind" in leaf:
        binds(do, place, leaf["bind"])


def _absence(do: Editing, place: str, leaf: Json) -> None:
    offered(do, place, leaf)
    for name in ("after", "without"):
        if name in leaf:
            match(do, f"{place}.{name}", leaf[name])
    if "for" in leaf:
        lasts(do, f"{place}.for", leaf["for"])
    window(do, place, leaf["window"])


def _dwell(do: Editing, place: str, leaf: Json) -> None:
    do.choose(f"{place}.on", leaf["on"])
    filters(do, place, leaf.get("where", ()))
    window(do, place, leaf["window"])
    compare(do, place, leaf, "duration")


def _score(do: Editing, place: str, leaf: Json) -> None:
    for number, source in enumerate(leaf["events"]):
        at = f"{place}.events[{number}]"
        if number:
            do.click(f"{place}.events-add")
        match(do, at, source)
        do.fill(f"{at}.weight", source["weight"])
        part = do.page.locator(f'.ce-part[data-path="{at}"]')
        for name, label in (("half_life", "halved every"), ("cap", "at most")):
            is_there = do.at(f"{at}.{name}").count() == 1
            if name in source and not is_there:
                part.get_by_role("button", name=label).click()
        lasts(do, f"{at}.half_life", source["half_life"])
        if "cap" in source:
            do.fill(f"{at}.cap", source["cap"])
    for number, source in enumerate(leaf.get("traits", ())):
        at = f"{place}.traits[{number}]"
        do.click(f"{place}.traits-add").fill(f"{at}.name", source["name"])
        compare(do, at, source)
        do.fill(f"{at}.weight", source["weight"])
    offered(do, place, leaf)
    for name in ("floor", "ceiling"):
        if name in leaf:
            do.fill(f"{place}.{name}", leaf[name])
    compare(do, place, leaf, "number")


def _named(do: Editing, place: str, leaf: Json) -> None:
    """A trait, or a fact of the request."""
    do.fill(f"{place}.name", leaf["name"])
    compare(do, place, leaf)


def _model(do: Editing, place: str, leaf: Json) -> None:
    do.fill(f"{place}.name", leaf["name"])
    compare(do, place, leaf, "label")
    offered(do, place, leaf)
    if "max_age" in leaf:
        lasts(do, f"{place}.max_age", leaf["max_age"])


def _exposure(do: Editing, place: str, leaf: Json) -> None:
    offered(do, place, leaf)
    for name in ("placement", "block", "variant"):
        if name in leaf:
            do.fill(f"{place}.{name}", leaf[name])
    window(do, place, leaf["window"])
    compare(do, place, leaf, "number")


def _segment(do: Editing, place: str, leaf: Json) -> None:
    do.choose(f"{place}.key", leaf["key"])


_LEAVES = {
    "event": _event,
    "sequence": _sequence,
    "absence": _absence,
    "dwell": _dwell,
    "score": _score,
    "trait": _named,
    "context": _named,
    "model": _model,
    "exposure": _exposure,
    "segment": _segment,
}
