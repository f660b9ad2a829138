#!/usr/bin/env python3
"""Django's command line, usable from any shell.

Run by a Python without Django, it hands over to the project's virtual environment. Without
DATABASE_URL and REDIS_URL it uses the addresses and keys of the stack that `make demo` or `make up`
keeps under $ATTUNE_HOME, so that commands reach the servers that are running.
"""

import os
import sys

from launcher.home import adopt_environment
from launcher.venv import hand_over_to_venv


def main() -> None:
    """Run one management command."""
    hand_over_to_venv()
    adopt_environment()
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    main()
