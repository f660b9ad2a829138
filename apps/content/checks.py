"""Whether an editor's rows can be published: one answer for services, forms and publication."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from apps.content.domain.cleaning import clean
from apps.content.domain.email_cleaning import clean_email
from apps.content.domain.fields import (
    JSON,
    FieldType,
    is_empty,
    is_storable,
    parse_schema,
    publishable_fields,
    undeclared_fields,
    value_problem,
)
from apps.content.domain.templates import Template, parse_template
from apps.content.domain.themes import NO_THEME, Spoken, check_messages, spoken
from apps.content.errors import FieldError, InvalidContent, InvalidTemplate, refused
from apps.content.models import MAX_ITEMS, Block, BlockType, Theme
from apps.content.types import KEY_RULE, RESERVED_RULE, is_key, is_reserved


def check_block(block: Block) -> None:
    """Refuse a block whose kind and settings do not go together.

    Raises:
        InvalidContent
    """
    errors: list[FieldError] = []
    if not is_key(block.key):
        errors.append({"pointer": "/key", "code": "invalid_key", "detail": KEY_RULE})
    elif is_reserved(block.key):
        errors.append({"pointer": "/key", "code": "invalid_key", "detail": RESERVED_RULE})
    is_flag = block.kind == Block.Kind.FLAG
    if is_flag and block.value_type not in Block.ValueType.values:
        errors.append(_error("/value_type", "A flag needs a value type."))
    if not is_flag and block.value_type:
        errors.append(_error("/value_type", "Only a flag has a value type."))
    if not is_flag and block.is_client_visible:
        errors.append(_error("/is_client_visible", "Only a flag can be client-visible."))
    if is_flag and (block.schema or block.type is not None):
        errors.append(_error("/schema", "A flag has a value instead of fields."))
    if block.type is not None and block.schema:
        detail = f"Its fields are those of the type '{block.type.name}': it cannot have its own."
        errors.append(_error("/schema", detail))
    if block.type is not None and block.type.site_id != block.site_id:
        errors.append(_error("/type", "The type belongs to another site."))
    if block.channel not in Block.Channel.values:
        errors.append(_error("/channel", "A block is for pages or for e-mail."))
    if block.channel == Block.Channel.EMAIL and block.kind != Block.Kind.CONTENT:
        errors.append(_error("/channel", "Only content can be for e-mail."))
    if block.kind == Block.Kind.RECOMMENDATIONS and not block.recommender:
        errors.append(_error("/recommender", "Name the recommender that fills the list."))
    if block.kind != Block.Kind.RECOMMENDATIONS and block.recommender:
        errors.append(_error("/recommender", "Only a recommendations block has a recommender."))
    if not 1 <= block.item_limit <= MAX_ITEMS:
        errors.append(_error("/item_limit", f"An answer holds 1 to {MAX_ITEMS} items."))
    try:
        parse_schema(block.schema)
    except InvalidContent as error:
        errors.extend(error.errors)
    if errors:
        raise InvalidContent(errors)


def check_block_type(block_type: BlockType) -> None:
    """Refuse a type with an odd key or a wrong declaration.

    Raises:
        InvalidContent
    """
    if not is_key(block_type.key):
        raise refused("/key", KEY_RULE, "invalid_key")
    parse_schema(block_type.schema)


def check_theme_messages(theme: Theme, messages: object) -> None:
    """Refuse messages of another form, and those that the site's first language lacks.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    locales = theme.site.locales
    check_messages(messages, locales[0] if locales else "")


def check_variant(
    block: Block,
    *,
    key: str,
    fields: Mapping[str, JSON],
    template: str,
    value: JSON,
    is_default: bool,
    is_tagged: bool,
    is_capped: bool = False,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    theme: Theme | None = None,
) -> None:
    """Refuse a variant that does not fit its block, with a pointer to each wrong place.

    Raises:
        InvalidContent
    """
    errors: list[FieldError] = []
    if not is_key(key):
        errors.append({"pointer": "/key", "code": "invalid_key", "detail": KEY_RULE})
    if is_default and is_tagged:
        errors.append(
            _error(
                "/segments", "The default variant is for everyone else: it cannot have segments."
            )
        )
    if is_default and is_capped:
        errors.append(
            _error("/caps", "The default variant is what is left when all else is used up: no cap.")
        )
    if is_default and (starts_at is not None or ends_at is not None):
        detail = "The default variant is always there: it can neither start nor end."
        errors.append(_error("/starts_at", detail))
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        errors.append(_error("/ends_at", "It must end after it starts."))
    if block.kind != Block.Kind.FLAG:
        errors.extend(undeclared_fields(parse_schema(block.fields_schema), fields))
    try:
        said = said_by(block, theme)
        publishable_content(block, fields=fields, template=template, value=value, said=said)
    except InvalidContent as error:
        errors.extend(error.errors)
    if errors:
        raise InvalidContent(errors)


