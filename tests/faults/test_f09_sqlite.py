"""F9: four processes write to one SQLite file under three relays. Nobody meets a locked database, nobody waits long."""

import asyncio

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage

pytestmark = pytest.mark.fault("F9")
LOCKED = "locked"
MOST_SILENCE = 20_000  # ms; the promise is 2,000, here the machine may be busy


async def test_four_writers_and_three_relays_on_one_file(sqlite_stage: Stage, report: Report):
    stage = sqlite_stage
    acts = stage.size(60, 2_500)
    server = stage.serve("uvicorn")  # with a relay of its own
    relays = [stage.relay() for _ in range(2)]
    async with stage.watch(6) as lineages:
        writers = [stage.write(f"w{n}", acts, pause=0) for n in range(4)]
        for writer in writers:
            assert await asyncio.to_thread(writer.wait, seconds=stage.size(60, 1_800)) == 0, writer.read_log()[-3000:]
        verdict = await stage.verdict(lineages)
        assert [lineage.connections for lineage in lineages] == [1] * 6
    for process in (server, *relays, *writers):
        assert LOCKED not in process.read_log(), process.read_log()[-3000:]
    assert len(stage.acts) == acts * 4
    assert verdict.silence <= MOST_SILENCE
    report(verdict, transactions=acts * 4, silence_ms=verdict.silence)
