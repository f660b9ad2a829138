"""Apps see each other through their public modules only; layers are import-linter's part.

`tests/architecture/` reads the source, so that a rule holds for code that no other test runs.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ROOT / "apps"

PUBLIC_EVERYWHERE = frozenset({"types", "errors", "signals", "selectors", "services"})

# Opened on purpose, each for a reason that a service call could not serve.
PUBLIC_BESIDES = {
    "apps.work.holding_back": "what keeps every process from serving",
    "apps.work.attention": "what wants a person, for the home page",
    "apps.work.alive": "which processes live, as they say themselves",
    "apps.work.cells": "texts that no spreadsheet takes for a formula",
    "apps.work.error_text": "errors as they may be written down, without values",
    "apps.work.clock": "the one clock that doors read",
    "apps.work.endings": "what a process still writes when it ends",
    "apps.work.collector": "how often a process looks for cycles",
    "apps.work.paging": "lists of huge tables, counted no further than anybody leafs",
    "apps.work.counting": "what a process counts for /metrics",
    "apps.work.count_files": "the counts of all processes of this machine",
    "apps.work.tracing": "spans, which are off unless asked for",
    "apps.work.ids": "row and public ids",
    "apps.work.redis": "the one connection of a process, with its circuit breaker",
    "apps.work.database": "dropping a broken connection, the whole of healing",
    "apps.work.record_watch": "what cannot be asked while Postgres is stopped",
    "apps.work.feed": "reading the change feed by its numbers",
    "apps.work.prepared": "statements that a connection plans once",
    "apps.work.numbers": "JSON of the database with the integers that every codec has",
    "apps.work.writers": "waiting for who may have read an older state",
    "apps.work.schedules": "declaring periodic tasks",
    "apps.work.ledgers": "registering a ledger that is sealed",
    "apps.work.sealed_admin": "the list of a sealed ledger",
    "apps.access.http": "the short chain of hot views",
    "apps.access.places": "where a client is, as a trusted proxy says",
    "apps.access.site_time": "moments that staff write on the wall clock of a site",
    "apps.access.addresses": "the client's address behind trusted proxies",
    "apps.access.calls": "signed calls to such addresses",
    "apps.access.alerts": "telling a site's address what happened without anybody's act",
    "apps.access.targets": "calls to addresses that people of a site have given",
    "apps.access.keeping": "how long each site keeps what",
    "apps.access.approvals": "who may switch four eyes off, and who did",
    "apps.access.looks": "the reason for looking at a person, and how long it holds",
    "apps.access.second_factor_pages": "pages of the admin that ask who somebody is",
    "apps.access.small_cells": "counts of people as they may be said",
    "apps.access.site_admin": "the admin as somebody sees it who works on some sites",
    "apps.access.site_staff": "on which sites somebody of the staff works",
    "apps.access.proof": "a site's proof that a browser speaks for a login",
    "apps.access.idempotency": "the answer to a call that is sent again",
    "apps.access.limits": "rate limits inside a hot view's own round trip",
    "apps.delivery.other_rule": "what another rule would have shown, decided from records",
    "apps.experiments.served": "what was served by arm, told by who keeps the log",
    "apps.experiments.asked": "registering what tells for whom something was decided",
    "apps.experiments.drafted": "what runs, one by one, as a publication would hold each",
    "apps.experiments.publishing": "what a publication asks of experiments",
    "apps.experiments.result_reads": "what an experiment said, as its page and its files show it",
    "apps.experiments.what_ifs": "questions what another rule would have earned, and their answers",
    "apps.experiments.what_if_values": "what logged rounds say of another rule",
    "apps.experiments.worth_reads": "what personalization earns, as its page shows it",
    "apps.experiments.archive_reads": "what came of experiments that are over, for the archive",
    "apps.consent.gates": "what is permitted, which nobody else works out",
    "apps.consent.regimes": "the regimes by name",
    "apps.consent.vouching": "whether a site vouches for who was not asked",
    "apps.consent.recorded": "what somebody has said, as a fact",
    "apps.consent.declared": "what things say they are for",
    "apps.consent.recipients": "who outside is told about people",
    "apps.consent.withdrawing": "registering how an app forgets what was taken back",
    "apps.consent.tombstones": "who was erased, which every way in asks",
    "apps.consent.strings": "what strings of consent platforms say, which events carry too",
    "apps.consent.built_in_notice": "the notice of a site that has published none",
    "apps.consent.circumstances": "how a choice was made, for the pages that take one",
    "apps.consent.shown_notices": "the notice that banner and pages show",
    "apps.consent.receipts": "what a consent receipt says, for the door that signs it",
    "apps.profiles.state": "the state row that a fold locks",
    "apps.profiles.identities": "reading and locking identities, the first step of a fold",
    "apps.profiles.joining": "merging inside the fold's own transaction and lock order",
    "apps.profiles.forgetting": "observations of traits that may not be kept any more",
    "apps.profiles.holders": "registering who keeps personal data",
    "apps.profiles.splitting": "undoing a merge inside the transaction and locks of a fold",
    "apps.profiles.kept_out": "from whom no model learns",
    "apps.profiles.vault": "values of traits that are kept as tokens, opened where they are shown",
    "apps.profiles.trait_kinds": "which traits of a site are kept as tokens",
    "apps.profiles.contacts": "whose address or number it is, without the address",
    "apps.profiles.encrypting": "bringing stored traits under the kinds that they have now",
    "apps.consent.tombstones_again": "tombstones of a restored backup, from the erasure ledger",
    "apps.events.clear_traits": "traits that must not stay in the contexts of events",
    "apps.segments.excluding": "segments made exclusive, as drafts",
    "apps.segments.list_blinding": "lists of before, whose entries were plain hashes",
    "apps.profiles.duplicates": "profiles that may be one person, and what was decided of them",
    "apps.profiles.parts": "offering parts of a profile to the one door that reads them",
    "apps.events.history": "the history section of the state row, which live conditions read",
    "apps.events.journal": "events that are answered before they are in the inbox",
    "apps.events.collect": "the one way into the inbox, for doors that validate themselves",
    "apps.events.fold": "called by the consumer inside its transaction",
    "apps.events.halving": "what the consumer does with a batch that cannot be folded",
    "apps.events.retention": "events whose time is over",
    "apps.predictions.found_groups": "groups and value of people, as the studio's pages show them",
    "apps.predictions.weighting": "points of a scorecard, fitted from conversions",
    "apps.predictions.retention": "files of models whose time is over",
    "apps.events.feature_marks": "what days are closed for features and who must be counted anew",
    "apps.events.rollups": "what days are closed and who must be counted anew, for the refresh",
    "apps.segments.live": "called by the consumer inside its transaction",
    "apps.segments.editing": "what stands beside every form of a condition, a rule's too",
    "apps.segments.condition_field": "the input of a condition, on forms of rules and experiments",
    "apps.segments.linter": "what can be said against the conditions of a placement's rules",
    "apps.segments.explained_reads": "why somebody is in a segment, for the trace of a decision",
    "apps.segments.members": "members of a segment page by page, for e-mail to each of them",
    "apps.segments.personas": "which segments an invented visitor is in, for previews",
    "apps.segments.studies": "figures about the population that the studio's pages draw",
    "apps.segments.domain": "pure arithmetic behind these figures",
    "apps.segments.pretending": "whom a preview pretends to be, as segments see it",
    "apps.recommendations.positions": "clicks by place, pure, for reports about lists",
    "apps.recommendations.clicked": "who counts clicks by place says so here",
    "apps.pipeline.splitting": "undoing a merge, for the page that asks",
    "apps.pipeline.merging_by_hand": "joining two profiles, for the page that asks",
    "apps.content.rendering": "called on the hot path with prepared values",
    "apps.content.revisions": "the history of every object that editors save, a rule's too",
    "apps.content.revisions_rows": "the same, for objects that are a row of another app",
    "apps.content.revisions_unsaved": "what was typed and not saved, for the doors that keep it",
    "apps.content.revisions_lately": "what was saved lately and what was left, for the home page",
    "apps.content.revisions_words": "a history in words, for the page that shows it",
    "apps.content.links": "doubtful addresses of the drafts, which the audit tells",
    "apps.content.archiving": "out of use, yet kept: rules as blocks",
    "apps.content.safe_admin": "the base of every editor's form",
    "apps.content.drafted": "drafts one by one, which publications are made of",
    "apps.rules.drafted": "the same, of rules",
    "apps.segments.awaiting": "segments whose draft waits for a release",
    "apps.decisions.parts": "what waits to be published, for the pages that show it",
    "apps.decisions.manifests": "publications in parts, to compare two of them",
    "apps.decisions.releases": "the steps of a release, for the pages that take them",
    "apps.decisions.drafts_back": "drafts as a publication had them, for its page",
    "apps.content.others_at_work": "who else writes what somebody is about to publish",
    "apps.decisions.release_reads": "releases and publications as pages show them",
    "apps.decisions.caps": "budgets that people take over of each other, inside a fold",
    "apps.decisions.cap_counts": "the caps section of the state row, which a fold writes",
    "apps.decisions.past": "what a replay of the decision log reads",
    "apps.content.offers": "what is offered while one types a name, on the preview desk too",
    "apps.decisions.signing": "signatures that anybody can check, for receipts and certificates",
    "apps.decisions.lookups": "the record of one decision id or request, for who asks why",
    "apps.delivery.why": "why somebody saw something, for the page that tells a visitor",
    "apps.delivery.previewing": "previews, for the desk of the admin and for the demo shop",
    "apps.delivery.replaying": "deciding a record again, for the page of the admin",
    "apps.delivery.dry_running": "what a change would have done, for the pages of the admin",
    "apps.delivery.drafted": "drafts complete enough to decide by, for the same pages",
    "apps.rules.trying": "one rule as if it were switched on, for the same pages",
    "apps.decisions.served_days": "what was served by day, for the pages that show shares",
    "apps.decisions.findings": "what an audit found, which the admin's pages show and set aside",
    "apps.decisions.logged": "records of the log by whom and when they decided for",
    "apps.decisions.trials": "dry runs that pages ask for and a worker answers",
    "apps.content.chosen": "the input for some of many, on the forms of rules and triggers too",
    "apps.content.forms_caps": "the input of a span of time, the same",
    "apps.content.admin_script": "the script of these inputs",
    "apps.rules.firing": "called by the consumer inside its transaction",
    "apps.decisions.triggers": "who is held out, asked by the consumer as triggers fire",
    "apps.decisions.notices": "what the stream process reads: it has no models, so no selectors",
    "apps.decisions.record_reads": "one time-boxed statement, for the same process",
    "apps.decisions.hot_forgetting": "what Redis still knows of somebody erased",
    "apps.events.quarantine": "refused events of somebody erased, counted by the search for them",
    "apps.consent.holds": "what stands in the way of a person's data whatever they chose",
    "apps.consent.disclosures": "who was told about somebody, to be told that they are erased",
    "apps.decisions.hot_state": "marks and publishes around the consumer's commit",
}

# Files of an app that nobody else reads, and that may therefore look further.
READS_FOREIGN_MODELS = frozenset({"apps.insights", "apps.privacy"})


def _app_of(module: str) -> str:
    """`apps.events.fold` -> `apps.events`."""
    return ".".join(module.split(".")[:2])


def _module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything a file imports from apps, relative imports resolved.

    `from apps.events import types` yields `apps.events.types`; `from apps.events.types import X`
    yields `apps.events.types.X`: the caller compares the first three parts.
    """
    module = _module_of(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                anchor = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*anchor, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _source_files() -> list[Path]:
    return [path for path in sorted(APPS.rglob("*.py")) if "migrations" not in path.parts]


def _trespasses(path: Path) -> list[str]:
    own = _app_of(_module_of(path))
    found = []
    for line, name in _imports(path):
        parts = name.split(".")
        if parts[0] != "apps" or len(parts) < 3 or _app_of(name) == own:
            continue
        target = ".".join(parts[:3])
        if parts[2] in PUBLIC_EVERYWHERE or target in PUBLIC_BESIDES:
            continue
        if parts[2] == "models" and own in READS_FOREIGN_MODELS:
            continue
        found.append(f"{path.relative_to(ROOT)}:{line} imports {target}, which is not public")
    return found


def test_apps_import_only_public_modules_of_each_other():
    trespasses = [found for path in _source_files() for found in _trespasses(path)]
    assert not trespasses, "\n".join(sorted(set(trespasses)))


def test_every_opened_module_exists():
    """A list of exceptions that outlives its reasons is no list any more."""
    missing = [
        name
        for name in PUBLIC_BESIDES
        if not (ROOT / Path(*name.split("."))).with_suffix(".py").exists()
        and not (ROOT / Path(*name.split("."))).is_dir()
    ]
    assert not missing


def test_the_product_never_imports_the_launcher():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("apps", "engine", "config")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in _imports(path)
        if name.split(".")[0] in {"launcher", "tests", "bench"}
    ]
    assert not found


