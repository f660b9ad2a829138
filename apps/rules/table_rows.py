"""Rows of a decision table: a rule as cells, and what the cells of a row ask for."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final
from uuid import UUID

from apps.access.site_time import YEARS, OddLocalTime, instant_of, zone_of
from apps.content.types import KEY_RULE, is_key
from apps.rules.domain.cells import cells_of, condition_of
from apps.rules.models import Rule, everyone
from engine.conditions.canonical import digest
from engine.conditions.parse import parse_condition
from engine.errors import InvalidCondition

PLAIN: Final = (
    "key", "name", "placement", "variant", "priority", "enabled", "starts", "ends", "caps",
)  # fmt: skip
_YES: Final = frozenset({"yes", "true", "1", "on"})
_NO: Final = frozenset({"no", "false", "0", "off"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule as a row says it."""

    key: str
    name: str
    placement: Any
    variant: Any
    priority: int
    is_enabled: bool
    starts_at: datetime | None
    ends_at: datetime | None
    caps: frozenset[UUID]
    condition: Mapping[str, Any]


@dataclass(slots=True)
class Row:
    """One row, looked over.

    Attributes:
        line: of the file, the header is 1.
        state: "new", "changed", "same" or "refused".
        said: what is new or wrong, a sentence each.
    """

    line: int
    key: str
    state: str = "same"
    said: list[str] = field(default_factory=list)
    wanted: Wanted | None = None
    rule: Rule | None = None


def rules_of(site_id: UUID) -> list[Rule]:
    """Return the rules of the draft, each placement's in its order. Two queries."""
    rows = Rule.objects.filter(site_id=site_id, archived_at=None)
    return list(
        rows.select_related("placement__block", "variant")
        .prefetch_related("caps")
        .order_by("placement__key", "-priority", "key")
    )


def plain_cells(rule: Rule, zone: str) -> list[str]:
    """Return the cells of the columns `PLAIN`."""
    return [
        rule.key,
        rule.name,
        rule.placement.key,
        rule.variant.key,
        str(rule.priority),
        "yes" if rule.is_enabled else "no",
        moment_text(rule.starts_at, zone),
        moment_text(rule.ends_at, zone),
        " | ".join(sorted(cap.key for cap in rule.caps.all())),
    ]


def moment_text(at: datetime | None, zone: str) -> str:
    """On the site's clock, to the second where there are seconds; odd ones with their offset."""
    if at is None:
        return ""
    local = at.astimezone(zone_of(zone))
    naive = local.replace(tzinfo=None)
    form = "minutes" if not local.second and not local.microsecond else "auto"
    try:
        is_plain = instant_of(naive, zone) == at
    except OddLocalTime:
        is_plain = False
    return (naive if is_plain else local).isoformat(" ", form)


def condition_cells(rule: Rule) -> dict[str, str]:
    """Return the cells of a rule's condition, by column."""
    return cells_of(rule.condition) if isinstance(rule.condition, dict) else {}


class _Refused(ValueError):
    """What is wrong with one row, a sentence."""


