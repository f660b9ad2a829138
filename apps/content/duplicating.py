"""A second variant like the first, to be changed from there."""

from datetime import datetime

from apps.content.models import Translation, Variant
from apps.content.revisions import Actor, changing


def duplicate_variant(*, variant: Variant, actor: Actor, now: datetime) -> Variant:
    """Add a copy of a variant to its block's draft: same content, languages, theme and caps.

    It is for no segments and is not the default: nobody sees it by mistake.
    """
    block = variant.block
    with changing("block", block.pk, actor=actor, now=now, note=f"Duplicated {variant.name}"):
        taken = set(block.variants.values_list("key", flat=True))
        number, key = 2, f"{variant.key[:90]}-2"
        while key in taken:
            number += 1
            key = f"{variant.key[:90]}-{number}"
        made = Variant.objects.create(
            block=block,
            key=key,
            name=f"{variant.name[:100]} (copy)",
            priority=variant.priority,
            theme_id=variant.theme_id if not variant.is_default else None,
            fields=variant.fields,
            template=variant.template,
            value=variant.value,
            starts_at=variant.starts_at,
            ends_at=variant.ends_at,
        )
        made.caps.set(variant.caps.all())
        Translation.objects.bulk_create(
            Translation(
                variant=made, locale=told.locale, fields=told.fields, template=told.template
            )
            for told in variant.translations.all()
        )
    return made
