"""From decisions to the bytes of an answer: content filled in, ids signed, one ETag."""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from apps.content import rendering
from apps.decisions import services as decisions
from apps.decisions.types import Bounded
from apps.recommendations.selectors import PERSONAL, WORDS, Table
from apps.work import clock
from engine.decide import Decision
from engine.locales import locale_of, localized
from engine.snapshot import BlockDoc, CompiledPlacement, VariantDoc

MAX_TTL_S: Final = 60
MAX_SAIDS: Final = 1_000  # of one variant in one placement: as many ways to it
LEARNED: Final = "@learned"  # ends the name under which a record keeps what a list is from

_encode = msgspec.json.Encoder().encode


class Arm(msgspec.Struct, frozen=True, gc=False):
    """The experiment that a visitor takes part in, and the arm."""

    key: str
    arm: str


class _Beginning(msgspec.Struct):
    """What one placement shows, up to its HTML. With the rest it is what an ETag covers."""

    block: str
    variant: str
    version: int
    locale: str | None
    fields: Mapping[str, Any]


class _Rest(msgspec.Struct):
    """The same behind its HTML, up to its items."""

    reason: str
    experiment: Arm | None
    rule: str | None


class _RestOfFlag(_Rest):
    """A flag's."""

    value: Any


class Item(msgspec.Struct, frozen=True, gc=False):
    """One recommended item, its score and why it is there.

    `p`: the probability that just it stands in its place; not said where that was certain.
    """

    id: str
    score: float
    why: str
    p: float | msgspec.UnsetType = msgspec.UNSET


class Told(NamedTuple):
    """Why a variant is shown, as an answer says it."""

    reason: str
    rule: str | None = None
    experiment: str | None = None
    arm: str | None = None


class Listed(NamedTuple):
    """Recommended items as templates and answers take them; kept with the table they are from.

    `is_personal`: what is known of the visitor has chosen some of them, or left some out.
    """

    table: Table | None
    items: list[dict[str, Any]]
    encoded: msgspec.Raw
    is_personal: bool


class Body(NamedTuple):
    """What one placement shows, encoded, without ids and times; and its digest."""

    data: bytes
    digest: bytes


class Ready:
    """A variant in its placement and in one language, made ready once per publication.

    Attributes:
        key: of the placement, as JSON.
        locale: the language that it is shown in; None where the site has but one.
        is_fixed: the same bytes for every visitor.
        queries: its fields that hold recommended products.
        tails: (told, probability) -> the end of the decision id's payload.
        saids: (told, probability, propensity) -> what the decision log says of it.
        bodies: told -> the encoded part and its digest, when it is fixed.
        beginning: the encoded part up to its HTML; None before it was asked for, and where fields
            are made from values.
        rests: told -> the encoded part behind its HTML, without the last brace.
    """

    __slots__ = (
        "beginning", "block", "bodies", "doc", "is_fixed", "key", "kind", "locale", "queries",
        "rests", "saids", "tails",
    )  # fmt: skip

    def __init__(
        self, key: str, block: BlockDoc, doc: VariantDoc, locale: str | None = None
    ) -> None:
        self.key = _encode(key)
        self.block = block
        self.kind = block.kind
        self.doc = localized(doc, locale)
        self.locale = locale
        self.is_fixed = self.kind != "recommendations" and rendering.is_fixed(self.doc)
        self.queries = rendering.queries_of(doc)
        self.tails: dict[tuple[Told, float], bytes] = {}
        self.saids: dict[tuple[Told, float, float | None], decisions.Said] = {}
        self.bodies: dict[Told, Body] = {}
        self.beginning: bytes | None = None
        self.rests: dict[Told, bytes] = {}

    def tail(self, decision: Decision, told: Told) -> bytes:
        name = (told, decision.probability)
        found = self.tails.get(name)
        if found is None:
            found = decisions.tail_of(self.block.key, self.doc.version, decision, told.reason)
            self.tails[name] = found
        return found

    def said(self, decision: Decision, told: Told) -> decisions.Said:
        name = (told, decision.probability, decision.propensity)
        found = self.saids.get(name)
        if found is None:
            if len(self.saids) >= MAX_SAIDS:
                self.saids.clear()
            found = self.saids[name] = decisions.Said(
                decision.placement,
                self.block.key,
                self.doc.key,
                self.doc.version,
                told.reason,
                told.rule,
                told.experiment,
                told.arm,
                decision.probability,
                decision.propensity,
            )
        return found

    def rest(self, told: Told) -> bytes:
        found = self.rests.get(told)
        if found is None:
            arm = None
            if told.experiment is not None and told.arm is not None:
                arm = Arm(told.experiment, told.arm)
            why = (told.reason, arm, told.rule)
            is_flag = self.kind == "flag"
            rest = _RestOfFlag(*why, self.doc.value) if is_flag else _Rest(*why)
            found = self.rests[told] = b"," + _encode(rest)[1:-1]
        return found


