"""F3: what is taken back is never told: whole transactions, savepoints, by an exception, by hand, in a handler."""

import asyncio

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage

pytestmark = pytest.mark.fault("F3")


async def test_what_is_taken_back_is_never_shown(stage: Stage, report: Report):
    stage.serve("uvicorn")
    async with stage.watch(3) as lineages:
        writers = [stage.write(f"w{n}", stage.size(100, 2000), pause=0) for n in range(3)]
        for writer in writers:
            assert await asyncio.to_thread(writer.wait, seconds=600) == 0, writer.read_log()
        verdict = await stage.verdict(lineages, seconds=10)
    report(verdict, taken_back=len(stage.acts) - verdict.commits)
    assert verdict.commits > len(stage.acts) / 3, "the writers wrote next to nothing"
