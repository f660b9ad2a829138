"""Parity on the command line: `python -m tests.parity --checks 1000000`, or `make parity N=..`.

One check is one condition, one history and one instant, answered by the oracle, the tree walk and
the closures and, with a database (DATABASE_URL), by Postgres; without one, ends of validity and
forecasts are held against the oracle instead. Every world comes from a seed: `--seed` goes on
where another run stopped, `--only` looks at one world again.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial

from tests.engine import documents
from tests.parity import engine
from tests.parity.report import Report, Work, reports

EVERY_S = 10.0
SHRINK_S = 20.0
ENOUGH_FAILURES = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.parity")
    parser.add_argument("--checks", type=int, default=100_000, help="at least so many")
    parser.add_argument("--database", action="store_true", help="ask Postgres too")
    parser.add_argument("--keep", action="store_true", help="keep the test database, or take it")
    parser.add_argument("--seed", type=int, default=0, help="the first world")
    parser.add_argument("--only", type=int, help="only the world of this seed")
    parser.add_argument("--kinds", help="without a database: only leaves of these, with commas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first", action="store_true", help="stop at the first difference")
    parser.add_argument("--quiet", action="store_true", help="no counts by kind")
    arguments = parser.parse_args()
    if not arguments.database:
        kinds = arguments.kinds.split(",") if arguments.kinds else documents.EVERY_KIND
        return _asked(arguments, partial(engine.run_seeds, kinds=kinds), engine.CHUNK)
    from tests.parity import django_database

    with django_database.prepared(keeps=arguments.keep):
        from tests.parity import database

        return _asked(arguments, database.run_seeds, database.CHUNK)


def _asked(arguments: argparse.Namespace, work: Work, chunk: int) -> int:
    if arguments.only is not None:
        report = work(range(arguments.only, arguments.only + 1), SHRINK_S)
        print("\n".join(report.failures) or f"All agree on {report.checks:,} checks.")
        return 1 if report.failures else 0
    started = told = time.monotonic()
    total = Report(range(arguments.seed, arguments.seed))
    for report in reports(
        work,
        first_seed=arguments.seed,
        chunk=chunk,
        checks=arguments.checks,
        processes=arguments.processes,
        shrink_s=0.0 if arguments.first else SHRINK_S,
    ):
        total.add(report)
        for failure in report.failures:
            print(failure, flush=True)
        if time.monotonic() - told > EVERY_S:
            told = time.monotonic()
            rate = total.checks / (told - started)
            print(
                f"{total.checks:,} checks, {rate:,.0f}/s, {len(total.failures)} differ", flush=True
            )
        if len(total.failures) >= (1 if arguments.first else ENOUGH_FAILURES):
            break
    _tell(total, time.monotonic() - started, quiet=arguments.quiet)
    return 1 if total.failures else 0


def _tell(total: Report, seconds: float, *, quiet: bool) -> None:
    if not quiet:
        for name, checks in sorted(total.checks_of.items()):
            print(f"  {name:<24}{checks:>12,}")
    print(f"{total.checks:,} checks in {seconds:,.1f} s: {total.checks / seconds:,.0f}/s.")
    print("; ".join(f"{count:,} {what}" for what, count in total.counts.items()) + ".")
    print(
        f"{len(total.failures)} mismatches. Seeds {total.seeds.start} to {total.seeds.stop - 1}; "
        f"go on with --seed {total.seeds.stop}."
    )


if __name__ == "__main__":
    sys.exit(main())
