"""The documents keep to the truth: links lead somewhere, the map and the lists are the code's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.delivery.outcome_bodies import REFUSALS
from config.error_codes import meanings, status_of
from engine.decide import Reason

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
# Targets of [text](target) and ![text](target), without titles.
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4}.*$", re.MULTILINE)
IN_CODE = re.compile(r"`[^`\n]*`")
# A parameter of an address: (?P<name>...) of a regular expression, or <type:name>.
PARAMETER = re.compile(r"\(\?P<\w+>(?:\[[^\]]*\]|[^()\[\]])*\)|<[^>]+>")
LIVE_DOCUMENTS = {"v1/openapi.json"}  # the document itself is not one of its paths
BY_THE_STREAM_PROCESS = {"v1/stream"}


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def prose_of(document: Path) -> str:
    """A document without its code."""
    return IN_CODE.sub("", INDENTED.sub("", FENCED.sub("", text_of(document))))


def anchors(document: Path) -> set[str]:
    """The anchors that a renderer makes of a document's headings."""
    bare = INDENTED.sub("", FENCED.sub("", text_of(document)))
    headings = re.findall(r"^#+ (.+)$", bare, re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in kept}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    prose = prose_of(document)
    for target in LINK.findall(prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        assert found.exists(), f"{document.name} links to {target}"
        assert found.is_relative_to(ROOT), f"{target} leads out of the project"
        if anchor:
            assert anchor in anchors(found), f"{document.name}: {found.name} has no #{anchor}"


def paths_of_the_map() -> Iterator[str]:
    """Directories in README's map of the tree; those further in belong to the one above them."""
    tree = text_of(ROOT / "README.md").partition("## Map of the tree")[2].partition("\n## ")[0]
    above = ""
    for line in tree.splitlines():
        found = re.match(r" {4}( *)((?:[\w.]+/ ?)+)", line)
        if found is None:
            continue
        if not found[1]:
            above = found[2].split()[-1]
        for name in found[2].split():
            yield above + name if found[1] else name


def test_the_map_of_the_tree_is_the_tree() -> None:
    mapped = {path.rstrip("/") for path in paths_of_the_map()}
    assert not {path for path in mapped if not (ROOT / path).is_dir()}
    apps = {f"apps/{path.parent.name}" for path in (ROOT / "apps").glob("*/apps.py")}
    assert apps <= mapped, "an app is missing in the map"


def routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """Addresses as the OpenAPI document spells them, parameters as {}."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield PARAMETER.sub("{}", route).lstrip("^").rstrip("$").removesuffix("/?")


@pytest.fixture
def paths(db: None, client: Client) -> dict[str, Any]:
    answer = client.get("/v1/openapi.json", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    found: dict[str, Any] = json.loads(answer.content)["paths"]
    return found


def described(paths: dict[str, Any]) -> set[str]:
    """The document's paths with parameters as {}; the parts of a profile are one address."""
    bare = {re.sub(r"\{\w+\}", "{}", path).lstrip("/") for path in paths}
    return {re.sub(r"^(v1/profiles/)\{\}:\{\}/\w+$", r"\1{}/{}", path) for path in bare}


def test_every_address_of_the_api_is_in_the_openapi_document(paths: dict[str, Any]) -> None:
    found = {route.rstrip("/") for route in routes(get_resolver().url_patterns)}
    ours = {route for route in found if route.startswith("v1/")} - LIVE_DOCUMENTS
    assert "v1/decide" in ours and "v1/profiles/{}/{}" in ours
    ours |= BY_THE_STREAM_PROCESS
    assert ours == {path for path in described(paths) if path.startswith("v1/")}


def test_every_address_of_the_api_is_on_its_page(paths: dict[str, Any]) -> None:
    page = text_of(ROOT / "docs" / "api.md")
    assert [path for path in paths if path not in page] == []


def test_every_error_code_and_reason_is_on_the_api_page() -> None:
    page = text_of(ROOT / "docs" / "api.md")
    rows = set(re.findall(r"^\| `(\w+)` \| (\d{3}) \|", page, re.MULTILINE))
    assert {(code, str(status_of(code))) for code in meanings()} <= rows
    assert [code for code in REFUSALS if f"`{code}`" not in page] == []
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_every_variable_of_the_environment_is_on_the_operations_page() -> None:
    read = re.findall(r'"([A-Z][A-Z_]{3,})"', text_of(ROOT / "config" / "env.py"))
    page = text_of(ROOT / "docs" / "operations.md")
    names = set(read) - {"ENGINE", "USER", "CONN_MAX_AGE", "CONN_HEALTH_CHECKS"}
    assert names and [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_every_target_of_make_is_on_the_operations_page() -> None:
    targets = re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    page = text_of(ROOT / "docs" / "operations.md")
    missing = [name for name in targets if f"make {name}" not in page]
    assert missing in ([], ["help"])


def test_each_data_set_that_is_shipped_is_in_the_notice() -> None:
    notice = text_of(ROOT / "NOTICE")
    shipped = [
        path.relative_to(ROOT).as_posix()
        for place in ("apps", "tests", "static")
        for path in (ROOT / place).rglob("*.csv.gz")
    ]
    assert shipped and [path for path in shipped if path not in notice] == []
