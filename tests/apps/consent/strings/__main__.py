"""`python -m tests.apps.consent.strings`: very many damaged strings, and what they came to."""

import argparse
import sys

from tests.apps.consent.strings.damage import run


def main() -> int:
    """Run as many strings as asked for; 1 if one of them took longer than the bar."""
    parser = argparse.ArgumentParser(prog="python -m tests.apps.consent.strings")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bar-us", type=float, default=1000.0, help="the most one may take")
    given = parser.parse_args()
    told = run(given.count, given.seed)
    made = ", ".join(f"{kind} {count:,}" for kind, count in told.kinds.most_common())
    print(f"{told.strings:,} strings ({made}): no exception, no law broken")
    print(f"readable {told.readable:,}, granting {told.granting:,}")
    print(f"the slowest took {told.worst_us:.0f} us of the processor")
    return 1 if told.worst_us > given.bar_us else 0


if __name__ == "__main__":
    sys.exit(main())
