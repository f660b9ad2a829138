"""What a publication would change for visitors, in words: two snapshots in, changes out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from apps.studio.domain.experiment_words import (
    experiment_differs,
    experiment_said,
    holdout_differs,
    holdout_words,
)
from apps.studio.types import Change, Detail
from engine.capping import CapDoc
from engine.capping import describe as describe_cap
from engine.conditions.nodes import Node
from engine.conditions.parse import parse_condition
from engine.conditions.sentences import people
from engine.errors import InvalidCondition
from engine.snapshot import (
    BlockDoc,
    ExperimentDoc,
    HoldoutDoc,
    LocaleDoc,
    PlacementDoc,
    RuleDoc,
    SegmentDoc,
    SnapshotDoc,
    VariantDoc,
)
from engine.templating import Slot

MAX_SHOWN = 160  # characters of a value

Doc = TypeVar("Doc")
Details = Callable[[Doc, Doc], Iterator[Detail]]


def changes_between(
    old: SnapshotDoc | None,
    new: SnapshotDoc,
    *,
    segments: Sequence[SegmentDoc] = (),
    caps: Sequence[CapDoc] = (),
    show: Callable[[int], str] | None = None,
    hidden: Mapping[str, Node] = {},
) -> list[Change]:
    """Return what differs, placements first. Versions of variants count for nothing by themselves.

    Args:
        old: the publication that serves; None before the first.
        new: the drafts as they would be frozen now.
        segments, caps: what is called by its name where `old` and `new` hold only what differs.
        show: an instant in ms as people read it; None: in UTC.
        hidden: what segments ask that editors do not know by name, by key.
    """
    before = old if old is not None else SnapshotDoc(new.site_id, 0, 0)
    names = _Names(
        [*segments, *before.segments, *new.segments],
        [*caps, *before.caps, *new.caps],
        show or _utc,
        hidden,
    )
    changes = _compared(
        "placement",
        before.placements,
        new.placements,
        lambda old, new: _placement(old, new, names),
        names,
    )
    changes += _compared(
        "block", before.blocks, new.blocks, lambda old, new: _block(old, new, names), names
    )
    changes += _compared(
        "rule", before.rules, new.rules, lambda old, new: _rule(old, new, names), names
    )
    changes += _compared(
        "experiment",
        before.experiments,
        new.experiments,
        lambda old, new: experiment_differs(old, new, lambda one: _short(names.condition(one))),
        names,
    )
    changes += _compared("holdout", before.holdouts, new.holdouts, holdout_differs, names)
    changes += _compared("segment", _visible(before), _visible(new), _segment, names)
    changes += _compared("frequency cap", before.caps, new.caps, _cap, names)
    return changes


class _Names:
    """What segments and caps are called, by number and inside the words of a condition."""

    def __init__(
        self,
        segments: Sequence[SegmentDoc],
        caps: Sequence[CapDoc],
        show: Callable[[int], str],
        hidden: Mapping[str, Node],
    ) -> None:
        self._show = show
        self._caps = {one.number: one.key for one in caps}
        self._by_number = {one.number: one.name or one.key for one in segments}
        self._hidden = hidden
        self._called = {one.key: one.name for one in segments if one.hidden and one.name}

    def of(self, numbers: Sequence[int]) -> list[str]:
        return sorted(self._by_number.get(number, f"segment {number}") for number in numbers)

    def caps(self, numbers: Sequence[int]) -> str:
        return ", ".join(sorted(self._caps.get(one, f"cap {one}") for one in numbers)) or "none"

    def moment(self, at_ms: int | None, none: str) -> str:
        return none if at_ms is None else self._show(at_ms)

    def condition(self, document: object) -> str:
        try:
            words = people(parse_condition(document), hidden=self._hidden)
        except InvalidCondition as error:
            return f"refused: {error}"
        for key, name in self._called.items():
            words = words.replace(f'is in the segment "{key}"', name)
        return words


def _visible(document: SnapshotDoc) -> list[SegmentDoc]:
    return [segment for segment in document.segments if not segment.hidden]


def _compared(
    kind: str,
    old: Sequence[Doc],
    new: Sequence[Doc],
    details: "Details[Doc]",
    names: "_Names",
) -> list[Change]:
    before, after = _keyed(old), _keyed(new)
    changes = []
    for key in sorted(before.keys() | after.keys()):
        was, is_now = before.get(key), after.get(key)
        name = _name(is_now if is_now is not None else was)
        if was is None:
            changes.append(Change("added", kind, name, list(_said(is_now, names)), key=key))
        elif is_now is None:
            changes.append(Change("removed", kind, name, key=key))
        else:
            found = list(details(was, is_now))
            if found:
                changes.append(Change("changed", kind, name, found, key=key))
    return changes


def _said(doc: object, names: "_Names") -> Iterator[Detail]:
    """What something new says, as far as an editor must know before it is published."""
    match doc:
        case PlacementDoc():
            yield Detail("filled by", after=doc.block)
            if not doc.enabled:
                yield Detail("switched off: everybody gets the default variant")
        case RuleDoc():
            yield Detail("serves", after=doc.variant or doc.experiment)
            yield Detail("in", after=doc.placement)
            yield Detail("to", after=_short(names.condition(doc.condition)))
            yield from _schedule(RuleDoc("", "", "", {}), doc, names)
        case BlockDoc():
            for variant in doc.variants:
                whom = ", ".join(names.of(variant.segments))
                text = "everybody else" if variant.key == doc.default else whom or "nobody by tags"
                yield Detail(f"variant {variant.key}, for", after=text)
        case CapDoc():
            yield Detail("limits", after=describe_cap(doc))
        case ExperimentDoc():
            yield from experiment_said(doc, lambda one: _short(names.condition(one)))
        case HoldoutDoc():
            yield Detail("holds out", after=holdout_words(doc))


def _keyed(docs: Sequence[Doc]) -> Mapping[str, Doc]:
    return {doc.key: doc for doc in docs}  # type: ignore[attr-defined]  # every document has one


def _name(doc: object) -> str:
    return str(getattr(doc, "name", "") or getattr(doc, "key", ""))


def _caps(
    old: Sequence[int], new: Sequence[int], names: _Names, where: str = ""
) -> Iterator[Detail]:
    if set(old) != set(new):
        yield Detail(f"{where}limited by other caps", names.caps(old), names.caps(new))


def _cap(old: CapDoc, new: CapDoc) -> Iterator[Detail]:
    if old != new:
        yield Detail("limits otherwise", describe_cap(old), describe_cap(new))


def _placement(old: PlacementDoc, new: PlacementDoc, names: _Names) -> Iterator[Detail]:
    if old.block != new.block:
        yield Detail("filled by another block", old.block, new.block)
    if old.enabled != new.enabled:
        yield Detail(
            "switched on" if new.enabled else "switched off: everybody gets the default variant"
        )
    yield from _caps(old.caps, new.caps, names)


def _block(old: BlockDoc, new: BlockDoc, names: _Names) -> Iterator[Detail]:
    if old.kind != new.kind:
        yield Detail("another kind", old.kind, new.kind)
    if old.default != new.default:
        yield Detail("another default variant", old.default, new.default)
    if old.purpose != new.purpose:
        yield Detail("another purpose", old.purpose, new.purpose)
    if old.recommender != new.recommender:
        yield Detail("another recommender", old.recommender or "none", new.recommender or "none")
    if old.limit != new.limit:
        yield Detail("another number of items", str(old.limit), str(new.limit))
    if old.value_type != new.value_type:
        yield Detail("another type of value", old.value_type or "none", new.value_type or "none")
    if old.client_visible != new.client_visible:
        yield Detail("browsers may read it" if new.client_visible else "browsers may not read it")
    if old.locale != new.locale:
        yield Detail("the language of its own texts", old.locale or "none", new.locale or "none")
    if old.cacheable != new.cacheable:
        yield Detail("may be kept in caches" if new.cacheable else "may not be kept in caches")
    yield from _caps(old.caps, new.caps, names)
    before, after = _keyed(old.variants), _keyed(new.variants)
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            tags = names.of(after[key].segments)
            yield Detail(f"new variant {key}", after=f"for {', '.join(tags)}" if tags else "")
        elif key not in after:
            yield Detail(f"variant {key} is gone")
        else:
            yield from _variant(before[key], after[key], names)
    order = [v.key for v in old.variants if v.key in after]
    if order != [v.key for v in new.variants if v.key in before]:
        yield Detail("the variants stand in another order")


def _variant(old: VariantDoc, new: VariantDoc, names: _Names) -> Iterator[Detail]:
    where = f"variant {new.key}: "
    gone, come = set(old.segments) - set(new.segments), set(new.segments) - set(old.segments)
    if come:
        yield Detail(f"{where}now also for {', '.join(names.of(sorted(come)))}")
    if gone:
        yield Detail(f"{where}no longer for {', '.join(names.of(sorted(gone)))}")
    if old.priority != new.priority:
        yield Detail(f"{where}another priority", str(old.priority), str(new.priority))
    for field in sorted(old.fields.keys() | new.fields.keys()):
        was, is_now = old.fields.get(field), new.fields.get(field)
        if was != is_now:
            yield Detail(f"{where}{field}", _shown(was), _shown(is_now))
    if (old.template, old.liquid) != (new.template, new.liquid):
        yield Detail(f"{where}HTML", _html(old), _html(new))
    yield from _schedule(old, new, names, where)
    yield from _locales(old, new, where)
    if old.value != new.value:
        yield Detail(f"{where}value", _shown(old.value), _shown(new.value))
    if old.channel != new.channel:
        yield Detail(f"{where}meant for", old.channel, new.channel)
    yield from _caps(old.caps, new.caps, names, where)


def _rule(old: RuleDoc, new: RuleDoc, names: _Names) -> Iterator[Detail]:
    if old.placement != new.placement:
        yield Detail("another placement", old.placement, new.placement)
    if old.variant != new.variant:
        yield Detail("serves another variant", old.variant, new.variant)
    if old.experiment != new.experiment:
        yield Detail("runs another experiment", old.experiment or "none", new.experiment or "none")
    if old.priority != new.priority:
        yield Detail("another priority", str(old.priority), str(new.priority))
    if old.condition != new.condition:
        yield Detail(
            "applies to",
            _short(names.condition(old.condition)),
            _short(names.condition(new.condition)),
        )
    yield from _schedule(old, new, names)
    if old.enabled != new.enabled:
        yield Detail("switched on" if new.enabled else "switched off")
    yield from _caps(old.caps, new.caps, names)


def _schedule(
    old: RuleDoc | VariantDoc, new: RuleDoc | VariantDoc, names: _Names, where: str = ""
) -> Iterator[Detail]:
    if old.starts_at_ms != new.starts_at_ms:
        yield Detail(
            f"{where}starts",
            names.moment(old.starts_at_ms, "at once"),
            names.moment(new.starts_at_ms, "at once"),
        )
    if old.ends_at_ms != new.ends_at_ms:
        yield Detail(
            f"{where}ends",
            names.moment(old.ends_at_ms, "never"),
            names.moment(new.ends_at_ms, "never"),
        )


def _locales(old: VariantDoc, new: VariantDoc, where: str) -> Iterator[Detail]:
    none = LocaleDoc()
    for locale in sorted(old.locales.keys() | new.locales.keys()):
        was, is_now = old.locales.get(locale, none), new.locales.get(locale, none)
        if locale not in old.locales:
            yield Detail(f"{where}translated into {locale}")
        elif locale not in new.locales:
            yield Detail(f"{where}no longer in {locale}")
        for field in sorted(was.fields.keys() | is_now.fields.keys()):
            if was.fields.get(field) != is_now.fields.get(field):
                yield Detail(
                    f"{where}{field} in {locale}",
                    _shown(was.fields.get(field)),
                    _shown(is_now.fields.get(field)),
                )
        if (was.template, was.liquid) != (is_now.template, is_now.liquid):
            yield Detail(f"{where}HTML in {locale}", _html(was), _html(is_now))


def _segment(old: SegmentDoc, new: SegmentDoc) -> Iterator[Detail]:
    if old.name != new.name:
        yield Detail("another name", old.name, new.name)
    if old.request_condition != new.request_condition:
        yield Detail("another condition on the request")
    if old.no_profile != new.no_profile:
        yield Detail(
            "now includes visitors nobody knows yet"
            if new.no_profile
            else "no longer includes visitors nobody knows yet"
        )
    if old.depth != new.depth:
        yield Detail("stands on other segments, so it ranks differently")


def _shown(value: object) -> str:
    """A field or a flag's value as an editor wrote it, shortened."""
    if value is None:
        return "nothing"
    plain = _plain(value)
    if isinstance(plain, str):
        return _short(plain) or "empty"
    return _short(msgspec.json.encode(plain).decode())


