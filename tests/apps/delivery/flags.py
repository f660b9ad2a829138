"""Flags as OpenFeature clients ask for them."""

from collections.abc import Mapping
from typing import Any

from apps.content import services as content
from tests.apps.delivery.conftest import World

ALL = "/ofrep/v1/evaluate/flags"


def flag(world: World, key: str, value_type: str, value: Any, *, is_public: bool = True) -> None:
    block = content.create_block(
        site_id=world.site.pk,
        key=key,
        kind="flag",
        value_type=value_type,
        is_client_visible=is_public,
    )
    content.create_variant(block=block, key="default", is_default=True, value=value)


def one(
    world: World, key: str, context: object = None, *, api_key: str | None = None
) -> tuple[int, dict[str, Any]]:
    body = {} if context is None else {"context": context}
    response = world.post(f"{ALL}/{key}", body, key=api_key)
    return response.status_code, response.json()


def every(
    world: World,
    context: object = None,
    *,
    api_key: str | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> Any:
    body = {} if context is None else {"context": context}
    return world.post(ALL + query, body, key=api_key, headers=headers)
