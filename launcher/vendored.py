"""The scripts of others under static/vendor are what was once put there: nobody edits them.

`MANIFEST.json` beside them has the SHA-256 of each file. `python -m launcher.vendored` compares,
with `--write` it is made anew after a library was exchanged (sdk/vendor/build.mjs).
"""

import hashlib
import json
import sys
from pathlib import Path

from launcher.home import PROJECT_ROOT

VENDOR = PROJECT_ROOT / "static" / "vendor"
MANIFEST = "MANIFEST.json"


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file but the manifest, by its path in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def problems(folder: Path) -> list[str]:
    """Return in words what differs from the manifest, and which library has no licence."""
    try:
        wanted: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return [f"{MANIFEST} cannot be read"]
    found = digests(folder)
    said = [f"{path} is missing" for path in wanted.keys() - found.keys()]
    said += [f"{path} is not in {MANIFEST}" for path in found.keys() - wanted.keys()]
    said += [
        f"{path} was changed"
        for path in wanted.keys() & found.keys()
        if wanted[path] != found[path]
    ]
    libraries = {path.partition("/")[0] for path in found}
    said += [f"{name} has no LICENSE" for name in libraries if f"{name}/LICENSE" not in found]
    return sorted(said)


def main() -> int:
    """Compare, or write the manifest; return the status of the process."""
    if "--write" in sys.argv[1:]:
        text = json.dumps(digests(VENDOR), indent=2, sort_keys=True)
        (VENDOR / MANIFEST).write_text(text + "\n", encoding="utf-8")
        return 0
    found = problems(VENDOR)
    for problem in found:
        print(f"static/vendor: {problem}.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
