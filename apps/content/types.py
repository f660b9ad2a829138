"""What other apps may know of content: the form of the names that pages and flags ask by."""

import re

KEY_PATTERN = "[a-z0-9][a-z0-9._-]{0,99}"
KEY_RULE = (
    "A key starts with a lower-case letter or a digit and has at most 100 of a-z, 0-9, "
    "full stop, hyphen and underscore."
)

# In front of a segment's key: what it is called as a flag.
SEGMENT_PREFIX = "segment."

RESERVED_RULE = f'Keys that start with "{SEGMENT_PREFIX}" name segments.'

_KEY = re.compile(KEY_PATTERN)


def is_reserved(key: str) -> bool:
    """Tell whether the key would name a segment where flags are asked for."""
    return key.startswith(SEGMENT_PREFIX)


def is_key(text: str) -> bool:
    """Tell whether the text can name a placement, a block, a variant or a rule."""
    return _KEY.fullmatch(text) is not None
