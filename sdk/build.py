"""Join modules of the SDK into a script each: tracker, banner, conditions, decisions of the edge.

    python sdk/build.py            writes the files of static/sdk
    python sdk/build.py --check    exits 1 when one is not what the sources give

No bundler: the modules are joined in the order of their imports in one scope; `import` and `export`
are dropped, and comments, indentation and line breaks after punctuation with them. The sources keep
to what this understands: named imports and exports, one statement a line, no template literal over
lines, and `; //` nowhere but before a comment.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
TARGETS = HERE.parent / "static" / "sdk"

IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./([\w-]+)\.js";\n', re.MULTILINE)
EXPORTED_AGAIN = re.compile(r"^export \{[^}]*\};\n", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(/\*.*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
COMMENT_AT_END = re.compile(r"(?<=[;,{}()\]]) // .*$", re.MULTILINE)
NEEDLESS_BREAK = re.compile(r"\n(?=[}\])])|(?<=[{(\[,;])\n")
TOP_LEVEL_NAME = re.compile(
    r"^(?:export )?(?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE
)


class Script(NamedTuple):
    """One built file.

    Attributes:
        sources: the folder of its modules.
        entry: the module that imports the others, without `.js`.
        file: its name below static/sdk.
        head, foot: what comes before and after the joined modules.
        budget_bytes: most bytes with gzip.
    """

    sources: Path
    entry: str
    file: str
    head: str
    foot: str
    budget_bytes: int

    @property
    def target(self) -> Path:
        return TARGETS / self.file


TRACKER = Script(
    SOURCES,
    "index",
    "attune.js",
    "/* Attune tracker. Apache-2.0. Built from sdk/src by sdk/build.py; do not edit. */\n"
    '(() => {\n"use strict";\n',
    "\nglobalThis.Attune = { load, version: VERSION };\n})();\n",
    7 * 1024,  # a tracker is on every page of every site
)
BANNER = Script(
    SOURCES,
    "banner",
    "attune-consent.js",
    "/* Attune consent banner. Apache-2.0. Built from sdk/src by sdk/build.py; do not edit. */\n"
    '(() => {\n"use strict";\n',
    "\nglobalThis.AttuneConsent = { show };\nstartBeside(document.currentScript);\n})();\n",
    4 * 1024,  # beside the tracker, on every page too
)
EDGE = Script(
    SOURCES / "edge",
    "conditions",
    "attune-edge.js",
    "/* Attune conditions. Apache-2.0. Built from sdk/src/edge by sdk/build.py; do not edit. */\n",
    "\nexport { InvalidCondition, compileCondition };\n",
    10 * 1024,  # for pages that decide by themselves
)
DECISIONS = Script(
    SOURCES / "edge",
    "edge",
    "attune-decide.js",
    "/* Attune decisions. Apache-2.0. Built from sdk/src/edge by sdk/build.py; do not edit. */\n",
    "\nexport {\n  NotVerified, OlderPublication, answerOf, compileSnapshot, decideInTurn,\n"
    "  decidePlacement, defaultOf, defaultsOf, isFresh, openPublication,\n};\n",
    20 * 1024,  # in workers: loaded once, by nobody's browser
)
SCRIPTS = (TRACKER, BANNER, EDGE, DECISIONS)


def modules_in_order(sources: Path, name: str, seen: dict[str, str]) -> dict[str, str]:
    """Add a module's text to `seen` after the modules that it imports; returns `seen`."""
    if name not in seen:
        text = (sources / f"{name}.js").read_text(encoding="utf-8")
        for imported in IMPORT.findall(text):
            modules_in_order(sources, imported, seen)
        seen[name] = text
    return seen


def joined(script: Script = TRACKER) -> str:
    """The text of a built script.

    Raises:
        ValueError: two modules declare the same top-level name, or the byte budget is exceeded.
    """
    owners: dict[str, str] = {}
    parts: list[str] = []
    for name, text in modules_in_order(script.sources, script.entry, {}).items():
        for declared in TOP_LEVEL_NAME.findall(text):
            if declared in owners:
                raise ValueError(f"'{declared}' is declared in {owners[declared]}.js and {name}.js")
            owners[declared] = name
        body = EXPORTED_AGAIN.sub("", IMPORT.sub("", text))
        body = COMMENT_AT_END.sub("", COMMENT.sub("", body)).replace("\nexport ", "\n")
        body = body.removeprefix("export ")
        lines = "\n".join(line.strip() for line in body.splitlines() if line.strip())
        parts.append(NEEDLESS_BREAK.sub("", lines))
    built = script.head + "\n".join(parts) + script.foot
    size = compressed_bytes(built)
    if size > script.budget_bytes:
        raise ValueError(f"{script.file}: {size} bytes gzipped, {script.budget_bytes} allowed")
    return built


def compressed_bytes(script: str) -> int:
    """Bytes over the wire with gzip at its best level."""
    return len(gzip.compress(script.encode(), compresslevel=9, mtime=0))


def main(arguments: list[str]) -> int:
    """Write or check the built scripts; 0 when all is well."""
    stale = 0
    for script in SCRIPTS:
        built, target = joined(script), script.target
        if "--check" not in arguments:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(built, encoding="utf-8")
            print(f"{target.relative_to(HERE.parent)}: {compressed_bytes(built)} bytes gzipped")
        elif not target.is_file() or target.read_text(encoding="utf-8") != built:
            print(f"{script.file} is out of date: run python sdk/build.py", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
