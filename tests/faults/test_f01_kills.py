"""F1: processes killed at any moment while others commit. Nothing is lost, false, twice or out of order."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.servers.process import Process
from tests.servers.site import Site

pytestmark = pytest.mark.fault("F1")


class Kill(NamedTuple):
    """One: who, when by `time.time()`, and when it was back."""

    victim: str
    at: float
    back: float


async def kill_at_random(stage: Stage, victims: dict[str, list[Process]], count: int) -> list[Kill]:
    """One kill after another, each followed by a new start."""
    kills = []
    everyone = [(name, victim) for name, several in victims.items() for victim in several]
    for _ in range(count):
        await asyncio.sleep(stage.chance.uniform(0.05, 0.6))
        name, victim = stage.chance.choice(everyone)
        at = time.time()
        await asyncio.to_thread(victim.kill)
        await asyncio.to_thread(victim.start)
        kills.append(Kill(name, at, time.time()))
    return kills


async def test_kills_during_commits(stage: Stage, report: Report):
    count, acts = stage.size(10, 25), stage.size(500, 1250)
    servers = [stage.serve("uvicorn"), stage.serve("daphne")]
    relay = stage.relay()
    async with stage.watch(20) as lineages:
        author = await asyncio.to_thread(stage.author)
        writers = [stage.write(f"w{n}", acts * 2 // 5, pause=0.02) for n in range(2)]
        pages = asyncio.create_task(stage.write_through_pages("page", acts // 5, author, pause=0.05))
        # A writer killed between its commit and its bell is the case that only the relay's sweep can save.
        kills = await kill_at_random(stage, {"web": [*servers], "relay": [relay], "writer": [*writers]}, count)
        await pages
        for writer in writers:
            assert await asyncio.to_thread(writer.wait, seconds=120) == 0, writer.read_log()
        verdict = await stage.verdict(lineages, seconds=stage.size(50, 5))
    figures = {"slowest_start_s": max(kill.back - kill.at for kill in kills)}
    for kill in kills:
        name = f"{kill.victim}_killed_silence_ms"
        figures[name] = max(figures.get(name, 0.0), verdict.silence_between(kill.at - 0.1, kill.back))
    report(verdict, kills=count, **figures)


async def test_a_relay_that_is_gone_is_told_and_so_is_its_return(make_sqlite_site: Callable[..., Site]):
    with_no_relay = make_sqlite_site(ALERTS_RELAY="off")
    stage = await asyncio.to_thread(Stage, with_no_relay, seed="0", is_long=False)
    server = stage.serve()
    relay = stage.relay()
    await stage.until_ready_is("ok", server)
    await asyncio.to_thread(relay.kill)
    await asyncio.to_thread(with_no_relay.create_user, "dan", email="dan@example.org")
    await stage.until_ready_is("degraded", server, about="Does a relay run", seconds=12)
    await asyncio.to_thread(relay.start)
    await stage.until_ready_is("ok", server)
