"""F5: no Redis at all, for minutes. Delivery goes on by reading the log, and `/readyz` says so."""

import asyncio

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.servers.redis import Redis

pytestmark = [pytest.mark.fault("F5"), pytest.mark.pipeline]


async def test_without_redis_the_log_is_read(postgres_stage: Stage, redis: Redis, report: Report):
    stage = postgres_stage
    servers = [stage.serve("uvicorn"), stage.serve("daphne")]
    async with stage.watch(6) as lineages:
        await stage.until_ready_is("ok", servers[0])
        await asyncio.to_thread(redis.kill)
        writer = stage.write("absent", stage.size(200, 6000), pause=0.03)
        told = [await stage.until_ready_is("degraded", server, about="channel layer") for server in servers]
        assert await asyncio.to_thread(writer.wait, seconds=600) == 0, writer.read_log()
        verdict = await stage.verdict(lineages, seconds=10)
        await asyncio.to_thread(redis.start)
        recovered = [await stage.until_ready_is("ok", server) for server in servers]
        assert [lineage.connections for lineage in lineages] == [1] * len(lineages), "a socket was closed"
    late = verdict.percentile(0.99)
    report(verdict, p99_ms=late, told_after_s=max(told), recovered_after_s=max(recovered))
    assert late < 10_000
