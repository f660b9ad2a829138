"""The kinds of content whose history is kept."""

from typing import Final

from apps.content.revisions import register_kind
from apps.content.revisions_rows import Shape, rows_kind

TRANSLATION: Final = Shape(by="locale", parent="variant", left_out=frozenset({"locale"}))
VARIANT: Final = Shape(children={"translations": TRANSLATION}, parent="block", used_as="variant")
BLOCK: Final = Shape(children={"variants": VARIANT})


def register() -> None:
    """Register them all; called once, when the app is ready."""
    register_kind(rows_kind("block", "Block", "content.block", BLOCK))
    register_kind(rows_kind("blocktype", "Block type", "content.blocktype"))
    register_kind(rows_kind("placement", "Placement", "content.placement"))
    register_kind(rows_kind("theme", "Theme", "content.theme"))
    register_kind(rows_kind("cap", "Frequency cap", "content.cap"))
    register_kind(rows_kind("asset", "Picture", "content.asset"))
