"""From the commit to the frame on one dashboard: `python -m bench.latency [--count N]`.

Three ways, in one run: the writer inside the web process (in-memory layer), in another process on the same SQLite
file, and in another process with PostgreSQL and Redis. The clock starts when `atomic()` has returned to the writer;
inside the web process, where that cannot be seen from outside, when the alert is written, which is before its commit.
"""

import argparse
import asyncio
import os
import platform
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from tests.servers.lineage import Lineage
from tests.servers.postgres import private_postgres
from tests.servers.redis import Redis
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


def percentile(values: list[float], share: float) -> float:
    return statistics.quantiles(values, n=1000, method="inclusive")[round(share * 1000) - 1]


async def measure(name: str, client: Lineage, write: Write, count: int) -> None:
    """Writes one alert after the other, each once the last has arrived, at random moments."""
    took: list[float] = []
    for number in range(count):
        await asyncio.sleep(random.uniform(0.01, 0.05))
        began = await write(f"{name} {number}")
        await client.until(lambda number=number: len(client.shown) > number, "the frame")
        shown = client.shown[number]
        if began is None:
            began = datetime.fromisoformat(shown.alert["created"]).timestamp()
        took.append((shown.time - began) * 1000)
    client.verify()
    half, nearly = percentile(took, 0.5), percentile(took, 0.99)
    print(f"{name:44} {count:6} {half:8.1f} {nearly:8.1f} {max(took):8.1f}", flush=True)


async def run_on(site: Site, name: str, count: int, *, is_inside: bool) -> None:
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
            await measure(name, client, by_page if is_inside else by_process, count)


def main() -> None:
    parser = argparse.ArgumentParser(description="From the commit to the frame on one dashboard, in milliseconds.")
    parser.add_argument("--count", type=int, default=500, help="alerts for each way (500)")
    count = parser.parse_args().count
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"{'writer':44} {'alerts':>6} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    with ExitStack() as things:
        directory = Path(things.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        for name, is_inside in (("in the web process, in-memory", True), ("another process, in-memory, SQLite", False)):
            folder = directory / ("inside" if is_inside else "outside")
            folder.mkdir()
            site = things.enter_context(Site(folder, database_url=f"sqlite:///{folder / 'db.sqlite3'}"))
            site.manage("migrate", "--verbosity=0")
            asyncio.run(run_on(site, name, count, is_inside=is_inside))
        postgres = things.enter_context(private_postgres())
        redis = things.enter_context(Redis(directory))
        site = things.enter_context(Site(directory, database_url=postgres.url(), redis_url=redis.url))
        site.manage("migrate", "--verbosity=0")
        asyncio.run(run_on(site, "another process, Redis, PostgreSQL", count, is_inside=False))


if __name__ == "__main__":
    main()
