"""Ten thousand blocks with what stands around them, as editors would have left their drafts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth.models import User

from apps.access.models import Site
from apps.content import services as content
from apps.content.models import (
    Asset,
    Block,
    BlockType,
    Cap,
    Placement,
    Theme,
    Translation,
    Variant,
)
from apps.content.models.revisions import Revision
from apps.rules.models import Firing, Rule, Trigger
from apps.segments.models import Persona, Segment
from bench.segments.data import NOW

Json = dict[str, Any]

BATCH: Final = 2_000
VARIANTS: Final = ("all", "tier", "cell")
SCHEMA: Final[Sequence[Json]] = (
    {"name": "headline", "type": "string", "required": True},
    {"name": "text", "type": "html", "required": False},
    {"name": "address", "type": "url", "required": False},
)
THEMES: Final = 40
TYPES: Final = 20
CAPS: Final = 30
PERSONAS: Final = 50
PICTURES: Final = 300
RULES_A_PLACEMENT: Final = 5


@dataclass(frozen=True, slots=True)
class Content:
    """How much of it there is."""

    blocks: int
    rules: int
    triggers: int


def make_content(site: Site, author: User, size: Content) -> None:
    """Make all drafts of a site that has segments."""
    segments = list(Segment.objects.filter(site=site).order_by("number"))
    caps = [
        content.create_cap(site_id=site.pk, key=f"cap-{n}", most=1 + n % 5) for n in range(CAPS)
    ]
    themes = [
        content.create_theme(
            site_id=site.pk,
            key=f"theme-{n}",
            name=f"Theme {n}",
            segment_keys=[segments[n % len(segments)].key],
            messages={"cta": {"en": f"See what {n} offers", "de": f"Zum Angebot {n}"}},
        )
        for n in range(THEMES)
    ]
    types = [
        content.create_block_type(
            site_id=site.pk, key=f"type-{n}", name=f"Type {n}", schema=list(SCHEMA)
        )
        for n in range(TYPES)
    ]
    blocks = _make_blocks(site, types, size)
    variants = _make_variants(blocks, themes, segments, caps)
    places = _make_placements(site, blocks)
    _make_rules(site, places, variants, segments, size)
    _make_triggers(site, places, variants, segments, size)
    _make_revisions(site, author, blocks)
    Persona.objects.bulk_create(
        Persona(site=site, key=f"persona-{n}", name=f"Persona {n}", created_at=NOW)
        for n in range(PERSONAS)
    )


def copy_pictures(picture: Asset) -> None:
    """Fill the library with pictures that share one file."""
    same = {
        field.attname: getattr(picture, field.attname)
        for field in Asset._meta.concrete_fields
        if field.name not in {"id", "key", "name"}
    }
    Asset.objects.bulk_create(
        Asset(key=f"picture-{n}", name=f"Picture {n}", **same) for n in range(PICTURES)
    )


def change_some(site_id: UUID, first: int, count: int) -> None:
    """Write new words into blocks, as a form does."""
    for n in range(first, first + count):
        variant = Variant.objects.get(block__site_id=site_id, block__key=f"block-{n}", key="tier")
        content.update_variant(
            variant_id=variant.pk, fields={**variant.fields, "headline": f"Something new in {n}"}
        )


def _make_blocks(site: Site, types: Sequence[BlockType], size: Content) -> list[Block]:
    """One in five has a type."""
    return Block.objects.bulk_create(
        [
            Block(
                site=site,
                key=f"block-{n}",
                name=f"Block {n}",
                type=types[n % TYPES] if n % 5 == 0 else None,
                schema=[] if n % 5 == 0 else list(SCHEMA),
            )
            for n in range(size.blocks)
        ],
        batch_size=BATCH,
    )


def _make_variants(
    blocks: Sequence[Block],
    themes: Sequence[Theme],
    segments: Sequence[Segment],
    caps: Sequence[Cap],
) -> list[Variant]:
    """Three a block: for everybody, for a broad segment and for a narrow one.

    One block in ten says something of a theme, one in ten speaks German, one in twenty is capped.
    """
    variants = Variant.objects.bulk_create(
        [
            Variant(
                block=block,
                key=key,
                name=key.title(),
                is_default=key == "all",
                priority=VARIANTS.index(key),
                theme=themes[n % THEMES] if n % 10 == 1 and key == "cell" else None,
                fields=_fields(n, key),
                template=_TEMPLATE if n % 5 == 2 else "",
            )
            for n, block in enumerate(blocks)
            for key in VARIANTS
        ],
        batch_size=BATCH,
    )
    tags = Variant.segments.through
    broad, narrow = segments[:10], segments[10:]
    tags.objects.bulk_create(
        [
            tags(variant=variants[3 * n + 1 + which], segment=own[n % len(own)])
            for n in range(len(blocks))
            for which, own in enumerate((broad, narrow))
        ],
        batch_size=BATCH,
    )
    capped = Block.caps.through
    capped.objects.bulk_create(
        capped(block=blocks[n], cap=caps[n % CAPS]) for n in range(0, len(blocks), 20)
    )
    Translation.objects.bulk_create(
        [
            Translation(
                variant=variant, locale="de", fields={"headline": f"Angebot {variant.block.key}"}
            )
            for variant in variants[::10]
        ],
        batch_size=BATCH,
    )
    return variants


_TEMPLATE: Final = '<section class="hero"><h2>Hello {{ traits.first_name }}</h2></section>'


def _fields(n: int, key: str) -> Mapping[str, Any]:
    said = f"{{{{ traits.first_name | default: 'there' }}}}, number {n}" if key == "cell" else key
    if n % 10 == 1 and key == "cell":
        said = "{{ theme.cta }}"
    return {
        "headline": f"Offer {n}: {said}",
        "text": f"<p>This is <strong>number {n}</strong> for {key}, and <em>some words</em>.</p>",
        "address": f"https://shop.example/offers/{n}",
    }


def _make_placements(site: Site, blocks: Sequence[Block]) -> list[Placement]:
    return Placement.objects.bulk_create(
        [
            Placement(site=site, key=f"place-{n}", name=f"Place {n}", block=block)
            for n, block in enumerate(blocks)
        ],
        batch_size=BATCH,
    )


def _make_rules(
    site: Site,
    places: Sequence[Placement],
    variants: Sequence[Variant],
    segments: Sequence[Segment],
    size: Content,
) -> None:
    """Five a placement: by device, by segment and both; one in ten by what somebody did."""
    Rule.objects.bulk_create(
        Rule(
            site=site,
            key=f"rule-{n}",
            name=f"Rule {n}",
            placement=places[n // RULES_A_PLACEMENT],
            variant=variants[3 * (n // RULES_A_PLACEMENT) + n % 3],
            priority=10 * (n % RULES_A_PLACEMENT),
            condition={"v": 1, "where": _where(n, segments)},
        )
        for n in range(size.rules)
    )


def _where(n: int, segments: Sequence[Segment]) -> Json:
    device = ("mobile", "desktop", "tablet")[n % 3]
    asked: Json = {"kind": "context", "name": "device", "op": "eq", "value": device}
    member: Json = {"kind": "segment", "key": segments[n % len(segments)].key}
    if n % 10 == 9:
        return {
            "kind": "event", "name": "Product Viewed", "aggregate": "count",
            "window": {"last": "7d"}, "op": "gte", "value": 1 + n // 10,
        }  # fmt: skip
    return (asked, member, {"all": [asked, member]})[n % 3]


def _make_triggers(
    site: Site,
    places: Sequence[Placement],
    variants: Sequence[Variant],
    segments: Sequence[Segment],
    size: Content,
) -> None:
    """Every other one shows something. Each has fired two hundred times."""
    triggers = Trigger.objects.bulk_create(
        Trigger(
            site=site,
            number=n + 1,
            key=f"trigger-{n}",
            name=f"Trigger {n}",
            segment=segments[n % len(segments)],
            placement=places[n] if n % 2 else None,
            variant=variants[3 * n + 1] if n % 2 else None,
            message={"cause": f"trigger-{n}"},
            is_enabled=n % 3 > 0,
        )
        for n in range(size.triggers)
    )
    Firing.objects.bulk_create(
        [
            Firing(
                trigger=trigger,
                profile_id=UUID(f"01900000-0000-7000-8000-{n:012x}"),
                cause=f"feed-{n}",
                at=NOW,
                outcome=Firing.Outcome.FIRED,
            )
            for trigger in triggers
            for n in range(200)
        ],
        batch_size=BATCH,
    )


def _make_revisions(site: Site, author: User, blocks: Sequence[Block]) -> None:
    """A save of each, the last one newest."""
    Revision.objects.bulk_create(
        [
            Revision(
                site=site,
                kind="block",
                object_id=block.pk,
                number=1,
                document={
                    "name": block.name,
                    "key": block.key,
                    "variants": {one: {"key": one} for one in VARIANTS},
                },
                digest=f"{n:064x}",
                note="Imported",
                by=author,
                by_name=author.username,
                at=NOW,
            )
            for n, block in enumerate(blocks)
        ],
        batch_size=BATCH,
    )
