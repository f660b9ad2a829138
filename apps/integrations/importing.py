"""Entries of content systems as drafts: of variants, of their translations, and out of use.

What an editor sees of it is a draft with a history. Nothing is published here.
"""

import hashlib
import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from apps.content.archiving import archive, unarchive
from apps.content.revisions import changing
from apps.content.services import (
    create_variant,
    remove_translation,
    set_translation,
    update_variant,
)
from apps.integrations.domain.entries import ALL, Entry, read_entry
from apps.integrations.errors import EntryRefused
from apps.integrations.models import KEPT_DAYS, Connection, EntryLink, Incoming, Mapping
from apps.integrations.receiving import printable
from engine.errors import PersonalizationError

BATCH: Final = 1_000
AHEAD: Final = timedelta(hours=1)  # how far clocks may be off
_NAMES: Final = ("title", "name", "internalName")
_NOT_A_KEY: Final = re.compile("[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: a state of `Incoming`, a stable word, a sentence."""

    state: str
    code: str
    message: str
    variant: Any = None


def run(incoming_id: UUID, now: datetime) -> None:
    """Import a call that waits; what comes of it is written there. Twice: the second finds it done.

    Calls of one connection are imported one after the other.
    """
    with transaction.atomic():
        rows = Incoming.objects.select_for_update(of=("self",))
        incoming = rows.filter(pk=incoming_id, state=Incoming.State.WAITING).first()
        if incoming is None:
            return
        connection = (
            Connection.objects.select_for_update(of=("self",))
            .select_related("site")
            .get(pk=incoming.connection_id)
        )
        outcome = _outcome(connection, incoming, now)
        incoming.state, incoming.code = outcome.state, outcome.code[:60]
        incoming.message = printable(outcome.message)[:1000]
        incoming.variant, incoming.ended_at = outcome.variant, now
        incoming.save(update_fields=["state", "code", "message", "variant", "ended_at"])


def prune(now: datetime) -> int:
    """Forget calls that came to an end more than 30 days ago; how many. In batches of their own.

    The last one that was imported from each Contentful stays: it says where its entries are.
    """
    done = Incoming.objects.filter(
        state=Incoming.State.DONE, connection__kind=Connection.Kind.CONTENTFUL
    )
    last = list(
        done.order_by("connection_id", "-received_at").distinct("connection_id").values_list("pk")
    )
    total = 0
    while True:
        old = Incoming.objects.filter(ended_at__lt=now - timedelta(days=KEPT_DAYS))
        old = old.exclude(pk__in=[pk for (pk,) in last])
        deleted, _ = Incoming.objects.filter(pk__in=old.values_list("pk")[:BATCH]).delete()
        total += deleted
        if deleted < BATCH:
            return total


def _outcome(connection: Connection, incoming: Incoming, now: datetime) -> Outcome:
    """Import in a savepoint of its own: a refusal leaves nothing half done."""
    refused = Incoming.State.REFUSED
    try:
        with transaction.atomic():
            text = incoming.repaired or bytes(incoming.body)
            entry = read_entry(connection.kind, incoming.event, text)
            if entry is None:
                sentence = "It says nothing about a published entry."
                return Outcome(Incoming.State.LEFT, "event_not_used", sentence)
            return _import(connection, entry, now)
    except EntryRefused as error:
        return Outcome(refused, error.reason, str(error))
    except PersonalizationError as error:
        return Outcome(refused, error.code, str(error))
    except RecursionError:
        return Outcome(refused, "malformed", "What came is nested too deeply.")


def _import(connection: Connection, entry: Entry, now: datetime) -> Outcome:
    if entry.at > now + AHEAD:
        # Every later state would be older than this one.
        raise EntryRefused("in_future", "It says that the entry was changed at a time to come.")
    links = EntryLink.objects.filter(connection=connection, entry=entry.entry)
    known = {link.locale: link for link in links.select_related("variant__block")}
    locales = connection.site.locales
    locale = entry.locale
    if locale != ALL:
        found = _site_locale(locales, locale)
        if found is None:
            sentence = f"This site does not have the language '{locale}'."
            return Outcome(Incoming.State.LEFT, "locale_not_used", sentence)
        locale = found
    if locale in known and known[locale].at > entry.at:
        sentence = "A newer state of this entry is in the draft already."
        return Outcome(Incoming.State.LEFT, "older", sentence)
    variant = next(iter(known.values())).variant if known else None
    is_whole = locale in (ALL, locales[0])
    if entry.is_gone:
        if variant is None:
            sentence = "This entry never became a draft here."
            return Outcome(Incoming.State.LEFT, "unknown_entry", sentence)
        message = _take_out(connection, variant, ALL if is_whole else locale, now)
    else:
        mapping = _mapping(connection, entry)
        _check_block(mapping.block)
        if is_whole:
            variant, message = _write(connection, mapping, entry, variant, now)
        elif variant is None:
            raise EntryRefused(
                "not_in_first_language",
                f"The entry came in '{locale}' before it came in '{locales[0]}', in which the "
                "variant itself is written. Publish it there, then run this again.",
            )
        else:
            message = _translate(connection, mapping, entry, variant, locale, now)
    EntryLink.objects.update_or_create(
        connection=connection,
        entry=entry.entry,
        locale=locale,
        defaults={"variant": variant, "at": entry.at},
    )
    return Outcome(Incoming.State.DONE, "", message, variant)


def _mapping(connection: Connection, entry: Entry) -> Mapping:
    rows = connection.mappings.filter(content_type=entry.content_type)
    found = rows.select_related("block__site", "block__type").first()
    if found is None:
        raise EntryRefused(
            "type_not_mapped",
            f"Entries of the type '{entry.content_type}' belong to no block yet: say on the "
            "page of the connection which one, then run this again.",
        )
    return found


def _check_block(block: Any) -> None:
    if block.archived_at is not None:
        raise EntryRefused("block_archived", f"The block '{block.key}' is archived.")


def _write(
    connection: Connection, mapping: Mapping, entry: Entry, variant: Any, now: datetime
) -> tuple[Any, str]:
    """Write the variant, and with an entry that holds all its languages the translations too."""
    locales = connection.site.locales
    by_locale = _by_site_locale(locales, entry.fields)
    targets = _targets(mapping, entry)
    own = _mapped(targets, by_locale.get(locales[0], {}))
    tags = _segments(connection, entry)
    if variant is not None and variant.block_id != mapping.block_id:
        raise EntryRefused(
            "other_block",
            f"The entry is a variant of the block '{variant.block.key}' already. Archive it "
            "there and unlink it, or map the type to that block again.",
        )
    if variant is not None and variant.archived_at is not None:
        unarchive("variant", variant.pk, None, now)
    note = f"From {connection.name}"
    with changing("block", mapping.block_id, actor=None, now=now, note=note):
        if variant is None:
            verb = "Made"
            variant = create_variant(
                block=mapping.block,
                key=_key(entry.entry),
                name=_name(entry, by_locale.get(locales[0], {})),
                segment_keys=tags or (),
                fields=own,
            )
        else:
            verb = "Changed"
            kept = _without(variant.fields, targets.values())
            variant = update_variant(
                variant_id=variant.pk, segment_keys=tags, fields={**kept, **own}
            )
        if entry.locale == ALL:
            for locale in locales[1:]:
                said = _mapped(targets, by_locale.get(locale, {}))
                _set_translation(variant, locale, said, targets)
    left = f" Left out, as links: {', '.join(sorted(entry.links))}." if entry.links else ""
    return variant, f"{verb} '{variant.key}' of the block '{mapping.block.key}'.{left}"


def _translate(
    connection: Connection,
    mapping: Mapping,
    entry: Entry,
    variant: Any,
    locale: str,
    now: datetime,
) -> str:
    targets = _targets(mapping, entry)
    said = _mapped(targets, next(iter(entry.fields.values()), {}))
    note = f"From {connection.name}"
    with changing("block", variant.block_id, actor=None, now=now, note=note):
        _set_translation(variant, locale, said, targets)
    return f"Wrote '{variant.key}' in '{locale}'."


def _set_translation(
    variant: Any, locale: str, said: dict[str, Any], targets: Map[str, str]
) -> None:
    before = variant.translations.filter(locale=locale).first()
    kept = {} if before is None else _without(before.fields, targets.values())
    fields, template = {**kept, **said}, "" if before is None else before.template
    if fields or template:
        set_translation(variant_id=variant.pk, locale=locale, fields=fields, template=template)
    elif before is not None:
        remove_translation(variant_id=variant.pk, locale=locale)


def _take_out(connection: Connection, variant: Any, locale: str, now: datetime) -> str:
    if locale == ALL:
        archive("variant", variant.pk, None, now)
        return f"Archived '{variant.key}' of the block '{variant.block.key}'."
    note = f"From {connection.name}"
    with changing("block", variant.block_id, actor=None, now=now, note=note):
        remove_translation(variant_id=variant.pk, locale=locale)
    return f"Took '{variant.key}' out of '{locale}'."


# Names


def field_names(text: str) -> dict[str, str]:
    """Return their field -> ours, of lines such as "title = headline".

    Raises:
        ValueError: with a sentence.
    """
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        theirs, equals, ours = (part.strip() for part in line.partition("="))
        if not (theirs and equals and ours):
            raise ValueError(f"Write “theirs = ours”, unlike “{line}”.")
        if theirs in found or ours in found.values():
            raise ValueError(f"“{line}”: this field is named twice.")
        found[theirs] = ours
    return found


def _targets(mapping: Mapping, entry: Entry) -> dict[str, str]:
    """Their field -> ours, without those that only point at something."""
    named = field_names(mapping.fields)
    if not named:
        schema = mapping.block.fields_schema
        rows = schema if isinstance(schema, list) else []
        named = {row["name"]: row["name"] for row in rows}
    return {theirs: ours for theirs, ours in named.items() if theirs not in entry.links}


def _mapped(targets: Map[str, str], fields: Map[str, Any]) -> dict[str, Any]:
    return {
        ours: fields[theirs] for theirs, ours in targets.items() if fields.get(theirs) is not None
    }


def _without(fields: Map[str, Any], names: Any) -> dict[str, Any]:
    gone = frozenset(names)
    return {name: value for name, value in fields.items() if name not in gone}


def _segments(connection: Connection, entry: Entry) -> list[str] | None:
    """Keys of the segments that tags name; None where they name none: those chosen here stay."""
    prefix = connection.tag_prefix
    if not prefix:
        return None
    named = [tag.removeprefix(prefix) for tag in entry.tags if tag.startswith(prefix)]
    return list(dict.fromkeys(named)) or None


def _by_site_locale(
    locales: Sequence[str], fields: Map[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Fields by the site's languages. One that is spelled the same wins over one that is near."""
    found: dict[str, dict[str, Any]] = {}
    exact = {locale.lower() for locale in locales}
    for theirs in sorted(fields, key=lambda one: one.lower() not in exact):
        ours = locales[0] if theirs == ALL else _site_locale(locales, theirs)
        if ours is not None:
            found.setdefault(ours, fields[theirs])
    return found


def _site_locale(locales: Sequence[str], theirs: str) -> str | None:
    """The site's language for one of theirs: the same, or "en" for "en-US"."""
    by_lower = {locale.lower(): locale for locale in locales}
    wanted = theirs.lower().replace("_", "-")
    return by_lower.get(wanted) or by_lower.get(wanted.partition("-")[0])


def _key(entry: str) -> str:
    """A variant's key for an entry: its id where that is a key, and always the same."""
    plain = _NOT_A_KEY.sub("-", entry.lower()).strip("._-")[:80]
    if plain == entry:
        return plain
    digest = hashlib.sha256(entry.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest


def _name(entry: Entry, fields: Map[str, Any]) -> str:
    for name in _NAMES:
        if isinstance(fields.get(name), str) and fields[name].strip():
            return printable(fields[name].strip())[:120]
    return entry.entry[:120]
