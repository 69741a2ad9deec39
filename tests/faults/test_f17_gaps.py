"""F17: a client whose place in the log is gone is told so: trimmed away, restored from a backup, a new epoch."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.faults.conftest import Report
from tests.faults.stage import Stage
from tests.faults.verdict import Verdict, judge
from tests.servers.lineage import Lineage
from tests.servers.postgres import Postgres
from tests.servers.web import WebServer

pytestmark = pytest.mark.fault("F17")
DELETES = ("delete", "delete_in_a_transaction")
# Alerts are removed as a prefix, and `oldest` moves with it. What is not numbered yet is waited for.
TRIM = """
import sys, time
from django.db import transaction
from alerts.models import Alert, LogHead
while Alert.objects.filter(position=None).exists():
    time.sleep(0.05)
with transaction.atomic():
    head = LogHead.objects.select_for_update().get()
    oldest = head.position - int(sys.argv[1]) + 1
    Alert.objects.filter(position__lt=oldest).delete()
    LogHead.objects.update(oldest=oldest)
"""


async def write(stage: Stage, name: str, acts: int) -> None:
    writer = stage.write(name, acts, pause=0, only=DELETES)
    assert await asyncio.to_thread(writer.wait, seconds=60) == 0, writer.read_log()


async def absent(stage: Stage, server: WebServer) -> Lineage:
    """A client that saw five alerts and then went away, its place in the log remembered."""
    visitor = await asyncio.to_thread(stage.site.sign_in, server, "ann")
    async with Lineage(server, visitor, may_gap=True) as client:
        await write(stage, f"before{len(stage.journals)}", 5)
        await client.until(lambda: len(client.shown) == 5, "five alerts")
    return client


async def resumed(stage: Stage, client: Lineage, name: str) -> tuple[str, Verdict]:
    """It comes back, is told of a gap, and goes on from the head. Gives the reason, and the verdict from there on."""
    client.frames.clear()
    client.shown.clear()
    async with client:
        await client.until(lambda: client.frames, "a first frame")
        await client.until(lambda: [f for f in client.frames if f["type"] == "gap"], "a gap, and no silent hole")
        gap = next(frame for frame in client.frames if frame["type"] == "gap")
        assert client.frames[0]["type"] == "hello"
        assert not client.shown, "nothing came before the gap"
        await write(stage, name, 5)
        await client.until(lambda: len(client.shown) == 5, "the alerts after the gap")
    return gap["reason"], judge(stage.journals[name].read(), [client.shown])


async def test_what_was_trimmed_is_a_gap(stage: Stage, report: Report):
    server = stage.serve()
    client = await absent(stage, server)
    await write(stage, "meanwhile", 40)
    await asyncio.to_thread(stage.site.python, TRIM, "10")
    await asyncio.to_thread(server.restart)  # else its memory may still have all of it, and there is no gap to tell of
    reason, verdict = await resumed(stage, client, "after")
    assert reason == "trimmed"
    report(verdict)


async def test_a_client_that_is_not_behind_what_was_trimmed_has_no_gap(stage: Stage):
    server = stage.serve()
    client = await absent(stage, server)
    await write(stage, "meanwhile", 10)
    await asyncio.to_thread(stage.site.python, TRIM, "10")
    client.may_gap = False
    async with client:
        await client.until(lambda: len(client.shown) == 15, "what it missed")
        client.verify()


async def test_a_new_epoch_is_a_gap_for_those_away_and_those_connected(stage: Stage, report: Report):
    server = stage.serve()
    client = await absent(stage, server)
    async with stage.watch(3, may_gap=True) as connected:
        await asyncio.to_thread(stage.site.manage, "new_epoch")
        for one in connected:
            await one.until(lambda one=one: [f for f in one.frames if f["type"] == "gap"], "a gap")
    reason, verdict = await resumed(stage, client, "after")
    assert reason == "epoch"
    report(verdict)


@pytest.fixture
def back_up(stage: Stage, request: pytest.FixtureRequest) -> Callable[[], Callable[[], None]]:
    """Backs the stopped site's database up; what it gives restores that."""
    url = stage.site.environment["DATABASE_URL"]
    if not stage.is_postgres:
        database = Path(url.removeprefix("sqlite:///"))
        backup = database.with_suffix(".backup")

        def restore_file() -> None:
            for left in database.parent.glob(f"{database.name}-*"):
                left.unlink()
            backup.replace(database)

        def back_up_file() -> Callable[[], None]:
            shutil.copy(database, backup)
            return restore_file

        return back_up_file
    postgres: Postgres = request.getfixturevalue("postgres")
    name = url.rpartition("/")[2]

    def execute(connection: psycopg.Connection, statement: str, *names: str) -> None:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def restore_database() -> None:
        with postgres.connect() as connection:
            execute(connection, "DROP DATABASE {} WITH (FORCE)", name)
            execute(connection, "CREATE DATABASE {} TEMPLATE {}", name, f"{name}_backup")

    def back_up_database() -> Callable[[], None]:
        with postgres.connect() as connection:
            execute(connection, "CREATE DATABASE {} TEMPLATE {}", f"{name}_backup", name)
        return restore_database

    return back_up_database


async def test_a_restored_backup_is_a_gap_even_when_the_log_has_grown_past_the_client(
    stage: Stage, back_up: Callable[[], Callable[[], None]], report: Report
):
    server = stage.serve()
    await write(stage, "kept", 3)
    await asyncio.to_thread(server.terminate)
    restore = await asyncio.to_thread(back_up)
    await asyncio.to_thread(server.start)
    client = await absent(stage, server)
    await asyncio.to_thread(server.terminate)
    await asyncio.to_thread(restore)
    # No `new_epoch`, though a restore should end with it: the database itself is known to be another one.
    await asyncio.to_thread(server.start)
    await write(stage, "instead", 30)
    client.visitor = await asyncio.to_thread(stage.site.sign_in, server, "ann")  # the backup has no such session
    reason, verdict = await resumed(stage, client, "after")
    assert reason == "epoch"
    report(verdict)
