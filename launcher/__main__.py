"""Command line of the launcher: `python3 -m launcher <command>`, as the Makefile does."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is the sentence for older ones
    sys.exit(
        "Attune needs Python 3.11 or newer and found {}.{}: install python3.11, "
        "or name one, as in `make demo PYTHON=/path/to/python3.11`.".format(*sys.version_info)
    )

from launcher.commands import main

sys.exit(main(sys.argv[1:]))
