"""manage.py stats_eval: ask for any statistic of the product, a JSON object a line."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.insights import stat_ops


class Command(BaseCommand):
    help = (
        'Reads lines such as {"id": 1, "op": "test.srm", "input": {"counts": [50, 40], '
        '"weights": [0.5, 0.5]}} and writes {"id": 1, "output": {...}} for each.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="Standard input by default.")
        parser.add_argument("--list", action="store_true", help="Print the names and end.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write("\n".join(stat_ops.names()))
            return
        for line in _lines(options["file"]):
            if line.strip():
                self.stdout.write(_answered(line))


def _lines(path: str | None) -> Iterator[str]:
    if path is None:
        yield from sys.stdin
        return
    try:
        with Path(path).open(encoding="utf-8") as file:
            yield from file
    except OSError as error:
        raise CommandError(f"The file cannot be read: {error.strerror}.") from error


def _answered(line: str) -> str:
    try:
        asked = json.loads(line)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return json.dumps({"id": None, "output": {"reason": "The line is no JSON object."}})
    output = stat_ops.answer(str(asked.get("op")), asked.get("input"))
    return json.dumps({"id": asked.get("id"), "output": output}, allow_nan=False)
