"""Whether an editor's rows can be published: one answer for services, forms and publication."""

from collections.abc import Mapping, Sequence

from apps.content.domain.fields import (
    JSON,
    is_storable,
    parse_schema,
    publishable_fields,
    undeclared_fields,
    value_problem,
)
from apps.content.domain.templates import Template, parse_template
from apps.content.errors import FieldError, InvalidContent, InvalidTemplate, refused
from apps.content.models import MAX_ITEMS, Block
from apps.content.types import KEY_RULE, RESERVED_RULE, is_key, is_reserved
from engine.snapshot import BlockDoc, PlacementDoc


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
    if is_flag and block.schema:
        errors.append(_error("/schema", "A flag has a value instead of fields."))
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
    if block.kind != Block.Kind.FLAG:
        errors.extend(undeclared_fields(parse_schema(block.schema), fields))
    try:
        publishable_content(block, fields=fields, template=template, value=value)
    except InvalidContent as error:
        errors.extend(error.errors)
    if errors:
        raise InvalidContent(errors)


def publishable_content(
    block: Block, *, fields: Mapping[str, JSON], template: str, value: JSON
) -> tuple[dict[str, JSON], Template]:
    """Return the fields and the template as a publication stores them.

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
            ready = publishable_fields(parse_schema(block.schema), fields)
        except InvalidContent as error:
            errors.extend(error.errors)
        try:
            if not is_storable(template):
                raise InvalidTemplate(1, "The template holds NUL or half a surrogate pair.")
            parsed = parse_template(template)
        except InvalidTemplate as error:
            errors.append({"pointer": "/template", "code": error.code, "detail": str(error)})
    if errors:
        raise InvalidContent(errors)
    return ready, parsed


def check_placement(*, key: str, site_id: object, block: Block | None) -> None:
    """Refuse a placement with an odd key or with another site's block.

    Raises:
        InvalidContent
    """
    if not is_key(key):
        raise refused("/key", KEY_RULE, "invalid_key")
    if is_reserved(key):
        raise refused("/key", RESERVED_RULE, "invalid_key")
    if block is not None and block.site_id != site_id:
        raise refused("/block", "The block belongs to another site.")


def colliding_keys(
    placements: Sequence[PlacementDoc], blocks: Sequence[BlockDoc]
) -> list[FieldError]:
    """Return where one key would name two things that can be asked for as a flag.

    A flag is asked for by its block's key, a placement by its own: both may be the same only where
    the placement shows that very flag. Names of segments belong to segments.
    """
    flags = {block.key for block in blocks if block.kind == "flag"}
    errors: list[FieldError] = []
    for placement in placements:
        pointer = f"/placements/{placement.key}"
        if placement.key in flags and placement.block != placement.key:
            detail = (
                f"The placement '{placement.key}' and a flag have one key, and who asks for it "
                f"cannot have both: rename one of them."
            )
            errors.append({"pointer": pointer, "code": "key_taken", "detail": detail})
        if is_reserved(placement.key):
            errors.append({"pointer": pointer, "code": "invalid_key", "detail": RESERVED_RULE})
    errors += (
        {"pointer": f"/blocks/{key}", "code": "invalid_key", "detail": RESERVED_RULE}
        for key in sorted(flags)
        if is_reserved(key)
    )
    return errors


def _error(pointer: str, detail: str) -> FieldError:
    return {"pointer": pointer, "code": "invalid_content", "detail": detail}
