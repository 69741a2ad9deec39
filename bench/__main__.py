"""`python -m bench`: starts private servers, measures, ends them, prints a table; a JSON file and plots beside it."""

import argparse
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import machine, report, stage
from bench.bench import Bench, Row, find_rows
from bench.figures import Findings
from bench.stage import Stage
from tests.servers.environment import ROOT


def main() -> int:
    options = parse()
    if lacking := stage.lacking():
        print(f"{lacking} is not on this system. Type: script/test --install")
        return 1
    if not Path("/proc/self/smaps_rollup").exists():
        print("Figures come from the kernel's accounting in /proc, which this system has not: it takes Linux.")
        return 1
    raise_limits()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whatever was started is ended
    about = machine.describe()
    print(*(f"{name}: {value}" for name, value in about.items()), sep="\n", flush=True)
    results: dict[str, Any] = {}
    code = 0
    try:
        with ExitStack() as things:
            things.callback(lambda: print("Everything that was started is ended.", file=sys.stderr))
            directory = Path(things.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            for name, row, found, error, seconds in run(options, directory, things):
                results[name] = {"work": row.work, "is_must": row.is_must, "seconds": seconds, "error": error}
                results[name] |= found.as_dict()
                code = code or bool(error)
                # After each row: what was measured is kept, whatever comes.
                report.write(options.json, about, options.quick, results)
                report.write_table(options.json.with_suffix(".md"), about, results, is_quick=options.quick)
                report.draw(options.json.parent, found.curves)
    except KeyboardInterrupt:
        print("Stopped. What was measured of the row at hand is gone; rows that were complete are kept.")
        code = 130
    if results:
        report.show(results, is_quick=options.quick)
    print(f"\nWritten: {options.json}" if results else "\nNothing was written: no row was complete.")
    return code


def run(
    options: argparse.Namespace, directory: Path, things: ExitStack
) -> Iterator[tuple[str, Row, Findings, str, float]]:
    """Each row with what it found, or the error that ended it, and the seconds it took."""
    rows = {name: row for name, row in find_rows().items() if not options.only or name in options.only}
    bench = Bench(Stage(directory, things, 300 if options.quick else 8000), options.quick, [*rows])
    for name, row in rows.items():
        bench.say(f"{name}: {row.work}")
        bench.runs = options.runs or (1 if options.quick else row.runs)
        began, found, error = time.monotonic(), Findings(), ""
        try:
            found = row.run(bench)
        except Exception as failure:
            error = f"{type(failure).__name__}: {failure}"
            bench.say(f"{name} failed: {error}")
        yield name, row, found, error, time.monotonic() - began


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ROW", choices=list(find_rows()), help="these rows alone")
    parser.add_argument("--runs", type=_runs, help="measurements of each contender, interleaved (5 for a must, else 3)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all of it works: a few minutes")
    parser.add_argument(
        "--json",
        type=Path,
        help="file to write; table and plots go beside it (var/bench/whole/bench.json; with --only it is part/, "
        "with --quick quick/)",
    )
    parser.add_argument("--list", action="store_true", help="name the rows and end")
    options = parser.parse_args()
    if options.json is None:
        # Of their own: an hour's figures are not written over by a look at one row.
        kind = "quick" if options.quick else "part" if options.only else "whole"
        options.json = ROOT / "var/bench" / kind / "bench.json"
    if options.list:
        print(*(f"{name:10} {row.work}" for name, row in find_rows().items()), sep="\n")
        raise SystemExit
    return options


def _runs(text: str) -> int:
    runs = int(text)
    if runs < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return runs


def raise_limits() -> None:
    """A socket is an open file: as many as this user may have, here and in what is started."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
