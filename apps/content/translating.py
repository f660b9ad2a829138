"""Writes to the draft of a variant in other languages."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction

from apps.content.checks import check_translation
from apps.content.domain.fields import JSON
from apps.content.errors import refused
from apps.content.models import Translation, Variant


@transaction.atomic
def set_translation(
    *, variant_id: UUID, locale: str, fields: Mapping[str, JSON], template: str = ""
) -> Translation:
    """Write a variant's draft in one more language, in the place of what was there.

    A field that is absent or null is shown in the variant's own language; one that is empty is
    shown empty. An empty template is none.

    Raises:
        InvalidContent: the site does not have this language, or has it as its first one; or the
            fields or the template do not fit the block.
    """
    variant = (
        Variant.objects.select_for_update(of=("self",))
        .select_related("block__site", "block__type", "theme")
        .get(pk=variant_id)
    )
    locales = variant.block.site.locales
    if locale not in locales:
        raise refused("/locale", f"This site does not have the language '{locale}'.")
    if locale == locales[0]:
        detail = f"'{locale}' is the site's first language: the variant itself is written in it."
        raise refused("/locale", detail)
    check_translation(
        variant.block, fields=fields, template=template, locale=locale, theme=variant.theme
    )
    translation, _ = Translation.objects.update_or_create(
        variant=variant, locale=locale, defaults={"fields": dict(fields), "template": template}
    )
    return translation


def remove_translation(*, variant_id: UUID, locale: str) -> bool:
    """Forget a variant's draft in one language; return whether there was one."""
    count, _ = Translation.objects.filter(variant_id=variant_id, locale=locale).delete()
    return count > 0