def test_the_launcher_needs_only_the_standard_library():
    """The system's Python runs it before anything is installed."""
    import sys

    allowed = sys.stdlib_module_names | {"launcher"}
    found = [
        f"{path.name}:{line} {name}"
        for path in sorted((ROOT / "launcher").glob("*.py"))
        if path.name != "pytest_servers.py"
        for line, name in _imports(path)
        if name.split(".")[0] not in allowed
    ]
    assert not found


def test_no_file_is_named_after_nothing():
    vague = {"utils.py", "helpers.py", "common.py", "core.py", "misc.py", "util.py"}
    found = [
        str(path.relative_to(ROOT))
        for folder in ("apps", "engine", "config", "launcher")
        for path in (ROOT / folder).rglob("*.py")
        if path.name in vague
    ]
    assert not found


def test_only_one_module_reads_the_environment():
    """Everything else is told; a setting that hides in a module is found by nobody."""
    allowed = {"config/env.py"}
    found = []
    for folder in ("apps", "engine", "config"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT).as_posix() in allowed:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if _reads_environment(node) and not _names_the_settings_module(path, node):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found


def _reads_environment(node: ast.AST) -> bool:
    """Tell whether a node is `os.environ` or `os.getenv`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    )


def _names_the_settings_module(path: Path, node: ast.AST) -> bool:
    """`os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...)` is how Django's entry points begin."""
    line = path.read_text(encoding="utf-8").splitlines()[getattr(node, "lineno", 1) - 1]
    return 'setdefault("DJANGO_SETTINGS_MODULE"' in line


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from apps.events import models", ["apps.events.models"]),
        ("from apps.events.models import Event", ["apps.events.models.Event"]),
        ("import apps.events.models", ["apps.events.models"]),
        ("from . import models", ["apps.rules.models"]),
        ("from ..events import models", ["apps.events.models"]),
        ("def f():\n    from apps.events.tasks import fold", ["apps.events.tasks.fold"]),
    ],
)
def test_the_reader_sees_every_form_of_import(tmp_path, monkeypatch, source, expected):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    path = tmp_path / "apps" / "rules" / "services.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert [name for _, name in _imports(path)] == expected
