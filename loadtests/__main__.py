"""`python -m loadtests`: the benchmark's document on stdout, its progress on stderr. `--help` names the options.

Exit code 1 when a promise did not hold. A missed budget is reported and not an error: machines differ.
"""

import argparse
import json
import sys

from loadtests.profiling import top_frames
from loadtests.progress import say
from loadtests.report import broken, closing_words
from loadtests.rush import PROFILED, bench, stacks_of


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m loadtests", description="Measure Millpond against the baseline.")
    parser.add_argument("--quick", action="store_true", help="one short round: the same document in under a minute")
    parser.add_argument("--profile", action="store_true", help="sample what takes orders and show its hottest frames")
    parser.add_argument(
        "--pool-size", type=int, help="connections of the baseline to PostgreSQL, instead of its own choice"
    )
    arguments = parser.parse_args()
    document = bench(quick=arguments.quick, profile=arguments.profile, pool_size=arguments.pool_size)
    print(json.dumps(document, indent=2))
    if arguments.profile:
        _say_hottest()
    for line in closing_words(document):
        say(line)
    faults = broken(document)
    for fault in faults:
        say(f"BROKEN: {fault}")
    return 1 if faults else 0


def _say_hottest() -> None:
    for kind in PROFILED.values():
        say(f"{kind}:")
        for frame, share in top_frames(stacks_of(kind)):
            say(f"{share:6.1%}  {frame}")


if __name__ == "__main__":
    sys.exit(main())
