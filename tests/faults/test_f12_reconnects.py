"""F12: everybody is cut at once and comes back at once, and has missed a hundred alerts meanwhile."""

import asyncio
import random
import re
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.conftest import Report
from tests.faults.light import Light
from tests.faults.resources import cpu, needs_proc
from tests.faults.stage import Stage
from tests.faults.verdict import judge
from tests.protocol.conftest import PREPARE
from tests.servers.postgres import Postgres
from tests.servers.shell import Shell
from tests.servers.site import Site

pytestmark = [pytest.mark.fault("F12"), pytest.mark.soak, pytest.mark.pipeline, needs_proc]
MISSED = 100
BACK = 15.0  # seconds
PEOPLE = """
def people(count):
    with transaction.atomic():
        return [person(f"person {number}", is_staff=True)[1] for number in range(count)]
"""


class Statements:
    """What PostgreSQL was asked, from its own log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._from = 0

    def begin(self) -> None:
        self._from = self._log.stat().st_size

    def count(self) -> dict[str, int]:
        """`entries`: reads of whole alerts. `others`: everything else the alerts' table was asked. `all`: all."""
        with self._log.open("rb") as log:
            log.seek(self._from)
            asked = [line for line in log.read().decode(errors="replace").splitlines() if "LOG:  statement:" in line]
        of_alerts = [line for line in asked if re.search(r'FROM "alerts_alert"', line)]
        entries = [line for line in of_alerts if '."title"' in line and '"position" > ' in line]
        return {"entries": len(entries), "others": len(of_alerts) - len(entries), "all": len(asked)}


async def come_back(lights: list[Light], head: int, chance: random.Random) -> tuple[float, int]:
    """All at once; the seconds until the last of them has everything, and how often one was refused.

    Daphne refuses a handshake that has waited for 5 s; then they try again as a browser does, with full jitter.
    """
    began = time.monotonic()
    refused = 0

    async def come(light: Light) -> None:
        nonlocal refused
        for tries in range(10):
            try:
                await light.connect(seconds=120)
                return
            except ConnectionError:
                refused += 1
                await asyncio.sleep(chance.uniform(0, min(2**tries, 30)))
        raise AssertionError("refused ten times")

    await asyncio.gather(*map(come, lights))
    while any(light.position < head for light in lights):
        if time.monotonic() - began > 120:
            raise AssertionError(f"{sum(light.position < head for light in lights)} have not caught up")
        await asyncio.sleep(0.02)
    return max(light.caught_up_at for light in lights) - began, refused


async def connect_in_turn(lights: list[Light]) -> None:
    for start in range(0, len(lights), 20):
        await asyncio.gather(*(light.connect() for light in lights[start : start + 20]))


@pytest.mark.parametrize(
    ("count", "engine"),
    [
        (200, "uvicorn"),
        (200, "daphne"),
        (2000, "uvicorn"),
        (2000, "daphne"),
    ],
)
async def test_everybody_comes_back_at_once(
    own_postgres: Postgres,
    tmp_path: Path,
    make_stage: Callable[[Site], Stage],
    report: Report,
    count: int,
    engine: Literal["uvicorn", "daphne"],
):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 3 * count)), hard))
    with ExitStack() as running:
        database = own_postgres.create_database()
        site = running.enter_context(Site(tmp_path, database_url=own_postgres.url(database)))
        site.manage("migrate", "--verbosity=0")
        with own_postgres.connect() as connection:
            connection.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
        stage = make_stage(site)
        shell = running.enter_context(Shell(site))
        shell(PREPARE + PEOPLE)
        server = stage.serve(engine, DEBUG="off")  # as it is where thousands come; it costs a third more when on
        lights = [Light(server, f"sessionid={session}") for session in shell(f"people({count})")]
        await connect_in_turn(lights)
        for light in lights:
            light.cut()
        assert await asyncio.to_thread(stage.record("missed", MISSED).wait) == 0
        _, head, _ = shell("head()")
        await asyncio.sleep(2)  # what else there is to do is done, so that it is not counted
        statements = Statements(own_postgres.log)
        statements.begin()
        used = cpu(server.pid)
        took, refused = await come_back(lights, head, stage.chance)
        used = cpu(server.pid) - used
        asked = statements.count()
        verdict = judge(stage.acts, [light.shown for light in lights])
        for light in lights:
            light.cut()
    report(
        verdict,
        stack="postgres",
        sockets=count,
        caught_up_s=took,
        refused=refused,
        server_cpu_s=used,
        reads_of_entries=asked["entries"],
        other_reads_of_alerts_each=asked["others"] / count,
        statements_each=asked["all"] / count,
    )
    assert "Traceback" not in server.read_log()
    assert used <= 2 * BACK  # of a processor; the figure is what a server that has one of its own takes
    assert took <= 4 * BACK
    assert asked["entries"] <= 10
    # The relay and the watch go on asking meanwhile.
    assert asked["others"] <= 10 + 4 * took
    assert asked["all"] <= count + 20 * took
