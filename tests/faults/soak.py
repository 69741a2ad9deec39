"""`script/soak`: the faults again and again, a seed of its own for each round, until time is over; then a table."""

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.environment import PYTHON, ROOT

FOLDER = Path(__file__).resolve().parent
COUNTED = ("lost", "phantom", "twice", "order")


@dataclass
class Fault:
    """One test file: what it took, and every outcome it reported."""

    file: Path
    seconds: float = 0.0
    rounds: int = 0
    failures: list[str] = field(default_factory=list)  # the seeds of the rounds that failed
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # the tests that could not run, and why

    @property
    def name(self) -> str:
        return f"F{int(self.file.stem[6:8])}"

    def total(self, column: str) -> int:
        return sum(outcome[column] for outcome in self.outcomes)

    @property
    def silence(self) -> int:
        return max((outcome["silence"] for outcome in self.outcomes), default=0)

    def worst_figures(self) -> dict[str, float]:
        worst: dict[str, float] = defaultdict(float)
        for outcome in self.outcomes:
            for name, value in outcome["figures"].items():
                worst[name] = max(worst[name], value)
        return dict(worst)


def run(fault: Fault, *, seed: str, log: Path, report: Path, options: Sequence[str]) -> None:
    """One round, a pytest of its own. Its outcomes are added to the fault's."""
    report.unlink(missing_ok=True)
    began = time.monotonic()
    command: list[str | Path] = [
        PYTHON,
        "-m",
        "pytest",
        "-q",
        "--soak",
        f"--fault-seed={seed}",
        f"--fault-report={report}",
    ]
    with log.open("ab") as output:
        output.write(f"== {fault.name}, seed {seed}\n".encode())
        output.flush()
        ended = subprocess.run(
            [*command, *options, "-p", "no:cacheprovider", str(fault.file)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    fault.rounds += 1
    fault.seconds += time.monotonic() - began
    if ended.returncode:
        fault.failures.append(seed)
    if report.exists():
        for line in report.read_text().splitlines():
            outcome = json.loads(line)
            if "skipped" in outcome:
                fault.skipped[outcome["skipped"]] = outcome["reason"]
            else:
                fault.outcomes.append(outcome)


def table(faults: Sequence[Fault]) -> str:
    head = ("fault", "rounds", "failed", "commits", *COUNTED, "worst silence ms")
    rows = [
        (
            f"{fault.name} {fault.file.stem[9:].replace('_', ' ')}",
            *(str(n) for n in (fault.rounds, len(fault.failures), fault.total("commits"))),
            *(str(fault.total(column)) for column in COUNTED),
            str(fault.silence) if fault.silence else "-",
        )
        for fault in faults
        if fault.rounds
    ]
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        )

    return "\n".join([line(head), line(["-" * width for width in widths]), *map(line, rows)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20, help="begin no round after that many (default: 20)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="replay a run (default: chance)")
    parser.add_argument("--only", nargs="+", metavar="F1", default=[], help="these faults alone")
    parser.add_argument("--long", action="store_true", help="the long form of each, as docs/guarantees.md counts it")
    options = parser.parse_args()
    faults = [Fault(file) for file in sorted(FOLDER.glob("test_f[0-9]*.py"))]
    if unknown := set(options.only) - {fault.name for fault in faults}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(fault.name for fault in faults)}")
    faults = [fault for fault in faults if not options.only or fault.name in options.only]
    var = ROOT / "var"
    var.mkdir(exist_ok=True)
    log, report = var / "soak.log", var / "soak.jsonl"
    log.write_text("")
    print(f"seed {options.seed}; {platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"Everything the tests print is in {log.relative_to(ROOT)}.", flush=True)
    began = time.monotonic()
    try:
        while (passed := (time.monotonic() - began) / 60) < options.minutes:
            # Each gets its first round; from then on whichever has had the least time.
            fault = min(faults, key=lambda fault: (fault.rounds > 0, fault.seconds))
            seed = f"{options.seed}-{fault.rounds + 1}"
            print(f"{passed:6.1f} min  {fault.name:4} round {fault.rounds + 1:3}  ", end="", flush=True)
            run(fault, seed=seed, log=log, report=report, options=["--long"] if options.long else [])
            counts = "  ".join(f"{column} {fault.total(column)}" for column in COUNTED)
            print(f"{counts}{'  FAILED' if seed in fault.failures else ''}", flush=True)
    except KeyboardInterrupt:
        print("\nStopped.")
    print(f"\n{table(faults)}\n")
    for fault in faults:
        for name, value in sorted(fault.worst_figures().items()):
            print(f"{fault.name:4} worst {name}: {value:g}")
    skipped = {name: reason for fault in faults for name, reason in fault.skipped.items()}
    for name, reason in skipped.items():
        print(f"NOT RUN: {name}: {reason}")
    failed = [f"{fault.name} with --seed {seed.rpartition('-')[0]}" for fault in faults for seed in fault.failures]
    is_clean = not failed and not any(fault.total(column) for fault in faults for column in COUNTED)
    held = "All promises held." if not skipped else "The promises held, but for those that were not put to the test."
    print(f"\n{held}" if is_clean else f"\nFAILED: {', '.join(failed)}. See {log.relative_to(ROOT)}.")
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
