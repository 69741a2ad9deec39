"""F13: readers that take nothing, or a hundred bytes a second, while large alerts come. They cost next to nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from tests.faults.conftest import Report
from tests.faults.latency import p99
from tests.faults.light import Light
from tests.faults.resources import MB, needs_proc, peak_of
from tests.faults.stage import Stage
from tests.faults.verdict import judge

pytestmark = [pytest.mark.fault("F13"), pytest.mark.soak, needs_proc]
SIZE = 4000  # characters of each alert


@asynccontextmanager
async def trickling(lights: Sequence[Light], size: int) -> AsyncIterator[None]:
    """Each takes `size` bytes a second."""

    async def go_on() -> None:
        while True:
            for light in lights:
                if light.is_open:
                    light.trickle(size)
            await asyncio.sleep(1)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going.cancel()


async def resume(lights: Sequence[Light], head: int) -> int:
    """They read again, from where they were. Gives how many of them had been dropped."""
    dropped = 0
    for light in lights:
        light.thaw()
    await asyncio.sleep(1)
    async with asyncio.timeout(60):
        while any(light.position < head for light in lights):
            for light in lights:
                if not light.is_open:
                    dropped += 1
                    await light.connect()
            await asyncio.sleep(0.05)
    return dropped


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
async def test_readers_that_hardly_read(sqlite_stage: Stage, report: Report, engine: Literal["uvicorn", "daphne"]):
    stage = sqlite_stage
    alerts, rate = stage.size(200, 1000), stage.size(100, 50)
    server = stage.serve(engine)
    async with stage.watch(6) as others:
        # The same alerts once before: what everybody costs is no cost of the slow.
        await asyncio.to_thread(stage.record("before", alerts, size=SIZE, rate=rate).wait, seconds=120)
        await stage.verdict(others)
        slow = [Light(server, others[0].visitor.cookie, receive_buffer=4096) for _ in range(stage.size(40, 200))]
        for light in slow:
            await light.connect()
            light.freeze()
        async with peak_of(server.pid) as peak, trickling(slow[::2], 100):
            await asyncio.to_thread(stage.record("during", alerts, size=SIZE, rate=rate).wait, seconds=120)
            await stage.verdict(others)
        dropped = await resume(slow, others[0].position)
        of_others = await stage.verdict(others)
    for light in slow:
        light.cut()
    acts = [act for act in stage.acts if not any("before" in title for title in act.titles)]
    of_the_slow = judge(acts, [light.shown for light in slow])
    usual, meanwhile = (p99(stage.acts, others, of=name) for name in ("before", "during"))
    figures = {"memory_mb": peak.growth / MB, "p99_before_ms": usual, "p99_during_ms": meanwhile, "dropped": dropped}
    report(of_others, **figures)
    assert of_the_slow.is_clean, of_the_slow
    assert "Traceback" not in server.read_log()
    assert peak.growth <= 64 * MB
    assert meanwhile <= max(10 * usual, 500)