def check_translation(
    block: Block,
    *,
    fields: Mapping[str, JSON],
    template: str,
    locale: str = "",
    theme: Theme | None = None,
) -> None:
    """Refuse a translation that does not fit its block.

    Args:
        theme: of the translated variant.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    if block.kind == Block.Kind.FLAG:
        raise refused("/fields", "A flag has a value and no content: nothing can be translated.")
    schema = parse_schema(block.fields_schema)
    errors = undeclared_fields(schema, fields)
    errors += (
        _error(f"/fields/{field.name}", f"'{field.name}' is the same in all languages.")
        for field in schema
        if field.type is FieldType.PRODUCTS and not is_empty(field, fields.get(field.name))
    )
    said = said_by(block, theme, locale)
    try:
        publishable_content(block, fields=fields, template=template, value=None, said=said)
    except InvalidContent as error:
        # What is not translated is shown in the variant's own language.
        emptied = {f"/fields/{name}" for name in given(fields)}
        errors += (
            one for one in error.errors if one["code"] != "required" or one["pointer"] in emptied
        )
    if errors:
        raise InvalidContent(errors)


def said_by(block: Block, theme: Theme | None, locale: str = "") -> Spoken:
    """Return the messages of a variant's theme in a language; empty: the site's first."""
    if theme is None:
        return NO_THEME
    locales = block.site.locales
    own = locales[0] if locales else ""
    return spoken(theme.name, theme.messages, locale or own, own)


def given(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what a translation says: null is nothing said, an empty text is."""
    return {name: value for name, value in fields.items() if value is not None}


def publishable_content(
    block: Block,
    *,
    fields: Mapping[str, JSON],
    template: str,
    value: JSON,
    said: Spoken = NO_THEME,
    emptied: frozenset[str] = frozenset(),
) -> tuple[dict[str, JSON], Template]:
    """Return the fields and the template as a publication stores them.

    Args:
        said: the messages of the variant's theme.
        emptied: fields that a translation empties on purpose.

    Raises:
        InvalidContent: with a pointer to each wrong place.
    """
    errors: list[FieldError] = []
    ready: dict[str, JSON] = {}
    parsed = Template()
    if block.kind == Block.Kind.FLAG:
        if fields or template.strip():
            errors.append(_error("/fields", "A flag has a value and no content."))
        problem = value_problem(block.value_type, value)
        if problem is not None:
            errors.append(_error("/value", problem))
    else:
        if value is not None:
            errors.append(_error("/value", "Only a flag's variant has a value."))
        try:
            schema = parse_schema(block.fields_schema)
            ready = publishable_fields(schema, fields, said, emptied=emptied)
        except InvalidContent as error:
            errors.extend(error.errors)
        try:
            if not is_storable(template):
                raise InvalidTemplate(1, "The template holds NUL or half a surrogate pair.")
            policy = clean_email if block.channel == Block.Channel.EMAIL else clean
            parsed = parse_template(said.put_into(template, is_html=True), policy)
        except InvalidTemplate as error:
            errors.append({"pointer": "/template", "code": error.code, "detail": str(error)})
    if errors:
        raise InvalidContent(errors)
    return ready, parsed


def check_placement(*, key: str, site_id: object, block: Block | None) -> None:
    """Refuse a placement with an odd key, or with a block that no page of its site may show.

    Raises:
        InvalidContent
    """
    if not is_key(key):
        raise refused("/key", KEY_RULE, "invalid_key")
    if is_reserved(key):
        raise refused("/key", RESERVED_RULE, "invalid_key")
    if block is not None and block.site_id != site_id:
        raise refused("/block", "The block belongs to another site.")
    problem = None if block is None else unplaceable(block)
    if problem:
        raise refused("/block", problem)


def unplaceable(block: Block) -> str:
    """Return why no placement may show a block; empty: it may."""
    if block.archived_at is not None:
        return f"The block '{block.key}' is archived: choose another one, or bring it back."
    if block.channel == Block.Channel.EMAIL:
        return f"The block '{block.key}' is for e-mail: no page may show it."
    return ""


def colliding_keys(
    placements: Sequence[tuple[str, str]], flags: Collection[str]
) -> list[FieldError]:
    """Return where one key would name two things that can be asked for as a flag.

    A flag is asked for by its block's key, a placement by its own: both may be the same only where
    the placement shows that very flag. Names of segments belong to segments.

    Args:
        placements: (key, key of the block) of each.
        flags: keys of the blocks that are flags.
    """
    errors: list[FieldError] = []
    for key, block in placements:
        pointer = f"/placements/{key}"
        if key in flags and block != key:
            detail = (
                f"The placement '{key}' and a flag have one key, and who asks for it "
                f"cannot have both: rename one of them."
            )
            errors.append({"pointer": pointer, "code": "key_taken", "detail": detail})
        if is_reserved(key):
            errors.append({"pointer": pointer, "code": "invalid_key", "detail": RESERVED_RULE})
    errors += (
        {"pointer": f"/blocks/{key}", "code": "invalid_key", "detail": RESERVED_RULE}
        for key in sorted(flags)
        if is_reserved(key)
    )
    return errors


def _error(pointer: str, detail: str) -> FieldError:
    return {"pointer": pointer, "code": "invalid_content", "detail": detail}