def ready_for(
    prepared: dict[Any, Any], placement: CompiledPlacement, variant: str, asked: Callable[[], Any]
) -> Ready:
    """Return a variant made ready, in the language that suits best.

    Args:
        prepared: what is kept beside the publication.
        asked: the languages asked for, as `engine.locales.chosen` takes them; called only for a
            variant that is translated.
    """
    key = (placement.key, variant, placement.arm)
    found: Ready | None = prepared.get(key)
    if found is None:
        block, doc = placement.block.doc, placement.block.variants[variant].doc
        found = prepared[key] = Ready(placement.key, block, doc, block.locale or None)
    if not found.doc.locales:
        return found
    locale = locale_of(found.block, found.doc, asked() or "")
    if locale == found.locale:
        return found
    own: Ready | None = prepared.get((*key, locale))
    if own is None:
        own = prepared[*key, locale] = Ready(placement.key, found.block, found.doc, locale)
    return own


def shown(ready: Ready, told: Told, values: Mapping[str, Any], listed: Listed | None) -> Body:
    """Return the encoded part of one placement, braces included.

    Raises:
        RenderFailed: the variant cannot be filled with these values.
    """
    if ready.is_fixed:
        body = ready.bodies.get(told)
        if body is None:
            body = ready.bodies[told] = _shown(ready, told, values, listed)
        return body
    return _shown(ready, told, values, listed)


def _shown(ready: Ready, told: Told, values: Mapping[str, Any], listed: Listed | None) -> Body:
    doc = ready.doc
    made = rendering.prepared(doc)
    beginning = ready.beginning
    if beginning is None:
        fields = rendering.render_fields(doc, values)
        begun = _Beginning(ready.block.key, doc.key, doc.version, ready.locale, fields)
        beginning = _encode(begun)[:-1]
        if not made.makers:
            ready.beginning = beginning
    html = b"null" if made.html is None else _encode(made.html(values))
    # With items it is not the flag's: a block is of one kind.
    items = b"" if listed is None else b',"items":' + bytes(listed.encoded)
    return body_of(b'%b,"html":%b%b%b}' % (beginning, html, ready.rest(told), items))


def body_of(data: bytes) -> Body:
    """Return what is shown beside its digest."""
    return Body(data, decisions.content_digest(data))


def without_texts(
    ready: Ready, told: Told, values: Mapping[str, Any], listed: Listed | None
) -> Body:
    """Return the encoded part of a variant that cannot be rendered, without what can fail."""
    doc = msgspec.structs.replace(ready.doc, fields={}, template=None, liquid=None, locales={})
    return _shown(Ready("", ready.block, doc, ready.locale), told, values, listed)


_lists: Bounded[Listed] = Bounded(20_000)


def listed(table: Table, name: str, item: str | None, count: int) -> Listed:
    """Return the items to show after `item` (None: to anybody), kept until the table changes.

    The table is plain, or nobody in particular is meant.
    """
    key = f"{count}|{name}|{item}" if item is not None else f"{count}|{name}"
    kept = _lists.get(key)
    if kept is not None and kept.table is table:
        return kept
    met = [] if item is None else [(item, 1.0)]
    made = chosen(table, met, count, exclude=table.kept_from_nobody(), current=item, seed="")
    _lists.put(key, made)
    return made


