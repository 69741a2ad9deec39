"""F6: PostgreSQL is stopped, crashes, or loses every session. What it acknowledged is told, with no hand's help."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.servers.postgres import Postgres
from tests.servers.redis import Redis
from tests.servers.site import Site

pytestmark = [pytest.mark.fault("F6"), pytest.mark.pipeline]
AWAY = 2.0  # seconds
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"


async def test_postgres_restarts_and_loses_its_sessions(
    own_postgres: Postgres, redis: Redis, tmp_path: Path, make_stage: Callable[[Site], Stage], report: Report
):
    url = own_postgres.url(own_postgres.create_database())
    with Site(tmp_path, database_url=url, redis_url=redis.url) as site:
        await asyncio.to_thread(site.manage, "migrate", "--verbosity=0")
        stage = await asyncio.to_thread(make_stage, site)
        servers = [stage.serve("uvicorn"), stage.serve("daphne")]
        stage.relay()
        figures: dict[str, float] = {}
        async with stage.watch(6) as lineages:
            for trouble in ("fast", "immediate", "terminated") * stage.size(1, 5):
                name = f"{trouble}{len(stage.journals)}"
                writer = stage.write(name, 100, pause=0.05)
                await asyncio.sleep(1)
                if trouble == "terminated":
                    with own_postgres.connect() as connection:
                        connection.execute(TERMINATE)
                else:
                    await asyncio.to_thread(own_postgres.stop, "fast" if trouble == "fast" else "immediate")
                    await asyncio.sleep(AWAY)
                    assert (await stage.readiness(servers[0]))[0] == "unavailable"
                    await asyncio.to_thread(own_postgres.start)
                ready = [await stage.until_ready_is("ok", server) for server in servers]
                figures[f"{trouble}_ready_after_s"] = max(ready)
                assert await asyncio.to_thread(writer.wait, seconds=60) == 0, writer.read_log()
            verdict = await stage.verdict(lineages, seconds=10)
            for name in stage.journals:
                of = f"{name.rstrip('0123456789')}_silence_ms"
                figures[of] = max(figures.get(of, 0.0), verdict.silence_of(name))
            cut = sum(lineage.connections - 1 for lineage in lineages)
        report(verdict, sockets_cut=cut, **figures)
        assert verdict.silence < 100_000
