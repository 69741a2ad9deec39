"""F2: web processes end by SIGTERM and start again, one after the other, while alerts are committed."""

import asyncio
import time

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage

pytestmark = pytest.mark.fault("F2")
DELETES = ("delete", "delete_in_a_transaction")


async def test_a_rolling_restart_under_load(stage: Stage, report: Report):
    most = stage.size(100, 10)  # seconds; the promise is 10, in the short form the machine may be busy
    sockets, acts = stage.size(60, 200), stage.size(500, 3000)
    servers = [stage.serve("uvicorn"), stage.serve("daphne")]
    async with stage.watch(sockets, roaming=True, seconds=1.0) as lineages:
        writers = [stage.write(f"w{n}", acts // 2, pause=0.02, only=DELETES) for n in range(2)]
        slowest = 0.0
        for server in servers:
            await asyncio.sleep(1)
            await asyncio.to_thread(server.terminate)
            ended = time.monotonic()
            await asyncio.to_thread(server.start)
            for lineage in lineages:
                await lineage.until(lambda lineage=lineage: lineage.socket is not None, "a new socket", seconds=most)
            slowest = max(slowest, time.monotonic() - ended)
        for writer in writers:
            assert await asyncio.to_thread(writer.wait, seconds=120) == 0, writer.read_log()
        verdict = await stage.verdict(lineages, seconds=most)
    report(verdict, all_back_s=slowest)
    codes = {code for lineage in lineages for code in lineage.codes}
    assert codes == {4012}
    assert slowest < most
    for server in servers:
        assert "Traceback" not in server.read_log()