class Known:
    """What the site has, read once for all rows."""

    def __init__(self, site_id: UUID, zone: str, named: Collection[str]) -> None:
        """`named`: the keys of the placements that the rows name."""
        self._zone = zone
        found = rules_of(site_id)
        self.rules = {rule.key: rule for rule in found}
        archived = Rule.objects.filter(site_id=site_id).exclude(archived_at=None)
        self._archived = frozenset(archived.values_list("key", flat=True))
        own = {rule.placement.key for rule in found}
        placements: Any = Rule._meta.get_field("placement").related_model._default_manager
        self._placements = {
            one.key: one
            for one in placements.filter(
                site_id=site_id, archived_at=None, key__in={*named, *own}
            ).select_related("block")
        }
        blocks = {one.block_id for one in self._placements.values()}
        variants: Any = Rule._meta.get_field("variant").related_model._default_manager
        self._variants = {
            (one.block_id, one.key): one
            for one in variants.filter(
                block__site_id=site_id, block_id__in=blocks, archived_at=None
            )
        }
        caps = Rule._meta.get_field("caps").related_model._default_manager
        self._caps = dict(caps.filter(site_id=site_id).values_list("key", "pk"))
        self.seen = digest_of_rules(found, zone)

    def row(self, line: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
        """Look one row over."""
        given = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        row = Row(line, given.get("key", ""))
        if any(cell.strip() for cell in cells[len(columns) :]):
            row.state, row.said = "refused", ["It has more cells than the header has columns."]
            return row
        row.rule = self.rules.get(row.key)
        try:
            row.wanted = self._wanted(row.rule, given, columns)
        except _Refused as refused:
            row.state, row.said = "refused", [str(refused)]
            return row
        if row.rule is None:
            row.state, row.said = "new", [f"Serves {given['variant']} in {given['placement']}."]
        else:
            row.said = _differences(row.rule, row.wanted, self._zone)
            row.state = "changed" if row.said else "same"
        return row

    def _wanted(
        self, rule: Rule | None, given: Mapping[str, str], columns: Sequence[str]
    ) -> Wanted:
        key = given.get("key", "")
        if not is_key(key):
            raise _Refused(KEY_RULE if key else "The key is missing.")
        if rule is None and key in self._archived:
            raise _Refused("An archived rule has this key: bring it back, or take another key.")
        placement = self._placement(rule, given)
        variant = self._variant(rule, given, placement)
        starts_at = self._moment(given, "starts", None if rule is None else rule.starts_at)
        ends_at = self._moment(given, "ends", None if rule is None else rule.ends_at)
        if starts_at is not None and ends_at is not None and ends_at <= starts_at:
            raise _Refused("A rule must end after it starts.")
        name = given.get("name", "" if rule is None else rule.name) or key
        if len(name) > 120:
            raise _Refused("The name is longer than 120 characters.")
        return Wanted(
            key=key,
            name=name,
            placement=placement,
            variant=variant,
            priority=_priority(given, 0 if rule is None else rule.priority),
            is_enabled=_yes(given, True if rule is None else rule.is_enabled),
            starts_at=starts_at,
            ends_at=ends_at,
            caps=self._wanted_caps(rule, given),
            condition=_condition(rule, given, columns),
        )

    def _placement(self, rule: Rule | None, given: Mapping[str, str]) -> Any:
        key = given.get("placement", "" if rule is None else rule.placement.key)
        if not key:
            raise _Refused("The placement is missing.")
        found = self._placements.get(key)
        if found is None:
            close = get_close_matches(key, self._placements, 1)
            hint = f" Do you mean “{close[0]}”?" if close else ""
            raise _Refused(f"This site has no placement “{key}”.{hint}")
        if found.block_id is None:
            raise _Refused(f"No block fills the placement “{key}”: give it one first.")
        return found

    def _variant(self, rule: Rule | None, given: Mapping[str, str], placement: Any) -> Any:
        key = given.get("variant", "" if rule is None else rule.variant.key)
        if not key:
            raise _Refused("The variant is missing.")
        found = self._variants.get((placement.block_id, key))
        if found is None:
            offered = [name for block, name in self._variants if block == placement.block_id]
            raise _Refused(
                f"“{placement.block}”, which fills {placement.key}, has no variant “{key}”. It "
                f"has {', '.join(sorted(offered)[:8])}."
            )
        return found

    def _wanted_caps(self, rule: Rule | None, given: Mapping[str, str]) -> frozenset[UUID]:
        if "caps" not in given:
            return frozenset(cap.pk for cap in rule.caps.all()) if rule is not None else frozenset()
        keys = [part.strip() for part in given["caps"].split("|") if part.strip()]
        for key in keys:
            if key not in self._caps:
                raise _Refused(f"This site has no frequency cap “{key}”.")
        return frozenset(self._caps[key] for key in keys)

    def _moment(
        self, given: Mapping[str, str], column: str, before: datetime | None
    ) -> datetime | None:
        if column not in given:
            return before
        text = given[column]
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise _Refused(f"“{text}” in {column} is no moment: write 2026-12-24 18:00.") from error
        if found.year not in YEARS:
            raise _Refused(f"Choose a year from {YEARS[0]} to {YEARS[-1]} for {column}.")
        if found.tzinfo is not None:
            return found
        try:
            return instant_of(found, self._zone)
        except OddLocalTime as odd:
            raise _Refused(str(odd)) from odd


def _priority(given: Mapping[str, str], before: int) -> int:
    text = given.get("priority", str(before)) or "0"
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6):
        raise _Refused(f"“{text}” is no priority: write a whole number.")
    if not -32_768 <= int(text) <= 32_767:
        raise _Refused("A priority lies between -32768 and 32767.")
    return int(text)


def _yes(given: Mapping[str, str], before: bool) -> bool:
    text = given.get("enabled", "").lower()
    if not text:
        return before
    if text not in _YES | _NO:
        raise _Refused(f"“{text}” in enabled: write yes or no.")
    return text in _YES


def _condition(
    rule: Rule | None, given: Mapping[str, str], columns: Sequence[str]
) -> Mapping[str, Any]:
    own = {column: given.get(column, "") for column in columns if column not in PLAIN}
    before: Mapping[str, Any] = everyone() if rule is None else rule.condition
    if not own:
        return before
    if rule is not None:
        lost = sorted(set(condition_cells(rule)) - set(own))
        if lost:
            raise _Refused(
                f"This rule has something in the column “{lost[0]}”, which the table lacks: it "
                "would be lost. Export the table again, or leave out all columns of conditions."
            )
    try:
        wanted = condition_of(own)
    except InvalidCondition as error:
        raise _Refused(f"In {error.path}: {error.problem}.") from error
    return before if _same(before, wanted) else wanted


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    try:
        return digest(parse_condition(one)) == digest(parse_condition(other))
    except InvalidCondition:
        return False


def _differences(rule: Rule, wanted: Wanted, zone: str) -> list[str]:
    pairs = [
        ("name", rule.name, wanted.name),
        ("placement", rule.placement.key, wanted.placement.key),
        ("variant", rule.variant.key, wanted.variant.key),
        ("priority", str(rule.priority), str(wanted.priority)),
        ("enabled", _on(rule.is_enabled), _on(wanted.is_enabled)),
        ("starts", moment_text(rule.starts_at, zone), moment_text(wanted.starts_at, zone)),
        ("ends", moment_text(rule.ends_at, zone), moment_text(wanted.ends_at, zone)),
    ]
    said = [
        f"{name}: “{before or '-'}” becomes “{after or '-'}”"
        for name, before, after in pairs
        if before != after
    ]
    if frozenset(cap.pk for cap in rule.caps.all()) != wanted.caps:
        said.append("other frequency caps")
    if rule.condition != wanted.condition:
        before, after = cells_of(rule.condition), cells_of(wanted.condition)
        said += [
            f"{column}: “{before.get(column) or '-'}” becomes “{after.get(column) or '-'}”"
            for column in sorted({*before, *after})
            if before.get(column) != after.get(column)
        ] or ["another condition"]
    return said


def _on(is_enabled: bool) -> str:
    return "yes" if is_enabled else "no"


def digest_of_rules(rules: Sequence[Rule], zone: str) -> str:
    """Return what stands for all that a table says of these rules."""
    lines = ["\t".join([*plain_cells(one, zone), str(one.condition)]) for one in rules]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
