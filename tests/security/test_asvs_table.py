"""The table of docs/security/asvs.md: what it says is tested is tested."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "security" / "asvs.md"
NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)::([a-z0-9_*]+)`")


def rows() -> list[list[str]]:
    """The cells of each line that holds."""
    text = TABLE.read_text(encoding="utf-8").partition("## Open")[0]
    lines = [line for line in text.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_line_names_a_test_and_every_test_is_there() -> None:
    assert len(rows()) > 50
    missing = []
    for line, _, _, tests in rows():
        named = NAMED.findall(tests)
        if not named or len(named) != tests.count("::"):
            missing.append(f"{line}: names no test")
        for path, name in named:
            text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).exists() else ""
            wanted = r"def test_\w+" if name == "*" else rf"def {name}\("
            if re.search(wanted, text) is None:
                missing.append(f"{line}: {path}::{name}")
    assert not missing, "\n".join(missing)


def test_a_line_is_told_once_and_in_order() -> None:
    first = [tuple(map(int, re.findall(r"\d+", row[0])[:3])) for row in rows()]
    chapters = [line[0] for line in first]
    assert chapters == sorted(chapters)


def test_what_the_documentation_must_say_is_there() -> None:
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    privacy = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    for heading, text in (("## Signing in", operations), ("## Who may see what", privacy)):
        assert heading in text
    signing_in = operations.partition("## Signing in")[2].partition("\n## ")[0]
    for word in ("/24", "/48", "15 minutes", "SECOND_FACTOR", "twelve hours", "two hours"):
        assert word in signing_in, word
