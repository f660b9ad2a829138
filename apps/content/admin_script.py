"""The script of the editors' forms: chips, lists of fields, variants, pickers."""

from typing import Final

from django.forms.widgets import Script

# A module: it runs once the page stands, and the page works without it.
PAGE_SCRIPT: Final = Script("admin-attune/block/page.js", type="module")
