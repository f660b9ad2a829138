"""Names that other apps know experiments by."""

from typing import Final

# The intent to have an experiment's part published; apps/decisions, which comes later, performs it.
PUBLISH: Final = "decisions.publish_experiment"
# The same of a holdout's turn: that others are held out.
PUBLISH_HOLDOUT: Final = "decisions.publish_holdout"
