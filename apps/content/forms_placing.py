"""The forms of a placement and of a block."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms

from apps.content.checks import check_block, check_placement
from apps.content.chosen import ChosenField
from apps.content.errors import InvalidContent
from apps.content.forms_refused import add_errors
from apps.content.forms_schema import SchemaField, parse_lines
from apps.content.models import Block, BlockType, Placement


def caps_input(help_text: object) -> ChosenField:
    """Return the input of the caps that something draws on."""
    return ChosenField("caps", "frequency cap", help_text=str(help_text))


def site_of(form: forms.BaseModelForm[Any]) -> UUID | None:
    """Return the site that a form speaks of: that of its row, or the one chosen in a new one."""
    found = form.instance.site_id
    if found is not None:
        return UUID(str(found))
    given = form.data.get("site") if form.is_bound else form.initial.get("site")
    try:
        return UUID(str(getattr(given, "pk", given)))
    except ValueError:
        return None


class PlacementForm(forms.ModelForm[Placement]):
    """A placement and the block of its own site that fills it."""

    block = ChosenField(
        "blocks", "block", most=1, help_text="What fills it. Empty: the page keeps its own words."
    )
    caps = caps_input(Placement._meta.get_field("caps").help_text)

    class Meta:
        model = Placement
        fields = ("site", "key", "name", "block", "is_enabled", "caps")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        placement = self.instance
        is_new = placement._state.adding
        site_id = site_of(self)
        block = placement.block
        for name, chosen in (
            ("block", [] if block is None else [block]),
            ("caps", [] if is_new else placement.caps.all()),
        ):
            field = self.fields.get(name)
            if isinstance(field, ChosenField):
                field.at(site_id, chosen)

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        placement = self.instance
        try:
            check_placement(key=placement.key, site_id=placement.site_id, block=placement.block)
        except InvalidContent as error:
            add_errors(self, error, {})


class BlockForm(forms.ModelForm[Block]):
    """A block; its fields are declared one a line, or come from its type."""

    schema_lines = SchemaField()
    caps = caps_input(Block._meta.get_field("caps").help_text)

    class Meta:
        model = Block
        fields = (
            "site",
            "key",
            "name",
            "kind",
            "purpose",
            "channel",
            "type",
            "value_type",
            "is_client_visible",
            "recommender",
            "item_limit",
            "is_cacheable",
            "caps",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        block = self.instance
        is_new = block._state.adding
        self.type_before = block.type
        site_id = site_of(self)
        if not is_new and block.kind == Block.Kind.FLAG:
            for name in ("schema_lines", "type"):
                self.fields.pop(name, None)
        if "channel" in self.fields:
            self.fields["channel"].required = False  # for pages, unless said otherwise
        if "schema_lines" in self.fields:
            self.initial["schema_lines"] = block.schema
        if "type" in self.fields:
            types = BlockType.objects.filter(archived_at=None).order_by("name")
            chosen: Any = self.fields["type"]
            chosen.queryset = types if site_id is None else types.filter(site_id=site_id)
            chosen.empty_label = "Its own fields"
        caps = self.fields.get("caps")
        if isinstance(caps, ChosenField):
            caps.at(site_id, [] if is_new else block.caps.all())
        recommender = self.fields.get("recommender")
        if recommender is not None and not is_new:
            recommender.widget = forms.Select(choices=_with(block.recommender, recommenders(block)))

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        declared = self.cleaned_data.get("schema_lines")
        if self.cleaned_data.get("type") is not None:
            self.instance.schema = []  # the type's fields take their place
        elif self.type_before is not None and "type" in self.fields:
            self.instance.schema = self.type_before.schema  # to go on from, now its own
        elif declared is not None:
            self.instance.schema = declared
        return cleaned

    def _post_clean(self) -> None:
        # After the instance has its values, so that what goes together is judged together.
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, absent from its stubs
        try:
            check_block(self.instance)
        except InvalidContent as error:
            add_errors(self, error, {"schema": "schema_lines"})


def take_posted_schema(block: Block, posted: Mapping[str, str]) -> None:
    """Give a block in memory the fields that a form declares for it, as far as they are right."""
    if block.kind == Block.Kind.FLAG:
        return  # it has a value instead
    before, chosen = block.type, posted.get("type", "")
    now = before
    if "type" in posted:
        types = BlockType.objects.filter(site_id=block.site_id)
        now = block.type = types.filter(pk=chosen).first() if _is_id(chosen) else None
    if "schema_lines" in posted and now is None:
        declared, problems = parse_lines(posted["schema_lines"])
        block.schema = block.schema if problems else declared
    elif before is not None and now is None:
        block.schema = before.schema


def recommenders(block: Block) -> list[tuple[str, str]]:
    """Return the recommenders of the block's site, as a list to choose from. One query."""
    # The model belongs to the app above and is reached through the site's own relation to it.
    found = block.site.recommenders.order_by("name").values_list("key", "name")
    return [(str(key), f"{name} ({key})") for key, name in found]


def _with(chosen: str, offered: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what is offered, with what is stored: nothing is lost by looking at it."""
    known = {key for key, _ in offered}
    odd = [(chosen, chosen)] if chosen and chosen not in known else []
    return [("", "None"), *offered, *odd]


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
