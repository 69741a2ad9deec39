"""F19: a page that blocks its thread, queries that wait for a lock. No other socket or handshake waits with them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import psycopg
import pytest

from tests.faults.conftest import Report
from tests.faults.latency import p99
from tests.faults.light import Light
from tests.faults.stage import Stage
from tests.servers.postgres import Postgres
from tests.servers.site import Site

pytestmark = [pytest.mark.fault("F19"), pytest.mark.soak, pytest.mark.pipeline]
Engine = Literal["uvicorn", "daphne"]


@dataclass
class Newcomers:
    """How long each handshake took, in seconds."""

    took: list[float] = field(default_factory=list)


@asynccontextmanager
async def newcomers(stage: Stage, cookie: str) -> AsyncIterator[Newcomers]:
    """Somebody new comes five times a second."""
    found = Newcomers()

    async def come() -> None:
        while True:
            light = Light(stage.servers[0], cookie)
            began = time.monotonic()
            try:
                await light.connect()
            finally:
                found.took.append(time.monotonic() - began)  # of one that still waits at the end as well
            light.cut()
            await asyncio.sleep(0.2)

    coming = asyncio.create_task(come())
    try:
        yield found
    finally:
        coming.cancel()
        with suppress(asyncio.CancelledError):
            await coming


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
async def test_a_page_that_blocks_its_thread(
    make_postgres_site: Callable[..., Site], make_stage: Callable[[Site], Stage], report: Report, engine: Engine
):
    stage = make_stage(make_postgres_site(DJANGO_SETTINGS_MODULE="tests.faults.slow_pages"))
    seconds = stage.size(3, 10)
    server = stage.serve(engine)
    async with stage.watch(5) as lineages, newcomers(stage, lineages[0].visitor.cookie) as others:
        visitor = await asyncio.to_thread(stage.author)
        recorder = stage.record("during", (seconds - 1) * 20, rate=20)
        await asyncio.to_thread(recorder.wait_for_log, "recording")
        began = time.monotonic()
        page = asyncio.create_task(asyncio.to_thread(visitor.get, f"/sleep/{seconds}/"))
        assert (await page).text == "slept"
        slept = time.monotonic() - began
        woke = time.time()
        assert await asyncio.to_thread(recorder.wait) == 0
        verdict = await stage.verdict(lineages)
    meanwhile = [act for act in stage.acts if act.at < woke]
    latency = p99(meanwhile, lineages, of="during")
    assert slept >= seconds
    assert len(meanwhile) >= 10
    report(verdict, stack="postgres", p99_ms=latency, handshake_ms=max(others.took) * 1000)
    assert "Traceback" not in server.read_log()
    assert latency <= 2000
    assert max(others.took) <= 3


@pytest.mark.parametrize("engine", ["uvicorn", "daphne"])
async def test_commands_whose_query_waits_for_a_lock(
    make_postgres_site: Callable[..., Site],
    make_stage: Callable[[Site], Stage],
    postgres: Postgres,
    report: Report,
    engine: Engine,
):
    stage = make_stage(make_postgres_site())
    database = stage.site.environment["DATABASE_URL"].rpartition("/")[2]
    server = stage.serve(engine)
    # Four sockets of one user, whose read state somebody holds: more than there are threads for commands.
    async with stage.watch(12) as lineages:
        waiting, others = lineages[::3], [lineage for n, lineage in enumerate(lineages) if n % 3]
        assert await asyncio.to_thread(stage.record("before", 3).wait) == 0
        await stage.verdict(lineages)
        with postgres.connect(database) as holder, holder.transaction():
            lock_read_state_of(holder, "ann")
            began = time.monotonic()
            for lineage in waiting:
                assert lineage.socket is not None
                ids = [lineage.shown[0].alert["id"]]
                await lineage.socket.send(json.dumps({"type": "read", "ids": ids}))
            async with newcomers(stage, others[0].visitor.cookie) as came:
                recorder = stage.record("during", stage.size(60, 180), rate=20)
                assert await asyncio.to_thread(recorder.wait) == 0
                verdict = await stage.verdict(lineages)
            assert not any(frame["type"] == "reads" for lineage in waiting for frame in lineage.frames)
            held = time.monotonic() - began
        for lineage in waiting:
            await lineage.until(lambda: any(frame["type"] == "reads" for frame in lineage.frames), "reads")  # noqa: B023
    latency = p99(stage.acts, others, of="during")
    report(verdict, stack="postgres", held_s=held, p99_ms=latency, handshake_ms=max(came.took) * 1000)
    assert held >= 3
    assert "Traceback" not in server.read_log()
    assert latency <= 2000
    assert max(came.took) <= 3


def lock_read_state_of(connection: psycopg.Connection, username: str) -> None:
    user = "SELECT id::text FROM accounts_user WHERE username = %s"
    connection.execute(f'SELECT 1 FROM alerts_readstate WHERE "user" = ({user}) FOR UPDATE', [username])
