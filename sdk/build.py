"""Join the tracker's modules into one classic script, static/sdk/attune.js.

    python sdk/build.py            writes the file
    python sdk/build.py --check    exits 1 when the file is not what the sources give

No bundler: the modules are joined in the order of their imports inside one function; `import` and
`export` are dropped, and whole-line comments and indentation with them. The sources keep to what
this understands: named imports and exports, one statement a line, no template literal over lines.
"""

from __future__ import annotations

import gzip
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "src"
TARGET = HERE.parent / "static" / "sdk" / "attune.js"
BUDGET_BYTES = 6 * 1024  # gzip; a tracker is on every page of every site

IMPORT = re.compile(r'^import\s+\{[^}]*\}\s+from\s+"\./([\w-]+)\.js";\n', re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(/\*.*?\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
TOP_LEVEL_NAME = re.compile(
    r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE
)


def modules_in_order(name: str, seen: dict[str, str]) -> dict[str, str]:
    """Add a module's text to `seen` after the modules that it imports; returns `seen`."""
    if name not in seen:
        text = (SOURCES / f"{name}.js").read_text(encoding="utf-8")
        for imported in IMPORT.findall(text):
            modules_in_order(imported, seen)
        seen[name] = text
    return seen


def joined() -> str:
    """The text of the built script.

    Raises:
        ValueError: two modules declare the same top-level name, or the byte budget is exceeded.
    """
    owners: dict[str, str] = {}
    parts: list[str] = []
    for name, text in modules_in_order("index", {}).items():
        for declared in TOP_LEVEL_NAME.findall(text):
            if declared in owners:
                raise ValueError(f"'{declared}' is declared in {owners[declared]}.js and {name}.js")
            owners[declared] = name
        body = COMMENT.sub("", IMPORT.sub("", text)).replace("\nexport ", "\n")
        body = body.removeprefix("export ")
        parts.append("\n".join(line.strip() for line in body.splitlines() if line.strip()))
    script = (
        "/* Attune tracker. Apache-2.0. Built from sdk/src by sdk/build.py; do not edit. */\n"
        '(() => {\n"use strict";\n'
        + "\n".join(parts)
        + "\nglobalThis.Attune = { load, version: VERSION };\n})();\n"
    )
    size = compressed_bytes(script)
    if size > BUDGET_BYTES:
        raise ValueError(f"{size} bytes gzipped, {BUDGET_BYTES} allowed")
    return script


def compressed_bytes(script: str) -> int:
    """Bytes over the wire with gzip at its best level."""
    return len(gzip.compress(script.encode(), compresslevel=9, mtime=0))


def main(arguments: list[str]) -> int:
    """Write or check the built script; 0 when all is well."""
    script = joined()
    if "--check" in arguments:
        if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == script:
            return 0
        print("static/sdk/attune.js is out of date: run python sdk/build.py", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(script, encoding="utf-8")
    print(f"{TARGET.relative_to(HERE.parent)}: {compressed_bytes(script)} bytes gzipped")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
