"""Tables of content, one file a concept. The rows are drafts; publications freeze them."""

from apps.content.models.assets import Asset, AssetFile
from apps.content.models.caps import Cap
from apps.content.models.keys import check_key
from apps.content.models.kinds import BlockType
from apps.content.models.placing import MAX_ITEMS, Block, Placement, Variant
from apps.content.models.revisions import Revision, Unsaved
from apps.content.models.themes import Theme
from apps.content.models.translations import Translation

__all__ = [
    "MAX_ITEMS",
    "Asset",
    "AssetFile",
    "Block",
    "BlockType",
    "Cap",
    "Placement",
    "Revision",
    "Theme",
    "Translation",
    "Unsaved",
    "Variant",
    "check_key",
]