def chosen(
    table: Table,
    met: Sequence[tuple[str, float]],
    count: int,
    *,
    exclude: Container[str],
    current: str | None,
    seed: str,
    own: Sequence[tuple[str, float, str]] = (),
) -> Listed:
    """Return the items to show to one visitor, as `Table.choose` has them."""
    found = [
        Item(code, round(score, 6), why, msgspec.UNSET if p == 1.0 else round(p, 9))
        for code, score, why, p in table.choose(
            met, count, exclude=exclude, current=current, seed=seed, own=own
        )
    ]
    return Listed(
        table,
        msgspec.to_builtins(found),
        msgspec.Raw(_encode(found)),
        any(one.why in PERSONAL for one in found),
    )


def field_lists(ready: Ready, tables: Mapping[str, Table]) -> dict[str, Listed]:
    """Return the products that anybody may see of each field that holds a query, by its name.

    Args:
        tables: of the site, by recommender; a field whose recommender has none stays empty.
    """
    return {
        query.field: listed(tables[query.recommender], query.recommender, None, query.limit)
        for query in ready.queries
        if query.recommender in tables
    }


def worded_items(listed: Listed) -> list[dict[str, Any]]:
    """Return the items as templates of a block take them: with the reason of each in words."""
    return [{**one, "words": WORDS.get(one["why"], "")} for one in listed.items]


def learned_of(lists: Mapping[str, Listed]) -> dict[str, bytes]:
    """Return from which training lists are, as records keep it beside them; "": of a block."""
    return {
        f"{name}{LEARNED}": _said_of(one.table, one) for name, one in lists.items() if one.table
    }


def _said_of(table: Table, one: Listed) -> bytes:
    return table.said[:-1] + b',"isPersonal":true}' if one.is_personal else table.said


def items_of(lists: Mapping[str, Listed]) -> dict[str, list[dict[str, Any]]]:
    """Return the lists as `rendering.render` takes them."""
    return {name: found.items for name, found in lists.items()}


def placed(
    key: bytes, decision_id: bytes, body: bytes, until_ms: int | None, trace: bytes
) -> bytes:
    """Return one entry of `placements`."""
    until = b"null" if until_ms is None else b'"%b"' % instant(until_ms)
    return b'%b:{"decisionId":"%b",%b,"validUntil":%b,"trace":%b}' % (
        key, decision_id, body[1:-1], until, trace,
    )  # fmt: skip


def failed(key: str, code: str, *, is_traced: bool) -> bytes:
    """Return the entry of a placement that does not exist, or of which nothing is known now."""
    trace = b"[]" if is_traced else b"null"
    return b'%b:{"reason":"ERROR","code":"%b","trace":%b}' % (_encode(key), code.encode(), trace)


def ttl_s(until_ms: Sequence[int], now_ms: int) -> int:
    """Whole seconds for which nothing in the answer changes by itself, at most MAX_TTL_S."""
    if not until_ms:
        return MAX_TTL_S
    return max(1, min(MAX_TTL_S, (min(until_ms) - now_ms) // 1000))


def etag_of(token: bytes, digests: Sequence[bytes], segment_key: bytes) -> str:
    """Return the weak ETag of an answer: over the publication and what is shown."""
    whole = b"%b\n%b\n%b" % (token, segment_key, b"".join(digests))
    return f'W/"{blake2b(whole, digest_size=12).hexdigest()}"'


def instant(ms: int) -> bytes:
    """Return an instant as RFC 3339 UTC with milliseconds."""
    second, rest = divmod(ms, 1000)
    return b"%b.%03dZ" % (_second(second), rest)


@lru_cache(maxsize=1024)
def _second(second: int) -> bytes:
    return clock.from_ms(second * 1000).strftime("%Y-%m-%dT%H:%M:%S").encode()
