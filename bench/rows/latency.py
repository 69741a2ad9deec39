"""From the commit to the frame on one dashboard.

Three ways: the writer inside the web process (in-memory layer), in another process on the same SQLite file, and in
another process with PostgreSQL and Redis. The clock starts when `atomic()` has returned to the writer; inside the web
process, where that cannot be seen from outside, when the alert is written, which is before its commit.
"""

import asyncio
import random
import statistics
from collections.abc import Awaitable, Callable
from datetime import datetime

from bench.bench import Bench, row
from bench.figures import Findings, percentile
from bench.live import WARM_UP
from bench.stage import Stack, collect_static
from tests.servers.lineage import Lineage
from tests.servers.shell import Shell
from tests.servers.site import Site

WRITE = """
import time
from django.db import transaction
from alerts.outbox import record

def write(title):
    with transaction.atomic():
        record(kind="bench.latency", audience="staff", title=title)
    return time.time()
"""
Write = Callable[[str], Awaitable[float | None]]
WAYS: tuple[tuple[str, Stack, bool], ...] = (
    ("writer in another process, PostgreSQL, Redis", "postgres", False),
    ("writer in another process, SQLite, in-memory", "sqlite", False),
    ("writer in the web process, SQLite, in-memory", "sqlite", True),
)


@row("latency", "commit to frame, one dashboard, writer in another process, Redis", is_must=True)
def latency(bench: Bench) -> Findings:
    count = bench.size(200, 30)
    found = Findings()
    collect_static()
    for name, stack, is_inside in WAYS:
        # As script/server runs it: the relay inside the web process.
        with bench.stage.site(stack, has_redis=stack == "postgres", ALERTS_RELAY="thread") as site:
            runs = asyncio.run(_run_on(site, count, bench.runs, is_inside=is_inside))
        half, nearly = (statistics.median(percentile(took, share) for took in runs) for share in (0.5, 0.99))
        bench.say(f"{name}: p50 {half:.1f} ms, p99 {nearly:.1f} ms")
        found.samples.append({"name": name, "took, ms": runs})
        if stack == "postgres":
            found.at_most(f"p50, {name}", half, "ms", 8)
            found.at_most(f"p99, {name}", nearly, "ms", 20)
        else:
            found.note(f"p50, {name}", half, "ms")
            found.note(f"p99, {name}", nearly, "ms")
    return found


async def _run_on(site: Site, count: int, runs: int, *, is_inside: bool) -> list[list[float]]:
    site.create_users({"username": "staff", "is_staff": True, "is_superuser": True})
    server = site.serve()
    staff = site.sign_in(server, "staff")
    with Shell(site) as shell:
        shell(WRITE)

        async def by_page(title: str) -> None:
            await asyncio.to_thread(staff.post, "/posts/new/", {"title": title})

        async def by_process(title: str) -> float:
            return float(await asyncio.to_thread(shell, f"write({title!r})"))

        async with Lineage(server, staff) as client:
            write = by_page if is_inside else by_process
            await _measure(client, write, WARM_UP)
            return [await _measure(client, write, count) for _ in range(runs)]


async def _measure(client: Lineage, write: Write, count: int) -> list[float]:
    """Milliseconds. One alert after the other, at random moments, each once the last has arrived."""
    took: list[float] = []
    before = len(client.shown)
    for number in range(before, before + count):
        await asyncio.sleep(random.uniform(0.01, 0.05))
        began = await write(f"alert {number}")
        await client.until(lambda number=number: len(client.shown) > number, "the frame")
        shown = client.shown[number]
        if began is None:
            began = datetime.fromisoformat(shown.alert["created"]).timestamp()
        took.append((shown.time - began) * 1000)
    client.verify()
    return took