def _plain(value: object) -> object:
    """A stored field as an editor wrote it: makers are turned back into what they make."""
    match value:
        case {"liquid": str(text)}:
            return text
        case {"slots": list(slots)}:
            return "".join(_part(part) for part in slots)
        case {"as": "value", "value": held}:
            return held
        case {"as": "parts", "of": dict(parts)}:
            return {name: _plain(part) for name, part in parts.items()}
        case {"as": "parts", "of": list(parts)}:
            return [_plain(part) for part in parts]
        case {"as": "items", "recommender": recommender, "limit": limit}:
            return f"{limit} products of {recommender}"
    return value


def _html(doc: VariantDoc | LocaleDoc) -> str:
    if doc.liquid is not None:
        return _short(doc.liquid)
    if doc.template is None:
        return "none"
    return _short("".join(_part(part) for part in doc.template))


def _part(part: object) -> str:
    """A literal as it is, a slot as its path in double braces."""
    if isinstance(part, str):
        return part
    path = part.path if isinstance(part, Slot) else part
    if isinstance(path, dict):
        path = path.get("path")
    names = path if isinstance(path, list | tuple) else ()
    return "{{ " + ".".join(map(str, names)) + " }}"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= MAX_SHOWN else f"{flat[: MAX_SHOWN - 1]}…"


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%d %b %Y %H:%M} UTC"
