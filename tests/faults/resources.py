"""What a server process holds, as Linux tells it: memory and sockets."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

MB = 1024 * 1024
needs_proc = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells these figures")


def memory(pid: int) -> int:
    """Bytes that are this process's own, its share of shared pages among them (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no Pss in smaps_rollup")


def cpu(pid: int) -> float:
    """Seconds of a processor it has used so far. What else runs on the machine has no say in it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sockets(pid: int) -> int:
    """File descriptors that are sockets, whatever state they are in."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(descriptor.readlink()).startswith("socket:")
    return count


class Peak:
    """The most memory a process held while it was watched."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.before = self.most = memory(pid)

    @property
    def growth(self) -> int:
        return self.most - self.before


@asynccontextmanager
async def peak_of(pid: int) -> AsyncIterator[Peak]:
    """Looks every 200 ms."""
    peak = Peak(pid)

    async def look() -> None:
        while True:
            peak.most = max(peak.most, memory(pid))
            await asyncio.sleep(0.2)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        looking.cancel()
        peak.most = max(peak.most, memory(pid))
