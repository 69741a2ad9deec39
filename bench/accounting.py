"""What processes cost, by the kernel's own accounting: CPU of all their threads, and memory by proportional share."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int, *, with_children: bool = False) -> float:
    """Seconds of user and system time of every thread so far; `with_children` adds those that ended, and that live."""
    user, system, ended_user, ended_system = _stat(pid)[11:15]
    ticks = int(user) + int(system)
    if with_children:
        ticks += int(ended_user) + int(ended_system)
        return ticks / TICKS + sum(_cpu_or_nothing(child) for child in children_of(pid))
    return ticks / TICKS


def children_of(pid: int) -> list[int]:
    """The processes a process has started and that still run."""
    found: list[int] = []
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in listed.read_text().split()]
    return found


def memory_of(pid: int) -> int:
    """Bytes, each page divided by the number of processes that share it (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "Pss":
            return int(rest.split()[0]) * 1024
    raise ValueError(f"the kernel says nothing of the memory of {pid}")


class Meter:
    """CPU by column from now on. `groups` are process ids by column: web, relay, database, redis, publisher."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = groups
        self._before = self._read()

    def read(self) -> dict[str, float]:
        """Seconds of CPU by column since the meter was made."""
        return {column: now - self._before[column] for column, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        # Back ends of PostgreSQL come and go: whoever ends is added to what the postmaster's children took.
        return {
            column: sum(cpu_of(pid, with_children=column == "database") for pid in pids)
            for column, pids in self._groups.items()
        }


def _cpu_or_nothing(pid: int) -> float:
    try:
        return cpu_of(pid)
    except OSError:
        return 0.0  # it ended meanwhile: its parent's figures have it


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on: a name may hold blanks and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
