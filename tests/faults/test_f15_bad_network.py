"""F15: a network that delays, trickles, cuts at random and resets in mid-frame, before the server and before Redis."""

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.faults.conftest import Report
from tests.faults.proxy import Proxy, Weather
from tests.faults.stage import Stage
from tests.servers.lineage import Lineage
from tests.servers.redis import Redis
from tests.servers.site import Site

pytestmark = pytest.mark.fault("F15")


async def test_clients_behind_a_network_that_delays_trickles_cuts_and_resets(stage: Stage, report: Report):
    acts = stage.size(200, 3000)
    server = stage.serve()
    async with (
        Proxy(server.port, Weather(delay=0.02, cut_every=2.0), stage.chance) as slow,
        Proxy(server.port, Weather(delay=0.001, trickle=40, cut_every=4.0), stage.chance) as thin,
        Proxy(server.port, Weather(cut_every=1.0, resets=0.8), stage.chance) as torn,
        stage.watch(3) as direct,
    ):
        visitors = [lineage.visitor for lineage in direct]
        proxied = [Lineage(proxy, visitors[n % 3]) for n, proxy in enumerate([slow, thin, torn] * 4)]
        for lineage in proxied:
            await lineage.__aenter__()
        try:
            writers = [stage.write(f"w{n}", acts, pause=0.02) for n in range(2)]
            for writer in writers:
                assert await asyncio.to_thread(writer.wait, seconds=300) == 0, writer.read_log()
            verdict = await stage.verdict([*direct, *proxied])
        finally:
            for lineage in proxied:
                await lineage.__aexit__()
        cuts = sum(proxy.cuts for proxy in (slow, thin, torn))
    resumes = sum(lineage.connections - 1 for lineage in proxied)
    report(verdict, cuts=cuts, resets=slow.resets + thin.resets + torn.resets, resumes=resumes)
    assert resumes >= len(proxied)
    assert all(lineage.connections == 1 for lineage in direct)
    assert "Traceback" not in server.read_log()


@pytest.mark.pipeline
async def test_a_redis_behind_a_bad_network_closes_no_socket_and_loses_nothing(
    make_postgres_site: Callable[..., Site], redis: Redis, make_stage: Callable[[Site], Stage], report: Report
):
    weather = Weather(delay=0.05, cut_every=2.0)
    async with Proxy(redis.port, weather, random.Random()) as network:
        site = make_postgres_site(REDIS_URL=f"redis://127.0.0.1:{network.port}/0")
        stage = await asyncio.to_thread(make_stage, site)
        network.chance = stage.chance
        servers = [await asyncio.to_thread(stage.serve) for _ in range(2)]
        async with stage.watch(6) as lineages:
            writers = [stage.write(f"w{n}", stage.size(150, 3000), pause=0.02) for n in range(2)]
            for writer in writers:
                assert await asyncio.to_thread(writer.wait, seconds=300) == 0, writer.read_log()
            verdict = await stage.verdict(lineages)
    report(verdict, stack="postgres", cuts=network.cuts, resets=network.resets)
    assert network.cuts
    assert all(lineage.connections == 1 for lineage in lineages)
    # The layer's own library logs a traceback for each connection lost; nothing of ours may.
    assert all(f" ERROR {name}" not in server.read_log() for server in servers for name in ("alerts", "consumers"))
