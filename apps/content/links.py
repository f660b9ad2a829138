"""Links and pictures of the drafts that cannot be what was meant. Nothing is fetched."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from apps.content.documents import blocks_of
from apps.content.domain.addresses import addresses_in, addresses_of, is_made, trouble_of
from apps.content.domain.fields import Field, parse_schema
from apps.content.errors import InvalidContent
from apps.content.models import Asset, Block, Variant

MEDIA = "/media/"


@dataclass(frozen=True, slots=True)
class LinkProblem:
    """One address that needs a look.

    Attributes:
        place: where it stands in the variant: a field's name or "HTML", with the language of a
            translation.
        kind: "unknown_path" is only a hint: the page may exist all the same.
    """

    block_id: UUID
    block_key: str
    variant_key: str
    place: str
    url: str
    kind: Literal["malformed", "placeholder", "unknown_path"]
    detail: str


def problems_of(site_id: UUID) -> list[LinkProblem]:
    """Return the doubtful addresses of the site's drafts in use, by block. Eight queries.

    A path of this site is only doubted where the site says which pages it has.
    """
    found: list[LinkProblem] = []
    known: _Known | None = None
    for block in blocks_of(site_id):
        if known is None:
            known = _Known(site_id, block.site.preview_pages)
        for variant in block.variants.all():
            found.extend(_of_variant(block, variant, known))
    return found


class _Known:
    """The paths that lead somewhere, as far as the site says."""

    def __init__(self, site_id: UUID, pages: Any) -> None:
        urls = [page.get("url") for page in pages if isinstance(page, dict)]
        written = [url for url in urls if isinstance(url, str) and url]
        self.paths = {_path(url) for url in written}
        self.hosts = {host for host in map(_host, written) if host}
        in_use = Asset.objects.filter(site_id=site_id, archived_at=None)
        self.pictures = set(in_use.values_list("digest", flat=True))

    def doubt(self, address: str) -> str:
        """Return why a path may lead nowhere; empty: it may not, or nobody knows."""
        path, host = _path(address), _host(address)
        if path.startswith(MEDIA):
            digest = path.removeprefix(MEDIA).partition("/")[0]
            return "" if digest in self.pictures else "This picture is not in the media library."
        is_ours = host in self.hosts if host else address.startswith("/")
        if not is_ours or not self.paths:
            return ""
        return "" if path in self.paths else "None of the site's pages has this path."


def _path(url: str) -> str:
    """The path of an address, the same with and without a slash at its end."""
    try:
        path = urlsplit(url.strip()).path
    except ValueError:
        return ""
    return path.rstrip("/") or "/"


def _host(url: str) -> str:
    try:
        return urlsplit(url.strip()).hostname or ""
    except ValueError:
        return ""


def _of_variant(block: Block, variant: Variant, known: _Known) -> Iterator[LinkProblem]:
    try:
        schema = parse_schema(block.fields_schema)
    except InvalidContent:
        schema = []  # the block itself is refused, which is told elsewhere
    own = _addresses(schema, variant.fields, variant.template)
    told = [
        (f"{place} ({one.locale})", address)
        for one in variant.translations.all()
        for place, address in _addresses(schema, one.fields, one.template)
    ]
    for place, address in [*own, *told]:
        trouble = trouble_of(address)
        if trouble is not None:
            yield _problem(block, variant, place, address, *trouble)
        elif not is_made(address):
            doubt = known.doubt(address)
            if doubt:
                yield _problem(block, variant, place, address, "unknown_path", doubt)


def _addresses(
    schema: list[Field], fields: dict[str, Any], template: str
) -> Iterator[tuple[str, str]]:
    for field in schema:
        for address in addresses_in(field, fields.get(field.name)):
            yield field.name, address
    for address in addresses_of(template):
        yield "HTML", address


def _problem(
    block: Block,
    variant: Variant,
    place: str,
    url: str,
    kind: Literal["malformed", "placeholder", "unknown_path"],
    detail: str,
) -> LinkProblem:
    return LinkProblem(block.pk, block.key, variant.key, place, url, kind, detail)
