"""Writes to what many blocks share: themes with their messages, and types with their fields."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.content.checks import check_block_type, check_theme_messages
from apps.content.domain.fields import JSON
from apps.content.domain.themes import Messages
from apps.content.errors import refused
from apps.content.models import BlockType, Theme
from apps.content.selectors import block_types_of, segments_for_tagging, themes_of
from apps.content.types import KEY_RULE, is_key


@transaction.atomic
def create_theme(
    *,
    site_id: UUID,
    key: str,
    name: str = "",
    description: str = "",
    segment_keys: Sequence[str] = (),
    messages: Messages | None = None,
) -> Theme:
    """Add a theme to the draft; `messages` are texts by name and language.

    Raises:
        InvalidContent: the key is taken or odd, a segment does not exist, or a message is of
            another form or lacks the site's first language.
    """
    _check_key(key, taken=Theme.objects.filter(site_id=site_id, key=key).exists(), what="theme")
    tags = segment_ids(site_id, segment_keys)
    theme = Theme(site_id=site_id, key=key, name=name or key, description=description)
    theme.messages = _checked(theme, messages or {})
    theme.save(force_insert=True)
    theme.segments.set(tags)
    return theme


@transaction.atomic
def update_theme(
    *,
    theme_id: UUID,
    name: str | None = None,
    description: str | None = None,
    segment_keys: Sequence[str] | None = None,
    messages: Messages | None = None,
) -> Theme:
    """Change a theme's draft; what is None stays as it is. Its variants follow when published.

    Raises:
        InvalidContent: as `create_theme`.
    """
    theme = Theme.objects.select_for_update().get(pk=theme_id)
    if name is not None:
        theme.name = name
    if description is not None:
        theme.description = description
    if messages is not None:
        theme.messages = _checked(theme, messages)
    tags = None if segment_keys is None else segment_ids(theme.site_id, segment_keys)
    theme.save(update_fields=["name", "description", "messages"])
    if tags is not None:
        theme.segments.set(tags)
    return theme


@transaction.atomic
def create_block_type(
    *, site_id: UUID, key: str, name: str = "", schema: Sequence[Mapping[str, JSON]] = ()
) -> BlockType:
    """Add a reusable set of fields to the draft.

    Raises:
        InvalidContent: the key is taken or odd, or a field is not declared as it must be.
    """
    _check_key(key, taken=BlockType.objects.filter(site_id=site_id, key=key).exists(), what="type")
    fields = [dict(field) for field in schema]
    made = BlockType(site_id=site_id, key=key, name=name or key, schema=fields)
    check_block_type(made)
    made.save(force_insert=True)
    return made


@transaction.atomic
def update_block_type(
    *,
    type_id: UUID,
    name: str | None = None,
    schema: Sequence[Mapping[str, JSON]] | None = None,
) -> BlockType:
    """Change a type; what is None stays as it is. Variants that no longer fit are told at once by
    `selectors.problems` and refused by the next publication.

    Raises:
        InvalidContent: as `create_block_type`.
    """
    made = BlockType.objects.select_for_update().get(pk=type_id)
    if name is not None:
        made.name = name
    if schema is not None:
        made.schema = [dict(field) for field in schema]
    check_block_type(made)
    made.save(update_fields=["name", "schema"])
    return made


def find_theme(site_id: UUID, key: str) -> Theme | None:
    """Return the site's theme of this key, None for an empty one.

    Raises:
        InvalidContent: there is none in use.
    """
    found = themes_of(site_id).filter(key=key).first() if key else None
    if key and found is None:
        raise refused("/theme", f"This site has no theme '{key}'.", "unknown_theme")
    return found


def find_block_type(site_id: UUID, key: str) -> BlockType | None:
    """Return the site's type of this key, None for an empty one.

    Raises:
        InvalidContent: there is none in use.
    """
    found = block_types_of(site_id).filter(key=key).first() if key else None
    if key and found is None:
        raise refused("/type", f"This site has no type of block '{key}'.", "unknown_type")
    return found


def segment_ids(site_id: UUID, keys: Sequence[str]) -> list[Any]:
    """Return the ids of the site's segments of these keys.

    Raises:
        InvalidContent: naming the first that is missing.
    """
    found: dict[str, Any] = dict(
        segments_for_tagging(site_id).filter(key__in=keys).values_list("key", "pk")
    )
    for key in keys:
        if key not in found:
            raise refused("/segments", f"This site has no segment '{key}'.", "unknown_segment")
    return list(found.values())


def _checked(theme: Theme, messages: Messages) -> dict[str, dict[str, str]]:
    said = {name: dict(by_locale) for name, by_locale in messages.items()}
    check_theme_messages(theme, said)
    return said


def _check_key(key: str, *, taken: bool, what: str) -> None:
    if not is_key(key):
        raise refused("/key", KEY_RULE, "invalid_key")
    if taken:
        raise refused("/key", f"This site has a {what} '{key}' already.", "key_taken")
