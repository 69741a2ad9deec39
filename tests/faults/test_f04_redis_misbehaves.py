"""F4: Redis restarts, forgets, hangs and runs out of memory. Nobody who deletes waits for it, and nobody is cut."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from redis.exceptions import OutOfMemoryError

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.servers.redis import Redis
from tests.servers.site import Site
from tests.servers.smtp import MailServer, Mood
from tests.servers.visitor import Visitor

pytestmark = [pytest.mark.fault("F4"), pytest.mark.pipeline]
DELETES = ("delete", "delete_in_a_transaction")
Trouble = Callable[[Redis, float], Awaitable[Any]]


async def restart(redis: Redis, seconds: float) -> None:
    await asyncio.to_thread(redis.kill)
    await asyncio.to_thread(redis.start)


async def forget(redis: Redis, seconds: float) -> None:
    with redis.client() as client:
        client.flushall()


async def pause(redis: Redis, seconds: float) -> None:
    """Connections stay open, commands wait."""
    with redis.client() as client:
        client.client_pause(round(seconds * 1000), all=True)
    await asyncio.sleep(seconds)


async def hang(redis: Redis, seconds: float) -> None:
    """As DEBUG SLEEP does it: not even a connection is accepted."""
    redis.pause()
    await asyncio.sleep(seconds)
    redis.resume()


async def fill(redis: Redis, seconds: float) -> None:
    """Full, with eviction, until not even that makes room. The pub/sub layer keeps no keys that could go."""
    with redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", "1mb")
        with suppress(OutOfMemoryError):
            for number in range(200):
                client.set(f"filler {number}", "x" * 10_000)


TROUBLES: list[Trouble] = [restart, forget, pause, hang, fill]


@asynccontextmanager
async def deleting(stage: Stage, author: Visitor, name: str) -> AsyncIterator[list[float]]:
    """Somebody deletes posts on the site's pages meanwhile; the seconds each request took."""
    took: list[float] = []
    task = asyncio.create_task(stage.write_through_pages(name, 1000, author, pause=0.05, took=took))
    while not took:
        await asyncio.sleep(0.02)
        if task.done():
            task.result()
            raise AssertionError("nothing was deleted")
    yield took
    stage.has_had_enough = True
    await task
    stage.has_had_enough = False


async def test_redis_in_all_its_troubles_while_the_mail_server_hangs(
    make_postgres_site: Callable[..., Site],
    make_stage: Callable[[Site], Stage],
    redis: Redis,
    mail_server: MailServer,
    report: Report,
):
    mail_server.mood = Mood.HANG
    stage = await asyncio.to_thread(make_stage, make_postgres_site(EMAIL_URL=mail_server.url))
    seconds = stage.size(3, 10)
    for engine in ("uvicorn", "daphne"):
        stage.serve(engine)
    author = await asyncio.to_thread(stage.author)
    await asyncio.to_thread(stage.site.create_user, "dan", email="dan@example.org")  # whose welcome hangs
    figures: dict[str, float] = {}
    usual: list[float] = []
    slower: dict[str, float] = {}
    async with stage.watch(6) as lineages:
        async with deleting(stage, author, "usual") as usual:
            await asyncio.sleep(1.5)
        for trouble in TROUBLES:
            async with deleting(stage, author, trouble.__name__) as took:
                began = time.monotonic()
                await trouble(redis, seconds)
                await asyncio.sleep(max(0.0, 1.5 - (time.monotonic() - began)))
            slower[trouble.__name__] = (max(took) - statistics.median(usual)) * 1000
        verdict = await stage.verdict(lineages, seconds=10)
        assert [lineage.connections for lineage in lineages] == [1] * len(lineages), "a socket was closed"
    for trouble in TROUBLES:
        name = trouble.__name__
        figures[f"{name}_silence_ms"] = verdict.silence_of(name)
        figures[f"{name}_request_slower_ms"] = slower[name]
    report(verdict, usual_request_ms=statistics.median(usual) * 1000, **figures)
    assert verdict.silence < 20_000
    assert max(slower.values()) < 1_000, slower
