"""What a row is given: sizes, the stage, progress, and what other rows have measured already."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TypeVar

from bench.figures import Findings, Sample, median
from bench.stage import Stage

T = TypeVar("T")
BARE_LOOP = 6.5  # µs a delivery by the bare loop, on the machine the reaches in µs were set for
rows: dict[str, "Row"] = {}


@dataclass
class Bench:
    """One run. `runs` is how often each contender is measured for the row at hand; the median counts."""

    stage: Stage
    is_quick: bool
    selected: Sequence[str]
    runs: int = 1
    samples: dict[str, list[Sample]] = field(default_factory=dict)  # at the usual size, by contender
    began: float = field(default_factory=time.monotonic)

    def size(self, full: T, quick: T) -> T:
        return quick if self.is_quick else full

    @property
    def dashboards(self) -> int:
        """The usual number of them."""
        return self.size(1000, 100)

    @property
    def crowd(self) -> int:
        """The largest number of dashboards one process is measured with."""
        return self.size(8000, 300)

    @property
    def seconds(self) -> float:
        """How long alerts are raised in one measurement."""
        return self.size(10.0, 2.0)

    def say(self, text: str) -> None:
        """A line of progress, on standard error."""
        print(f"[{time.monotonic() - self.began:6.0f} s] {text}", file=sys.stderr, flush=True)

    @cached_property
    def scale(self) -> float:
        """How many times as slow as the machine the reaches in microseconds were set for this one is."""
        from bench.live import measure_all

        if self.is_quick:
            return 1.0  # too few deliveries to tell
        return median(measure_all(self, ["limit"])["limit"], lambda sample: sample.per_delivery) / BARE_LOOP


@dataclass(frozen=True)
class Row:
    """One row of the table: what is done, whether its reach is a must, how often each contender is measured for it."""

    name: str
    work: str
    is_must: bool
    runs: int
    run: Callable[[Bench], Findings]


def row(name: str, work: str, *, is_must: bool = False, runs: int = 3) -> Callable[[Callable[[Bench], Findings]], Row]:
    """Register a function of bench/rows/ as the row of this name. One that is a must is measured five times."""

    def register(run: Callable[[Bench], Findings]) -> Row:
        rows[name] = Row(name, work, is_must, 5 if is_must else runs, run)
        return rows[name]

    return register


def find_rows() -> dict[str, Row]:
    """Every row, in the order of the table: it is found by being a module of bench/rows/."""
    package = import_module("bench.rows")
    for module in sorted(iter_modules(package.__path__), key=lambda module: module.name):
        import_module(f"bench.rows.{module.name}")
    order: Sequence[str] = package.ORDER
    return {name: rows[name] for name in sorted(rows, key=lambda name: (order.index(name), name))}
